// Deleting takes everything with it, but no work that somebody might miss.
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findProcesses } from '../../agent/system/processes.ts';
import type { DesiredWorkspace } from '../../agent/protocol.ts';
import { serveGit } from './git/server.ts';
import { createNode, git, makeRepository, type Node } from '../testers/node.ts';
import { failureText } from '../words.ts';

async function startRunning(): Promise<{ scene: Node; goal: DesiredWorkspace; checkout: string }> {
  const scene = await createNode();
  const goal = scene.goal();
  scene.bot.want(goal);
  scene.start();
  await scene.bot.report(goal.id, (one) => one.phase === 'running');
  return { scene, goal, checkout: scene.checkout(goal) };
}

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
  const scene = await createNode();
  const cases = dirty.map(([what, makeDirty, refused]) => ({ what, makeDirty, refused, goal: scene.goal() }));
  scene.bot.want(...cases.map(({ goal }) => goal));
  scene.start();
  for (const { goal } of cases) await scene.bot.report(goal.id, (one) => one.phase === 'running');
  for (const { goal, makeDirty } of cases) makeDirty(scene.checkout(goal));
  const before = cases.map(({ goal }) => readdirSync(scene.checkout(goal)));
  scene.bot.want(...cases.map(({ goal }) => ({ ...goal, desired: 'deleted' as const })));
  for (const { what, goal, refused } of cases) {
    const report = await scene.bot.report(goal.id, (one) => one.refused !== undefined);
    expect(report, what).toMatchObject({ phase: 'running', run: 1, refused });
  }
  expect(cases.map(({ goal }) => readdirSync(scene.checkout(goal)))).toEqual(before);
  expect(scene.bot.state.history.map((one) => one.phase)).not.toContain('deleting');

  scene.bot.want(...cases.map(({ goal }) => ({ ...goal, desired: 'deleted' as const, force: true })));
  for (const { goal } of cases) {
    await scene.bot.report(goal.id, (one) => one.phase === 'deleted');
    expect(await findProcesses(goal.id)).toEqual([]);
  }
  expect(readdirSync(join(scene.dir, 'workspaces'))).toEqual([]);
  expect(readdirSync(join(scene.dir, 'trash'))).toEqual([]);
});

test('work that git cannot count is not deleted either', async () => {
  const { scene, goal, checkout } = await startRunning();
  writeFileSync(join(checkout, '.git', 'HEAD'), 'nonsense');
  scene.bot.want({ ...goal, desired: 'deleted' });
  const report = await scene.bot.report(goal.id, (one) => one.refused !== undefined);
  expect(report).toMatchObject({ phase: 'running', failure: { class: 'internal' } });
  expect(failureText(report.failure)).toContain('nothing was deleted');
});

test('a refusal ends when somebody wants the workspace again, and is looked at anew when they do not', async () => {
  const { scene, goal, checkout } = await startRunning();
  change(checkout, 'new.txt');
  scene.bot.want({ ...goal, desired: 'deleted' });
  await scene.bot.report(goal.id, (one) => one.refused !== undefined);
  scene.bot.want(goal);
  await scene.bot.report(goal.id, (one) => one.refused === undefined && one.phase === 'running');
  rmSync(join(checkout, 'new.txt'));
  scene.bot.want({ ...goal, desired: 'deleted' });
  await scene.bot.report(goal.id, (one) => one.phase === 'deleted');
});

test('a clean workspace goes at once, and pushed work counts as clean', async () => {
  const { scene, goal, checkout } = await startRunning();
  commit(checkout);
  git(checkout, 'push', '-q', 'origin', 'main');
  scene.bot.want({ ...goal, desired: 'deleted' });
  const report = await scene.bot.report(goal.id, (one) => one.phase === 'deleted');
  expect(report.refused).toBeUndefined();
  expect(readdirSync(join(scene.dir, 'workspaces'))).toEqual([]);
});

test('a commit that no branch holds is no work if Sam itself checked it out', async () => {
  const scene = await createNode();
  const repository = makeRepository(join(scene.folder, 'api.git'));
  const side = repository.commit({ 'side.txt': 'x' }, 'side');
  git(repository.path, 'update-ref', 'refs/pull/7/head', side);
  git(repository.path, 'branch', '-D', 'side');
  const goal = scene.goal({ repository: repository.url, ref: side });
  scene.bot.want(goal);
  scene.start();
  const report = await scene.bot.report(goal.id, (one) => one.work !== undefined);
  expect(report).toMatchObject({ commit: side, work: { unpushed: 0 } });
  scene.bot.want({ ...goal, desired: 'deleted' });
  await scene.bot.report(goal.id, (one) => one.phase === 'deleted');
});

