// From a new node to a running workspace, and back to it after every kind of interruption.
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { findProcesses } from '../../agent/system/processes.ts';
import { serveGit } from './git/server.ts';
import { createNode, git, makeRepository } from '../testers/node.ts';
import { eventually } from '../testers/watch.ts';

const hasOnly = (folder: string, names: string[]) =>
  eventually(
    () => readdirSync(folder).sort().join() === names.join(),
    `nothing but ${names.join()} in ${folder}`,
  );

const isRunning = (run: number) => (report: { phase: string; run: number }) =>
  report.phase === 'running' && report.run === run;

test('a new node fetches its token, says hello and clones what the bot wants', async () => {
  const context = await createNode();
  const goal = context.goal();
  context.bot.want(goal);
  const agent = context.start();
  const report = await context.bot.report(
    goal.id,
    (one) => one.phase === 'running' && one.work !== undefined,
  );
  expect(agent.output()).toContain(
    `"message":"preparing -> running","workspace":"${goal.id}","step":"prepare"`,
  );
  expect(report).toEqual({
    id: goal.id,
    phase: 'running',
    run: 1,
    sessions: 0,
    commit: expect.stringMatching(/^[0-9a-f]{40}$/),
    work: { changed: 0, untracked: 0, unpushed: 0 },
    // Where there are control groups, and whoever runs the tests may make some.
    limits: expect.toBeOneOf([null, { memory: expect.any(Number), processes: expect.any(Number) }]),
    environment: {
      runtime: 'host',
      steps: [
        { step: 'clone', ms: expect.any(Number) },
        { step: 'start', ms: expect.any(Number) },
      ],
    },
  });
  expect(readFileSync(join(context.checkout(goal), 'README.md'), 'utf8')).toBe('hello\n');
  expect(context.bot.state.requests).toMatchObject([{ path: '/api/bootstrap', status: 200 }]);
  expect(context.bot.state.hellos).toMatchObject([
    { protocol: 1, terminalPort: expect.any(Number), workspaces: [] },
  ]);
  await hasOnly(join(context.dir, 'workspaces', goal.id), ['.claude', goal.id]);
});

test('the phases of a start are told in their order', async () => {
  const context = await createNode();
  const server = await serveGit(join(context.folder, 'served'));
  makeRepository(join(context.folder, 'served', 'acme', 'api.git'));
  server.hold();
  const goal = context.goal({ repository: server.url('acme/api.git') });
  context.bot.want(goal);
  context.start();
  await server.held();
  await context.bot.report(goal.id, (one) => one.phase === 'preparing' && one.step === 'clone');
  server.release();
  await context.bot.report(goal.id, isRunning(1));
  const phases = context.bot.state.history.map((one) => one.phase);
  expect(phases.slice(0, phases.lastIndexOf('preparing') + 1).every((phase) => phase === 'preparing')).toBe(
    true,
  );
  const lines = await context.bot.until(
    () => context.bot.state.lines.length > 0 && context.bot.state.lines,
    () => 'log lines',
  );
  expect(lines[0]).toMatchObject({
    workspace: goal.id,
    step: 'clone',
    text: expect.stringMatching(/Cloning into/),
  });
});

test('a second wish for the same run changes nothing', async () => {
  const context = await createNode();
  const goal = context.goal();
  context.bot.want(goal);
  context.start();
  await context.bot.report(goal.id, (one) => one.work !== undefined);
  const before = context.bot.state.history.length;
  context.bot.want(goal);
  const other = context.goal();
  context.bot.want(other);
  await context.bot.report(other.id, isRunning(1));
  const since = context.bot.state.history.slice(before).filter((one) => one.id === goal.id);
  expect(since.every((one) => one.phase === 'running')).toBe(true);
});

