// The real Claude Code behind its real adapter, asked by a bot, with a scripted model: a question, a file, an answer, the next turn of
// the same conversation, over a killed agent too, and an end in the middle.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findProcesses, findStart } from '../../../agent/system/processes.ts';
import type { DesiredTurn } from '../../../agent/protocol.ts';
import {
  calls,
  KEY,
  says,
  sendMessage,
  startModel,
  type Asked,
  type Block,
  type FakeModel,
} from '../../fakes/model.ts';
import { claudeMissing, startRegistry } from '../../fakes/packages.ts';
import { createNode } from '../../testers/node.ts';
import { eventually } from '../../testers/watch.ts';

interface Said {
  role: string;
  content: string | { type: string; text?: string }[];
}

const textOf = ({ content }: Said): string =>
  typeof content === 'string' ? content : content.map(({ text = '' }) => text).join('\n');

/** What people have asked so far, newest last. */
const promptsIn = (body: string): string[] =>
  (JSON.parse(body) as { messages: Said[] }).messages
    .filter(({ role }) => role === 'user')
    .flatMap((one) => /\[[a-z ]+\]/.exec(textOf(one)) ?? []);

/** As a model does that is asked for a file, for what came before, or for something that takes long. */
function work({ body }: Asked): Block[] {
  const { tools = [], messages = [] } = JSON.parse(body) as { tools?: object[]; messages?: Said[] };
  if (tools.length === 0) return [says('A title')];
  const prompts = promptsIn(body);
  const isDone = JSON.stringify(messages.slice(-2)).includes('tool_result');
  if (prompts.at(-1) === '[make a file]')
    return isDone
      ? [says('The file is made.')]
      : [says('I make it.'), calls('Bash', { command: 'echo made > made.txt', description: 'Makes it' })];
  if (prompts.at(-1) === '[go on]')
    return [says('And on.'), calls('Bash', { command: 'true', description: 'Goes on' })];
  if (prompts.at(-1) === '[take long]')
    return [calls('Bash', { command: 'echo $$ > long.pid; exec sleep 600', description: 'Takes long' })];
  return [says(`You asked: ${[...new Set(prompts)].join(' ')}`)];
}

/** A workspace that runs, on a node whose models are this one. */
async function begin(model: FakeModel, modelKeys: Record<string, string>) {
  const context = await createNode();
  const { bot } = context;
  const models = { anthropic: model.url, openai: model.url };
  Object.assign(bot.state, { models, packages: await startRegistry(), modelKeys });
  const goal = context.goal();
  bot.want(goal);
  const agent = context.start();
  const turn: DesiredTurn = {
    workspace: goal.id,
    task: 'ta-abcdefghijkl',
    turn: 1,
    agent: 'claude',
    prompt: 'Please [make a file]',
    policy: { allow: [], deny: [] },
    minutes: 5,
    desired: 'done',
    decisions: [],
  };
  bot.wantTurns(turn);
  return { context, bot, goal, agent, turn };
}

