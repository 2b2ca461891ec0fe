// What stops coding agents that cost too much, or go in circles: each time with a sentence.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { DesiredTurn, TurnHappening } from '../../agent/protocol.ts';
import type { Thread } from '../fakes/github/github.ts';
import { until } from '../until.ts';
import { done, startAsking, type Asking } from './conversation.ts';

let context: Asking;
beforeAll(async () => {
  const env = { MAX_COST_PER_TURN: '2', MAX_COST_PER_TASK: '3.50', MAX_COST_PER_MONTH: '5' };
  context = await startAsking({ env });
  for (const person of ['bob', 'ada']) await context.leaveKey(person);
});
afterAll(() => context[Symbol.asyncDispose]());
/** A month has a maximum of its own. */
beforeEach(() => context.place.sql`update task_turns set created_at = created_at - interval '40 days'`);

let asks = 0;
async function ask(pull: Thread, by: string): Promise<DesiredTurn> {
  const prompt = `mend number ${++asks}`;
  await context.github.comment(pull, by, `/sam ask ${prompt}`);
  return context.asked(prompt);
}

const costs = (amount: string): TurnHappening => ({ kind: 'cost', amount, currency: 'USD' });
const ended: TurnHappening = { kind: 'ended', outcome: 'cancelled', answer: '' };
const isEnding = ({ task, turn }: DesiredTurn) =>
  context.nodes.turn((one) => one.task === task && one.turn === turn && one.desired === 'cancelled');

test('what costs more than a turn, a conversation or a month may is ended, and the next ask of that month refused', async () => {
  const pull = await context.newPull();
  const first = await ask(pull, 'bob');
  await context.happens(first, { kind: 'started' }, costs('1.00'), costs('2.01'));
  await isEnding(first);
  await context.happens(first, ended);
  await until(() => context.answers(pull).length === 1);
  expect(context.answers(pull)[0]).toContain(
    'It cost more than a turn (`MAX_COST_PER_TURN`) may: 2.00 USD (whoever runs Sam can raise it), so it was ended.',
  );
  const second = await ask(pull, 'bob');
  await context.happens(second, { kind: 'started' }, costs('3.60'));
  await isEnding(second);
  await context.happens(second, ended);
  await until(() => context.answers(pull).length === 2);
  expect(context.answers(pull)[1]).toContain('one conversation (`MAX_COST_PER_TASK`) may: 3.50 USD');
  const other = await context.newPull();
  const third = await ask(other, 'bob');
  await context.happens(third, { kind: 'started' }, costs('1.50'));
  await isEnding(third);
  await context.happens(third, ended);
  await until(() => context.answers(other).length === 1);
  expect(context.answers(other)[0]).toContain('a person in a month (`MAX_COST_PER_MONTH`) may: 5.00 USD');
  await context.say('/sam ask and more', 'bob', other);
  expect(context.comments(other).at(-1)).toContain(
    'What you asked this month has cost 5.00 USD, the most that a person may spend',
  );
});

const NOTE =
  'It cost more than a turn (`MAX_COST_PER_TURN`) may: 2.00 USD (whoever runs Sam can raise it), which is known only now';
const NOT_BEGUN = (limit: string) => `What came before it cost more than ${limit}`;

test('what is known to cost too much with its end alone is answered, and told so', async () => {
  const pull = await context.newPull();
  const turn = await ask(pull, 'ada');
  await context.happens(turn, { kind: 'started' }, costs('2.50'), done('All is well.'));
  await until(() => context.answers(pull).length === 1);
  const [answer] = context.answers(pull);
  expect(answer).toContain('All is well.');
  expect(answer).toContain(NOTE);
  expect(answer).toContain(': done');
});

test('what its coding agent ended for its cost has the maximum that was nearest', async () => {
  const pull = await context.newPull();
  const turn = await ask(pull, 'ada');
  const spent: TurnHappening = { ...ended, outcome: 'failed', failure: { code: 'budget-spent' } };
  await context.happens(turn, { kind: 'started' }, costs('2.00'), spent);
  await until(() => context.answers(pull).length === 1);
  expect(context.answers(pull)[0]).toContain(
    'It cost more than a turn (`MAX_COST_PER_TURN`) may: 2.00 USD (whoever runs Sam can raise it), so it was ended.',
  );
});

