// Terminals of workspaces: who gets in, what a session sees, and that a stop leaves no process behind.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { findProcesses } from '../../agent/system/processes.ts';
import { sendSignals } from '../../agent/system/ending.ts';
import { findProcessesOf } from '../../agent/system/users.ts';
import { createNode, git, startRunning } from '../testers/node.ts';
import { attach, look } from './viewer.ts';
import { eventually } from '../testers/watch.ts';

test('a session is a login shell in the checkout, and knows its workspace', async () => {
  const { context, goal } = await startRunning();
  const viewer = await look(context, goal.id);
  await viewer.open();
  viewer.type('echo "at:$PWD name:$SAM_WORKSPACE_NAME"; shopt login_shell; tty\n');
  await viewer.reads(new RegExp(`at:${context.checkout(goal)} name:api-1`));
  await viewer.reads(/login_shell\s+on/);
  await viewer.reads(/\/dev\/pts\/\d+/);
  await context.bot.report(goal.id, (one) => one.sessions === 1 && one.activityAt !== undefined);
});

test('a session has nothing of the agent: only the variables that it should have', async () => {
  const { context, goal, agent } = await startRunning({
    SAM_CANARY: 'x',
    AWS_SECRET_ACCESS_KEY: 'x',
    DOCKER_HOST: 'unix:///d',
  });
  const viewer = await look(context, goal.id);
  await viewer.open();
  viewer.type('tr "\\0" "\\n" < /proc/$$/environ | cut -d= -f1 | sort | tr "\\n" ","; echo END\n');
  const [, names] = await viewer.reads(/([A-Z_,]+),END/);
  expect(names!.split(',')).toEqual(
    // PWD and SHLVL are the shell's own.
    'ANTHROPIC_AUTH_TOKEN ANTHROPIC_BASE_URL CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC CLAUDE_CONFIG_DIR COLORTERM DISABLE_AUTOUPDATER DISABLE_TELEMETRY DOCKER_HOST HOME LANG LOGNAME PATH PROMPT_COMMAND PWD SAM_NODE SAM_PROGRAMS SAM_WORKSPACE SAM_WORKSPACE_NAME SHELL SHLVL TERM USER'.split(
      ' ',
    ),
  );
  expect(viewer.state.output).not.toContain(context.bot.bootstrapToken);
  expect(agent.output()).not.toContain(context.bot.bootstrapToken);
});

test('a shell finds what the node has for it, though its start-up files set the path anew', async () => {
  const { context, goal } = await startRunning();
  const viewer = await look(context, goal.id);
  await viewer.open();
  viewer.type('PATH=/usr/bin:/bin\n');
  viewer.type('command -v sam-download; echo "$PATH" | tr : "\\n" | grep -c programs; echo E""ND\n');
  await viewer.reads(/programs\/bin\/sam-download\r?\n1\r?\nEND/);
});

test('a stop ends sessions and daemons, and tells the viewers', async () => {
  const { context, goal } = await startRunning();
  const viewer = await look(context, goal.id);
  await viewer.open();
  viewer.type(`(trap "" HUP TERM; sleep 600) & setsid nohup sleep 601 >/dev/null 2>&1 &\n`);
  viewer.type(`env -i sh -c "trap : HUP TERM; setsid sleep 602 & while :; do wait; done" & echo up\\ now\n`);
  await viewer.reads(/up now/);
  await eventually(async () => {
    const sleeping = (await findProcesses(goal.id))
      .map(({ pid }) => commandOf(pid))
      .filter((one) => one.startsWith('sleep 60'));
    return sleeping.sort().join() === 'sleep 600,sleep 601,sleep 602';
  }, 'the daemons');
  const pids = (await findProcesses(goal.id)).map(({ pid }) => pid);
  context.bot.want({ ...goal, desired: 'stopped' });
  await context.bot.report(goal.id, (one) => one.phase === 'stopped' && one.sessions === 0);
  expect(await findProcesses(goal.id)).toEqual([]);
  expect(await viewer.closes()).toBe(4410);
  for (const pid of pids) expect(commandOf(pid)).toBe('');
  const late = await look(context, goal.id);
  expect(late.state.closed).toBe(4410);
});

