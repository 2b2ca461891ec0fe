// What a node makes while nobody waits: the image of repositories that describe none, once, by an engine's program that writes down what
// it is asked.
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createLog } from '../../../agent/log.ts';
import type { EnvironmentSettings } from '../../../agent/protocol.ts';
import { createDevcontainerRuntime } from '../../../agent/runtimes/devcontainer/devcontainer.ts';
import { ownUser } from '../../../agent/system/users.ts';

const ENGINE = `#!/bin/sh
cd "$(dirname "$0")"
case $1 in
  version) [ -e gone ] && exit 1; echo 28.0 ;;
  image) [ -e "image-$(echo "$3" | tr / _)" ] ;;
  build) cat >built; echo "build $3" >>asked; [ -e broken ] && exit 1; : >"image-$3" ;;
  pull) echo "pull $2" >>asked; : >"image-$(echo "$2" | tr / _)" ;;
esac`;

function createIdle(settings: EnvironmentSettings = { runtime: 'auto' }) {
  const dir = mkdtempSync(join(tmpdir(), 'sam-warm-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  writeFileSync(join(dir, 'docker'), ENGINE);
  chmodSync(join(dir, 'docker'), 0o755);
  const warned: string[] = [];
  const runtime = createDevcontainerRuntime({
    env: { PATH: `${dir}:${process.env['PATH']}` },
    users: ownUser,
    node: 'nd-1',
    dir: join(dir, 'node'),
    settings: () => settings,
    log: createLog((line) => void warned.push(line)),
  });
  const read = (name: string) => (existsSync(join(dir, name)) ? readFileSync(join(dir, name), 'utf8') : '');
  return { runtime, settings, warned, read, put: (name: string) => writeFileSync(join(dir, name), '') };
}

test('an idle node builds the default image, once', async () => {
  const { runtime, read } = createIdle();
  for (let count = 0; count < 3; count++) await runtime.warm();
  expect(read('asked')).toMatch(/^build sam-default:[0-9a-f]{12}\n$/);
  expect(read('built')).toContain('ARG BASE=');
});

test('what whoever runs Sam names is pulled ahead, and another one after that', async () => {
  const settings: EnvironmentSettings = { runtime: 'auto', defaultImage: 'acme/one:1' };
  const { runtime, read } = createIdle(settings);
  await runtime.warm();
  settings.defaultImage = 'acme/two:1';
  await runtime.warm();
  expect(read('asked')).toBe('pull acme/one:1\npull acme/two:1\n');
});

test('after a failure it is not tried again at once, and a workspace can be asked for all the same', async () => {
  const { runtime, read, put, warned } = createIdle();
  put('broken');
  for (let count = 0; count < 3; count++) await runtime.warm();
  expect(read('asked').split('\n')).toHaveLength(2);
  expect(warned.join('')).toContain('the default image could not be made ahead');
});

test('nothing is made where no engine answers, or containers are refused', async () => {
  const silent = createIdle();
  silent.put('gone');
  await silent.runtime.warm();
  const refused = createIdle({ runtime: 'host' });
  await refused.runtime.warm();
  expect(silent.read('asked') + refused.read('asked')).toBe('');
});
