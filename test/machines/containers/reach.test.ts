// What the agent has for a workspace's programs, in a container on a real engine: passwords for git, the way to models, and who
// gets nothing of either.
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CodingPrograms } from '../../../agent/coding/programs.ts';
import type { DesiredTurn } from '../../../agent/protocol.ts';
import { KEY } from '../../fakes/model.ts';
import { isLeftOut } from '../../needs.ts';
import { git } from '../../testers/node.ts';
import { eventually } from '../../testers/watch.ts';
import { BASE, BUSYBOX, findNoEngine, startEngine, type TestEngine } from '../engine.ts';
import { ASK, beginReach, containerOf, openTerminal, relaysOf, socketsOf, TOKEN } from './reaching.ts';
import { createTestRuntime, makeWorkspace, withoutTerminal } from './runtime.ts';

const NOBODY = ['--reuid', '65534', '--regid', '65534', '--clear-groups'];

const isMissing = isLeftOut('containers', findNoEngine());
let engine: TestEngine;
beforeAll(async () => {
  if (!isMissing) engine = await startEngine({ withDebian: true });
});
afterAll(() => engine?.remove());

describe.skipIf(isMissing)('in a container', () => {
  test.each([
    ['of glibc', BASE, 'games'],
    ['of no C library', BUSYBOX, 'dev'],
  ])('git’s helper runs in an image %s', async (_what, image, remoteUser) => {
    const { context, want } = await beginReach(engine, { image, remoteUser });
    const goal = await want();
    const viewer = await openTerminal(context, goal);
    viewer.type(
      `printf 'protocol=http\\nhost=%s\\npath=api.git\\n\\n' ${new URL(goal.repository).host} | sh -c "$(echo "$GIT_CONFIG_VALUE_1" | cut -c2-) get"\n`,
    );
    await viewer.reads(/password=canary-of-git/);
  });

  test('git pushes and fetches with the passwords of its owner, which it does not keep', async () => {
    const { context, want, repository } = await beginReach(engine, {
      runArgs: ['--network=host'],
      remoteUser: 'games',
    });
    const goal = await want();
    const viewer = await openTerminal(context, goal);
    viewer.type(
      'git -c user.name=Dev -c user.email=d@sam.test commit -q --allow-empty -m inside && git push -q origin HEAD && git fetch && echo "went $?"\n',
    );
    await viewer.reads(/^went 0/m);
    expect(git(repository.path, 'log', '-1', '--format=%s', 'main').trim()).toBe('inside');
    const found = spawnSync('grep', ['-rlF', TOKEN, context.dir], { encoding: 'utf8' });
    expect(found.stdout).toBe('');
    context.bot.want({ ...goal, desired: 'stopped' });
    await context.bot.report(goal.id, ({ phase }) => phase === 'stopped');
    expect(existsSync(join(socketsOf(context, goal), 'git.sock'))).toBe(false);
    expect(existsSync(join(socketsOf(context, goal), 'models.sock'))).toBe(false);
  });

  test('a program asks models as the workspace that it is in, also after a death of the agent', async () => {
    const { context, agent, model, want } = await beginReach(engine, { remoteUser: 'games' });
    const goal = await want();
    const before = await openTerminal(context, goal);
    before.type(ASK);
    const [, address] = await before.reads(/at (\S+) HTTP\/1\.1 200/);
    expect(model.asked.map(({ headers }) => headers['x-api-key'])).toEqual([KEY]);
    await agent.kill();
    await eventually(() => relaysOf(engine, goal).length === 0, 'the end of the relay');
    context.start(engine.env);
    await context.bot.until(
      () => context.bot.state.hellos.length === 2,
      () => 'the second hello',
    );
    await context.bot.report(goal.id, ({ phase }) => phase === 'running');
    const after = await openTerminal(context, goal);
    after.type(ASK);
    expect((await after.reads(/at (\S+) HTTP\/1\.1 200/))[1]).toBe(address);
    const relays = relaysOf(engine, goal);
    expect(relays).toHaveLength(1);
    // One that is ended comes again.
    process.kill(Number(relays[0]), 'SIGKILL');
    await eventually(() => relaysOf(engine, goal).some((one) => !relays.includes(one)), 'another relay');
    const last = await openTerminal(context, goal);
    last.type(`until (${ASK.split(';')[0]}) 2>/dev/null; do sleep 0.1; done; ${ASK}`);
    await last.reads(/HTTP\/1\.1 200/);
  });
});

