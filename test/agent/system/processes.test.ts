// Who is a process of a workspace, and that it ends.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { endPrograms } from '../../../agent/system/ending.ts';
import { findProcesses, tracePrograms } from '../../../agent/system/processes.ts';
import { createGroups } from '../../../agent/system/groups.ts';
import { createUsers, findProcessesOf } from '../../../agent/system/users.ts';
import { newWorkspaceId } from '../../../bot/ids.ts';
import { isLeftOut } from '../../needs.ts';
import { eventually } from '../../testers/watch.ts';

test('processes are found by their mark and by their parents, and end even if they do not want to', async () => {
  const id = newWorkspaceId();
  const child = spawn(
    'bash',
    [
      '-c',
      'trap "" HUP TERM; env -i bash -c "trap : HUP TERM; while :; do read -t 60 < <(:); sleep 600; done" & while :; do wait; done',
    ],
    {
      env: { PATH: process.env['PATH'], SAM_WORKSPACE: id },
      detached: true,
      stdio: 'ignore',
    },
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  const found = await eventually(async () => {
    const all = await findProcesses(id);
    return all.length >= 3 && all;
  }, 'the children');
  expect(found.map(({ pid }) => pid)).toContain(child.pid);
  expect(await endPrograms([await tracePrograms(id, found)], { graceMs: 100 })).toBe(0);
  expect(await findProcesses(id, found)).toEqual([]);
});

test('another workspace, and whoever asks, are never among them', async () => {
  const id = newWorkspaceId();
  const other = spawn('sleep', ['600'], {
    env: { PATH: process.env['PATH'], SAM_WORKSPACE: `${id}x` },
    stdio: 'ignore',
  });
  onTestFinished(() => void other.kill('SIGKILL'));
  expect(await findProcesses(id)).toEqual([]);
  expect(await endPrograms([await tracePrograms(id)])).toBe(0);
  expect(other.exitCode).toBeNull();
  const me = { pid: process.pid, started: '' };
  expect(await findProcesses(id, [me, { pid: other.pid!, started: 'another time' }])).toEqual([]);
});

test('two hundred that start children without end, and hear no signal, are over in time', async () => {
  const id = newWorkspaceId();
  const line = `for n in $(seq 200); do setsid sh -c 'trap "" HUP TERM; while :; do sleep 0.3 & wait; done' & done`;
  spawn('sh', ['-c', line], { env: { PATH: process.env['PATH'], SAM_WORKSPACE: id }, stdio: 'ignore' });
  await eventually(async () => (await findProcesses(id)).length > 300, 'all of them', 20_000);
  const startedAt = performance.now();
  expect(await endPrograms([await tracePrograms(id)])).toBe(0);
  expect(performance.now() - startedAt).toBeLessThan(10_000);
  expect(await findProcesses(id)).toEqual([]);
});

test('whoever leads a session takes all of it along, however clean its environment and whoever started it', async () => {
  const id = newWorkspaceId();
  const line = 'env -i sh -c "(sleep 9875 &) & sleep 0.1"; exec sleep 600';
  const child = spawn('sh', ['-c', line], {
    env: { PATH: process.env['PATH'], SAM_WORKSPACE: id },
    detached: true,
    stdio: 'ignore',
  });
  const isThere = () => /^sleep 9875$/m.test(String(spawnSync('ps', ['-axww', '-o', 'args=']).stdout));
  await eventually(() => Promise.resolve(isThere()), 'the orphan');
  expect(await endPrograms([await tracePrograms(id)])).toBe(0);
  expect([isThere(), child.signalCode !== null]).toEqual([false, true]);
});

const asRoot = test.runIf(process.getuid?.() === 0);
/** Each number lives for a moment: nobody who reads a list of them meets one that is still there. */
const COMET = 'trap "" HUP TERM; f() { : >"$BEAT"; f & }; f';

/** Whether something still runs there: whatever it is, it writes that it does. */
async function isBeating(beat: string): Promise<boolean> {
  rmSync(beat, { force: true });
  await delay(300);
  return existsSync(beat);
}

asRoot(
  'by its control group a workspace ends at once, whatever its processes make of themselves',
  async () => {
    const groups = createGroups();
    const id = newWorkspaceId();
    const doors = groups.doors(id);
    const [door] = doors;
    if (isLeftOut('control groups', door === undefined && 'there is no cgroup v2 to write to')) return;
    const beat = join(tmpdir(), `beat-${id}`);
    const line = `echo 0 >"$1"; setsid env -i setpriv --reuid 54321 sleep 600 & setsid sh -c '${COMET}' &`;
    spawn('sh', ['-c', line, 'sam', door!], {
      env: { PATH: process.env['PATH'], BEAT: beat },
      stdio: 'ignore',
    });
    await eventually(() => existsSync(beat), 'the first beat');
    const programs = groups.programs(id);
    await eventually(async () => (await programs.find()).length > 0, 'the sleeper');
    groups.remove(id);
    expect(await endPrograms([programs], { graceMs: 100 })).toBe(0);
    expect(await isBeating(beat)).toBe(false);
    groups.remove(id);
    expect(existsSync(dirname(door!))).toBe(false);
  },
);

asRoot('by its user alone, too: nobody is fast enough, and nobody else is meant', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'sam-ending-'));
  const users = createUsers(dir);
  const id = newWorkspaceId();
  onTestFinished(async () => {
    await users.remove(id);
    rmSync(dir, { recursive: true });
  });
  chmodSync(dir, 0o711);
  mkdirSync(join(dir, 'workspaces', id), { recursive: true });
  await users.prepare(id);
  const { uid, gid, home } = users.find(id)!;
  const beat = join(home, 'beat');
  const env = { PATH: process.env['PATH'], BEAT: beat };
  const how = { env, cwd: '/', uid, gid, detached: true, stdio: 'ignore' } as const;
  for (let number = 0; number < 3; number++) spawn('sh', ['-c', COMET], how);
  // Only for a moment the user's: root by its real number.
  const moment = 'process.seteuid(Number(process.argv[1])); setTimeout(() => {}, 600_000)';
  const root = spawn(process.execPath, ['-e', moment, String(uid)], { stdio: 'ignore' });
  await eventually(() => existsSync(beat) && findProcessesOf(uid).includes(root.pid!), 'all of them');
  expect(await endPrograms([users.programs(id)!], { graceMs: 100 })).toBe(0);
  expect([findProcessesOf(uid), await isBeating(beat)]).toEqual([[], false]);
  await eventually(() => root.signalCode !== null, 'its end');
});

asRoot('a mark on another user’s process makes it nobody’s', async () => {
  const id = newWorkspaceId();
  const env = { PATH: process.env['PATH'], SAM_WORKSPACE: id };
  const other = spawn('sleep', ['600'], { env, uid: 54321, gid: 54321, stdio: 'ignore' });
  onTestFinished(() => void other.kill('SIGKILL'));
  await once(other, 'spawn');
  expect(await findProcesses(id)).toEqual([]);
  expect(await endPrograms([await tracePrograms(id)], { graceMs: 100 })).toBe(0);
  expect([other.exitCode, other.signalCode]).toEqual([null, null]);
});
