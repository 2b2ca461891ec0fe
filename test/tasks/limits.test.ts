// What stops coding agents that cost too much, or go in circles: each time with a sentence.
import { afterAll, beforeAll, expect, test } from 'vitest';
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

test('the same answer three times in a row ends what waits, and the next ask begins another conversation', async () => {
  const pull = await context.newPull();
  const turns = [];
  for (let count = 0; count < 4; count++) turns.push(await ask(pull, 'ada'));
  for (const turn of turns.slice(0, 3)) await context.happens(turn, { kind: 'started' }, done('Try again.'));
  await until(() => context.answers(pull).length === 4);
  expect(context.answers(pull).filter((one) => one.includes('The answer was the same 3 times'))).toHaveLength(
    1,
  );
  const next = await ask(pull, 'ada');
  expect(next.task).not.toBe(turns[0]!.task);
  expect(next.turn).toBe(1);
});