describe.skipIf(isMissing)('what the agent has for one workspace', () => {
  test('a neighbour gets nothing, neither in a container nor as another user of the node', async () => {
    const { context, model, want } = await beginReach(engine, { image: BASE });
    const one = await want();
    const other = await want();
    const owner = await openTerminal(context, one);
    owner.type('echo "token<$ANTHROPIC_AUTH_TOKEN>"; ls /opt/sam/sockets; touch /opt/sam/sockets/x\n');
    const [, token] = await owner.reads(/token<(samws_[\w-]+)>/);
    await owner.reads(/git\.sock\s+models\.sock/);
    await owner.reads(/Read-only file system/);
    const neighbour = await openTerminal(context, other);
    neighbour.type(`ANTHROPIC_AUTH_TOKEN=${token}; ${ASK}`);
    await neighbour.reads(/HTTP\/1\.1 401/);
    expect(model.asked).toEqual([]);
    expect(
      engine.docker('exec', '--user', 'root', containerOf(engine, other), 'cat', '/proc/self/mountinfo'),
    ).not.toContain(one.id);
    const socket = join(socketsOf(context, one), 'git.sock');
    expect(existsSync(socket)).toBe(true);
    // Others may go through these; tests keep theirs to themselves.
    for (const folder of [context.folder, context.dir]) chmodSync(folder, 0o711);
    const { stderr } = spawnSync('setpriv', [...NOBODY, 'stat', socket]);
    expect(String(stderr)).toContain('Permission denied');
    // All users of a node may read commands, and their environments they may not.
    expect(execFileSync('ps', ['-axww', '-o', 'args='], { encoding: 'utf8' })).not.toContain(token);
  });

  test('a fork’s code gets nothing of it', async () => {
    const { context, want } = await beginReach(engine, { image: BASE }, { guard: {} });
    const goal = await want({ credentials: 'none' });
    const viewer = await openTerminal(context, goal);
    viewer.type('ls -d /opt/sam; env | grep -cE "^(ANTHROPIC|CLAUDE)|credential"; echo end\n');
    await viewer.reads(/No such file[^]*^0\r?\nend/m);
    expect(existsSync(socketsOf(context, goal))).toBe(false);
    const turn: DesiredTurn = {
      workspace: goal.id,
      task: 'ta-abcdefghijkl',
      turn: 1,
      agent: 'shell',
      prompt: 'pwd',
      policy: { allow: [], deny: [] },
      minutes: 5,
      desired: 'done',
      decisions: [],
    };
    context.bot.wantTurns(turn);
    expect(await context.bot.happening(turn, 'ended')).toMatchObject({ outcome: 'done', answer: '.' });
  });

  test('one that was made without it says so, and is made anew with it by a restart, once', async () => {
    const { runtime } = createTestRuntime(engine);
    const workspace = makeWorkspace(runtime, {});
    const trusted = { ...workspace.spec, isTrusted: true };
    const seen = () => workspace.run('ls /opt/sam/programs /mine 2>&1 | grep -E "inside|mine$"; true');
    // As a version did that brought nothing into containers.
    await workspace.prepare();
    workspace.run('touch /mine');
    const { log } = workspace.seen;
    await workspace.prepare({ isTrusted: true });
    expect(log.some((line) => line.includes('A restart makes it anew'))).toBe(true);
    expect(seen()).toBe('/mine');
    expect(runtime.program(trusted, { file: process.execPath, args: [], env: {} })).toBeUndefined();
    await workspace.prepare({ isTrusted: true }, { mayRebuild: true });
    expect(seen()).toBe('inside');
    expect(runtime.program(trusted, { file: process.execPath, args: [], env: {} })).toBeDefined();
    workspace.run('touch /mine');
    log.length = 0;
    await workspace.prepare({ isTrusted: true }, { mayRebuild: true });
    expect(seen()).toBe('/mine\ninside');
    expect(log.filter((line) => line.includes('made without'))).toEqual([]);
  });

  test.each([
    [
      'a service of a compose file',
      {
        '.devcontainer/devcontainer.json': '{"dockerComposeFile":"compose.yml","service":"app"}',
        '.devcontainer/compose.yml': `services:\n  app:\n    image: ${BUSYBOX}\n    command: sleep 9000\n`,
      },
    ],
    ['a container for repairs', { '.devcontainer.json': '{ "image": ' }],
  ])('%s has it too, and cannot change what others run', async (_what, files: Record<string, string>) => {
    const { runtime } = createTestRuntime(engine);
    const workspace = makeWorkspace(runtime, files);
    await workspace.prepare({ isTrusted: true });
    await runtime.start({ ...workspace.spec, isTrusted: true });
    const said = workspace.run('ls /opt/sam; touch /opt/sam/programs/x /opt/sam/sockets/x 2>&1; true');
    expect(said).toMatch(/^claude\nprograms\nsockets\n.*Read-only.*\n.*Read-only/);
    expect(relaysOf(engine, workspace.spec)).toHaveLength(1);
    await runtime.stop(workspace.spec, () => Promise.resolve());
  });

  test.each([
    ['glibc', 'FROM {}\nRUN mkdir -p /lib64 && touch /lib64/libc.so.6 /lib64/ld-musl-x86_64.so.1'],
    ['musl', 'FROM {}\nRUN mkdir -p /lib && touch /lib/ld-musl-x86_64.so.1 /lib/ld-linux-x86-64.so.2'],
  ])('an image of %s gets the Claude Code that was made for it', async (kind, dockerfile) => {
    const image = `sam.test/${kind}:1`;
    engine.build(image, dockerfile.replace('{}', BUSYBOX));
    const made: ReturnType<typeof createTestRuntime> = createTestRuntime(engine, {
      settings: { runtime: 'auto', defaultImage: image },
      programs: pretendPrograms(() => made.dir, 'glibc'),
      muslPrograms: pretendPrograms(() => made.dir, 'musl'),
    });
    const { spec, prepare } = makeWorkspace(made.runtime, {});
    const trusted = { ...spec, isTrusted: true };
    await prepare({ isTrusted: true });
    await made.runtime.start(trusted);
    const { file, args, env, cwd } = withoutTerminal(made.runtime.session(trusted, 'claude'));
    const { stdout } = await promisify(execFile)(file, args, { env, cwd, timeout: 30_000 });
    expect(stdout).toMatch(`this is ${kind}`);
    await made.runtime.stop(trusted, () => Promise.resolve());
  });
});

/** It comes when somebody waits for it. */
function pretendPrograms(dir: () => string, kind: string): CodingPrograms {
  const find = () => {
    const folder = join(dir(), 'programs', kind);
    return { file: join(folder, 'claude'), failure: `${folder}.failed`, isThere: false };
  };
  return {
    bin: '',
    claude: find,
    bring() {
      const { file } = find();
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(`${file}.new`, `#!/bin/sh\necho this is ${kind}\n`, { mode: 0o755 });
      renameSync(`${file}.new`, file);
      return Promise.resolve();
    },
    bringIfMissing: () => Promise.resolve(),
    findClaude: () => Promise.resolve(undefined),
    findAdapter: () => Promise.resolve(undefined),
    codex: { find: () => Promise.resolve(undefined), why: () => Promise.resolve('') },
    why: () => Promise.resolve(''),
    serve: () => {},
  };
}
