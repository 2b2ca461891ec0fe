// The real Claude Code at work for one of two users of a node: it is that user, and nobody else's.
import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { findProcessesOf } from '../../agent/system/users.ts';
import type { DesiredTurn } from '../../agent/protocol.ts';
import { calls, KEY, says, sendMessage, startModel, type Asked, type Block } from '../fakes/model.ts';
import { claudeMissing, startRegistry } from '../fakes/packages.ts';
import { eventually } from '../testers/watch.ts';
import { asRoot, startNode } from './node.ts';

/** As a model does that is asked for a file, and then for something that takes long. */
function work({ body }: Asked): Block[] {
  const { tools = [], messages = [] } = JSON.parse(body) as { tools?: object[]; messages?: object[] };
  if (tools.length === 0) return [says('A title')];
  if (JSON.stringify(messages).includes('[take long]'))
    return [calls('Bash', { command: 'setsid sleep 612 & exec sleep 613', description: 'Takes long' })];
  return JSON.stringify(messages.slice(-2)).includes('tool_result')
    ? [says('Done.')]
    : [calls('Bash', { command: 'id -un > who.txt', description: 'Says who it is' })];
}

asRoot(
  'a coding agent works as the user of its workspace, and what is cancelled leaves nothing of it',
  { timeout: 300_000, skip: claudeMissing },
  async () => {
    const model = await startModel();
    model.answer = (asked, res) => sendMessage(res, asked.body, work(asked));
    const { context, one, users, folder } = await startNode();
    const { bot } = context;
    Object.assign(bot.state, { modelKeys: { anthropic: KEY } });
    bot.say({
      type: 'desired',
      all: false,
      workspaces: [],
      models: { anthropic: model.url, openai: model.url },
      packages: await startRegistry(),
    });
    const turn: DesiredTurn = {
      workspace: one.id,
      task: 'ta-abcdefghijkl',
      turn: 1,
      agent: 'claude',
      prompt: 'Who are you?',
      policy: { allow: ['execute'], deny: [] },
      minutes: 5,
      desired: 'done',
      decisions: [],
    };
    bot.wantTurns(turn);
    expect(await bot.happening(turn, 'ended', 120_000)).toEqual({
      kind: 'ended',
      outcome: 'done',
      answer: 'Done.',
      changes: { branch: 'main', files: [{ path: 'who.txt', added: 1, removed: 0 }], count: 1 },
    });
    const user = users.find(one.id)!;
    const file = join(folder(one), 'api', 'who.txt');
    expect(execFileSync('cat', [file], { encoding: 'utf8' }).trim()).toBe(user.name);
    expect(statSync(file).uid).toBe(user.uid);
    const long = { ...turn, turn: 2, prompt: 'Now [take long]' };
    bot.wantTurns(long);
    const sleeps = () => execFileSync('ps', ['-U', String(user.uid), '-o', 'args='], { encoding: 'utf8' });
    await eventually(() => sleeps().includes('sleep 612') && sleeps().includes('sleep 613'), 'it', 60_000);
    bot.wantTurns({ ...long, desired: 'cancelled' });
    expect(await bot.happening(long, 'ended', 60_000)).toMatchObject({ outcome: 'cancelled' });
    expect(findProcessesOf(user.uid)).toEqual([]);
  },
);
