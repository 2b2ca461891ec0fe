// What becomes of a container over its life: rebuilt, chosen anew, limited, entered and left, removed with all that was made for it.
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { openPty } from '../../../agent/sessions/pty-native.ts';
import { isLeftOut } from '../../needs.ts';
import { eventually } from '../../testers/watch.ts';
import { BUSYBOX, findNoEngine, startEngine, type TestEngine } from '../engine.ts';
import { createTestRuntime, makeWorkspace } from './runtime.ts';

const json = (content: object): string => JSON.stringify({ image: BUSYBOX, ...content });

const isMissing = isLeftOut('containers', findNoEngine());
let engine: TestEngine;
beforeAll(async () => {
  if (!isMissing) engine = await startEngine();
});
afterAll(() => engine?.remove());

const begin = (files: Record<string, string>, options: Parameters<typeof createTestRuntime>[1] = {}) => {
  const made = createTestRuntime(engine, options);
  return { ...made, workspace: makeWorkspace(made.runtime, files) };
};

describe.skipIf(isMissing)('a container', () => {
  test('of a repository that describes none is one of the default image', async () => {
    const { workspace } = begin({});
    const { environment, fingerprint } = await workspace.prepare();
    expect(environment).toEqual({});
    expect(fingerprint).toBe(BUSYBOX);
    expect(workspace.run('cat README.md')).toBe('hello');
  });

  test('is made anew by a restart when its configuration has changed, and says so; a start leaves it', async () => {
    const { workspace } = begin({ '.devcontainer.json': json({ containerEnv: { V: '1' } }) });
    await workspace.prepare();
    workspace.run('touch /mine');
    workspace.write('.devcontainer.json', json({ containerEnv: { V: '2' } }));
    expect((await workspace.prepare()).environment.change).toBe('outdated');
    expect(workspace.run('echo $V; ls /mine')).toBe('1\n/mine');
    expect((await workspace.prepare({}, { mayRebuild: true })).environment.change).toBe('rebuilt');
    expect(workspace.run('echo $V; ls /mine 2>&1; true')).toMatch(/^2\n.*No such file/);
    expect((await workspace.prepare({}, { mayRebuild: true })).environment).not.toHaveProperty('change');
  });

  test('is the one that was named, for as long as nobody names another', async () => {
    const { workspace } = begin({
      '.devcontainer/api/devcontainer.json': json({ containerEnv: { V: 'api' } }),
      '.devcontainer/web/devcontainer.json': json({ containerEnv: { V: 'web' } }),
    });
    const { environment } = await workspace.prepare({ configuration: 'web' });
    expect(environment).toMatchObject({
      configuration: '.devcontainer/web/devcontainer.json',
      others: ['api'],
    });
    expect(workspace.run('echo $V')).toBe('web');
    await workspace.prepare({}, { mayRebuild: true });
    expect(workspace.run('echo $V')).toBe('web');
    await workspace.prepare({ configuration: 'api' }, { mayRebuild: true });
    expect(workspace.run('echo $V')).toBe('api');
    const none = await workspace.prepare({ configuration: 'mobile' }, { mayRebuild: true });
    expect(none).toMatchObject({
      failure: { code: 'no-devcontainer', details: { what: 'mobile', choices: 'api, web' } },
      environment: { isRecovery: true },
    });
  });

  test('that was mended is the real one again after a restart, and nothing of the repairs is left', async () => {
    const { workspace, node } = begin({ '.devcontainer.json': '{ "image": ' });
    expect((await workspace.prepare()).environment.isRecovery).toBe(true);
    // Nobody asked for a new beginning: whoever mends it goes on.
    workspace.run('touch /half-way');
    await workspace.prepare();
    expect(workspace.run('ls /half-way')).toBe('/half-way');
    workspace.write('.devcontainer.json', json({}));
    const mended = await workspace.prepare({}, { mayRebuild: true });
    expect(mended.failure).toBeUndefined();
    expect(mended.environment.isRecovery).toBeUndefined();
    expect(engine.containers(`label=sam.node=${node}`)).toHaveLength(1);
  });

  test('whose lifecycle command failed runs it again after a restart', async () => {
    const { workspace } = begin({
      '.devcontainer.json': json({ postCreateCommand: 'test -e ready && touch /made' }),
    });
    expect((await workspace.prepare()).failure?.code).toBe('devcontainer-hook-failed');
    workspace.run('touch ready');
    expect((await workspace.prepare({}, { mayRebuild: true })).failure).toBeUndefined();
    expect(workspace.run('ls /made')).toBe('/made');
  });
});

