// An agent in a network from which only a proxy leads out: its own requests, its connection and git go that way, and trust whom
// the environment says. What is on the machine itself is never asked of a proxy.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createNode, makeRepository } from '../../testers/node.ts';
import { serveGit } from '../git/server.ts';
import { openClosedNetwork } from './proxy.ts';

test('bot and repository are reached through the proxy, and are who the authority says', async () => {
  const network = await openClosedNetwork();
  const context = await createNode({ connect: 'wss://bot.test/agent/connect' });
  const root = join(context.folder, 'served');
  mkdirSync(root);
  makeRepository(join(root, 'api.git'));
  const git = await serveGit(root);
  await network.serve('bot.test', Number(new URL(context.bot.url).port));
  await network.serve('git.test', Number(new URL(git.url('')).port));
  const goal = context.goal({ repository: 'https://git.test/api.git' });
  context.bot.want(goal);
  const agent = context.start({
    SAM_URL: 'https://bot.test',
    https_proxy: network.proxy,
    NODE_EXTRA_CA_CERTS: network.authority,
    GIT_SSL_CAINFO: network.authority,
  });
  const { commit } = await context.bot.report(goal.id, (one) => one.phase === 'running');
  expect(commit).toMatch(/^[0-9a-f]{40}$/);
  expect(network.asked().sort()).toEqual(['CONNECT bot.test:443', 'CONNECT git.test:443']);
  expect(context.bot.state.requests.map(({ path, status }) => [path, status])).toEqual([
    ['/api/bootstrap', 200],
  ]);
  expect(agent.output()).not.toContain('s3cret');
});

test('a bot on the machine itself is reached without the proxy', async () => {
  const network = await openClosedNetwork();
  const context = await createNode();
  const goal = context.goal();
  context.bot.want(goal);
  const withoutScheme = network.proxy.slice('http://'.length);
  context.start({ http_proxy: withoutScheme, HTTPS_PROXY: network.proxy, no_proxy: 'inside.test' });
  await context.bot.report(goal.id, (one) => one.phase === 'running');
  expect(network.asked()).toEqual([]);
});

test('a proxy that is none is told of, and nothing else depends on it', async () => {
  const context = await createNode();
  const goal = context.goal();
  context.bot.want(goal);
  const agent = context.start({ http_proxy: 'http://sam:s3cret@[::' });
  await context.bot.report(goal.id, (one) => one.phase === 'running');
  expect(agent.output()).toContain('the proxies of the environment are of no use');
  expect(agent.output()).not.toContain('s3cret');
});
