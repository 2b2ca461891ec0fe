// What a browser is told while nobody looks: what a coding agent asks, once, sealed, by whichever of two bots, and only while it is true.
import { describe, expect, test } from 'vitest';
import { hashSecret } from '../../bot/access/secrets.ts';
import { addCommandEnd, findCommandListeners } from '../../bot/push/push-store.ts';
import type { TurnHappening } from '../../agent/protocol.ts';
import type { Device } from '../fakes/push.ts';
import { until } from '../until.ts';
import { question, usePushing } from './context.ts';

const { site, say, signIn, enter, turnOn, settle, asks, happens } = usePushing();

const told = ({ messages }: Device) => messages.map(({ text }) => JSON.parse(text) as Record<string, string>);

describe('what a coding agent asks', () => {
  test('is told to the browsers of whoever asked it, sealed and signed, without a word of what it wants', async () => {
    const cookie = await signIn();
    const [laptop, phone] = [await turnOn(cookie), await turnOn(await signIn())];
    await happens(await asks(), question('q1'));
    await until(() => laptop.messages.length + phone.messages.length === 2);
    await settle();
    const { id, name } = site.workspace;
    expect(told(laptop)).toEqual([
      {
        title: `${name} asks`,
        body: 'A coding agent waits for an answer.',
        tag: laptop.messages[0]!.topic,
        path: `/w/${id}`,
      },
    ]);
    expect(told(phone)).toEqual(told(laptop));
    const [{ ttl, urgency, claims }] = laptop.messages as [Device['messages'][number]];
    expect(urgency).toBe('high');
    expect(ttl).toBeGreaterThan(0);
    expect(ttl).toBeLessThanOrEqual(600);
    expect(claims.aud).toBe(site.service.origin);
    expect(site.service.complaints).toEqual([]);
  });

  test('is told once, however often it is heard of and whoever of two bots is first', async () => {
    const device = await turnOn(await signIn());
    const task = await asks();
    for (let n = 0; n < 10; n++) await happens(task, question(`q${n}`), question(`q${n}`));
    await until(() => device.messages.length === 10);
    await settle();
    expect(device.messages).toHaveLength(10);
    expect(new Set(device.messages.map(({ topic }) => topic)).size).toBe(10);
  });

  test('is told again where the answer got lost, in place of the first', async () => {
    const device = await turnOn(await signIn());
    site.service.answerNext(503, { after: true, headers: { 'retry-after': '0.05' } });
    site.service.answerNext(429, { headers: { 'retry-after': '0.05' } });
    await happens(await asks(), question('q1'));
    await settle();
    expect(device.messages).toHaveLength(1);
  });

  test('is not told where nobody turned that on, or where it was answered by then', async () => {
    const device = await turnOn(await signIn(), { questions: false });
    await happens(await asks(), question('q1'));
    const cookie = await signIn();
    const other = await turnOn(cookie);
    site.right = { is: 'unknown', title: 'GitHub' };
    const task = await asks();
    await happens(task, question('q2'));
    await until(async () => {
      const rows = await site.rows.sql`select attempts from pushes where attempts > 0`;
      return rows.length > 0;
    });
    await happens(task, { kind: 'decided', request: 'q2', decision: 'allow' });
    site.right = { is: 'there' };
    await site.rows.sql`update pushes set next_at = now() where next_at is not null`;
    await settle();
    expect(device.messages).toEqual([]);
    expect(other.messages).toEqual([]);
  });

  test('is not told where its person looks at the page, in whichever browser', async () => {
    const cookie = await signIn();
    await turnOn(cookie);
    const phone = await turnOn(await signIn());
    expect((await say('POST', cookie, { isLooking: true }, { path: '/look' })).status).toBe(200);
    await happens(await asks(), question('q1'));
    await settle();
    expect(phone.messages).toEqual([]);
    await say('POST', cookie, { isLooking: false }, { path: '/look' });
    await happens(await asks(), question('q2'));
    await settle();
    expect(phone.messages).toHaveLength(1);
  });
});