test.skipIf(claudeMissing)(
  'it asks before it runs a command, answers, knows what was said before, and ends when it is told to',
  { timeout: 300_000 },
  async () => {
    const model = await startModel();
    model.answer = (asked, res) => sendMessage(res, asked.body, work(asked));
    const { context, bot, goal, agent, turn } = await begin(model, { anthropic: KEY });
    const question = await bot.happening(turn, 'question', 120_000);
    expect(question).toMatchObject({ tool: 'execute', title: 'echo made > made.txt', minutes: 10 });
    expect(existsSync(join(context.checkout(goal), 'made.txt'))).toBe(false);
    bot.wantTurns({ ...turn, decisions: [{ request: question.request, decision: 'allow' }] });
    expect(await bot.happening(turn, 'ended', 60_000)).toEqual({
      kind: 'ended',
      outcome: 'done',
      answer: 'The file is made.',
      changes: { branch: 'main', files: [{ path: 'made.txt', added: 1, removed: 0 }], count: 1 },
    });
    // Killed in the middle, it is another one now; the conversation is the same.
    const policy = { allow: ['execute'], deny: [] };
    const cut = { ...turn, turn: 2, prompt: 'Now [take long]', policy };
    bot.wantTurns(cut);
    const file = join(context.checkout(goal), 'long.pid');
    const findPid = () =>
      eventually(() => existsSync(file) && readFileSync(file, 'utf8').trim(), 'it', 60_000);
    const pid = Number(await findPid());
    await agent.kill();
    rmSync(file);
    context.start();
    expect(await bot.happening(cut, 'ended', 60_000)).toMatchObject({ failure: { code: 'interrupted' } });
    const next = { ...turn, turn: 3, prompt: 'And [what was that]' };
    bot.wantTurns(next);
    expect(await bot.happening(next, 'ended', 60_000)).toMatchObject({
      outcome: 'done',
      answer: 'You asked: [make a file] [take long] [what was that]',
      changes: { count: 0 },
    });
    expect(await findStart(pid)).toBeUndefined();
    // What is on the list runs at once, and goes with its turn.
    const long = { ...cut, turn: 4 };
    bot.wantTurns(long);
    await findPid();
    bot.wantTurns({ ...long, desired: 'cancelled' });
    expect(await bot.happening(long, 'ended', 60_000)).toMatchObject({ outcome: 'cancelled' });
    expect(await findProcesses(goal.id)).toEqual([]);
    // Some were said again, as the agent was killed before it heard that they are stored.
    const seqs = [...new Set(bot.state.taskEvents.map(({ seq }) => seq))];
    expect(seqs).toEqual(seqs.map((_, index) => index + 1));
  },
);

test.skipIf(claudeMissing)(
  'without a key, or with models that are busy, the turn has failed and says whose side it is on',
  { timeout: 300_000 },
  async () => {
    const model = await startModel();
    model.answer = (_asked, res) => {
      const error = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } };
      const headers = { 'content-type': 'application/json', 'x-should-retry': 'false' };
      res.writeHead(529, headers).end(JSON.stringify(error));
    };
    const { bot, turn } = await begin(model, {});
    expect(await bot.happening(turn, 'ended', 120_000)).toMatchObject({
      outcome: 'failed',
      failure: { code: 'no-model-key' },
    });
    expect(model.asked).toEqual([]);
    bot.state.modelKeys = { anthropic: KEY };
    bot.say({ type: 'credentials-changed' });
    const next = { ...turn, turn: 2 };
    bot.wantTurns(next);
    expect(await bot.happening(next, 'ended', 120_000)).toMatchObject({
      outcome: 'failed',
      failure: { code: 'model-unavailable' },
    });
  },
);

test.skipIf(claudeMissing)(
  'a turn that has cost what it may is ended in the middle, whatever the one before it has cost',
  { timeout: 300_000 },
  async () => {
    const model = await startModel();
    const { bot, turn } = await begin(model, { anthropic: KEY });
    const policy = { allow: ['execute'], deny: [] };
    const first = { ...turn, policy, prompt: 'Now [go on]', budgetUsd: 0.02 };
    model.answer = (asked, res) => {
      const isEnough = model.asked.length > 12;
      sendMessage(res, asked.body, isEnough ? [says('Enough.')] : work(asked));
    };
    bot.wantTurns(first);
    expect(await bot.happening(first, 'ended', 120_000)).toMatchObject({
      outcome: 'done',
      answer: 'Enough.',
    });
    model.answer = (asked, res) => sendMessage(res, asked.body, work(asked));
    const next = { ...first, turn: 2 };
    bot.wantTurns(next);
    expect(await bot.happening(next, 'ended', 120_000)).toMatchObject({
      outcome: 'failed',
      failure: { code: 'budget-spent' },
      answer: 'And on.',
    });
    const [before = 0, after = 0] = bot.state.taskEvents.flatMap(({ event }) =>
      event.kind === 'cost' ? [Number(event.amount)] : [],
    );
    expect(before).toBeGreaterThan(0.005);
    expect(after - before).toBeGreaterThanOrEqual(0.02);
  },
);
