// Whose turn it is to be written to GitHub, and what of theirs: read from rows alone.
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { endTurn, takeTurn, turnDueInMs, type Turn } from '../../bot/chat/github/queue-store.ts';
import { touchCards } from '../../bot/workspaces/store/cards.ts';
import { wantCard } from '../../bot/chat/store/cards.ts';
import { openRows, type Rows } from '../access/rows.ts';

let rows: Rows;
beforeAll(async () => {
  rows = await openRows();
});
afterAll(() => rows.close());
afterEach(async () => {
  for (const table of ['deliveries', 'cards', 'turns', 'commands'] as const)
    await rows.sql`delete from ${rows.sql(table)}`;
});

let count = 0;

/** A comment whose command is over, `agoMs` ago. */
async function addEnded(thread: string, agoMs = 0): Promise<void> {
  const payload = { kind: 'comment', repository: thread.split('#')[0] ?? '', comment: ++count };
  await rows.sql`
    insert into deliveries (source, delivery_id, thread, event, payload, answer, ended_at, answered_at, next_at)
    values ('github', ${`d-${count}`}, ${thread}, 'x', ${JSON.stringify(payload)}::text::jsonb, '{"ok":true,"code":"ok","details":{}}',
            clock_timestamp(), clock_timestamp() - ${agoMs} * interval '1 millisecond', clock_timestamp() - interval '1 minute')`;
}

async function addCard(thread: string, kind: string, agoMs = 0): Promise<void> {
  await rows.sql`
    insert into cards (front, thread, subject, kind, next_at)
    values ('github', ${thread}, ${thread}, ${kind}, clock_timestamp() - ${agoMs} * interval '1 millisecond')`;
}

/** A command of a workspace of that thread which runs since `agoMs`, and the comment that asked for it. */
async function addRunning(thread: string, agoMs: number): Promise<void> {
  const { id, owner } = await rows.addWorkspace({ topic: thread });
  const [command] = await rows.sql<{ id: number }[]>`
    insert into commands (workspace_id, seq, actor, front, verb, line, desired, status, gen, created_at)
    values (${id}, 1, ${owner}, 'github', 'up', 'up', 'running', 'running', 1, clock_timestamp() - ${agoMs} * interval '1 millisecond')
    returning id`;
  await addEnded(thread);
  await rows.sql`update deliveries set command_id = ${command!.id} where delivery_id = ${`d-${count}`}`;
}

const threadOf = (turn: Turn | undefined): string => turn?.held.row.thread ?? 'nobody';
const whatOf = (turn: Turn | undefined): string =>
  turn?.what === 'card' ? turn.held.row.kind : (turn?.what ?? 'nothing');

/** As if it had been written. */
async function finish(turn: Turn): Promise<void> {
  const { seq } = turn.held.row;
  await (turn.what === 'card'
    ? rows.sql`update cards set sent_version = want_version, sent_at = clock_timestamp(), lease_until = null where seq = ${seq}`
    : rows.sql`update deliveries set concluded_at = clock_timestamp(), ack = 'x', lease_until = null where seq = ${seq}`);
  await endTurn(rows.db, turn, 0);
}

async function serveAll(): Promise<string[]> {
  const served: string[] = [];
  for (let turn = await takeTurn(rows.db); turn; turn = await takeTurn(rows.db)) {
    served.push(`${threadOf(turn)} ${whatOf(turn)}`);
    await finish(turn);
  }
  return served;
}

test('first comes what people wait for: the reaction, the card, then deployment and check', async () => {
  for (const kind of ['check', 'deployment', 'card']) await addCard('acme/api#1', kind, 4_000);
  await addEnded('acme/api#1');
  expect(await serveAll()).toEqual([
    'acme/api#1 end',
    'acme/api#1 card',
    'acme/api#1 deployment',
    'acme/api#1 check',
  ]);
});

test('a busy thread holds nobody up: whoever was just served goes behind the others', async () => {
  for (const agoMs of [9_000, 8_000, 7_000, 6_000]) await addEnded('acme/api#1', agoMs);
  const first = await takeTurn(rows.db);
  await finish(first!);
  await addEnded('acme/web#2', 1_000);
  expect([threadOf(first), ...(await serveAll())]).toEqual([
    'acme/api#1',
    'acme/web#2 end',
    'acme/api#1 end',
    'acme/api#1 end',
    'acme/api#1 end',
  ]);
});

test('a check does not wait for ever, however many reactions there are', async () => {
  await addCard('acme/api#1', 'check', 60_000);
  for (const number of [2, 3, 4]) await addEnded(`acme/api#${number}`);
  expect(whatOf(await takeTurn(rows.db))).toBe('check');
});

const redraws: [string, (thread: string) => Promise<void>][] = [
  ['what it shows has changed', (thread) => touchCards(rows.db, [thread])],
  ['it is wanted again', (thread) => wantCard(rows.db, { front: 'github', thread, subject: thread })],
];

test.each(redraws)('a card has waited since %s, not since it was sent', async (_why, redraw) => {
  await addCard('acme/api#1', 'card', 3_600_000);
  await rows.sql`update cards set sent_version = want_version, sent_at = next_at`;
  await redraw('acme/api#1');
  await addEnded('acme/web#2');
  expect(await serveAll()).toEqual(['acme/web#2 end', 'acme/api#1 card']);
});

