// What a page hears of the log of a making: over real HTTP and a real database, without a reconciler.
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import type { Workspace } from '../../bot/database/schema.ts';
import { until } from '../until.ts';
import { openEvents, type Events } from './event-stream.ts';
import { openPage, type PageSite } from './page-site.ts';

let site: PageSite;
let workspace: Workspace;
let cookie: string;

beforeAll(async () => {
  site = await openPage({ triggers: { console: '' } });
});
afterAll(() => site.close());
beforeEach(async () => {
  workspace = await site.rows.addWorkspace({ phase: 'preparing' });
  cookie = await site.signIn(workspace.owner);
});

interface Written {
  lines: { id: number; step: string; text: string }[];
  isNew: boolean;
  hasOlder: boolean;
}

const write = (...texts: string[]) => site.rows.sql`insert into logs (workspace_id, at, step, text)
  select ${workspace.id}, now(), 'build', text from unnest(${texts}::text[]) with ordinality as t(text, n) order by n`;
const address = (tail: string): string => `${site.server.origin}/w/${workspace.id}/${tail}`;
const ask = (tail: string, headers: Record<string, string> = { cookie }) => fetch(address(tail), { headers });
const read = async (tail: string) => (await (await ask(tail)).json()) as Written;
const textsOf = (written: unknown): string[] => (written as Written).lines.map(({ text }) => text);

async function listen(tail = 'events', headers: Record<string, string> = {}): Promise<Events> {
  const events = await openEvents(address(tail), { cookie, ...headers });
  onTestFinished(() => events.close());
  return events;
}

/** As the bot's loop does it. */
async function look(): Promise<void> {
  const [source] = site.page.sources;
  await until(async () => (await source?.dueInMs()) === undefined);
  await (
    await source?.take()
  )?.();
}

test('it is told as it is written, in its order, each line once; how the workspace stands is not said again for it', async () => {
  await write('one', 'two');
  const events = await listen();
  const first = await events.next('log');
  expect(textsOf(first)).toEqual(['one', 'two']);
  expect(first).toMatchObject({ isNew: true, hasOlder: false });
  await write('three');
  await look();
  const next = await events.next('log');
  expect(textsOf(next)).toEqual(['three']);
  expect(next).toMatchObject({ isNew: false });
  expect(events.seen('state')).toBe(1);
});

test('whoever names the last line that they heard hears those behind it, by the address or by the stream', async () => {
  await write('one', 'two');
  const heard = (await read('log')).lines.at(-1)?.id;
  await write('three');
  expect(textsOf(await (await listen(`events?log=${heard}`)).next('log'))).toEqual(['three']);
  const again = await listen('events?log=1', { 'last-event-id': `somehow.${heard}` });
  expect(textsOf(await again.next('log'))).toEqual(['three']);
  const { wrote } = (await (await ask(`events?log=${heard}`)).json()) as { wrote: Written };
  expect([textsOf(wrote), wrote.isNew]).toEqual([['three'], false]);
});

test('whoever missed more than is told at once begins anew with the newest, and has the rest when they ask', async () => {
  await write('first');
  const heard = (await read('log')).lines[0]!.id;
  await write(...Array.from({ length: 400 }, (_, at) => `line ${at}`));
  const told = (await (await listen(`events?log=${heard}`)).next('log')) as unknown as Written;
  expect([told.lines.length, told.lines.at(-1)?.text, told.isNew, told.hasOlder]).toEqual([
    300,
    'line 399',
    true,
    true,
  ]);
  const older = await read(`log?before=${told.lines[0]!.id}`);
  expect([older.lines.length, older.lines[0]?.text, older.hasOlder]).toEqual([101, 'first', false]);
});

test('long lines are told in less than 200,000 characters at once', async () => {
  await write(...Array.from({ length: 200 }, (_, at) => `${at} ${'x'.repeat(3_000)}`));
  const told = await read('log');
  expect(JSON.stringify(told).length).toBeLessThan(200_000);
  expect(told.lines.at(-1)?.text).toMatch(/^199 /);
  expect(told.hasOlder).toBe(true);
});

test('no secret is told; of a workspace that runs nothing is told by itself, only when it is asked for', async () => {
  await write('key sk-ant-canary0123456789');
  expect(textsOf(await read('log'))).toEqual(['key [anthropic key]']);
  await site.rows.sql`update workspaces set phase = 'running' where id = ${workspace.id}`;
  expect(await (await ask('events')).json()).not.toHaveProperty('wrote');
  expect(textsOf(await read('log'))).toHaveLength(1);
});

test('strangers hear nothing of it, and nobody without a session', async () => {
  await write('one');
  const other = await site.signIn(await site.rows.addUser());
  expect((await ask('log', { cookie: other })).status).toBe(404);
  expect((await ask('log', {})).status).toBe(401);
});
