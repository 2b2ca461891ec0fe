// The real Codex behind its real adapter, asked by a bot, with a scripted model: what it reads, what it asks before, what it is refused,
// the same conversation after its agent was killed, and what a checkout says of itself.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { DesiredTurn, TaskPolicy } from '../../../agent/protocol.ts';
import { findProcesses, findStart } from '../../../agent/system/processes.ts';
import { startModel, type Asked, type FakeModel } from '../../fakes/model.ts';
import { codexMissing, startRegistry } from '../../fakes/packages.ts';
import { patches, runsCommand, sendResponse, writes, type Item } from '../../fakes/responses.ts';
import { createNode } from '../../testers/node.ts';
import { eventually } from '../../testers/watch.ts';

const KEY = 'sk-proj-canary-0123456789abcdefghijklmnopqrstuvwxyz';
const READS: TaskPolicy = { allow: ['read', 'search', 'think'], deny: [] };
const ADD = '*** Begin Patch\n*** Add File: added.txt\n+hello\n*** End Patch\n';
const OUTSIDE = '*** Begin Patch\n*** Add File: ../outside.txt\n+hello\n*** End Patch\n';

interface Said {
  type: string;
  role?: string;
  content?: { text?: string }[];
  output?: unknown;
}

const inputOf = ({ body }: Asked): Said[] => (JSON.parse(body) as { input: Said[] }).input;

/** What people have asked so far, newest last. */
const promptsIn = (asked: Asked): string[] =>
  inputOf(asked)
    .filter(({ role }) => role === 'user')
    .flatMap(({ content = [] }) => content.flatMap(({ text = '' }) => /^\w+ \[[a-z ]+\]$/.exec(text) ?? []));

const DOES: Record<string, Item[]> = {
  'Please [make a file]': [runsCommand('echo made > made.txt')],
  'Please [look around]': [runsCommand('cat README.md | head -n 5 && ls')],
  'Please [look elsewhere]': [runsCommand('cat /etc/hostname')],
  'Now [take long]': [runsCommand('echo $$ > long.pid; exec sleep 600')],
  'Please [edit]': [patches(ADD)],
  'Please [edit elsewhere]': [patches(OUTSIDE)],
};

/** As a model does that is asked for one of those, and then says what came of it; or of what else it was asked. */
function work(asked: Asked): Item[] {
  const last = inputOf(asked).at(-1);
  if (last?.type === 'custom_tool_call_output') return [writes(`It came to: ${JSON.stringify(last.output)}`)];
  const prompts = promptsIn(asked);
  return DOES[prompts.at(-1) ?? ''] ?? [writes(`You asked: ${prompts.join(' ')}`)];
}

/** A workspace that runs, on a node whose models are this one. */
async function begin(model: FakeModel, modelKeys: Record<string, string> = { openai: KEY }) {
  model.answer = (asked, res) => sendResponse(res, work(asked));
  const context = await createNode();
  const { bot } = context;
  const models = { anthropic: model.url, openai: model.url };
  Object.assign(bot.state, { models, packages: await startRegistry('codex'), modelKeys });
  const goal = context.goal();
  bot.want(goal);
  const agent = context.start();
  const turn = (number: number, prompt: string, policy = READS): DesiredTurn => ({
    workspace: goal.id,
    task: 'ta-abcdefghijkl',
    turn: number,
    agent: 'codex',
    prompt,
    policy,
    minutes: 5,
    desired: 'done',
    decisions: [],
  });
  /** What it asks before it does that, answered so; and how it ended. */
  const decide = async (wanted: DesiredTurn, decision: 'allow' | 'deny') => {
    bot.wantTurns(wanted);
    const { request, tool, title } = await bot.happening(wanted, 'question', 120_000);
    bot.wantTurns({ ...wanted, decisions: [{ request, decision }] });
    return { asked: `${tool}: ${title}`, ended: await bot.happening(wanted, 'ended', 60_000) };
  };
  const end = (wanted: DesiredTurn) => {
    bot.wantTurns(wanted);
    return bot.happening(wanted, 'ended', 120_000);
  };
  const isThere = (name: string) => existsSync(join(context.checkout(goal), name));
  return { context, bot, goal, agent, turn, decide, end, isThere };
}

const inAnswer = (text: string) => ({ outcome: 'done', answer: expect.stringContaining(text) as string });