test('a delete during a clone ends the clone and leaves nothing', async () => {
  const scene = await createNode();
  const server = await serveGit(join(scene.folder, 'served'));
  makeRepository(join(scene.folder, 'served', 'acme', 'api.git'));
  server.hold();
  const goal = scene.goal({ repository: server.url('acme/api.git') });
  scene.bot.want(goal);
  scene.start();
  await server.held();
  expect(await findProcesses(goal.id)).not.toEqual([]);
  scene.bot.want({ ...goal, desired: 'deleted' });
  await scene.bot.report(goal.id, (one) => one.phase === 'deleted');
  expect(await findProcesses(goal.id)).toEqual([]);
  expect(readdirSync(join(scene.dir, 'workspaces'))).toEqual([]);
});

test('what failed before it had a file says so, also after a restart, and is cleared up without force', async () => {
  const scene = await createNode();
  const goal = scene.goal({ repository: join(scene.folder, 'gone.git') });
  scene.bot.want(goal);
  const agent = scene.start();
  const failed = await scene.bot.report(goal.id, (one) => one.phase === 'failed');
  expect(failed).toMatchObject({ isEmpty: true, run: 1 });
  await agent.kill();
  scene.bot.state.reports.delete(goal.id);
  scene.start();
  await scene.bot.report(goal.id, (one) => one.phase === 'failed' && one.isEmpty === true);
  scene.bot.want({ ...goal, desired: 'deleted' });
  await scene.bot.report(goal.id, (one) => one.phase === 'deleted');
  expect(readdirSync(join(scene.dir, 'workspaces'))).toEqual([]);
});

test('what was checked out once is not empty, whatever became of its checkout', async () => {
  const { scene, goal, checkout } = await startRunning();
  rmSync(checkout, { recursive: true });
  rmSync(goal.repository, { recursive: true });
  scene.bot.want({ ...goal, run: 2 });
  const failed = await scene.bot.report(goal.id, (one) => one.phase === 'failed');
  expect(failed.isEmpty).toBeUndefined();
});

test('what is wanted again while it is being deleted begins anew when that is done', async () => {
  const { scene, goal, checkout } = await startRunning();
  // It takes a while to delete them.
  const folder = join(checkout, 'many');
  mkdirSync(folder);
  for (let count = 0; count < 8_000; count++) writeFileSync(join(folder, `${count}`), '');
  scene.bot.want({ ...goal, desired: 'deleted', force: true });
  await scene.bot.report(goal.id, (one) => one.phase === 'deleting');
  scene.bot.want({ ...goal, run: 2 });
  await scene.bot.report(goal.id, (one) => one.phase === 'running' && one.run === 2);
  expect(readdirSync(checkout).toSorted()).toEqual(['.git', 'README.md']);
});

test('`deleted` is said for as long as the bot asks, also for what was never here', async () => {
  const scene = await createNode();
  const goal = { ...scene.goal(), desired: 'deleted' as const };
  scene.bot.want(goal);
  const agent = scene.start();
  await scene.bot.report(goal.id, (one) => one.phase === 'deleted');
  await scene.bot.vanish();
  await scene.bot.comeBack();
  await scene.bot.until(
    () => scene.bot.state.hellos.length === 2,
    () => 'the second hello',
  );
  expect(scene.bot.state.hellos[1]!.workspaces).toMatchObject([{ id: goal.id, phase: 'deleted' }]);
  await scene.bot.report(goal.id, (one) => one.phase === 'deleted');
  scene.bot.state.desired = [];
  scene.bot.say({ type: 'desired', all: true, workspaces: [] });
  await scene.bot.vanish();
  await scene.bot.comeBack();
  await scene.bot.until(
    () => scene.bot.state.hellos.length === 3,
    () => 'the third hello',
  );
  expect(scene.bot.state.hellos[2]!.workspaces).toEqual([]);
  expect(agent.output()).not.toContain('"level":"error"');
});

test('a folder without a state, and one in the trash, are no trouble', async () => {
  const scene = await createNode();
  const goal = scene.goal();
  const stray = join(scene.dir, 'workspaces', goal.id, 'something');
  mkdirSync(stray, { recursive: true });
  mkdirSync(join(scene.dir, 'trash', 'ws-old'), { recursive: true });
  scene.bot.want({ ...goal, desired: 'deleted' });
  scene.start();
  const report = await scene.bot.report(goal.id, (one) => one.refused !== undefined);
  expect(report.refused).toEqual({ changed: 0, untracked: 1, unpushed: 0 });
  expect(existsSync(stray)).toBe(true);
  expect(readdirSync(scene.dir)).not.toContain('trash');
});