test('with a conversation too costly what waits in it is not begun, and the next ask begins another one', async () => {
  const pull = await context.newPull();
  const first = await ask(pull, 'ada');
  const waiting = await ask(pull, 'ada');
  await context.happens(first, { kind: 'started' }, costs('3.60'), done('All is well.'));
  await isEnding(waiting);
  await until(() => context.answers(pull).length === 2);
  expect(context.answers(pull)[1]).toContain(
    NOT_BEGUN('one conversation (`MAX_COST_PER_TASK`) may: 3.50 USD'),
  );
  const next = await ask(pull, 'ada');
  expect([next.task === first.task, next.turn]).toEqual([false, 1]);
});

test('with the month spent nothing of that person is begun any more, anywhere; lines that are run are', async () => {
  const pulls = [await context.newPull(), await context.newPull(), await context.newPull()] as const;
  const first = await ask(pulls[0], 'ada');
  const waiting = await ask(pulls[1], 'ada');
  await context.github.comment(pulls[1], 'ada', '/sam run make month');
  const line = await context.asked('make month');
  const others = await ask(pulls[2], 'bob');
  await context.happens(first, { kind: 'started' }, costs('5.10'), done('All is well.'));
  await isEnding(waiting);
  await until(() => context.answers(pulls[1]).length === 1);
  expect(context.answers(pulls[1])[0]).toContain(
    NOT_BEGUN('a person in a month (`MAX_COST_PER_MONTH`) may: 5.00 USD'),
  );
  await context.settle();
  const states = await context.place
    .sql`select state from task_turns where task_id in (${line.task}, ${others.task})`;
  expect(states.map(({ state }) => state as string)).toEqual(['queued', 'queued']);
});

test('its node hears what a turn may cost: as much as is left of each maximum', async () => {
  const pull = await context.newPull();
  const first = await ask(pull, 'ada');
  expect(first.budgetUsd).toBe(2);
  await context.happens(first, { kind: 'started' }, costs('1.80'), done('One.'));
  const second = await ask(pull, 'ada');
  expect(second.budgetUsd).toBeCloseTo(1.7);
  await context.happens(second, { kind: 'started' }, costs('3.45'), done('Two.'));
  const other = await ask(await context.newPull(), 'ada');
  expect(other.budgetUsd).toBeCloseTo(1.55);
  const run = '/sam run make budget';
  await context.github.comment(pull, 'ada', run);
  expect(await context.asked('make budget')).not.toHaveProperty('budgetUsd');
});

test('what the same conversation has cost already is not counted again, and that of a new one is', async () => {
  const turn = await ask(await context.newPull(), 'ada');
  const spent = async () => {
    const [row] = await context.place.sql`select spent_micros from task_turns where task_id = ${turn.task}`;
    return Number(row!['spent_micros']);
  };
  await context.happens(
    turn,
    { kind: 'started' },
    costs('1.00'),
    costs('0.00'),
    costs('0.90'),
    costs('1.10'),
  );
  expect(await spent()).toBe(1_100_000);
  await context.happens(turn, { ...costs('0.20'), isNew: true } as TurnHappening, costs('0.30'));
  expect(await spent()).toBe(1_400_000);
});

test('a line whose output is the same each time goes in no circles', async () => {
  const pull = await context.newPull();
  const turns = [];
  for (let count = 0; count < 4; count++) {
    await context.github.comment(pull, 'ada', `/sam run make ${count}`);
    turns.push(await context.asked(`make ${count}`));
  }
  const exit = { code: 0, lines: 1, skipped: 0 };
  for (const turn of turns)
    await context.happens(turn, { kind: 'started' }, { ...done('2 passed'), exit } as never);
  await until(() => context.answers(pull).length === 4);
  expect(context.answers(pull).filter((one) => one.includes('exit 0'))).toHaveLength(4);
});

test('the same answer three times in a row ends what waits, and the next ask begins another conversation', async () => {
  const pull = await context.newPull();
  const turns = [];
  for (let count = 0; count < 4; count++) turns.push(await ask(pull, 'ada'));
  for (const turn of turns.slice(0, 3)) await context.happens(turn, { kind: 'started' }, done('Try again.'));
  await isEnding(turns[3]!);
  await until(() => context.answers(pull).length === 4);
  expect(context.answers(pull).filter((one) => one.includes('The answer was the same 3 times'))).toHaveLength(
    1,
  );
  const next = await ask(pull, 'ada');
  expect(next.task).not.toBe(turns[0]!.task);
  expect(next.turn).toBe(1);
});
