// Turns of tasks, worked on by a coding agent that does what it is told: order, ends, what is told of them, and what is left.
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findStart } from '../../../agent/system/processes.ts';
import { eventually } from '../../testers/watch.ts';
import { createTester } from './tasks.ts';

test('what it says, plans, does and costs is told in order, and the last message is the answer', async () => {
  const tester = createTester();
  const tasks = await tester.open();
  const turn = tester.turn({
    prompt: 'say First I look. \nplan look around\ntool npm test\ncost 0.25\nanswer All \nanswer is well.',
  });
  tasks.want([turn]);
  const ended = await tester.happening(turn, 'ended');
  expect(ended).toEqual({
    kind: 'ended',
    outcome: 'done',
    answer: 'All is well.',
    changes: { branch: 'main', files: [], count: 0 },
  });
  const said = tester.said(turn.task);
  expect(said.map(({ seq }) => seq)).toEqual(said.map((_, index) => index + 1));
  expect(said.slice(0, -1).map(({ event }) => event)).toEqual([
    { kind: 'started' },
    { kind: 'text', message: 'm1', text: 'First I look. ' },
    { kind: 'plan', entries: [{ content: 'look around', status: 'in_progress' }] },
    { kind: 'tool', call: 'c2', tool: 'execute', title: 'npm test', status: 'running' },
    { kind: 'tool', call: 'c2', tool: 'execute', title: 'npm test', status: 'done' },
    { kind: 'cost', amount: '0.2500', currency: 'USD' },
    { kind: 'text', message: 'm2', text: 'All is well.' },
  ]);
  expect(tester.state.activity.length).toBeGreaterThan(0);
});

test('turns of one workspace are worked on one after the other, each once, however often they are named', async () => {
  const tester = createTester();
  const tasks = await tester.open();
  const first = tester.turn({ prompt: 'run sleep 0.3\nsay one' });
  const second = tester.turn({ task: first.task, turn: 2, prompt: 'say two\nrecall' });
  const other = tester.turn({ prompt: 'say three' });
  tasks.want([second, first]);
  tasks.want([first, second, other]);
  await tester.happening(other, 'ended');
  const order = tester.state.events
    .filter(({ event }) => event.kind === 'started' || event.kind === 'ended')
    .map(({ task, turn, event }) => `${task === other.task ? 'other' : turn} ${event.kind}`);
  expect(order).toEqual(['1 started', '1 ended', '2 started', '2 ended', 'other started', 'other ended']);
  tasks.want([first, second, other]);
  // The conversation goes on.
  expect((await tester.happening(second, 'ended')).answer).toBe(
    'run sleep 0.3 say one'.replace(' say', '\nsay'),
  );
});

test('what a conversation costs that took the place of a lost one is told as such, once', async () => {
  const tester = createTester();
  const tasks = await tester.open();
  const first = tester.turn({ prompt: 'cost 0.5' });
  const second = tester.turn({ task: first.task, turn: 2, prompt: 'cost 0.6' });
  const third = tester.turn({ task: first.task, turn: 3, prompt: 'cost 0.2\ncost 0.3' });
  for (const turn of [first, second, third]) {
    if (turn === third) rmSync(join(tester.folder, 'conversations'), { recursive: true });
    mkdirSync(join(tester.folder, 'conversations'), { recursive: true });
    tasks.want([turn]);
    await tester.happening(turn, 'ended');
  }
  const costs = tester.said(first.task).flatMap(({ event }) => (event.kind === 'cost' ? [event] : []));
  const cost = (amount: string) => ({ kind: 'cost', amount, currency: 'USD' });
  expect(costs).toEqual([cost('0.5000'), cost('0.6000'), { ...cost('0.2000'), isNew: true }, cost('0.3000')]);
});

test('it works in the mode that asks', async () => {
  const tester = createTester();
  const tasks = await tester.open();
  const turn = tester.turn({ prompt: 'mode' });
  tasks.want([turn]);
  expect((await tester.happening(turn, 'ended')).answer).toBe('default');
});

test('what is cancelled while it works ends, with all that it started', async () => {
  const tester = createTester();
  const tasks = await tester.open();
  const file = join(tester.folder, 'pid');
  const turn = tester.turn({ prompt: `background echo $$ >${file}; exec sleep 300\nsay at work\nhang` });
  tasks.want([turn]);
  await tester.happening(turn, 'text');
  const pid = Number(
    await eventually(() => existsSync(file) && readFileSync(file, 'utf8').trim(), 'its pid'),
  );
  expect(await findStart(pid)).toBeDefined();
  tasks.want([{ ...turn, desired: 'cancelled' }]);
  expect(await tester.happening(turn, 'ended')).toMatchObject({ outcome: 'cancelled', answer: 'at work' });
  expect(await findStart(pid)).toBeUndefined();
});

test('what does not hear that it is cancelled is ended all the same', async () => {
  const tester = createTester();
  const tasks = await tester.open({ graceMs: 50 });
  const turn = tester.turn({ prompt: 'say never\nresist' });
  tasks.want([turn]);
  await tester.happening(turn, 'text');
  tasks.want([{ ...turn, desired: 'cancelled' }]);
  expect(await tester.happening(turn, 'ended')).toMatchObject({ outcome: 'cancelled' });
});

test('what is cancelled before its turn comes never begins', async () => {
  const tester = createTester();
  const tasks = await tester.open();
  tester.state.standing = 'waiting';
  const first = tester.turn();
  const second = tester.turn({ task: first.task, turn: 2 });
  tasks.want([first, second]);
  tasks.want([{ ...first, desired: 'cancelled' }]);
  await tester.happening(first, 'ended');
  tester.state.standing = undefined;
  tasks.look(tester.workspace);
  expect(await tester.happening(second, 'ended')).toMatchObject({ outcome: 'done', answer: 'hello' });
  expect(tester.said(first.task).map(({ event }) => event.kind)).toEqual([
    'ended',
    'started',
    'text',
    'ended',
  ]);
});

test('a turn that takes longer than it may has failed', async () => {
  const tester = createTester();
  const tasks = await tester.open({ minuteMs: 10 });
  const turn = tester.turn({ prompt: 'hang', minutes: 1 });
  tasks.want([turn]);
  expect(await tester.happening(turn, 'ended')).toMatchObject({
    outcome: 'failed',
    failure: { code: 'turn-late' },
  });
});

test('a turn waits for its workspace, and is interrupted where that stops', async () => {
  const tester = createTester();
  const tasks = await tester.open();
  tester.state.standing = 'waiting';
  const turn = tester.turn({ prompt: 'say at work\nhang' });
  tasks.want([turn]);
  expect(tester.state.events).toEqual([]);
  tester.state.standing = undefined;
  tasks.look(turn.workspace);
  await tester.happening(turn, 'text');
  tester.state.standing = 'waiting';
  tasks.look(turn.workspace);
  expect(await tester.happening(turn, 'ended')).toMatchObject({
    outcome: 'failed',
    failure: { code: 'interrupted' },
  });
});