describe.skipIf(isMissing)('the container of a workspace', () => {
  test('takes no more than its size, and no command of the repository runs on the node', async () => {
    const { workspace, runtime, dir } = begin({
      '.devcontainer.json': json({ initializeCommand: 'touch on-the-node' }),
    });
    await workspace.prepare({ size: 'small' });
    const [id] = engine.containers(`label=sam.workspace=${workspace.spec.id}`);
    const limits = engine.docker(
      'inspect',
      '--format',
      '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}}',
      id!,
    );
    expect(limits).toBe(`${4 * 2 ** 30} 2000000000 4096`);
    expect(runtime.limits(workspace.spec.id)).toEqual({ memory: 4 * 2 ** 30, processes: 4_096 });
    expect(existsSync(join(workspace.spec.dir, 'on-the-node'))).toBe(false);
    expect(existsSync(join(dir, 'on-the-node'))).toBe(false);
  });

  test('is made from what was read of its configuration, and from nothing else in the file', async () => {
    const { workspace, dir } = begin({});
    const trace = join(dir, 'on-the-node');
    // What reads more forgivingly finds no `x` in it, and the command that is `x`.
    const file = `{ "image": "${BUSYBOX}", 'x': '"a": 1, "initializeCommand": "touch ${trace}", "b": "' }`;
    workspace.write('.devcontainer.json', file);
    const { failure } = await workspace.prepare();
    expect(existsSync(trace)).toBe(false);
    expect(failure).toBeUndefined();
    expect(workspace.run('cat README.md')).toBe('hello');
  });

  test('gets no lockfile in the checkout, unless one is committed', async () => {
    const feature = {
      '.devcontainer/devcontainer.json': json({ features: { './feat': {} } }),
      '.devcontainer/feat/devcontainer-feature.json': '{"id":"feat","version":"1.0.0","name":"Feat"}',
      '.devcontainer/feat/install.sh': '#!/bin/sh\ntouch /by-feature\n',
    };
    const { workspace } = begin(feature);
    expect((await workspace.prepare()).failure).toBeUndefined();
    expect(workspace.run('ls /by-feature')).toBe('/by-feature');
    expect(workspace.seen.steps).toContain('features');
    expect(existsSync(join(workspace.spec.dir, '.devcontainer/devcontainer-lock.json'))).toBe(false);
  });

  test.each(['root', 'dev'])(
    'whose terminal %s closes has no shell of it left, but what was meant to live on',
    async (remoteUser) => {
      const { workspace, runtime } = begin({ '.devcontainer.json': json({ remoteUser }) });
      await workspace.prepare();
      let [output, hasEnded] = ['', false];
      const spec = runtime.session(workspace.spec, undefined);
      const pty = openPty({
        ...spec,
        cols: 80,
        rows: 24,
        onBytes: (bytes, length) => (output += bytes.toString('utf8', 0, length)),
        onEnd: () => {
          hasEnded = true;
          if (spec.mark !== undefined) runtime.hangUp?.(workspace.spec, spec.mark);
        },
      });
      onTestFinished(() => pty.close());
      pty.write(Buffer.from('setsid sleep 9881 & sleep 9882 & echo read"y"\n'));
      await eventually(() => output.includes('ready'), 'the prompt');
      process.kill(pty.pid, 'SIGHUP');
      await eventually(() => hasEnded, 'the end of the terminal');
      await eventually(() => !workspace.run('ps').includes('sleep 9882'), 'the end of what ran in it');
      expect(workspace.run('ps')).toContain('sleep 9881');
    },
  );
});

