// From a new node to a running workspace.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createScene } from './scene.ts';

test('a new node fetches its token, says hello and clones what the bot wants', async () => {
  const scene = await createScene();
  const goal = scene.goal();
  scene.bot.want(goal);
  scene.start();
  const report = await scene.bot.report(goal.id, (one) => one.phase === 'running');
  expect(report).toMatchObject({ run: 1, sessions: 0, commit: expect.stringMatching(/^[0-9a-f]{40}$/) });
  expect(readFileSync(join(scene.checkout(goal), 'README.md'), 'utf8')).toBe('hello\n');
  expect(scene.bot.state.requests).toMatchObject([{ path: '/api/bootstrap', status: 200 }]);
  expect(scene.bot.state.hellos).toMatchObject([{ protocol: 1, workspaces: [] }]);
  expect(existsSync(join(scene.dir, 'workspaces', goal.id, '.clone'))).toBe(false);
});
