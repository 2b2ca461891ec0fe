// A deletion that nobody asked for, by a real agent: it saves first, and deletes only when the bot says so.
import { existsSync, readdirSync, writeFileSync, chmodSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findProcesses } from '../../../agent/system/processes.ts';
import type { DesiredWorkspace } from '../../../agent/protocol.ts';
import { serveGit } from './server.ts';
import { createNode, git, makeRepository, type Node } from '../../testers/node.ts';
import { failureText } from '../../words.ts';

async function startSaving({ over = 'file' }: { over?: 'file' | 'http' } = {}) {
  const context = await createNode();
  const remote = makeRepository(join(context.folder, 'served', 'acme', 'api.git'));
  git(remote.path, 'config', 'http.receivepack', 'true');
  const server = over === 'http' ? await serveGit(join(context.folder, 'served')) : undefined;
  const goal = context.goal({ repository: server?.url('acme/api.git') ?? remote.url });
  context.bot.want(goal);
  const agent = context.start();
  await context.bot.report(goal.id, (one) => one.phase === 'running');
  const asked: DesiredWorkspace = { ...goal, desired: 'deleted', save: true };
  const ref = `refs/sam/${goal.id}`;
  return { context, remote, server, agent, goal, asked, ref, checkout: context.checkout(goal) };
}

const refs = (path: string): string => git(path, 'for-each-ref', '--format=%(refname)', 'refs/sam').trim();
const isLeft = (context: Node): string[] => readdirSync(join(context.dir, 'workspaces'));

test('tracked changes are pushed, the files stay until the bot has written that down, and then they go', async () => {
  const { context, remote, goal, asked, ref, checkout } = await startSaving();
  writeFileSync(join(checkout, 'README.md'), 'mine\n');
  context.bot.want(asked);
  const report = await context.bot.report(goal.id, (one) => one.refused !== undefined);
  expect(report).toMatchObject({
    phase: 'stopped',
    refused: { changed: 0, untracked: 0, unpushed: 0 },
    work: { changed: 1, untracked: 0, unpushed: 0 },
    saved: { ref, commit: git(remote.path, 'rev-parse', ref).trim() },
  });
  expect(git(remote.path, 'show', `${ref}:README.md`)).toBe('mine\n');
  expect(readdirSync(join(checkout, '..'))).not.toContain('.saving');
  const steps = context.bot.state.history.filter((one) => one.id === goal.id).map((one) => one.step);
  expect(steps).toContain('saving');
  context.bot.want({ ...asked, force: true });
  await context.bot.report(goal.id, (one) => one.phase === 'deleted');
  expect(isLeft(context)).toEqual([]);
});

test('new files are never saved: they are what is left, and everything else is', async () => {
  const { context, remote, goal, asked, ref, checkout } = await startSaving();
  writeFileSync(join(checkout, 'README.md'), 'mine\n');
  writeFileSync(join(checkout, '.env'), 'SECRET=1\n');
  context.bot.want(asked);
  const report = await context.bot.report(goal.id, (one) => one.refused !== undefined);
  expect(report).toMatchObject({ refused: { changed: 0, untracked: 1, unpushed: 0 }, saved: { ref } });
  expect(git(remote.path, 'ls-tree', '-r', '--name-only', ref).trim()).toBe('README.md');
  // Somebody wants it after all: what was saved says nothing of what is done from now on.
  context.bot.want({ ...goal, run: 2 });
  const running = await context.bot.report(goal.id, (one) => one.phase === 'running');
  expect(running.saved).toBeUndefined();
});

test('with new files alone there is nothing to push; without any work it goes at once', async () => {
  const { context, remote, goal, asked, checkout } = await startSaving();
  writeFileSync(join(checkout, 'new.txt'), 'new\n');
  context.bot.want(asked);
  const report = await context.bot.report(goal.id, (one) => one.refused !== undefined);
  expect(report).toMatchObject({ refused: { changed: 0, untracked: 1, unpushed: 0 } });
  expect(report.saved).toBeUndefined();
  expect(refs(remote.path)).toBe('');
  rmSync(join(checkout, 'new.txt'));
  context.bot.want(goal);
  await context.bot.report(goal.id, (one) => one.refused === undefined);
  context.bot.want(asked);
  await context.bot.report(goal.id, (one) => one.phase === 'deleted');
});

test('a push that is refused deletes nothing, and says why', async () => {
  const { context, remote, goal, asked, checkout } = await startSaving();
  const hook = join(remote.path, 'hooks', 'pre-receive');
  mkdirSync(join(remote.path, 'hooks'), { recursive: true });
  writeFileSync(hook, '#!/bin/sh\nexit 1\n');
  chmodSync(hook, 0o755);
  writeFileSync(join(checkout, 'README.md'), 'mine\n');
  context.bot.want(asked);
  const report = await context.bot.report(goal.id, (one) => one.refused !== undefined);
  expect(report).toMatchObject({ phase: 'stopped', refused: { changed: 1, untracked: 0, unpushed: 0 } });
  expect(failureText(report.failure)).toBe('Not saved: the repository refused the push.');
  expect(report.saved).toBeUndefined();
  expect(existsSync(checkout)).toBe(true);
});

test('an agent that is killed while it pushes does it again in its next life', async () => {
  const { context, server, remote, agent, goal, asked, ref, checkout } = await startSaving({ over: 'http' });
  writeFileSync(join(checkout, 'README.md'), 'mine\n');
  server!.holdPush();
  context.bot.want(asked);
  await server!.heldPush();
  await agent.kill();
  for (const { pid } of await findProcesses(goal.id)) process.kill(pid, 'SIGKILL');
  expect(refs(remote.path)).toBe('');
  server!.release();
  context.start();
  const report = await context.bot.report(goal.id, (one) => one.saved !== undefined);
  expect(report.refused).toEqual({ changed: 0, untracked: 0, unpushed: 0 });
  expect(git(remote.path, 'show', `${ref}:README.md`)).toBe('mine\n');
  expect(readdirSync(join(checkout, '..'))).not.toContain('.saving');
});

test('a bot that has no time left ends a push that hangs: the workspace is stopped, with all its files', async () => {
  const { context, server, remote, goal, asked, checkout } = await startSaving({ over: 'http' });
  writeFileSync(join(checkout, 'README.md'), 'mine\n');
  server!.holdPush();
  context.bot.want(asked);
  await server!.heldPush();
  context.bot.want({ ...goal, desired: 'stopped' });
  const report = await context.bot.report(goal.id, (one) => one.phase === 'stopped');
  expect(report).toMatchObject({ work: { changed: 1 } });
  expect(report.refused).toBeUndefined();
  expect(await findProcesses(goal.id)).toEqual([]);
  expect(refs(remote.path)).toBe('');
});