test('after a stop nothing of a workspace runs: no filter, hook or helper that it names, and nothing on its way out', async () => {
  const { context, goal } = await startRunning();
  const [dir, beat] = [context.checkout(goal), join(context.folder, 'beat')];
  const trap = join(context.folder, 'trap');
  writeFileSync(trap, `#!/bin/sh\ntouch ${beat}\ncat`, { mode: 0o755 });
  for (const key of 'filter.x.clean filter.x.smudge core.fsmonitor diff.external credential.helper gpg.program core.pager'.split(
    ' ',
  ))
    git(dir, 'config', key, trap);
  for (const hook of ['post-index-change', 'reference-transaction', 'post-checkout'])
    writeFileSync(join(dir, '.git/hooks', hook), `#!/bin/sh\ntouch ${beat}`, { mode: 0o755 });
  writeFileSync(join(dir, '.gitattributes'), '* filter=x diff=x\n');
  writeFileSync(join(dir, 'README.md'), 'changed\n');
  const viewer = await look(context, goal.id);
  await viewer.open();
  viewer.type(`last() { trap "" HUP TERM; setsid sh -c "while :; do : >${beat}; sleep 0.02; done" & }\n`);
  viewer.type('trap last HUP TERM EXIT; echo up-"now"\n');
  await viewer.reads(/up-now/);
  context.bot.want({ ...goal, desired: 'stopped' });
  const { work } = await context.bot.report(goal.id, (one) => one.phase === 'stopped');
  expect(await findProcesses(goal.id)).toEqual([]);
  rmSync(beat, { force: true });
  expect(work).toEqual({ changed: 1, untracked: 1, unpushed: 0 });
  for (const desired of ['deleted', 'stopped'] as const) {
    context.bot.want({ ...goal, desired });
    await context.bot.report(goal.id, (one) => (one.refused !== undefined) === (desired === 'deleted'));
  }
  await delay(300);
  expect(existsSync(beat)).toBe(false);
});

test('a restart ends the sessions of before', async () => {
  const { context, goal } = await startRunning();
  const viewer = await look(context, goal.id);
  await viewer.open();
  viewer.type('setsid nohup sleep 600 >/dev/null 2>&1 &\n');
  // Not what the agent asks of git meanwhile.
  const ofSession = async () =>
    (await findProcesses(goal.id)).filter(({ pid }) => !/^(git|$)/.test(commandOf(pid)));
  const before = await eventually(async () => {
    const found = await ofSession();
    return found.some(({ pid }) => commandOf(pid) === 'sleep 600') && found;
  }, 'the daemon');
  expect(before.length).toBeGreaterThan(1);
  context.bot.want({ ...goal, run: 2 });
  await context.bot.report(goal.id, (one) => one.phase === 'running' && one.run === 2 && one.sessions === 0);
  expect(await ofSession()).toEqual([]);
  await viewer.closes();
  await (await look(context, goal.id)).open();
});

test('a forced delete takes the sessions along', async () => {
  const { context, goal } = await startRunning();
  const viewer = await look(context, goal.id);
  await viewer.open();
  viewer.type('setsid nohup sh -c "while :; do date > file; sleep 0.01; done" >/dev/null 2>&1 &\n');
  await eventually(async () => (await findProcesses(goal.id)).length >= 2, 'the daemon');
  context.bot.want({ ...goal, desired: 'deleted', force: true });
  await context.bot.report(goal.id, (one) => one.phase === 'deleted');
  expect(await findProcesses(goal.id)).toEqual([]);
  expect(await viewer.closes()).toBe(4410);
});

test.runIf(process.getuid?.() === 0)(
  'without root, too, a stop and a forced deletion end two hundred that resist, and never fail for what cannot be held',
  async () => {
    const context = await createNode();
    const goal = context.goal();
    execFileSync('chown', ['-R', '54321:54321', context.folder]);
    chmodSync(context.folder, 0o755);
    onTestFinished(() => {
      for (let left; (left = findProcessesOf(54321)).length > 0;)
        for (const pid of left) sendSignals(pid, ['SIGKILL']);
    });
    context.bot.want(goal);
    context.start({ HOME: context.folder }, [
      'setpriv',
      '--reuid',
      '54321',
      '--regid',
      '54321',
      '--clear-groups',
    ]);
    const resist = async (run: number) => {
      await context.bot.report(goal.id, (one) => one.phase === 'running' && one.run === run);
      const viewer = await look(context, goal.id);
      await viewer.open();
      viewer.type(`(for n in $(seq 200); do setsid sh -c 'trap "" HUP TERM; while :; do sleep 0.3 & wait; done' & done
        (env -i setsid sh -c 'trap "" HUP TERM; while :; do : >beat; sleep 0.01; done' &)) >/dev/null 2>&1; echo up-"now"\n`);
      await viewer.reads(/up-now/);
      await eventually(() => findProcessesOf(54321).length > 200, 'all of them', 10_000);
    };
    const isEnded = async (phase: string) => {
      const startedAt = performance.now();
      const ended = (one: { phase: string }) => [phase, 'failed'].includes(one.phase);
      expect(await context.bot.report(goal.id, ended)).toMatchObject({ phase });
      expect(performance.now() - startedAt).toBeLessThan(10_000);
      // The agent and what it asks git, and what cannot be traced.
      expect(findProcessesOf(54321).length).toBeLessThan(15);
    };
    await resist(1);
    context.bot.want({ ...goal, desired: 'stopped' });
    await isEnded('stopped');
    context.bot.want({ ...goal, run: 2 });
    await resist(2);
    context.bot.want({ ...goal, run: 2, desired: 'deleted', force: true });
    await isEnded('deleted');
    expect(existsSync(context.checkout(goal))).toBe(false);
  },
);

