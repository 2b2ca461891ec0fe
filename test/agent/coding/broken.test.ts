// Coding agents that die, hang, flood or talk nonsense, models that say no, and an agent that is another one in the middle: each turn has
// one end, that says why.
import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ProfileError } from '../../../agent/runtimes/runtime.ts';
import { KEY } from '../../fakes/model.ts';
import { until } from '../../until.ts';
import { createTester } from './tasks.ts';

/** Its one end. */
async function endOf(prompt: string, start = '', times: object = {}) {
  const tester = createTester({ start });
  const tasks = await tester.open(times);
  const turn = tester.turn({ prompt });
  tasks.want([turn]);
  const ended = await tester.happening(turn, 'ended');
  expect(tester.said(turn.task).filter(({ event }) => event.kind === 'ended')).toHaveLength(1);
  return { tester, tasks, turn, ended };
}

test('one that dies at once has left its last words, without the secrets in them', async () => {
  const { ended } = await endOf('say hello', 'die');
  expect(ended).toMatchObject({
    outcome: 'failed',
    failure: { code: 'coding-agent-broken', said: 'there is no such model: [anthropic key]' },
    answer: '',
  });
});

test('one that never answers is given up', async () => {
  const { ended } = await endOf('say hello', 'hang', { initializeMs: 300 });
  expect(ended).toMatchObject({ outcome: 'failed', failure: { code: 'coding-agent-broken' } });
});

test('a node that has none says so', async () => {
  const { ended } = await endOf('say hello', 'none');
  expect(ended).toMatchObject({ failure: { code: 'no-coding-agent', said: 'it is nowhere' } });
});

test('a kind of which only a newer agent knows is none', async () => {
  const tester = createTester();
  const tasks = await tester.open();
  const turn = tester.turn({ agent: 'codex' as 'claude' });
  tasks.want([turn]);
  expect(await tester.happening(turn, 'ended')).toMatchObject({ failure: { code: 'no-coding-agent' } });
});

test('a node that has nothing for any of its containers says so, and names no restart', async () => {
  const tester = createTester();
  const program = () => {
    throw new ProfileError('not-installed', 'it does not run Linux');
  };
  tester.state.standing = { ...tester.place, program };
  const tasks = await tester.open();
  const turn = tester.turn();
  tasks.want([turn]);
  const failure = { code: 'no-coding-agent', said: 'it does not run Linux' };
  expect(await tester.happening(turn, 'ended')).toMatchObject({ failure });
});

test('a place where no program of the node can run says so', async () => {
  const tester = createTester();
  tester.state.standing = { ...tester.place, program: () => undefined };
  const tasks = await tester.open();
  const turn = tester.turn();
  tasks.want([turn]);
  expect(await tester.happening(turn, 'ended')).toMatchObject({ failure: { code: 'container-outdated' } });
  const programs = () => Promise.resolve(undefined);
  tester.state.standing = { ...tester.place, programs };
  const next = tester.turn();
  tasks.want([next]);
  expect(await tester.happening(next, 'ended')).toMatchObject({ failure: { code: 'container-unfit' } });
});

test('one that dies in the middle fails its turn alone: the next one goes on in the same conversation', async () => {
  const { tester, tasks, turn, ended } = await endOf(`say half\ndie ${KEY} it was`);
  expect(ended).toMatchObject({
    outcome: 'failed',
    failure: { code: 'coding-agent-broken', said: '[anthropic key] it was' },
    answer: 'half',
  });
  const next = { ...turn, turn: 2, prompt: 'recall' };
  tasks.want([next]);
  expect(await tester.happening(next, 'ended')).toMatchObject({
    outcome: 'done',
    answer: `say half\ndie ${KEY} it was`.replace(KEY, '[anthropic key]'),
  });
});

test('a conversation that is lost begins anew', async () => {
  const { tester, tasks, turn } = await endOf('say hello\ndie');
  const folder = join(tester.folder, 'conversations');
  for (const name of readdirSync(folder)) expect(name).toMatch(/\.json$/);
  tester.forget();
  const next = { ...turn, turn: 2, prompt: 'recall\nsay hello again' };
  tasks.want([next]);
  expect(await tester.happening(next, 'ended')).toMatchObject({ outcome: 'done', answer: 'hello again' });
});

test('lines that are no messages are skipped', async () => {
  const { ended } = await endOf('nonsense\nsay hello');
  expect(ended).toMatchObject({ outcome: 'done', answer: 'hello' });
});

