// A terminal in a container outlives the agent, too; what it started there goes with it, and it goes with the container.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { look } from '../../agent/viewer.ts';
import { isLeftOut } from '../../needs.ts';
import { createNode, makeRepository } from '../../testers/node.ts';
import { eventually } from '../../testers/watch.ts';
import { BUSYBOX, findNoEngine, startEngine, type TestEngine } from '../engine.ts';

describe.skipIf(isLeftOut('containers', findNoEngine()))('a terminal in a container', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine();
  });
  afterAll(() => engine?.remove());

  test('goes on over a kill of the agent; a close ends what it started, a death of the container the rest', async () => {
    const context = await createNode({ settings: {} });
    const { bot } = context;
    bot.state.environments = { runtime: 'auto' };
    const repository = makeRepository(join(context.folder, 'repositories', 'api.git'));
    repository.commit({ '.devcontainer.json': JSON.stringify({ image: BUSYBOX }) });
    const goal = context.goal({ repository: repository.url });
    bot.want(goal);
    const agent = context.start(engine.env);
    const isRunning = () => bot.report(goal.id, ({ phase }) => phase === 'running', 120_000);
    expect(await isRunning()).toMatchObject({ environment: { runtime: 'devcontainer' } });
    const first = await look(context, goal.id);
    const { id } = await first.open();
    first.type('kept=in-here; sleep 4711 & echo re"a"dy\n');
    await first.reads(/ready/);
    await agent.kill();
    context.start(engine.env);
    await bot.until(
      () => bot.state.hellos.length === 2,
      () => 'the next hello',
    );
    const second = await eventually(async () => {
      const viewer = await look(context, goal.id);
      return viewer.state.closed === undefined && viewer;
    }, 'the node to take a viewer');
    await second.resume(id, first.state.at);
    second.type('echo "it is $kept"\n');
    await second.reads(/it is in-here/);
    const [container = ''] = engine.containers(`label=sam.workspace=${goal.id}`);
    expect(engine.docker('exec', container, 'ps')).toContain('sleep 4711');
    second.close(id);
    await second.heard('exit');
    await eventually(
      () => !engine.docker('exec', container, 'ps').includes('sleep 4711'),
      'its end in there',
    );
    const third = await look(context, goal.id);
    await third.open();
    third.type('echo an"other"\n');
    await third.reads(/another/);
    engine.docker('kill', container);
    await third.heard('exit');
  });
});