test.each(redraws)('a card that waits already is not younger because %s', async (_why, redraw) => {
  await addCard('acme/api#1', 'card', 60_000);
  await redraw('acme/api#1');
  await addEnded('acme/web#2');
  expect(await serveAll()).toEqual(['acme/api#1 card', 'acme/web#2 end']);
});

test('what a check has waited counts, however much is written in its thread meanwhile', async () => {
  await addCard('acme/api#1', 'check', 60_000);
  await addEnded('acme/api#1', 120_000);
  await finish((await takeTurn(rows.db))!);
  await addEnded('acme/web#2');
  expect(await serveAll()).toEqual(['acme/api#1 check', 'acme/web#2 end']);
});

test('of two accounts the one whose request is older goes first, whatever it is called', async () => {
  await addEnded('zoo/api#1', 2_000);
  await addEnded('acme/api#1', 1_000);
  expect((await takeTurn(rows.db))?.account).toBe('zoo');
});

test('however much waits for an account that rests, what another may write is seen', async () => {
  await rows.sql`
    insert into cards (front, thread, subject, kind, next_at)
    select 'github', 'acme/api#' || i, 'acme/api#' || i, 'card', clock_timestamp() - interval '1 minute'
      from generate_series(1, 1200) i`;
  const turn = await takeTurn(rows.db);
  await addCard('zoo/api#1', 'card');
  expect([turn?.account, threadOf(await takeTurn(rows.db))]).toEqual(['acme', 'zoo/api#1']);
  await rows.sql`update cards set sent_version = want_version where thread = 'zoo/api#1'`;
  await rows.sql`delete from turns where account = 'zoo'`;
  await addCard('zoo/api#2', 'card', -5_000);
  await endTurn(rows.db, turn!, 60_000);
  expect(await turnDueInMs(rows.db)).toBeLessThanOrEqual(5_000);
  await rows.sql`delete from cards where thread = 'zoo/api#2'`;
  expect(await turnDueInMs(rows.db)).toBeGreaterThan(50_000);
});

test('of many bots that ask at once one writes for an account, whatever its name is written like', async () => {
  for (let number = 0; number < 12; number++) await addEnded(`${number % 2 ? 'acme' : 'Acme'}/api#${number}`);
  await addEnded('other/api#3');
  const turns = await Promise.all(Array.from({ length: 12 }, () => takeTurn(rows.db)));
  const accounts = turns.flatMap((turn) => (turn ? [turn.account] : []));
  expect(accounts.toSorted()).toEqual(['acme', 'other']);
});

test('while GitHub wants to be left alone nothing of that account is taken, by nobody', async () => {
  await addEnded('acme/api#1');
  await addEnded('acme/api#2');
  const turn = await takeTurn(rows.db);
  await rows.sql`update deliveries set concluded_at = clock_timestamp() where seq = ${turn!.held.row.seq}`;
  await endTurn(rows.db, turn!, 60_000);
  expect(await takeTurn(rows.db)).toBeUndefined();
  const waitMs = await turnDueInMs(rows.db);
  expect(waitMs).toBeGreaterThan(50_000);
  await rows.sql`update turns set next_at = clock_timestamp()`;
  expect(threadOf(await takeTurn(rows.db))).toBe('acme/api#2');
});

test('a turn that somebody died with is taken up when its lease is over, and it is known that it was tried', async () => {
  await addEnded('acme/api#1');
  const turn = await takeTurn(rows.db);
  expect(await takeTurn(rows.db)).toBeUndefined();
  for (const table of ['turns', 'deliveries'] as const)
    await rows.sql`update ${rows.sql(table)} set lease_until = clock_timestamp() - interval '1 second'`;
  const again = await takeTurn(rows.db);
  expect([again?.held.row.seq, again?.held.row.attempts]).toEqual([turn?.held.row.seq, 1]);
  // Who was thought dead ends nobody else's turn.
  await endTurn(rows.db, turn!, 0);
  expect(await takeTurn(rows.db)).toBeUndefined();
});

test('while a command is young its end is waited for: neither eyes, nor a card', async () => {
  await addRunning('acme/api#1', 0);
  for (const kind of ['card', 'deployment', 'check']) await addCard('acme/api#1', kind);
  expect(await takeTurn(rows.db)).toBeUndefined();
  const dueMs = await turnDueInMs(rows.db);
  expect(dueMs).toBeGreaterThan(0);
  expect(dueMs).toBeLessThanOrEqual(1_000);
});

test('what takes longer gets eyes, then the card, and only then the rest', async () => {
  await addRunning('acme/api#1', 2_000);
  for (const kind of ['card', 'deployment', 'check']) await addCard('acme/api#1', kind);
  expect(await serveAll()).toEqual(['acme/api#1 eyes']);
  await addRunning('acme/api#2', 6_000);
  for (const kind of ['card', 'deployment', 'check']) await addCard('acme/api#2', kind);
  expect(await serveAll()).toEqual(['acme/api#2 eyes', 'acme/api#2 card']);
  await addRunning('acme/api#3', 11_000);
  for (const kind of ['card', 'deployment', 'check']) await addCard('acme/api#3', kind);
  expect((await serveAll()).map((served) => served.split(' ')[1])).toEqual([
    'eyes',
    'card',
    'deployment',
    'check',
  ]);
});