describe('a browser that wants to be told', () => {
  test.each([404, 410] as const)('is forgotten when its service says %i', async (status) => {
    const cookie = await signIn();
    const device = await turnOn(cookie);
    device.leave(status);
    await happens(await asks(), question('q1'));
    await until(async () => (await say('GET', cookie)).body['endpoint'] === undefined);
    expect((await say('GET', cookie)).body).toMatchObject({ questions: false, commands: false });
  });

  test('hears nothing after it signed out, lost the right, or was let out of the workspace', async () => {
    const out = await turnOn(await signIn());
    await site.rows.sql`delete from browser_sessions where user_id = ${site.workspace.owner}`;
    const { n } = (
      await site.rows
        .sql`select count(*)::int as n from push_subscriptions where endpoint = ${out.subscription.endpoint}`
    )[0]!;
    expect(n).toBe(0);
    const lost = await turnOn(await signIn());
    site.right = { is: 'gone' };
    await happens(await asks(), question('q1'));
    await settle();
    site.right = { is: 'there' };
    const byCode = await turnOn(await enter());
    await site.rows.sql`update workspaces set access = access + 1 where id = ${site.workspace.id}`;
    await happens(await asks(), question('q2'));
    await settle();
    expect([out, byCode].map(({ messages }) => messages.length)).toEqual([0, 0]);
    expect(lost.messages).toHaveLength(1);
  });

  test('goes on with a new sign-in, which takes it over from whoever was there before', async () => {
    const [before, after] = [await signIn(), await signIn()];
    const device = await turnOn(before);
    await say('PUT', after, { ...device.subscription, questions: true, commands: false });
    expect((await say('GET', before)).body['endpoint']).toBeUndefined();
    expect((await say('GET', after)).body).toEqual({
      key: site.key.shown,
      endpoint: device.subscription.endpoint,
      questions: true,
      commands: false,
    });
    await happens(await asks(), question('q1'));
    await settle();
    expect(device.messages).toHaveLength(1);
  });

  test('takes it back', async () => {
    const cookie = await signIn();
    const device = await turnOn(cookie);
    await say('PUT', cookie, { ...device.subscription, questions: false, commands: false });
    expect((await say('GET', cookie)).body['endpoint']).toBeUndefined();
  });

  test('is one of 20 of its person at most: the oldest goes', async () => {
    const cookies = [];
    for (let n = 0; n < 21; n++) {
      cookies.push(await signIn());
      await turnOn(cookies.at(-1)!);
    }
    expect((await say('GET', cookies[0]!)).body['endpoint']).toBeUndefined();
    expect((await say('GET', cookies[1]!)).body['endpoint']).toBeDefined();
    expect((await say('GET', cookies[20]!)).body['endpoint']).toBeDefined();
  });
});

test('only our own page may turn it on, for somebody who is let in, and for an address that may be called', async () => {
  const cookie = await signIn();
  const { subscription } = await site.service.subscribe(site.key.shown);
  const wish = { ...subscription, questions: true, commands: true };
  const refused = async (...how: Parameters<typeof say>): Promise<number> => (await say(...how)).status;
  expect(await refused('PUT', cookie, wish, { origin: 'https://evil.example' })).toBe(403);
  expect(
    await refused('POST', cookie, { isLooking: true }, { path: '/look', origin: 'https://evil.example' }),
  ).toBe(403);
  expect(await refused('PUT', '', wish)).toBe(401);
  expect(await refused('PUT', await signIn(await site.rows.addUser('eve')), wish)).toBe(404);
  for (const endpoint of ['http://127.0.0.1:1/x', 'https://10.0.0.1/x', 'https://localhost/x', 'x'])
    expect(await refused('PUT', cookie, { ...wish, endpoint }), endpoint).toBe(400);
  expect(await refused('PUT', cookie, { ...wish, keys: { p256dh: 'AAAA', auth: 'AAAA' } })).toBe(400);
  expect(await refused('PUT', cookie, { ...wish, more: 1 })).toBe(400);
  const [row] = await site.rows.sql`
    select count(*)::int as n from push_subscriptions where session = ${hashSecret(cookie.slice('sam='.length))}`;
  expect(row!['n']).toBe(0);
});

