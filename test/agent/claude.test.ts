// The real Claude Code in a workspace's terminal: brought by the node, through the gateway to a scripted model, as a person uses it.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findProcesses } from '../../agent/system/processes.ts';
import { KEY, sendMessage, startModel } from '../fakes/model.ts';
import { claudeMissing, startRegistry } from '../fakes/packages.ts';
import { createNode, type Node } from '../testers/node.ts';
import { eventually } from '../testers/watch.ts';
import { isInMemory, makeFile, prompt } from './claude.ts';
import { attach } from './viewer.ts';

/** Not in a file, an environment, a log, or, for whoever may look there, in memory. */
async function expectNowhere(context: Node, workspace: string, said: string): Promise<void> {
  expect(
    spawnSync('grep', ['-rlaF', KEY, context.folder, '--exclude-dir=programs'], { encoding: 'utf8' }).stdout,
  ).toBe('');
  const programs = await findProcesses(workspace);
  expect(programs.length).toBeGreaterThan(0);
  for (const { pid } of programs) {
    expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toContain(KEY);
    if (process.getuid?.() === 0) expect(isInMemory(pid, KEY)).toBe(false);
  }
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
    const viewer = await attach(
      context.bot.state.hellos.at(-1)!.terminalPort!,
      await context.bot.ticket(goal.id),
    );
    await viewer.open('claude');
    await viewer.reads(/Claude Code comes to this node for the first time/);
    await eventually(() => /❯/.test(viewer.state.output), 'the prompt', 120_000);
    await prompt(viewer, 'make a file');
    await eventually(() => existsSync(join(context.checkout(goal), 'by-claude.txt')), 'the file', 60_000);
    await viewer.reads(/made\./);
    expect(new Set(model.asked.map(({ headers }) => headers['x-api-key']))).toEqual(new Set([KEY]));
    await expectNowhere(context, goal.id, agent.output() + viewer.state.output);
    // The person has no key any more.
    context.bot.state.modelKeys = {};
    context.bot.say({ type: 'credentials-changed' });
    const asked = model.asked.length;
    await prompt(viewer, 'and another');
    await viewer.reads(/left.*no.*key.*with.*Sam/);
    expect(model.asked).toHaveLength(asked);
  },
);