test('what people leave running goes on when only the agent dies, and so do their sessions', async () => {
  const { context, goal, agent } = await startRunning();
  const viewer = await look(context, goal.id);
  await viewer.open();
  viewer.type('setsid nohup sleep 600 >/dev/null 2>&1 &\n');
  // Not what the agent asks of git meanwhile.
  const found = async () =>
    (await findProcesses(goal.id)).map(({ pid }) => pid).filter((pid) => !/^(git|$)/.test(commandOf(pid)));
  const before = await eventually(async () => {
    const pids = await found();
    return pids.some((pid) => commandOf(pid) === 'sleep 600') && pids;
  }, 'the daemon');
  expect(before.length).toBeGreaterThan(1);
  await agent.kill();
  context.start();
  await context.bot.until(
    () => context.bot.state.hellos.length === 2,
    () => 'the second hello',
  );
  await context.bot.report(goal.id, (one) => one.phase === 'running' && one.run === 1 && one.sessions === 1);
  expect(await found()).toEqual(before);
  context.bot.want({ ...goal, desired: 'stopped' });
  await context.bot.report(goal.id, (one) => one.phase === 'stopped');
  expect(await findProcesses(goal.id)).toEqual([]);
});

test('after somebody typed the work is counted again', async () => {
  const { context, goal } = await startRunning();
  const viewer = await look(context, goal.id);
  await viewer.open();
  viewer.type('touch new.txt\n');
  await context.bot.report(goal.id, (one) => one.work?.untracked === 1);
});

test('a revoked viewer is dropped at once, and an older ticket opens nothing any more', async () => {
  const { context, goal } = await startRunning();
  const viewer = await look(context, goal.id);
  await viewer.open();
  context.bot.say({ type: 'revoke', workspace: goal.id, access: 1 });
  expect(await viewer.closes()).toBe(4401);
  expect((await look(context, goal.id)).state.closed).toBe(4401);
  const good = await look(context, goal.id, { access: 1 });
  expect(good.state.closed).toBeUndefined();
  context.bot.want({ ...goal, access: 2 });
  expect(await good.closes()).toBe(4401);
});

test('a guest is out as soon as the bot says that nothing is shared any more, and its owner is not', async () => {
  const { context, goal } = await startRunning();
  const owner = await look(context, goal.id);
  const until = Math.floor(Date.now() / 1000) + 3_600;
  const ticket = await context.bot.ticket(goal.id, { share: 3, until }, { typ: 'sam-guest+jwt' });
  const guest = await attach(context.bot.state.hellos.at(-1)!.terminalPort!, ticket);
  await guest.heard('attached');
  context.bot.want({ ...goal, shares: { upTo: 3, open: [] } });
  expect(await guest.closes()).toBe(4401);
  await owner.open();
  expect(owner.state.closed).toBeUndefined();
});

test('a ticket is good once, for its own workspace, from its own bot', async () => {
  const { context, goal } = await startRunning();
  const port = context.bot.state.hellos[0]!.terminalPort!;
  const ticket = await context.bot.ticket(goal.id);
  expect((await attach(port, ticket)).state.closed).toBeUndefined();
  expect((await attach(port, ticket)).state.closed).toBe(4401);
  const other = context.goal();
  expect((await look(context, other.id)).state.closed).toBe(4404);
  expect((await look(context, goal.id, { iss: 'http://other.test' })).state.closed).toBe(4401);
});

test('claude is started if it is there, and missed with the next step if not', async () => {
  const { context, goal } = await startRunning();
  const viewer = await look(context, goal.id);
  void viewer.open('claude').catch(() => undefined);
  const error = await viewer.heard('error');
  expect(error).toMatchObject({ code: 'not-installed', message: expect.stringContaining('npm install -g') });
  const bin = join(context.folder, '.local/bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, 'claude'), '#!/bin/sh\necho "I am claude in $PWD"\nread line\n', { mode: 0o755 });
  const second = await look(context, goal.id);
  await second.open('claude');
  await second.reads(new RegExp(`I am claude in ${context.checkout(goal)}`));
  const third = await look(context, goal.id);
  void third.open('--help').catch(() => undefined);
  expect(await third.heard('error')).toMatchObject({ code: 'unknown-profile' });
});

/** What a process runs, with its arguments; nothing once it is gone. */
function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}
