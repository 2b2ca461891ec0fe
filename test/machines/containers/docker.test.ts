// Workspaces in containers, on a real engine and by the real dev container program: from a repository to a prompt and back.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findDefaultImage } from '../../../agent/runtimes/devcontainer/default-image.ts';
import { createEngine } from '../../../agent/runtimes/devcontainer/engine.ts';
import { look } from '../../agent/viewer.ts';
import { isLeftOut } from '../../needs.ts';
import { createNode, makeRepository } from '../../testers/node.ts';
import { BASE, findNoEngine, startEngine, type TestEngine } from '../engine.ts';

const DEVCONTAINER = {
  image: BASE,
  containerEnv: { COLOR: 'green' },
  remoteEnv: { SHADE: 'dark' },
  forwardPorts: [3000, 'localhost:4000', 'db:5432'],
  remoteUser: 'games',
  postCreateCommand: 'echo made-by-hook | tee /tmp/made; cp README.md COPY.md',
};

const nameDefaultImage = (): string =>
  findDefaultImage({ env: {}, settings: () => ({ runtime: 'auto' }), engine: createEngine({}) }).name();

describe.skipIf(isLeftOut('containers', findNoEngine()))('a workspace in a container', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine({ withDebian: true });
  });
  afterAll(() => engine?.remove());

  const begin = async (files: Record<string, string>) => {
    const context = await createNode({ settings: {} });
    context.bot.state.environments = { runtime: 'auto', defaultImage: BASE };
    const repository = makeRepository(join(context.folder, 'repositories', 'api.git'));
    repository.commit(files);
    const goal = context.goal({ repository: repository.url });
    const agent = context.start(engine.env);
    context.bot.want(goal);
    return { context, goal, agent, repository };
  };

  test('comes up as its repository describes it, answers at its prompt, stops, starts and goes', async () => {
    const { context, goal } = await begin({ '.devcontainer.json': JSON.stringify(DEVCONTAINER) });
    const report = await context.bot.report(
      goal.id,
      ({ phase }) => phase === 'running' || phase === 'failed',
      60_000,
    );
    expect(report.failure).toBeUndefined();
    expect(report.environment).toMatchObject({
      runtime: 'devcontainer',
      configuration: '.devcontainer.json',
      ports: [3000, 4000],
    });
    const viewer = await look(context, goal.id);
    await viewer.open();
    viewer.type(
      'echo "at:$PWD $COLOR $SHADE $SAM_WORKSPACE_NAME $(cat /tmp/made) size:$(stty size)"; touch work /tmp/kept\n',
    );
    await viewer.reads(/at:\/workspaces\/api green dark api-1 made-by-hook size:24 200/);
    const labels = [`label=sam.workspace=${goal.id}`, `label=sam.node=${context.bot.node}`];
    expect(engine.containers(...labels)).toHaveLength(1);

    context.bot.want({ ...goal, desired: 'stopped' });
    const stopped = await context.bot.report(goal.id, ({ phase }) => phase === 'stopped');
    expect(stopped.work).toMatchObject({ untracked: 2 });
    expect(engine.containers(...labels, 'status=running')).toEqual([]);

    context.bot.want({ ...goal, run: 2 });
    await context.bot.report(goal.id, ({ phase, run }) => phase === 'running' && run === 2);
    const again = await look(context, goal.id);
    await again.open();
    again.type('ls -d work /tmp/kept\n');
    await again.reads(/\/tmp\/kept\s+work/);

    context.bot.want({ ...goal, run: 2, desired: 'deleted', force: true });
    await context.bot.report(goal.id, ({ phase }) => phase === 'deleted');
    expect(engine.containers(...labels)).toEqual([]);
  });

  test('is found again by an agent that was killed, with what people left running in it', async () => {
    const { context, goal, agent } = await begin({ '.devcontainer.json': JSON.stringify({ image: BASE }) });
    await context.bot.report(goal.id, ({ phase }) => phase === 'running');
    const viewer = await look(context, goal.id);
    await viewer.open();
    viewer.type('setsid sleep 9891 & echo went\n');
    await viewer.reads(/^went/m);
    const before = engine.containers(`label=sam.workspace=${goal.id}`);
    await agent.kill();
    context.start(engine.env);
    await context.bot.until(
      () => context.bot.state.hellos.length === 2,
      () => 'the second hello',
    );
    await context.bot.report(goal.id, ({ phase }) => phase === 'running');
    expect(engine.containers(`label=sam.workspace=${goal.id}`)).toEqual(before);
    const again = await look(context, goal.id);
    await again.open();
    again.type('ps ax | grep -c "[s]leep 9891"\n');
    await again.reads(/^1\r?$/m);
  });

  test('is one for a repository that describes none where an image is named or at hand, and else there is none', async () => {
    const { context, goal } = await begin({ 'MORE.md': 'more' });
    const named = await context.bot.report(goal.id, ({ phase }) => phase === 'running', 60_000);
    expect(named.environment?.runtime).toBe('devcontainer');
    context.bot.state.environments = { runtime: 'auto' };
    await context.bot.vanish();
    await context.bot.comeBack();
    const runs = async () => {
      const plain = context.goal();
      context.bot.want(plain);
      const report = await context.bot.report(plain.id, ({ phase }) => phase === 'running');
      return report.environment?.runtime;
    };
    expect(await runs()).toBe('host');
    const name = nameDefaultImage();
    engine.docker('tag', BASE, name);
    expect(await runs()).toBe('devcontainer');
    engine.docker('rmi', name);
    expect(await runs()).toBe('host');
  });

  test('is none where whoever runs Sam wants none, and one that fails runs all the same, and says why', async () => {
    const { context } = await begin({ 'MORE.md': 'more' });
    const host = context.goal();
    context.bot.state.environments = { runtime: 'host' };
    await context.bot.vanish();
    await context.bot.comeBack();
    context.bot.want(host);
    const onHost = await context.bot.report(host.id, ({ phase }) => phase === 'running');
    expect(onHost.environment?.runtime).toBe('host');
    context.bot.state.environments = { runtime: 'auto', defaultImage: BASE };
    await context.bot.vanish();
    await context.bot.comeBack();
    const broken = makeRepository(join(context.folder, 'repositories', 'broken.git'));
    broken.commit({ '.devcontainer.json': '{ "image": ' });
    const goal = context.goal({ repository: broken.url });
    context.bot.want(goal);
    const report = await context.bot.report(goal.id, ({ phase }) => phase === 'running');
    expect(report).toMatchObject({
      environment: { runtime: 'devcontainer', isRecovery: true },
      failure: { class: 'configuration', code: 'devcontainer-broken' },
    });
    // What the bot says again of it does not take that away.
    context.bot.want({ ...goal, access: 1 });
    await context.bot.report(goal.id, ({ failure }) => failure?.code === 'devcontainer-broken');
  });
});