/** By the engine's clock and what it tells of volumes, which is whole seconds: more than the one that counts as the same time. */
function isOlder(volume: string): boolean {
  const now = Date.parse(engine.docker('info', '--format', '{{.SystemTime}}'));
  return now - Date.parse(engine.docker('volume', 'inspect', '--format', '{{.CreatedAt}}', volume)) > 1_000;
}

describe.skipIf(isMissing)('what is made for a container', () => {
  test('goes with its volumes and its own images, and nobody else’s', async () => {
    const name = `kept-${Date.now()}`;
    engine.docker('volume', 'create', name);
    await eventually(() => isOlder(name), 'a time that the engine tells from that of the volume');
    const { workspace, runtime, dir } = begin({
      '.devcontainer/devcontainer.json': JSON.stringify({
        build: { dockerfile: 'Dockerfile' },
        mounts: [`source=${name},target=/kept,type=volume`, `source=own-${name},target=/own,type=volume`],
      }),
      '.devcontainer/Dockerfile': `FROM ${BUSYBOX}\nRUN touch /built\nVOLUME /nameless\n`,
    });
    expect((await workspace.prepare()).failure).toBeUndefined();
    // The first container is not the last.
    workspace.write('.devcontainer/more', '');
    expect((await workspace.prepare({}, { mayRebuild: true })).environment.change).toBe('rebuilt');
    const list = () => [
      engine.docker('volume', 'ls', '--quiet').split('\n').filter(Boolean),
      engine
        .docker('image', 'ls', '--format', '{{.Repository}}')
        .split('\n')
        .filter((one) => one.startsWith('vsc-api')),
    ];
    expect(list()).toEqual([expect.arrayContaining([name, `own-${name}`]), [expect.any(String)]]);
    expect(existsSync(join(dir, 'environments', workspace.spec.id))).toBe(true);
    await runtime.stop(workspace.spec, () => Promise.resolve());
    await runtime.remove(workspace.spec);
    expect(list()).toEqual([[name], []]);
    expect(engine.docker('image', 'ls', '--quiet', BUSYBOX)).not.toBe('');
    expect(existsSync(join(dir, 'environments', workspace.spec.id))).toBe(false);
    engine.docker('volume', 'rm', name);
  });

  test('belongs to a person who is not root there, who may write in the checkout', async () => {
    const { workspace } = begin({ '.devcontainer.json': json({ remoteUser: 'dev' }) });
    expect((await workspace.prepare()).failure).toBeUndefined();
    expect(workspace.run('id -un; echo mine > mine.txt; echo $?')).toBe('dev\n0');
    expect(statSync(join(workspace.spec.dir, 'mine.txt')).size).toBe(5);
  });

  test('of the image that Sam makes is made once, on the base that the node has', async () => {
    const stubs = ['apt-get', 'useradd', 'userdel', 'npm', 'sudo'].map(
      (name) => `printf '#!/bin/sh\\n' > /usr/bin/${name}`,
    );
    const file = `FROM ${BUSYBOX}\nRUN mkdir -p /usr/bin /etc/sudoers.d /var/lib/apt/lists && ${stubs.join(' && ')} && chmod +x /usr/bin/*\nRUN sed -i s/dev/sam/g /etc/passwd\n`;
    engine.build('sam.test/stubs:1', file);
    const { workspace } = begin(
      {},
      { settings: { runtime: 'auto' }, env: { SAM_DEFAULT_BASE: 'sam.test/stubs:1' } },
    );
    const { failure, fingerprint } = await workspace.prepare();
    expect(failure).toBeUndefined();
    expect(fingerprint).toMatch(/^sam-default:[0-9a-f]{12}$/);
    expect(workspace.run('id -un')).toBe('sam');
    const steps = workspace.seen.steps.splice(0);
    expect(steps.slice(0, 2)).toEqual(['create', 'build']);
    await workspace.prepare();
    expect(workspace.seen.steps).toEqual(['create']);
  });
});

