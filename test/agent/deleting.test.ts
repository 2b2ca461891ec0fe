// Deleting takes everything with it, but no work that somebody might miss.
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findProcesses } from '../../agent/system/processes.ts';
import { serveGit } from './git/server.ts';
import { createNode, git, makeRepository, startRunning } from '../testers/node.ts';
import { failureText } from '../words.ts';

const change = (dir: string, name = 'README.md') => writeFileSync(join(dir, name), 'mine');
const commit = (dir: string) => {
  change(dir);
  git(dir, 'commit', '-qam', 'mine');
};

const dirty: [string, (dir: string) => void, object][] = [
  ['a changed file', change, { changed: 1, untracked: 0, unpushed: 0 }],
  [
    'a changed file in the index',
    (dir) => (change(dir), git(dir, 'add', '-A')),
    { changed: 1, untracked: 0, unpushed: 0 },
  ],
  ['an untracked file', (dir) => change(dir, 'new.txt'), { changed: 0, untracked: 1, unpushed: 0 }],
  ['an unpushed commit', commit, { changed: 0, untracked: 0, unpushed: 1 }],
  [
    'an unpushed commit on another branch',
    (dir) => {
      git(dir, 'checkout', '-q', '-b', 'idea');
      commit(dir);
      git(dir, 'checkout', '-q', 'main');
    },
    { changed: 0, untracked: 0, unpushed: 1 },
  ],
  [
    'a commit on no branch',
    (dir) => {
      git(dir, 'checkout', '-q', '--detach');
      commit(dir);
    },
    { changed: 0, untracked: 0, unpushed: 1 },
  ],
  ['a stash', (dir) => (change(dir), git(dir, 'stash', '-q')), { changed: 0, untracked: 0, unpushed: 1 }],
  [
    'a worktree beside the checkout',
    (dir) => git(dir, 'worktree', 'add', '-q', '-b', 'feature', '../feature'),
    { changed: 0, untracked: 1, unpushed: 0 },
  ],
  [
    'a checkout without its .git',
    (dir) => rmSync(join(dir, '.git'), { recursive: true }),
    { changed: 0, untracked: 1, unpushed: 0 },
  ],
];

test('no kind of work is deleted unasked, and its workspace goes on as it was; force takes all of it', async () => {
  const context = await createNode();
  const cases = dirty.map(([what, makeDirty, refused]) => ({
    what,
    makeDirty,
    refused,
    goal: context.goal(),
  }));
  context.bot.want(...cases.map(({ goal }) => goal));
  context.start();
  for (const { goal } of cases) await context.bot.report(goal.id, (one) => one.phase === 'running');
  for (const { goal, makeDirty } of cases) makeDirty(context.checkout(goal));
  const before = cases.map(({ goal }) => readdirSync(context.checkout(goal)));
  context.bot.want(...cases.map(({ goal }) => ({ ...goal, desired: 'deleted' as const })));
  for (const { what, goal, refused } of cases) {
    const report = await context.bot.report(goal.id, (one) => one.refused !== undefined);
    expect(report, what).toMatchObject({ phase: 'running', run: 1, refused });
  }
  expect(cases.map(({ goal }) => readdirSync(context.checkout(goal)))).toEqual(before);
  expect(context.bot.state.history.map((one) => one.phase)).not.toContain('deleting');

  context.bot.want(...cases.map(({ goal }) => ({ ...goal, desired: 'deleted' as const, force: true })));
  for (const { goal } of cases) {
    await context.bot.report(goal.id, (one) => one.phase === 'deleted');
    expect(await findProcesses(goal.id)).toEqual([]);
  }
  expect(readdirSync(join(context.dir, 'workspaces'))).toEqual([]);
  expect(readdirSync(join(context.dir, 'trash'))).toEqual([]);
});

test('work that git cannot count is not deleted either', async () => {
  const { context, goal, checkout } = await startRunning();
  writeFileSync(join(checkout, '.git', 'HEAD'), 'nonsense');
  context.bot.want({ ...goal, desired: 'deleted' });
  const report = await context.bot.report(goal.id, (one) => one.refused !== undefined);
  expect(report).toMatchObject({ phase: 'running', failure: { class: 'internal' } });
  expect(failureText(report.failure)).toContain('nothing was deleted');
});

test('a refusal ends when somebody wants the workspace again, and is looked at anew when they do not', async () => {
  const { context, goal, checkout } = await startRunning();
  change(checkout, 'new.txt');
  context.bot.want({ ...goal, desired: 'deleted' });
  await context.bot.report(goal.id, (one) => one.refused !== undefined);
  context.bot.want(goal);
  await context.bot.report(goal.id, (one) => one.refused === undefined && one.phase === 'running');
  rmSync(join(checkout, 'new.txt'));
  context.bot.want({ ...goal, desired: 'deleted' });
  await context.bot.report(goal.id, (one) => one.phase === 'deleted');
});

test('a clean workspace goes at once, and pushed work counts as clean', async () => {
  const { context, goal, checkout } = await startRunning();
  commit(checkout);
  git(checkout, 'push', '-q', 'origin', 'main');
  context.bot.want({ ...goal, desired: 'deleted' });
  const report = await context.bot.report(goal.id, (one) => one.phase === 'deleted');
  expect(report.refused).toBeUndefined();
  expect(readdirSync(join(context.dir, 'workspaces'))).toEqual([]);
});

