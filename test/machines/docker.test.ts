// Workspaces in containers, on a real engine and by the real dev container program: from a repository to a prompt and back.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { attach } from '../agent/viewer.ts';
import { isLeftOut } from '../needs.ts';
import { createNode, makeRepository, type Node } from '../testers/node.ts';
import { BASE, findNoEngine, startEngine, type TestEngine } from './engine.ts';

const DEVCONTAINER = {
  image: BASE,
  containerEnv: { COLOR: 'green' },
  remoteEnv: { SHADE: 'dark' },
  forwardPorts: [3000, 'localhost:4000', 'db:5432'],
  postCreateCommand: 'echo made-by-hook | tee /made',
};

describe.skipIf(isLeftOut('containers', findNoEngine()))('a workspace in a container', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine();
  });
  afterAll(() => engine?.remove());

  const begin = async (files: Record<string, string>) => {
    const scene = await createNode({ settings: {} });
    scene.bot.state.environments = { runtime: 'auto', defaultImage: BASE };
    const repository = makeRepository(join(scene.folder, 'repositories', 'api.git'));
    repository.commit(files);
    const goal = scene.goal({ repository: repository.url });
    const agent = scene.start(engine.env);
    scene.bot.want(goal);
    return { scene, goal, agent, repository };
  };

  const look = async (scene: Node, workspace: string) =>
    attach(scene.bot.state.hellos.at(-1)!.terminalPort!, await scene.bot.ticket(workspace));

  test('comes up as its repository describes it, answers at its prompt, stops, starts and goes', async () => {
    const { scene, goal } = await begin({ '.devcontainer.json': JSON.stringify(DEVCONTAINER) });
    const report = await scene.bot.report(
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
    const viewer = await look(scene, goal.id);
    await viewer.open();
    viewer.type(
      'echo "at:$PWD $COLOR $SHADE $SAM_WORKSPACE_NAME $(cat /made) size:$(stty size)"; touch work /kept\n',
    );
    await viewer.reads(/at:\/workspaces\/api green dark api-1 made-by-hook size:24 200/);
    const labels = [`label=sam.workspace=${goal.id}`, `label=sam.node=${scene.bot.node}`];
    expect(engine.containers(...labels)).toHaveLength(1);

    scene.bot.want({ ...goal, desired: 'stopped' });
    const stopped = await scene.bot.report(goal.id, ({ phase }) => phase === 'stopped');
    expect(stopped.work).toMatchObject({ untracked: 1 });
    expect(engine.containers(...labels, 'status=running')).toEqual([]);

    scene.bot.want({ ...goal, run: 2 });
    await scene.bot.report(goal.id, ({ phase, run }) => phase === 'running' && run === 2);
    const again = await look(scene, goal.id);
    await again.open();
    again.type('ls -d work /kept\n');
    await again.reads(/\/kept\s+work/);

    scene.bot.want({ ...goal, run: 2, desired: 'deleted', force: true });
    await scene.bot.report(goal.id, ({ phase }) => phase === 'deleted');
    expect(engine.containers(...labels)).toEqual([]);
  });
});
