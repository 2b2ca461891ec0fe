// Which configuration of a checkout is taken, what is read of it, and what counts as a change.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import {
  chooseConfiguration,
  findConfigurations,
  fingerprint,
  readConfiguration,
} from '../../../agent/runtimes/devcontainer/configuration.ts';

function makeCheckout(files: Record<string, string>) {
  const dir = mkdtempSync(join(tmpdir(), 'sam-configuration-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  };
  for (const [path, text] of Object.entries(files)) write(path, text);
  return { dir, write };
}

const broken = (code: string, details: object = {}) =>
  expect.objectContaining({
    failure: expect.objectContaining({ code, details: expect.objectContaining(details) }),
  });

const ALL = {
  '.devcontainer.json': '{}',
  '.devcontainer/devcontainer.json': '{}',
  '.devcontainer/web/devcontainer.json': '{}',
  '.devcontainer/api/devcontainer.json': '{}',
  '.devcontainer/empty/README.md': '',
  '.devcontainer/api/deep/devcontainer.json': '{}',
};

test('one is found wherever it may stand, and nowhere else', async () => {
  const { dir } = makeCheckout(ALL);
  expect(await findConfigurations(dir)).toEqual([
    { name: 'default', path: '.devcontainer/devcontainer.json' },
    { name: 'default', path: '.devcontainer.json' },
    { name: 'api', path: '.devcontainer/api/devcontainer.json' },
    { name: 'web', path: '.devcontainer/web/devcontainer.json' },
  ]);
  expect(await findConfigurations(makeCheckout({ 'README.md': '' }).dir)).toEqual([]);
});

test('the one that was named is taken, else the one from before, else the first', async () => {
  const all = await findConfigurations(makeCheckout(ALL).dir);
  const choose = (wanted?: string, before?: string) => chooseConfiguration(all, wanted, before)?.path;
  expect(choose()).toBe('.devcontainer/devcontainer.json');
  expect(choose('web')).toBe('.devcontainer/web/devcontainer.json');
  expect(choose('.devcontainer.json')).toBe('.devcontainer.json');
  expect(choose(undefined, '.devcontainer/web/devcontainer.json')).toBe(
    '.devcontainer/web/devcontainer.json',
  );
  expect(choose('api', '.devcontainer/web/devcontainer.json')).toBe('.devcontainer/api/devcontainer.json');
  expect(choose(undefined, '.devcontainer/gone/devcontainer.json')).toBe('.devcontainer/devcontainer.json');
  expect(chooseConfiguration([], undefined, undefined)).toBeUndefined();
  expect(() => choose('mobile')).toThrow(
    broken('no-devcontainer', { what: 'mobile', choices: 'default, default, api, web' }),
  );
});

test('comments and commas at the end are allowed; what nobody can read says where', async () => {
  const { dir, write } = makeCheckout({ '.devcontainer.json': '{ "image": "x", // why\n "features": {}, }' });
  const one = { name: 'default', path: '.devcontainer.json' };
  expect((await readConfiguration(dir, one)).content).toEqual({ image: 'x', features: {} });
  write('.devcontainer.json', '{ "image": "x"\n "name": 1 }');
  await expect(readConfiguration(dir, one)).rejects.toEqual(
    broken('devcontainer-broken', { path: '.devcontainer.json', said: expect.stringContaining('2:2') }),
  );
  write('.devcontainer.json', '{ "image": 7 }');
  await expect(readConfiguration(dir, one)).rejects.toEqual(
    broken('devcontainer-broken', { said: expect.stringContaining('image') }),
  );
  write('.devcontainer.json', '[]');
  await expect(readConfiguration(dir, one)).rejects.toEqual(broken('devcontainer-broken'));
});

test('nothing comes in by way of a prototype, as it would where what was read is read again', async () => {
  const { dir } = makeCheckout({
    '.devcontainer.json': '{ "image": "x", "__proto__": { "initializeCommand": "touch /x" } }',
  });
  const { content } = await readConfiguration(dir, { name: 'default', path: '.devcontainer.json' });
  expect(JSON.stringify(content)).toBe('{"image":"x"}');
});

test('a file that it names and that is not there is said before anything is built', async () => {
  const { dir, write } = makeCheckout({
    '.devcontainer/devcontainer.json': '{ "build": { "dockerfile": "Dockerfile" } }',
  });
  const one = { name: 'default', path: '.devcontainer/devcontainer.json' };
  await expect(readConfiguration(dir, one)).rejects.toEqual(
    broken('devcontainer-file-missing', { file: 'Dockerfile' }),
  );
  write('.devcontainer/Dockerfile', 'FROM scratch');
  expect((await readConfiguration(dir, one)).files).toEqual(['Dockerfile']);
  write(
    '.devcontainer/devcontainer.json',
    '{ "dockerComposeFile": ["../a.yml", "${localEnv:HOME}/b.yml"], "service": "a" }',
  );
  await expect(readConfiguration(dir, one)).rejects.toEqual(
    broken('devcontainer-file-missing', { file: '../a.yml' }),
  );
});

test('one that would hide its container under another label is refused', async () => {
  const one = { name: 'default', path: '.devcontainer.json' };
  for (const runArgs of [
    ['--label', 'sam.workspace=ws-x'],
    ['--label=sam.node=nd-x'],
    ['-lsam.role=x'],
    ['-l', 'sam.role=x'],
    ['-itl', 'sam.another=x'],
  ]) {
    const { dir } = makeCheckout({ '.devcontainer.json': JSON.stringify({ image: 'x', runArgs }) });
    await expect(readConfiguration(dir, one)).rejects.toEqual(
      broken('devcontainer-broken', { said: expect.stringContaining('label') }),
    );
  }
  const others = ['--label', 'team=sam.x', '--hostname', 'sam.test', '--env=sam.x=1'];
  const { dir } = makeCheckout({ '.devcontainer.json': JSON.stringify({ image: 'x', runArgs: others }) });
  await expect(readConfiguration(dir, one)).resolves.toBeDefined();
});

test('one that leads out of the checkout is not read', async () => {
  const { dir } = makeCheckout({ 'README.md': '' });
  symlinkSync('/etc/hostname', join(dir, '.devcontainer.json'));
  await expect(readConfiguration(dir, { name: 'default', path: '.devcontainer.json' })).rejects.toEqual(
    broken('devcontainer-broken'),
  );
});

test('a change of the configuration, and of all it is made from, is a change; one of the code is none', async () => {
  const { dir, write } = makeCheckout({
    '.devcontainer/devcontainer.json': '{ "dockerComposeFile": "../compose.yml", "service": "a" }',
    '.devcontainer/install.sh': 'one',
    'compose.yml': 'services: {}',
    'main.c': 'one',
  });
  const read = async () =>
    fingerprint(
      dir,
      await readConfiguration(dir, { name: 'default', path: '.devcontainer/devcontainer.json' }),
    );
  const seen = [await read()];
  write('main.c', 'two');
  expect(await read()).toBe(seen[0]);
  for (const [path, text] of [
    ['.devcontainer/install.sh', 'two'],
    ['compose.yml', 'services: { a: {} }'],
    ['.devcontainer/devcontainer.json', '{ "dockerComposeFile": "../compose.yml", "service": "b" }'],
  ] as const) {
    write(path, text);
    seen.push(await read());
  }
  expect(new Set(seen).size).toBe(4);
});