describe.skipIf(isMissing)('what is found by labels', () => {
  test('has services beside it, its own ones though another workspace of the repository has the same', async () => {
    const files = {
      '.devcontainer/devcontainer.json': JSON.stringify({
        dockerComposeFile: 'compose.yml',
        service: 'app',
        workspaceFolder: '/work',
      }),
      '.devcontainer/compose.yml': `services:
  app:
    image: ${BUSYBOX}
    command: sleep 100000
    volumes: ['..:/work', 'data:/data']
  db:
    image: ${BUSYBOX}
    command: sleep 100000
volumes: { data: {} }
`,
    };
    const { workspace, runtime, node } = begin(files);
    const other = makeWorkspace(runtime, files);
    for (const one of [workspace, other])
      expect((await one.prepare({ size: 'small' })).failure).toBeUndefined();
    expect(workspace.run('cat README.md; touch /data/mine')).toBe('hello');
    expect(other.run('ls /data')).toBe('');
    const of = ({ spec }: typeof workspace, ...more: string[]) =>
      engine.containers(`label=com.docker.compose.project=sam-${spec.id}`, ...more);
    expect([of(workspace).length, of(other).length]).toEqual([2, 2]);
    const [id = '', db = ''] = of(workspace);
    for (const one of [id, db])
      expect(engine.docker('inspect', '--format', '{{.HostConfig.PidsLimit}}', one)).toBe('4096');
    await runtime.stop(workspace.spec, () => Promise.resolve());
    expect([of(workspace, 'status=running').length, of(other, 'status=running').length]).toEqual([0, 2]);
    await runtime.remove(workspace.spec);
    expect([of(workspace).length, of(other).length]).toEqual([0, 2]);
    const project = `label=com.docker.compose.project=sam-${workspace.spec.id}`;
    expect(engine.docker('network', 'ls', '--quiet', '--filter', project)).toBe('');
    expect(engine.docker('volume', 'ls', '--quiet', '--filter', project)).toBe('');
    expect(engine.containers(`label=sam.node=${node}`)).toHaveLength(1);
  });

  test('that claims to be of somebody’s project takes nothing of it along', async () => {
    const bystander = engine.docker(
      'run',
      '--detach',
      '--label',
      'com.docker.compose.project=theirs',
      BUSYBOX,
      'sleep',
      '100000',
    );
    const { workspace, runtime } = begin({
      '.devcontainer.json': json({ runArgs: ['--label', 'com.docker.compose.project=theirs'] }),
    });
    await workspace.prepare();
    await runtime.stop(workspace.spec, () => Promise.resolve());
    await runtime.remove(workspace.spec);
    expect(engine.containers('label=com.docker.compose.project=theirs', 'status=running')).toEqual([
      bystander.slice(0, 12),
    ]);
    engine.docker('rm', '--force', bystander);
  });

  test('that nobody knows goes when it is old, and not before; another node’s stays', async () => {
    const { workspace, runtime, node } = begin({ '.devcontainer.json': json({}) });
    await workspace.prepare();
    const other = createTestRuntime(engine);
    const count = () => engine.containers(`label=sam.node=${node}`).length;
    expect(await other.runtime.sweep(() => false)).toEqual([]);
    expect(await runtime.sweep(() => false)).toEqual([]);
    expect(count()).toBe(1);
    expect(await createTestRuntime(engine, { node, graceMs: 0 }).runtime.sweep(() => true)).toEqual([]);
    expect(await createTestRuntime(engine, { node, graceMs: 0 }).runtime.sweep(() => false)).toEqual([
      workspace.spec.id,
    ]);
    expect(count()).toBe(0);
  });
});
