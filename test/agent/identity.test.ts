// Who the node is: one key for life, tokens that are renewed, and a bot that may be away at any time.
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { attach } from './viewer.ts';
import { createNode } from '../testers/node.ts';
import { ORIGIN } from '../testers/node-bot.ts';
import { eventually } from '../testers/watch.ts';

const paths = (requests: { path: string; status: number }[]) =>
  requests.map((one) => `${one.path} ${one.status}`);

test('a lost answer is asked for again, with the same key', async () => {
  const scene = await createNode();
  scene.bot.state.lose = 1;
  scene.start();
  await scene.bot.until(
    () => scene.bot.state.hellos.length === 1,
    () => 'the hello',
  );
  expect(paths(scene.bot.state.requests)).toEqual(['/api/bootstrap 200', '/api/bootstrap 200']);
  expect(new Set(scene.bot.state.requests.map((one) => one.x)).size).toBe(1);
});

test('the key lies in one file that only its owner can read, and a restart uses it', async () => {
  const scene = await createNode();
  const first = scene.start();
  await scene.bot.until(
    () => scene.bot.state.hellos.length === 1,
    () => 'the hello',
  );
  const file = join(scene.dir, 'agent-key.json');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const key = readFileSync(file, 'utf8');
  await first.kill();
  scene.bot.state.isBootstrapOver = true;
  for (const env of [{}, { SAM_BOOTSTRAP_TOKEN: '' }]) {
    const { length } = scene.bot.state.hellos;
    const agent = scene.start(env);
    await scene.bot.until(
      () => scene.bot.state.hellos.length > length,
      () => 'another hello',
    );
    await agent.kill();
  }
  const asked = paths(scene.bot.state.requests);
  expect(asked).toEqual(['/api/bootstrap 200', '/agent/token 200', '/agent/token 200']);
  expect(readFileSync(file, 'utf8')).toBe(key);
});

test('a node whose bootstrap is over but whose key is bound gets in all the same', async () => {
  const scene = await createNode();
  // The answer gets lost and the agent dies: it does not know that it is bound.
  scene.bot.state.lose = 1;
  const first = scene.start();
  await scene.bot.until(
    () => scene.bot.state.requests.length === 1,
    () => 'the first request',
  );
  await first.kill();
  scene.bot.state.isBootstrapOver = true;
  scene.bot.state.lose = 0;
  scene.start();
  await scene.bot.until(
    () => scene.bot.state.hellos.length === 1,
    () => 'the hello',
  );
  expect(paths(scene.bot.state.requests)).toContain('/api/bootstrap 404');
  expect(paths(scene.bot.state.requests).at(-1)).toBe('/agent/token 200');
});

test('an agent goes on asking while the bot is broken or away', async () => {
  const scene = await createNode();
  await scene.bot.vanish();
  const agent = scene.start();
  await eventually(() => agent.output().includes('trying again'), 'the first failure');
  await scene.bot.comeBack();
  scene.bot.state.statuses = [500];
  await scene.bot.until(
    () => scene.bot.state.hellos.length === 1,
    () => 'the hello',
  );
  expect(paths(scene.bot.state.requests)).toEqual(['/api/bootstrap 500', '/api/bootstrap 200']);
  expect(agent.output()).not.toContain(scene.bot.bootstrapToken);
});

test('the token is renewed at half of its life', async () => {
  const scene = await createNode({ tokenLifeMs: 600 });
  const agent = scene.start();
  const { requests, hellos } = scene.bot.state;
  await scene.bot.until(
    () => requests.length >= 4,
    () => 'three renewals',
  );
  expect(paths(requests).slice(1)).toEqual(
    paths(requests)
      .slice(1)
      .map(() => '/agent/token 200'),
  );
  expect(hellos.length).toBe(1);
  for (const token of scene.bot.state.tokens) expect(agent.output()).not.toContain(token);
});

test('a refused token is replaced, and the connection comes back', async () => {
  const scene = await createNode();
  scene.start();
  await scene.bot.until(
    () => scene.bot.state.hellos.length === 1,
    () => 'the hello',
  );
  scene.bot.state.tokens.clear();
  await scene.bot.vanish();
  await scene.bot.comeBack();
  await scene.bot.until(
    () => scene.bot.state.hellos.length === 2,
    () => 'the second hello',
  );
  expect(paths(scene.bot.state.requests)).toEqual(['/api/bootstrap 200', '/agent/token 200']);
});

test('the bot may move: whose pages open terminals, and with whose tickets, is told at each connect', async () => {
  const scene = await createNode();
  const goal = scene.goal();
  scene.bot.want(goal);
  scene.start();
  await scene.bot.report(goal.id, ({ phase }) => phase === 'running');
  const knock = async (origin: string, iss: string): Promise<number | undefined> => {
    const port = scene.bot.state.hellos[0]!.terminalPort!;
    return (await attach(port, await scene.bot.ticket(goal.id, { iss }), origin)).state.closed;
  };
  const moved = 'http://moved.test';
  expect(await knock(ORIGIN, ORIGIN)).toBeUndefined();
  expect(await knock(moved, moved)).toBe(1006);
  const url = scene.bot.url.replace('127.0.0.1', 'localhost');
  const settings = { origin: moved, issuer: moved, jwks: `${url}/.well-known/jwks.json` };
  scene.bot.say({ type: 'desired', all: true, workspaces: [goal], settings });
  await eventually(async () => (await knock(moved, moved)) === undefined, 'the way from its new address');
  expect(scene.bot.state.keyRequests).toBe(2);
  expect(await knock(ORIGIN, ORIGIN)).toBe(1006);
  expect(await knock(moved, ORIGIN)).toBe(4401);
});

test('a bad configuration names every bad variable and ends with code 1', async () => {
  const scene = await createNode();
  const agent = scene.start({ SAM_URL: 'sam.example.com', SAM_NODE: '../nd' });
  expect(await agent.ended).toBe(1);
  expect(agent.output()).toContain('SAM_URL');
  expect(agent.output()).toContain('SAM_NODE');
});
