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
  const context = await createNode();
  context.bot.state.lose = 1;
  context.start();
  await context.bot.until(
    () => context.bot.state.hellos.length === 1,
    () => 'the hello',
  );
  expect(paths(context.bot.state.requests)).toEqual(['/api/bootstrap 200', '/api/bootstrap 200']);
  expect(new Set(context.bot.state.requests.map((one) => one.x)).size).toBe(1);
});

test('the key lies in one file that only its owner can read, and a restart uses it', async () => {
  const context = await createNode();
  const first = context.start();
  await context.bot.until(
    () => context.bot.state.hellos.length === 1,
    () => 'the hello',
  );
  const file = join(context.dir, 'agent-key.json');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const key = readFileSync(file, 'utf8');
  await first.kill();
  context.bot.state.isBootstrapOver = true;
  for (const env of [{}, { SAM_BOOTSTRAP_TOKEN: '' }]) {
    const { length } = context.bot.state.hellos;
    const agent = context.start(env);
    await context.bot.until(
      () => context.bot.state.hellos.length > length,
      () => 'another hello',
    );
    await agent.kill();
  }
  const asked = paths(context.bot.state.requests);
  expect(asked).toEqual(['/api/bootstrap 200', '/agent/token 200', '/agent/token 200']);
  expect(readFileSync(file, 'utf8')).toBe(key);
});

test('a node whose bootstrap is over but whose key is bound gets in all the same', async () => {
  const context = await createNode();
  // The answer gets lost and the agent dies: it does not know that it is bound.
  context.bot.state.lose = 1;
  const first = context.start();
  await context.bot.until(
    () => context.bot.state.requests.length === 1,
    () => 'the first request',
  );
  await first.kill();
  context.bot.state.isBootstrapOver = true;
  context.bot.state.lose = 0;
  context.start();
  await context.bot.until(
    () => context.bot.state.hellos.length === 1,
    () => 'the hello',
  );
  expect(paths(context.bot.state.requests)).toContain('/api/bootstrap 404');
  expect(paths(context.bot.state.requests).at(-1)).toBe('/agent/token 200');
});

test('an agent goes on asking while the bot is broken or away', async () => {
  const context = await createNode();
  await context.bot.vanish();
  const agent = context.start();
  await eventually(() => agent.output().includes('trying again'), 'the first failure');
  await context.bot.comeBack();
  context.bot.state.statuses = [500];
  await context.bot.until(
    () => context.bot.state.hellos.length === 1,
    () => 'the hello',
  );
  expect(paths(context.bot.state.requests)).toEqual(['/api/bootstrap 500', '/api/bootstrap 200']);
  expect(agent.output()).not.toContain(context.bot.bootstrapToken);
});

test('the token is renewed at half of its life', async () => {
  const context = await createNode({ tokenLifeMs: 600 });
  const agent = context.start();
  const { requests, hellos } = context.bot.state;
  await context.bot.until(
    () => requests.length >= 4,
    () => 'three renewals',
  );
  expect(paths(requests).slice(1)).toEqual(
    paths(requests)
      .slice(1)
      .map(() => '/agent/token 200'),
  );
  expect(hellos.length).toBe(1);
  for (const token of context.bot.state.tokens) expect(agent.output()).not.toContain(token);
});

test('a refused token is replaced, and the connection comes back', async () => {
  const context = await createNode();
  context.start();
  await context.bot.until(
    () => context.bot.state.hellos.length === 1,
    () => 'the hello',
  );
  context.bot.state.tokens.clear();
  await context.bot.vanish();
  await context.bot.comeBack();
  await context.bot.until(
    () => context.bot.state.hellos.length === 2,
    () => 'the second hello',
  );
  expect(paths(context.bot.state.requests)).toEqual(['/api/bootstrap 200', '/agent/token 200']);
});

test('the bot may move: whose pages open terminals, and with whose tickets, is told at each connect', async () => {
  const context = await createNode();
  const goal = context.goal();
  context.bot.want(goal);
  context.start();
  await context.bot.report(goal.id, ({ phase }) => phase === 'running');
  const knock = async (origin: string, iss: string): Promise<number | undefined> => {
    const port = context.bot.state.hellos[0]!.terminalPort!;
    return (await attach(port, await context.bot.ticket(goal.id, { iss }), origin)).state.closed;
  };
  const moved = 'http://moved.test';
  expect(await knock(ORIGIN, ORIGIN)).toBeUndefined();
  expect(await knock(moved, moved)).toBe(1006);
  const url = context.bot.url.replace('127.0.0.1', 'localhost');
  const settings = { origin: moved, issuer: moved, jwks: `${url}/.well-known/jwks.json` };
  context.bot.say({ type: 'desired', all: true, workspaces: [goal], settings });
  await eventually(async () => (await knock(moved, moved)) === undefined, 'the way from its new address');
  expect(context.bot.state.keyRequests).toBe(2);
  expect(await knock(ORIGIN, ORIGIN)).toBe(1006);
  expect(await knock(moved, ORIGIN)).toBe(4401);
});

test('a bad configuration names every bad variable and ends with code 1', async () => {
  const context = await createNode();
  const agent = context.start({ SAM_URL: 'sam.example.com', SAM_NODE: '../nd' });
  expect(await agent.ended).toBe(1);
  expect(agent.output()).toContain('SAM_URL');
  expect(agent.output()).toContain('SAM_NODE');
});