describe('a command line of `run`', () => {
  const longAgo = (task: string) =>
    site.rows
      .sql`update task_turns set started_at = started_at - interval '132 seconds' where task_id = ${task}`;
  const ended = (exit: { code?: number; signal?: string }): TurnHappening => ({
    kind: 'ended',
    outcome: exit.code === 0 ? 'done' : 'failed',
    answer: 'npm test\nall good',
    exit: { lines: 2, skipped: 0, ...exit },
  });

  test('that took more than half a minute is told of with its exit status, and with nothing that it wrote', async () => {
    const device = await turnOn(await signIn());
    const task = await asks(undefined, 'shell');
    await longAgo(task);
    await happens(task, ended({ code: 2 }));
    await settle();
    const { name, id } = site.workspace;
    const { topic } = device.messages[0]!;
    expect(told(device)).toEqual([
      {
        title: `${name}: exit 2`,
        body: 'A command ended after 2m 12s.',
        tag: topic,
        path: `/w/${id}`,
      },
    ]);
    expect(device.messages[0]!.urgency).toBe('normal');
  });

  test('is not told of where it was short, was taken back, or nobody turned that on', async () => {
    const device = await turnOn(await signIn());
    await happens(await asks(undefined, 'shell'), ended({ code: 0 }));
    const cancelled = await asks(undefined, 'shell');
    await longAgo(cancelled);
    await happens(cancelled, { kind: 'ended', outcome: 'cancelled', answer: '' });
    const asked = await asks();
    await longAgo(asked);
    await happens(asked, { kind: 'ended', outcome: 'done', answer: 'done' });
    const other = await turnOn(await signIn(), { commands: false });
    const task = await asks(undefined, 'shell');
    await longAgo(task);
    await happens(task, ended({ signal: 'SIGKILL' }));
    await settle();
    expect(other.messages).toEqual([]);
    expect(told(device).map(({ title }) => title)).toEqual([`${site.workspace.name}: ended`]);
  });
});

describe('a command in a terminal', () => {
  const says = (id: string, more: object = {}, node = site.workspace.nodeId!) =>
    addCommandEnd(site.rows.db, node, { workspace: site.workspace.id, id, ms: 61_000, ...more });

  test('is told of to its workspace’s owner alone, once, as its own node says it', async () => {
    const device = await turnOn(await signIn());
    const guest = await site.rows.addUser('eve');
    await site.rows.share(site.workspace, guest);
    const other = await turnOn(await signIn(guest));
    for (const id of ['end-0001', 'end-0001', 'end-0002']) await says(id, { code: 0 });
    await says('end-0003', {}, (await site.rows.addNode()).id);
    await settle();
    const message = { title: `${site.workspace.name}: exit 0`, body: 'A command ended after 1m 01s.' };
    expect(told(device)).toMatchObject([message, message]);
    expect(other.messages).toEqual([]);
  });

  test('is told of 30 times in an hour at most', async () => {
    const device = await turnOn(await signIn());
    for (let n = 0; n < 35; n++) await says(`end-${n}-end`);
    await settle();
    expect(device.messages).toHaveLength(30);
  });

  test('is asked for where its owner wants to hear of it, and nowhere else', async () => {
    const { db } = site.rows;
    const [ada, eve] = [site.workspace.owner, await site.rows.addUser('eve')];
    await turnOn(await signIn(), { commands: false });
    expect(await findCommandListeners(db, [ada, eve])).toEqual(new Set());
    await turnOn(await signIn());
    expect(await findCommandListeners(db, [ada, eve])).toEqual(new Set([ada]));
  });
});
