// The agent is killed in the middle of each step of making a container, and comes back: what is half made is finished or made again, and
// there is no second one. `SEED=…` for other moments.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDice } from '../../chaos/dice.ts';
import { isLeftOut } from '../../needs.ts';
import { createNode, makeRepository } from '../../testers/node.ts';
import { until } from '../../until.ts';
import { BUSYBOX, findNoEngine, startEngine, type TestEngine } from '../engine.ts';

const STEPS = ['clone', 'build', 'create', 'hooks'] as const;
const MAX_LATER_MS = 400;

describe.skipIf(isLeftOut('containers', findNoEngine()))('an agent that is killed', () => {
  const dice = createDice(Number(process.env['SEED'] ?? 20_261_130));
  const cases = STEPS.flatMap((step) => [0, dice.between(1, MAX_LATER_MS)].map((ms) => [step, ms] as const));
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine();
  });
  afterAll(() => engine?.remove());

  test.each(cases)(
    'in the step %s, %i ms after it is told, has one whole container when it is back',
    async (step, ms) => {
      const context = await createNode({ settings: {} });
      const { bot } = context;
      bot.state.environments = { runtime: 'auto' };
      const repository = makeRepository(join(context.folder, 'repositories', 'api.git'));
      repository.commit({
        '.devcontainer.json': JSON.stringify({
          build: { dockerfile: 'Dockerfile' },
          // Each is to be over, however often it was begun.
          onCreateCommand: 'sleep 0.3; echo created >> /tmp/hooks',
          postCreateCommand: 'sleep 0.3; echo done >> /tmp/hooks',
        }),
        Dockerfile: `FROM ${BUSYBOX}\nRUN sleep 0.5 && touch /built\n`,
      });
      const goal = context.goal({ repository: repository.url });
      bot.want(goal);
      const agent = context.start(engine.env);
      const isIn = () => bot.state.history.some((one) => one.id === goal.id && one.step === step);
      await bot.until(isIn, () => `the step ${step}`);
      await delay(ms);
      await agent.kill();
      const hellos = bot.state.hellos.length;
      context.start(engine.env);
      await bot.until(
        () => bot.state.hellos.length > hellos,
        () => 'the next hello',
      );
      const report = await bot.report(
        goal.id,
        ({ phase }) => phase === 'running' || phase === 'failed',
        120_000,
      );
      expect(report).toMatchObject({ phase: 'running', environment: { runtime: 'devcontainer' } });
      expect(report.failure).toBeUndefined();
      expect(report.environment?.isRecovery).toBeUndefined();
      const found = engine.containers(`label=sam.workspace=${goal.id}`);
      expect(found).toHaveLength(1);
      const hooks = engine.docker('exec', found[0]!, 'cat', '/tmp/hooks', '/built');
      expect(hooks.split('\n')).toEqual(['created', 'done']);
      expect(readFileSync(join(context.checkout(goal), 'README.md'), 'utf8')).toBe('hello\n');
      // One that looks for work in the checkout is there for a moment.
      await until(() =>
        readdirSync(dirname(context.checkout(goal))).every((name) => /^(api|\.claude)$/.test(name)),
      );
      await until(() => engine.containers(`label=sam.node=${bot.node}`).length === 1);
    },
  );
});