test.skipIf(codexMissing)(
  'it asks before it runs a command, knows what was said before, and ends when it is told to',
  { timeout: 300_000 },
  async () => {
    const model = await startModel();
    const { context, bot, goal, agent, turn, decide, end, isThere } = await begin(model);
    const first = await decide(turn(1, 'Please [make a file]'), 'allow');
    expect(first).toMatchObject({
      asked: 'execute: echo made > made.txt',
      ended: inAnswer('Script completed'),
    });
    expect(first.ended.changes).toMatchObject({ files: [{ path: 'made.txt', added: 1 }], count: 1 });
    for (const { headers, path } of model.asked) {
      expect([path, headers.authorization]).toEqual(['/v1/responses', `Bearer ${KEY}`]);
      expect(headers).toMatchObject({ originator: 'sam', 'x-openai-internal-codex-responses-lite': 'true' });
    }
    // Killed in the middle, it is another one now; the conversation is the same.
    const cut = turn(2, 'Now [take long]', { allow: ['execute'], deny: [] });
    bot.wantTurns(cut);
    const file = join(context.checkout(goal), 'long.pid');
    const findPid = () =>
      eventually(() => existsSync(file) && readFileSync(file, 'utf8').trim(), 'it', 60_000);
    const pid = Number(await findPid());
    await agent.kill();
    rmSync(file);
    context.start();
    expect(await bot.happening(cut, 'ended', 60_000)).toMatchObject({ failure: { code: 'interrupted' } });
    expect(await end(turn(3, 'And [what was that]'))).toMatchObject({
      outcome: 'done',
      answer: 'You asked: Please [make a file] Now [take long] And [what was that]',
    });
    expect(await findStart(pid)).toBeUndefined();
    // What is on the list runs at once, and goes with its turn.
    const long = { ...cut, turn: 4 };
    bot.wantTurns(long);
    await findPid();
    expect(await end({ ...long, desired: 'cancelled' })).toMatchObject({ outcome: 'cancelled' });
    expect(await findProcesses(goal.id)).toEqual([]);
    expect(isThere('made.txt')).toBe(true);
    // What it remembers is gone: another conversation begins.
    const memory = join(context.checkout(goal), '../.claude/codex');
    for (const name of readdirSync(memory)) rmSync(join(memory, name), { recursive: true });
    expect(await end(turn(5, 'And [what now]'))).toMatchObject({ answer: 'You asked: And [what now]' });
  },
);

test.skipIf(codexMissing)(
  'it looks at the workspace by itself and at nothing else, edits there where that is allowed, and goes on after a no',
  { timeout: 300_000 },
  async () => {
    const { bot, turn, decide, end, isThere } = await begin(await startModel());
    expect(await end(turn(1, 'Please [look around]'))).toMatchObject(inAnswer('README.md'));
    expect(bot.state.taskEvents.map(({ event }) => event.kind)).not.toContain('question');
    expect(await decide(turn(2, 'Please [look elsewhere]'), 'deny')).toMatchObject({
      asked: 'execute: cat /etc/hostname',
      ended: inAnswer('rejected'),
    });
    expect(await end(turn(3, 'Please [look around]', { allow: ['read'], deny: ['read'] }))).toMatchObject(
      inAnswer('rejected'),
    );
    expect(await decide(turn(4, 'Please [edit]'), 'deny')).toMatchObject({
      asked: 'edit: Edit files: added.txt',
      ended: inAnswer('rejected'),
    });
    expect(isThere('added.txt')).toBe(false);
    const edits = { allow: ['edit'], deny: [] };
    expect(await end(turn(5, 'Please [edit]', edits))).toMatchObject({ outcome: 'done' });
    expect(isThere('added.txt')).toBe(true);
    const outside = await decide(turn(6, 'Please [edit elsewhere]', edits), 'deny');
    expect(outside.asked).toMatch(/^other: Edit files: .*outside\.txt$/);
    expect(isThere('../outside.txt')).toBe(false);
  },
);

test.skipIf(codexMissing)(
  'without a key, or with models that are busy, the turn has failed and says whose side it is on',
  { timeout: 300_000 },
  async () => {
    const model = await startModel();
    const { bot, turn, end } = await begin(model, {});
    expect(await end(turn(1, 'Please [make a file]'))).toMatchObject({ failure: { code: 'no-model-key' } });
    expect(model.asked).toEqual([]);
    bot.state.modelKeys = { openai: KEY };
    bot.say({ type: 'credentials-changed' });
    model.answer = (_asked, res) => {
      const error = { type: 'rate_limit_exceeded', message: 'Rate limit reached', param: null, code: null };
      res.writeHead(429, { 'content-type': 'application/json' }).end(JSON.stringify({ error }));
    };
    expect(await end(turn(2, 'Please [make a file]'))).toMatchObject({
      failure: { code: 'model-unavailable' },
    });
  },
);