test('a restart keeps the checkout with everything in it', async () => {
  const context = await createNode();
  const goal = context.goal();
  context.bot.want(goal);
  context.start();
  await context.bot.report(goal.id, isRunning(1));
  writeFileSync(join(context.checkout(goal), 'mine.txt'), 'work');
  writeFileSync(join(context.checkout(goal), 'README.md'), 'changed');
  context.bot.want({ ...goal, run: 2 });
  const report = await context.bot.report(goal.id, (one) => isRunning(2)(one) && one.work?.untracked === 1);
  expect(report.work).toEqual({ changed: 1, untracked: 1, unpushed: 0 });
  expect(readFileSync(join(context.checkout(goal), 'mine.txt'), 'utf8')).toBe('work');
  expect(readFileSync(join(context.checkout(goal), 'README.md'), 'utf8')).toBe('changed');
});

test('of two goals in a hurry the last one wins', async () => {
  const context = await createNode();
  context.start();
  await context.bot.until(
    () => context.bot.state.hellos.length === 1,
    () => 'the hello',
  );
  const goal = context.goal();
  for (const desired of ['running', 'stopped', 'running', 'stopped'] as const)
    context.bot.want({ ...goal, desired });
  await context.bot.report(goal.id, (one) => one.phase === 'stopped');
  context.bot.want({ ...goal, desired: 'stopped', run: 2 }, { ...goal, desired: 'running', run: 3 });
  await context.bot.report(goal.id, isRunning(3));
});

test('what the bot does not name is left alone', async () => {
  const context = await createNode();
  const goal = context.goal();
  context.bot.want(goal);
  context.start();
  await context.bot.report(goal.id, isRunning(1));
  context.bot.state.desired = [];
  context.bot.say({ type: 'desired', all: true, workspaces: [] });
  const other = context.goal();
  context.bot.want(other);
  await context.bot.report(other.id, isRunning(1));
  expect(context.bot.state.reports.get(goal.id)).toMatchObject({ phase: 'running', run: 1 });
  expect(existsSync(join(context.checkout(goal), 'README.md'))).toBe(true);
});

test('an agent that was killed comes back to what ran, files and all, also without a bot that asks', async () => {
  const context = await createNode();
  const goal = context.goal();
  context.bot.want(goal);
  const first = context.start();
  await context.bot.report(goal.id, isRunning(1));
  writeFileSync(join(context.checkout(goal), 'mine.txt'), 'work');
  await first.kill();
  context.bot.state.desired = [];
  context.start();
  await context.bot.until(
    () => context.bot.state.hellos.length === 2,
    () => 'the second hello',
  );
  const report = await context.bot.report(goal.id, (one) => isRunning(1)(one) && one.work?.untracked === 1);
  expect(report.work).toEqual({ changed: 0, untracked: 1, unpushed: 0 });
  expect(context.bot.state.hellos[1]!.workspaces).toMatchObject([{ id: goal.id, run: 1 }]);
});

test('a workspace of an older agent, whose state lay in the workspace’s folder, goes on', async () => {
  const context = await createNode();
  const goal = context.goal();
  context.bot.want(goal);
  const first = context.start();
  await context.bot.report(goal.id, isRunning(1));
  await first.stop();
  const state = join(context.dir, 'states', `${goal.id}.json`);
  renameSync(state, join(context.dir, 'workspaces', goal.id, 'workspace.json'));
  context.bot.state.desired = [];
  context.start();
  await context.bot.until(
    () => context.bot.state.hellos.length === 2,
    () => 'the second hello',
  );
  expect(context.bot.state.hellos[1]!.workspaces).toMatchObject([{ id: goal.id, run: 1 }]);
  context.bot.want({ ...goal, desired: 'stopped' });
  await context.bot.report(goal.id, (one) => one.phase === 'stopped');
  expect(existsSync(state)).toBe(true);
});

