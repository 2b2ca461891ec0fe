// What a repository, a registry or the engine can do wrong, on a real engine: each has a class, a code, and a shell to mend it in where
// one can be had.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeRuntime, type RuntimeFixture } from '../../agent/runtime-contract.ts';
import { isLeftOut } from '../../needs.ts';
import { BUSYBOX, findNoEngine, startEngine, type TestEngine } from '../engine.ts';
import { startRegistry } from './registry.ts';
import { createTestRuntime, makeWorkspace, withoutTerminal } from './runtime.ts';

const json = (content: object): string => JSON.stringify({ image: BUSYBOX, ...content });

/** What is bad, the repository's files, and what is said of it. */
const BAD: [string, Record<string, string>, object][] = [
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
];

describe.skipIf(isLeftOut('containers', findNoEngine()))('on an engine', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine();
  });
  afterAll(() => engine?.remove());

  const fixture: RuntimeFixture = {
    create: () => createTestRuntime(engine).runtime,
    where: (dir) => `/workspaces/${dir.split('/').at(-1)}`,
    headless: withoutTerminal,
  };
  const files = { '.devcontainer.json': json({ remoteUser: 'dev' }) };
  describeRuntime('devcontainer', fixture);
  // Root looks at nobody's environment there, and nothing of the node's is mounted.
  describeRuntime('devcontainer, as another user than root', { ...fixture, files });
  describeRuntime('devcontainer, as another user than root, with what the node has', {
    ...fixture,
    files,
    isTrusted: true,
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

  describe.each(BAD)('%s', (_name, files, failure) => {
    test('says so, and leaves a shell with the repository and the log', async () => {
      const { prepared, run } = await failing(files);
      expect(prepared.failure).toEqual(failure);
      expect(prepared.environment.isRecovery).toBe(true);
      expect(run(MENDING)).toMatch(/It failed: /);
    });
  });

  describe('a registry for a feature', () => {
    test.each([
      [503, ['registry-unavailable', 'transient'], ['create', 'create 2/3', 'create 3/3'], 3],
      [429, ['registry-limited', 'transient'], ['create', 'create 2/3', 'create 3/3'], 3],
      [404, ['no-feature', 'configuration'], ['create'], 1],
      [401, ['registry-denied', 'configuration'], ['create'], 1],
    ])('that answers %i', async (status, [code, kind], steps, asked) => {
      const registry = await startRegistry(status);
      const feature = 'registry.test/acme/features/node:1';
      const { prepared, seen, run } = await failing(
        { '.devcontainer.json': json({ features: { [feature]: {} } }) },
        { env: registry.env },
      );
      expect(prepared.failure).toMatchObject({ class: kind, code });
      // The recovery container is made last.
      expect(seen.steps).toEqual([...steps, 'create']);
      expect(registry.state.requests).toHaveLength(asked);
      expect(run(MENDING)).toMatch(/It failed: /);
    });

    test('that is silent is given up when the time is over', async () => {
      const registry = await startRegistry(0);
      const feature = 'registry.test/acme/features/node:1';
      const { prepared } = await failing(
        { '.devcontainer.json': json({ features: { [feature]: {} } }) },
        { env: registry.env, deadlineMs: 4_000 },
      );
      expect(prepared.failure?.code).toBe('devcontainer-late');
    });
  });

  test('a lifecycle command that hangs is ended with the time, and its container is the shell', async () => {
    const { prepared, run } = await failing(
      { '.devcontainer.json': json({ postCreateCommand: 'echo on it; sleep 600' }) },
      { deadlineMs: 6_000 },
    );
    expect(prepared.failure).toMatchObject({ code: 'devcontainer-late', details: { during: 'hooks' } });
    expect(run(MENDING)).toMatch(/It failed: /);
    expect(run('ps')).not.toContain('sleep 600');
  });

  test('one that prints without end fills neither the log nor the memory', async () => {
    const { prepared, seen } = await failing({
      '.devcontainer.json': json({ postCreateCommand: 'yes "what a line" | head -n 2000000' }),
    });
    expect(prepared.failure).toBeUndefined();
    expect(seen.log.length).toBeLessThan(5_100);
    expect(seen.log.at(-1)).toMatch(/left out/);
  });

  test.each([false, true])(
    'what may live on in a container that nobody can enter counts as such (with what the node has: %s)',
    async (isTrusted) => {
      const { runtime } = createTestRuntime(engine);
      const workspace = makeWorkspace(runtime, files);
      const spec = { ...workspace.spec, isTrusted };
      await workspace.prepare({ isTrusted });
      const [container] = engine.containers(`label=sam.workspace=${spec.id}`);
      engine.docker('pause', container!);
      await expect(runtime.endCommand(spec, 'tk-a/5')).rejects.toThrow(/could not be .*: .*paused/);
      engine.docker('unpause', container!);
      await runtime.endCommand(spec, 'tk-a/5');
      await runtime.stop(spec, () => Promise.resolve());
      // In what does not run nothing does.
      await runtime.endCommand(spec, 'tk-a/5');
    },
  );

  test('an engine that dies is told as such, and everything is found again when it is back', async () => {
    const { runtime } = createTestRuntime(engine);
    const workspace = makeWorkspace(runtime, {
      '.devcontainer.json': json({ postCreateCommand: 'touch /made' }),
    });
    await workspace.prepare();
    await engine.kill();
    await expect(workspace.prepare()).rejects.toMatchObject({
      failure: { class: 'transient', code: 'engine-unavailable' },
    });
    await engine.restart();
    expect((await workspace.prepare()).failure).toBeUndefined();
    expect(workspace.run('ls /made')).toBe('/made');
  });
});