test('a commit that no branch holds is no work if Sam itself checked it out', async () => {
  const context = await createNode();
  const repository = makeRepository(join(context.folder, 'api.git'));
  const side = repository.commit({ 'side.txt': 'x' }, 'side');
  git(repository.path, 'update-ref', 'refs/pull/7/head', side);
  git(repository.path, 'branch', '-D', 'side');
  const goal = context.goal({ repository: repository.url, ref: side });
  context.bot.want(goal);
  context.start();
  const report = await context.bot.report(goal.id, (one) => one.work !== undefined);
  expect(report).toMatchObject({ commit: side, work: { unpushed: 0 } });
  context.bot.want({ ...goal, desired: 'deleted' });
  await context.bot.report(goal.id, (one) => one.phase === 'deleted');
});

test('a delete during a clone ends the clone and leaves nothing', async () => {
  const context = await createNode();
  const server = await serveGit(join(context.folder, 'served'));
  makeRepository(join(context.folder, 'served', 'acme', 'api.git'));
  server.hold();
  const goal = context.goal({ repository: server.url('acme/api.git') });
  context.bot.want(goal);
  context.start();
  await server.held();
  expect(await findProcesses(goal.id)).not.toEqual([]);
  context.bot.want({ ...goal, desired: 'deleted' });
  await context.bot.report(goal.id, (one) => one.phase === 'deleted');
  expect(await findProcesses(goal.id)).toEqual([]);
  expect(readdirSync(join(context.dir, 'workspaces'))).toEqual([]);
});

test('what failed before it had a file says so, also after a restart, and is cleared up without force', async () => {
  const context = await createNode();
  const goal = context.goal({ repository: join(context.folder, 'gone.git') });
  context.bot.want(goal);
  const agent = context.start();
  const failed = await context.bot.report(goal.id, (one) => one.phase === 'failed');
  expect(failed).toMatchObject({ isEmpty: true, run: 1 });
  await agent.kill();
  context.bot.state.reports.delete(goal.id);
  context.start();
  await context.bot.report(goal.id, (one) => one.phase === 'failed' && one.isEmpty === true);
  context.bot.want({ ...goal, desired: 'deleted' });
  await context.bot.report(goal.id, (one) => one.phase === 'deleted');
  expect(readdirSync(join(context.dir, 'workspaces'))).toEqual([]);
});

test('what was checked out once is not empty, whatever became of its checkout', async () => {
  const { context, goal, checkout } = await startRunning();
  rmSync(checkout, { recursive: true });
  rmSync(goal.repository, { recursive: true });
  context.bot.want({ ...goal, run: 2 });
  const failed = await context.bot.report(goal.id, (one) => one.phase === 'failed');
  expect(failed.isEmpty).toBeUndefined();
});

test('what is wanted again while it is being deleted begins anew when that is done', async () => {
  const { context, goal, checkout } = await startRunning();
  // It takes a while to delete them.
  const folder = join(checkout, 'many');
  mkdirSync(folder);
  for (let count = 0; count < 8_000; count++) writeFileSync(join(folder, `${count}`), '');
  context.bot.want({ ...goal, desired: 'deleted', force: true });
  await context.bot.report(goal.id, (one) => one.phase === 'deleting');
  context.bot.want({ ...goal, run: 2 });
  await context.bot.report(goal.id, (one) => one.phase === 'running' && one.run === 2);
  expect(readdirSync(checkout).toSorted()).toEqual(['.git', 'README.md']);
});

test('`deleted` is said for as long as the bot asks, also for what was never here', async () => {
  const context = await createNode();
  const goal = { ...context.goal(), desired: 'deleted' as const };
  context.bot.want(goal);
  const agent = context.start();
  await context.bot.report(goal.id, (one) => one.phase === 'deleted');
  await context.bot.vanish();
  await context.bot.comeBack();
  await context.bot.until(
    () => context.bot.state.hellos.length === 2,
    () => 'the second hello',
  );
  expect(context.bot.state.hellos[1]!.workspaces).toMatchObject([{ id: goal.id, phase: 'deleted' }]);
  await context.bot.report(goal.id, (one) => one.phase === 'deleted');
  context.bot.state.desired = [];
  context.bot.say({ type: 'desired', all: true, workspaces: [] });
  await context.bot.vanish();
  await context.bot.comeBack();
  await context.bot.until(
    () => context.bot.state.hellos.length === 3,
    () => 'the third hello',
  );
  expect(context.bot.state.hellos[2]!.workspaces).toEqual([]);
  expect(agent.output()).not.toContain('"level":"error"');
});

test('a folder without a state, and one in the trash, are no trouble', async () => {
  const context = await createNode();
  const goal = context.goal();
  const stray = join(context.dir, 'workspaces', goal.id, 'something');
  mkdirSync(stray, { recursive: true });
  mkdirSync(join(context.dir, 'trash', 'ws-old'), { recursive: true });
  context.bot.want({ ...goal, desired: 'deleted' });
  context.start();
  const report = await context.bot.report(goal.id, (one) => one.refused !== undefined);
  expect(report.refused).toEqual({ changed: 0, untracked: 1, unpushed: 0 });
  expect(existsSync(stray)).toBe(true);
  expect(readdirSync(context.dir)).not.toContain('trash');
});