test('a clone that was cut off by a kill is made again, and no half of it stays', async () => {
  const context = await createNode();
  const server = await serveGit(join(context.folder, 'served'));
  makeRepository(join(context.folder, 'served', 'acme', 'api.git'));
  server.hold();
  const goal = context.goal({ repository: server.url('acme/api.git') });
  context.bot.want(goal);
  const first = context.start();
  await server.held();
  await first.kill();
  // Git itself tidies up when it is asked to end; a power failure does not ask.
  for (const { pid } of await findProcesses(goal.id)) process.kill(pid, 'SIGKILL');
  const half = join(context.dir, 'workspaces', goal.id, '.clone');
  mkdirSync(half, { recursive: true });
  writeFileSync(join(half, 'old'), '');
  server.release();
  context.start();
  await context.bot.report(goal.id, isRunning(1));
  await hasOnly(join(context.dir, 'workspaces', goal.id), ['.claude', 'api']);
  expect(readdirSync(context.checkout(goal)).sort()).toEqual(['.git', 'README.md']);
});

test('after the bot was away both sides say everything again', async () => {
  const context = await createNode();
  const goal = context.goal();
  context.bot.want(goal);
  context.start();
  await context.bot.report(goal.id, isRunning(1));
  await context.bot.vanish();
  const other = context.goal();
  context.bot.state.desired.push(other);
  await context.bot.comeBack();
  await context.bot.report(other.id, isRunning(1));
  expect(context.bot.state.hellos.at(-1)!.workspaces).toMatchObject([
    { id: goal.id, phase: 'running', run: 1 },
  ]);
});

test('log lines that the bot did not store are said again, in the same batches', async () => {
  const context = await createNode();
  context.bot.state.acknowledges = false;
  const goal = context.goal();
  context.bot.want(goal);
  context.start();
  await context.bot.report(goal.id, isRunning(1));
  const { batches } = context.bot.state;
  await context.bot.until(
    () => batches.length > 0,
    () => 'the first batch',
  );
  const said = [...batches];
  await context.bot.vanish();
  context.bot.state.acknowledges = true;
  await context.bot.comeBack();
  await context.bot.until(
    () => batches.length >= 2 * said.length,
    () => 'the batches again',
  );
  expect(batches.slice(0, 2 * said.length)).toEqual([...said, ...said]);
});

test('a stop keeps the files, and a start goes on with them', async () => {
  const context = await createNode();
  const goal = context.goal();
  context.bot.want(goal);
  context.start();
  await context.bot.report(goal.id, isRunning(1));
  writeFileSync(join(context.checkout(goal), 'mine.txt'), 'work');
  context.bot.want({ ...goal, desired: 'stopped' });
  const stopped = await context.bot.report(goal.id, (one) => one.phase === 'stopped');
  expect(stopped.work).toEqual({ changed: 0, untracked: 1, unpushed: 0 });
  context.bot.want({ ...goal, run: 2 });
  await context.bot.report(goal.id, isRunning(2));
  expect(readFileSync(join(context.checkout(goal), 'mine.txt'), 'utf8')).toBe('work');
});

test('a stopped workspace has no door to passwords, and one that runs again has', async () => {
  const context = await createNode();
  const server = await serveGit(join(context.folder, 'served'), { token: 'of-git' });
  makeRepository(join(context.folder, 'served', 'acme', 'api.git'));
  context.bot.state.password = 'of-git';
  const goal = context.goal({ repository: server.url('acme/api.git'), credentials: 'sam' });
  const door = join(context.dir, 'workspaces', goal.id, '.git.sock');
  context.bot.want(goal);
  context.start();
  await context.bot.report(goal.id, isRunning(1));
  // Whoever holds it open is not waited for either.
  const held = connect({ path: door, allowHalfOpen: true }).on('error', () => {});
  onTestFinished(() => void held.destroy());
  await once(held, 'connect');
  context.bot.want({ ...goal, desired: 'stopped' });
  await context.bot.report(goal.id, (one) => one.phase === 'stopped', 10_000);
  const late = connect(door);
  expect(await once(late, 'error')).toMatchObject([{ code: expect.stringMatching(/ENOENT|ECONNREFUSED/) }]);
  context.bot.want({ ...goal, run: 2 });
  await context.bot.report(goal.id, isRunning(2));
  const again = connect(door);
  await once(again, 'connect');
  again.destroy();
});

