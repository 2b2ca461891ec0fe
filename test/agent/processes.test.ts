// Who is a process of a workspace, and that it ends.
import { spawn } from 'node:child_process';
import { expect, onTestFinished, test } from 'vitest';
import { endProcesses, findProcesses } from '../../agent/system/processes.ts';
import { newWorkspaceId } from '../../bot/ids.ts';
import { eventually } from './watch.ts';

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
  await endProcesses(id, found, { graceMs: 100 });
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
  await endProcesses(id);
  expect(other.exitCode).toBeNull();
  const me = { pid: process.pid, started: '' };
  expect(await findProcesses(id, [me, { pid: other.pid!, started: 'another time' }])).toEqual([]);
});