test.for(['line', 'updates'])('one that floods its pipe is ended: %s', async (how) => {
  const { ended, tester, turn } = await endOf(`flood ${how}`);
  expect(ended).toMatchObject({ outcome: 'failed', failure: { code: 'coding-agent-broken' } });
  const told = JSON.stringify(tester.said(turn.task)).length;
  expect(told).toBeLessThan(4 << 20);
});

test('of a stream that was cut in the middle of a sentence, and came again as another message, the whole sentence is the answer', async () => {
  const { ended } = await endOf('say It was the clo\nanswer It was the clock.');
  expect(ended).toMatchObject({ outcome: 'done', answer: 'It was the clock.' });
});

test('of one that stops in the middle what was said until then is kept, and the turn has failed', async () => {
  const refusal = { code: -32_603, message: 'Internal error: API Error: Connection closed mid-response' };
  const { ended } = await endOf(`say It was the clo\nrefuse ${JSON.stringify(refusal)}`);
  expect(ended).toMatchObject({
    outcome: 'failed',
    answer: 'It was the clo',
    failure: { said: refusal.message },
  });
});

test.for([
  [{ code: -32_000, message: 'Authentication required' }, 'no-model-key'],
  [{ code: -32_603, message: 'Invalid API key', kind: 'authentication_failed' }, 'no-model-key'],
  [{ code: -32_603, message: 'Internal error', kind: 'rate_limit' }, 'model-unavailable'],
  [{ code: -32_603, message: 'Internal error: API Error: 529 overloaded_error' }, 'model-unavailable'],
  [{ code: -32_603, message: 'Internal error: API Error: 429 rate_limit_error' }, 'model-unavailable'],
  [{ code: -32_603, message: 'Internal error' }, 'coding-agent-broken'],
] as const)('what the model refuses has a name: %j', async ([refusal, code]) => {
  const { ended } = await endOf(`refuse ${JSON.stringify(refusal)}`);
  expect(ended).toMatchObject({ outcome: 'failed', failure: { code, said: refusal.message } });
});

test('an agent that is killed in the middle ends the turn once, as interrupted, and goes on with the next', async () => {
  const tester = createTester();
  const before = await tester.open();
  const turn = tester.turn({ prompt: 'say at work\nhang' });
  before.want([turn]);
  await tester.happening(turn, 'text');
  const dir = tester.killed();
  before.close();
  await before.end();
  // Half a line was written.
  appendFileSync(join(dir, 'tasks', `${turn.task}.jsonl`), '{"event":{"seq":');
  const after = await tester.open({}, dir);
  after.want([turn]);
  expect(await tester.happening(turn, 'ended')).toEqual({
    kind: 'ended',
    outcome: 'failed',
    failure: { code: 'interrupted' },
    answer: '',
  });
  const next = { ...turn, turn: 2, prompt: 'recall' };
  after.want([turn, next]);
  expect(await tester.happening(next, 'ended')).toMatchObject({
    outcome: 'done',
    answer: 'say at work\nhang',
  });
  await after.end();
  const last = await tester.open({}, dir);
  last.want([turn, next]);
  const seqs = tester.said(turn.task).map(({ seq }) => seq);
  expect(seqs).toEqual(seqs.map((_, index) => index + 1));
  expect(tester.said(turn.task).filter(({ event }) => event.kind === 'ended')).toHaveLength(2);
});

test('what the bot has not stored is said again, and what it has is kept by nobody', async () => {
  const tester = createTester();
  tester.state.acknowledges = false;
  const tasks = await tester.open();
  const turn = tester.turn({ prompt: 'say a very rare word' });
  tasks.want([turn]);
  await tester.happening(turn, 'ended');
  const told = tester.said(turn.task);
  await tasks.end();
  tester.state.events = [];
  const again = await tester.open();
  expect(tester.said(turn.task)).toEqual(told);
  again.stored(turn.task, told.length);
  await again.end();
  tester.state.events = [];
  await tester.open();
  expect(tester.state.events).toEqual([]);
  expect(readFileSync(join(tester.folder, 'tasks', `${turn.task}.jsonl`), 'utf8')).not.toContain('rare');
});

test('of a workspace that is gone nothing is kept once the bot has it', async () => {
  const { tester, tasks, turn } = await endOf('say hello');
  await until(() => !tasks.isWorking());
  tester.state.standing = 'gone';
  tasks.look(turn.workspace);
  await tasks.end();
  expect(readdirSync(join(tester.folder, 'tasks'))).toEqual([]);
});
