// The real Claude Code in a workspace's terminal: brought by the node, through the gateway to a scripted model, as a person uses it.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { DesiredWorkspace } from '../../agent/protocol.ts';
import { findProcesses } from '../../agent/system/processes.ts';
import { KEY, sendMessage, startModel } from '../fakes/model.ts';
import { claudeMissing, startRegistry } from '../fakes/packages.ts';
import { createNode, type Node } from '../testers/node.ts';
import { findEnvironments, findFiles } from '../testers/traces.ts';
import { eventually } from '../testers/watch.ts';
import { isInMemory, makeFile, prompt } from './claude.ts';
import { look } from './viewer.ts';

/** Not in a file, an environment, a log, or, for whoever may look there, in memory: where other things are found. */
async function expectNowhere(context: Node, goal: DesiredWorkspace, said: string): Promise<void> {
  const findInNode = (text: string) => findFiles(text, context.folder, '--exclude-dir=programs');
  expect(findInNode('made')).toContain(join(context.checkout(goal), 'by-claude.txt'));
  expect(findInNode(KEY)).toEqual([]);
  const pids = (await findProcesses(goal.id)).map(({ pid }) => pid);
  const token = 'ANTHROPIC_AUTH_TOKEN=samws_';
  expect(findEnvironments(token, pids)).not.toEqual([]);
  expect(findEnvironments(KEY, pids)).toEqual([]);
  if (process.getuid?.() === 0) {
    expect(pids.filter((pid) => isInMemory(pid, token))).not.toEqual([]);
    expect(pids.filter((pid) => isInMemory(pid, KEY))).toEqual([]);
  }
  expect(said).toContain(goal.id);
  expect(said).not.toContain(KEY);
}

test.skipIf(claudeMissing)(
  'it comes to the node, opens at its prompt, makes a file, and says what to do when the key is gone',
  { timeout: 180_000 },
  async () => {
    const model = await startModel();
    model.answer = (asked, res) => sendMessage(res, asked.body, makeFile(asked));
    const context = await createNode();
    Object.assign(context.bot.state, {
      models: { anthropic: model.url, openai: model.url },
      packages: await startRegistry(),
      modelKeys: { anthropic: KEY },
    });
    const goal = context.goal();
    context.bot.want(goal);
    const agent = context.start();
    await context.bot.report(goal.id, (one) => one.phase === 'running');
    const viewer = await look(context, goal.id);
    await viewer.open('claude');
    await viewer.reads(/Claude Code comes to this node for the first time/);
    await eventually(() => /❯/.test(viewer.state.output), 'the prompt', 120_000);
    await prompt(viewer, 'make a file');
    await eventually(() => existsSync(join(context.checkout(goal), 'by-claude.txt')), 'the file', 60_000);
    await viewer.reads(/made\./);
    expect(new Set(model.asked.map(({ headers }) => headers['x-api-key']))).toEqual(new Set([KEY]));
    await expectNowhere(context, goal, agent.output() + viewer.state.output);
    // The person has no key any more.
    context.bot.state.modelKeys = {};
    context.bot.say({ type: 'credentials-changed' });
    const asked = model.asked.length;
    await prompt(viewer, 'number two');
    await viewer.reads(/left.*no.*key.*with.*Sam/);
    expect(model.asked).toHaveLength(asked);
  },
);
