// What a repository, a registry or the engine can do wrong, on a real engine: each has a class, a code, and a shell to mend it in where
// one can be had.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeRuntime } from '../agent/runtime-contract.ts';
import { isLeftOut } from '../needs.ts';
import { BUSYBOX, findNoEngine, startEngine, type TestEngine } from './engine.ts';
import { createTestRuntime, makeWorkspace, withoutTerminal } from './runtime.ts';

const json = (content: object): string => JSON.stringify({ image: BUSYBOX, ...content });

describe.skipIf(isLeftOut('containers', findNoEngine()))('on an engine', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine();
  });
  afterAll(() => engine?.remove());

  describeRuntime('devcontainer', {
    create: () => createTestRuntime(engine).runtime,
    where: (dir) => `/workspaces/${dir.split('/').at(-1)}`,
    headless: withoutTerminal,
  });

  const failing = async (
    files: Record<string, string>,
    options: Parameters<typeof createTestRuntime>[1] = {},
  ) => {
    const { runtime } = createTestRuntime(engine, options);
    const workspace = makeWorkspace(runtime, files);
    const prepared = await workspace.prepare();
    return { ...workspace, prepared };
  };

  const MENDING = 'test -f README.md && tail -n 1 /var/log/sam/build.log';

  describe.each<[string, Record<string, string>, object]>([
    [
      'a lifecycle command that fails',
      { '.devcontainer.json': json({ postCreateCommand: 'echo no such script >&2; exit 7' }) },
      {
        class: 'configuration',
        code: 'devcontainer-hook-failed',
        details: { hook: 'postCreateCommand', exit: 7, said: 'no such script' },
      },
    ],
    [
      'a build that fails',
      {
        '.devcontainer/devcontainer.json': '{"build":{"dockerfile":"Dockerfile"}}',
        '.devcontainer/Dockerfile': `FROM ${BUSYBOX}\nRUN echo no rule; exit 9\n`,
      },
      {
        class: 'configuration',
        code: 'devcontainer-build-failed',
        details: { exit: 9, said: expect.stringContaining('no rule') },
      },
    ],
    [
      'a Dockerfile that is none',
      {
        '.devcontainer/devcontainer.json': '{"build":{"dockerfile":"Dockerfile"}}',
        '.devcontainer/Dockerfile': `FROM ${BUSYBOX}\nRUNN\n`,
      },
      {
        class: 'configuration',
        code: 'devcontainer-build-failed',
        details: { exit: 1, said: expect.stringContaining('RUNN') },
      },
    ],
    [
      'a user that does not exist',
      { '.devcontainer.json': json({ remoteUser: 'ghost' }) },
      { class: 'configuration', code: 'no-container-user', details: { user: 'ghost' } },
    ],
    [
      'a container user that does not exist',
      { '.devcontainer.json': json({ containerUser: 'ghost' }) },
      { class: 'configuration', code: 'no-container-user', details: { user: 'ghost' } },
    ],
    [
      'a container that ends at once',
      { '.devcontainer.json': json({ overrideCommand: false, runArgs: ['--env', 'X=1'] }) },
      { class: 'configuration', code: 'container-exited', details: { exit: 0, said: expect.any(String) } },
    ],
    [
      'a feature of its own that does not install',
      {
        '.devcontainer/devcontainer.json': json({ features: { './feat': {} } }),
        '.devcontainer/feat/devcontainer-feature.json': '{"id":"feat","version":"1.0.0","name":"Feat"}',
        '.devcontainer/feat/install.sh': '#!/bin/sh\necho in feature; exit 5\n',
      },
      {
        class: 'configuration',
        code: 'devcontainer-feature-failed',
        details: { feature: 'Feat', said: expect.any(String) },
      },
    ],
    [
      'a feature of its own that is not there',
      { '.devcontainer/devcontainer.json': json({ features: { './feat': {} } }) },
      { class: 'configuration', code: 'no-feature', details: { feature: 'feat' } },
    ],
    [
      'broken JSON',
      { '.devcontainer.json': '{"image": ' },
      {
        class: 'configuration',
        code: 'devcontainer-broken',
        details: { path: '.devcontainer.json', said: expect.any(String) },
      },
    ],
    [
      'a missing Dockerfile',
      { '.devcontainer.json': '{"build":{"dockerfile":"Dockerfile"}}' },
      {
        class: 'configuration',
        code: 'devcontainer-file-missing',
        details: { path: '.devcontainer.json', file: 'Dockerfile' },
      },
    ],
    [
      'an option that the engine does not know',
      { '.devcontainer.json': json({ runArgs: ['--bogus'] }) },
      {
        class: 'configuration',
        code: 'devcontainer-failed',
        details: { said: expect.stringContaining('unknown flag: --bogus') },
      },
    ],
  ])('%s', (_name, files, failure) => {
    test('says so, and leaves a shell with the repository and the log', async () => {
      const { prepared, run } = await failing(files);
      expect(prepared.failure).toEqual(failure);
      expect(prepared.environment.isRecovery).toBe(true);
      expect(run(MENDING)).toMatch(/It failed: /);
    });
  });
});
