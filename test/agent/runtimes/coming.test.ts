// An engine that is still being installed when the first workspace comes: what needs one waits for it, what needs none does not.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createLog } from '../../../agent/log.ts';
import { createDevcontainerRuntime } from '../../../agent/runtimes/devcontainer/devcontainer.ts';
import { ownUser } from '../../../agent/system/users.ts';

function createNew({ describes = true } = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'sam-coming-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const [comingFile, checkout] = [join(dir, 'coming'), join(dir, 'checkout')];
  writeFileSync(comingFile, '');
  mkdirSync(checkout);
  if (describes) writeFileSync(join(checkout, '.devcontainer.json'), '{}');
  const runtime = createDevcontainerRuntime({
    env: { PATH: `${dir}:/usr/bin:/bin` },
    users: ownUser,
    node: 'nd-1',
    dir: join(dir, 'node'),
    settings: () => ({ runtime: 'auto' }),
    log: createLog(() => {}),
    comingFile,
  });
  const ending = new AbortController();
  const told: string[] = [];
  const workspace = { id: 'ws-1', name: 'api', dir: checkout, env: {} };
  const fitting = () =>
    runtime.fits(workspace, {
      signal: ending.signal,
      enter: (step) => void told.push(step),
      log: (line) => void told.push(line),
    });
  const install = (): void => {
    writeFileSync(join(dir, 'docker'), '#!/bin/sh\n[ "$1" = version ] && echo 28.0\n');
    chmodSync(join(dir, 'docker'), 0o755);
  };
  return {
    runtime,
    workspace,
    dir,
    fitting,
    ending,
    told,
    /** `version` is answered from here on; nothing else is. */
    install,
    over: (): void => rmSync(comingFile),
  };
}

const PROMISED = ['create', 'This machine is new: its container engine is still being installed.'];

test('a repository that describes a container waits until it is over, not only until one answers', async () => {
  const { runtime, fitting, told, install, over } = createNew();
  expect(await runtime.isAvailable()).toBe(true);
  let is: boolean | undefined;
  const waiting = fitting().then((answer) => (is = answer));
  await expect.poll(() => told).toEqual(PROMISED);
  install();
  expect(await runtime.isAvailable()).toBe(true);
  expect(is).toBeUndefined();
  over();
  expect(await waiting).toBe(true);
  expect(told).toEqual(PROMISED);
});

test('where none could be installed it is the host, and the log says so', async () => {
  const { runtime, fitting, told, over } = createNew();
  expect(await runtime.isAvailable()).toBe(true);
  over();
  expect(await fitting()).toBe(false);
  expect(told).toEqual(['No container engine could be installed on this machine: it runs on the host.']);
  expect(await runtime.isAvailable()).toBe(false);
});

test('one that describes none does not wait, and who does may be ended', async () => {
  expect(await createNew({ describes: false }).fitting()).toBe(false);
  const { fitting, ending, told } = createNew();
  const waiting = fitting();
  await expect.poll(() => told).toEqual(PROMISED);
  ending.abort();
  await expect(waiting).rejects.toThrow('aborted');
});

test('before it is there a workspace can be stopped and removed, unless its container was begun', async () => {
  const { runtime, workspace, dir } = createNew();
  expect(await runtime.stop(workspace, () => Promise.resolve())).toBe(0);
  await runtime.remove(workspace);
  mkdirSync(join(dir, 'node/environments', workspace.id), { recursive: true });
  await expect(runtime.stop(workspace, () => Promise.resolve())).rejects.toThrow('engine-unavailable');
  await expect(runtime.remove(workspace)).rejects.toThrow('engine-unavailable');
});