test('a failure stands until a higher run, also over a restart of the agent', async () => {
  const context = await createNode();
  const path = join(context.folder, 'later.git');
  const goal = context.goal({ repository: path });
  context.bot.want(goal);
  const first = context.start();
  const failed = await context.bot.report(goal.id, (one) => one.phase === 'failed');
  expect(failed.failure).toEqual({
    class: 'configuration',
    code: 'no-such-repository',
    details: { repository: path },
  });
  makeRepository(path);
  await first.kill();
  context.start();
  await context.bot.until(
    () => context.bot.state.hellos.length === 2,
    () => 'the second hello',
  );
  const other = context.goal();
  context.bot.want(goal, other);
  await context.bot.report(other.id, isRunning(1));
  expect(context.bot.state.reports.get(goal.id)).toMatchObject({ phase: 'failed', run: 1 });
  context.bot.want({ ...goal, run: 2 });
  const report = await context.bot.report(goal.id, isRunning(2));
  expect(report.failure).toBeUndefined();
});

test('an agent that is told to end does so with code 0, and its workspaces are there again afterwards', async () => {
  const context = await createNode();
  const goal = context.goal();
  context.bot.want(goal);
  const first = context.start();
  await context.bot.report(goal.id, isRunning(1));
  expect(await first.stop()).toBe(0);
  context.start();
  await context.bot.until(
    () => context.bot.state.hellos.length === 2,
    () => 'the second hello',
  );
  await context.bot.report(goal.id, isRunning(1));
  expect(git(context.checkout(goal), 'status', '--porcelain')).toBe('');
});

test('a second agent on the same folder does not start while the first one lives', async () => {
  const context = await createNode();
  const first = context.start();
  await context.bot.until(
    () => context.bot.state.hellos.length === 1,
    () => 'the hello',
  );
  const second = context.start();
  expect(await second.ended).toBe(1);
  expect(second.output()).toContain(`another agent (process ${first.pid})`);
});

test('killed again and again at any moment, the agent ends where the bot wants it, and no work is lost', async () => {
  const context = await createNode();
  const server = await serveGit(join(context.folder, 'served'));
  makeRepository(join(context.folder, 'served', 'acme', 'api.git'));
  const goal = context.goal({ repository: server.url('acme/api.git') });
  const other = context.goal({ repository: server.url('acme/api.git') });
  context.bot.want(goal);
  context.start();
  await context.bot.report(goal.id, isRunning(1));
  writeFileSync(join(context.checkout(goal), 'mine.txt'), 'work');
  await context.agents.at(-1)!.kill();
  const wishes = ['stopped', 'running', 'deleted', 'running', 'stopped', 'deleted'] as const;
  for (const [index, desired] of wishes.entries()) {
    const agent = context.start();
    const { length } = context.bot.state.hellos;
    await context.bot.until(
      () => context.bot.state.hellos.length > length,
      () => 'another hello',
    );
    context.bot.want({ ...goal, desired, run: index + 2 }, { ...other, run: index + 2 });
    // The moment of the death is the point: from at once to well into the work.
    await delay(index * 60);
    await agent.kill();
  }
  context.bot.want({ ...goal, run: 20 }, { ...other, run: 20 });
  context.start();
  await context.bot.report(goal.id, isRunning(20));
  await context.bot.report(other.id, isRunning(20));
  expect(readFileSync(join(context.checkout(goal), 'mine.txt'), 'utf8')).toBe('work');
  for (const one of [goal, other]) await hasOnly(join(context.dir, 'workspaces', one.id), ['.claude', 'api']);
  context.bot.want({ ...goal, desired: 'deleted', force: true }, { ...other, desired: 'deleted' });
  for (const one of [goal, other]) await context.bot.report(one.id, (report) => report.phase === 'deleted');
  expect(readdirSync(join(context.dir, 'workspaces'))).toEqual([]);
});
