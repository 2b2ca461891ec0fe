// Deliveries that did not reach Sam: GitHub is asked for them, once they can arrive, and not for ever.
import { generateKeyPairSync } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createGitHubApp } from '../../../bot/forges/github/app.ts';
import { redeliverMissed } from '../../../bot/forges/github/missed-deliveries.ts';
import { startFakeGitHub, type FakeGitHub, type Thread } from '../../fakes/github/github.ts';
import { until } from '../../until.ts';
import { startGitHub, type GitHub } from '../../testers/github.ts';

const NOWHERE = 'http://127.0.0.1:1/';

describe('a bot that was away', () => {
  let context: GitHub;
  beforeAll(async () => {
    context = await startGitHub();
  });
  afterAll(() => context[Symbol.asyncDispose]());

  const readSweep = async () => {
    const answer = await fetch(`${context.sam.bot.url}/readyz`);
    const { sweeps } = (await answer.json()) as { sweeps: { name: string; lastError: string | null }[] };
    return sweeps.find(({ name }) => name === 'missed-deliveries');
  };

  test('does what was said meanwhile, once', async () => {
    const pull = await context.github.addPullRequest('acme/api', { by: 'bob', branch: 'meanwhile' });
    context.github.app.webhookUrl = NOWHERE;
    const { comment } = await context.github.comment(pull, 'bob', '/sam up');
    context.github.app.webhookUrl = context.webhook;
    await context.sam.restart();
    await until(() => context.comments(pull).length > 0);
    await context.settle();
    await context.sam.restart();
    await context.github.settled();
    await context.settle();
    expect(context.comments(pull)).toHaveLength(1);
    expect(context.comments(pull)[0]).toContain('Workspace `api-1`: running');
    expect(context.signs(comment)).toEqual(['rocket']);
    expect(context.github.deliveries.filter(({ redelivery }) => redelivery)).toHaveLength(1);
  });

  test('says in /readyz why it cannot look, and does everything else', async () => {
    await context.say('/sam up');
    context.github.fail('GET', '/app/hook/deliveries*', { status: 500, times: Infinity });
    await context.sam.restart();
    await expect.poll(async () => (await readSweep())?.lastError).toMatch(/list deliveries: 500/);
    context.github.mend();
    await context.say('/sam stop');
    expect(context.comments()[0]).toContain('Workspace `api-1`: stopped');
  });
});

describe('GitHub is asked', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  let github: FakeGitHub;
  let server: Server;
  let thread: Thread;
  let status: number;
  let taken: string[];
  let notes: string | undefined;
  let url: string;

  beforeEach(async () => {
    [status, taken, notes] = [500, [], undefined];
    server = createServer((req, res) => {
      req.resume();
      if (status === 200) taken.push(String(req.headers['x-github-delivery']));
      res.writeHead(status).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    github = await startFakeGitHub({
      appId: 7,
      appSlug: 'sam-test',
      publicKey,
      webhookSecret: 'a-webhook-secret-for-tests',
      clientId: 'client',
      clientSecret: 'client-secret-for-tests',
      webhookUrl: url,
    });
    github.addUser('bob');
    await github.addRepository('acme/api');
    github.install('acme');
    thread = github.addIssue('acme/api', { by: 'bob' });
  });
  afterEach(async () => {
    await github.stop();
    await new Promise((resolve) => server.close(resolve));
  });

  const look = async ({ at = Date.now(), mostAtOnce = 100 } = {}): Promise<number> => {
    const config = {
      appId: 7,
      privateKey,
      webhookSecrets: ['a-webhook-secret-for-tests'],
      clientId: '',
      clientSecret: '',
      url: github.url,
      apiUrl: github.apiUrl,
      mentions: [],
    };
    const count = await redeliverMissed({
      app: createGitHubApp(config, pino({ level: 'silent' })),
      recall: () => Promise.resolve(notes),
      remember: (text) => Promise.resolve(void (notes = text)),
      now: () => at,
      mostAtOnce,
    });
    await github.settled();
    return count;
  };
  const fail = async (): Promise<string> => (await github.comment(thread, 'bob', 'hello')).guid;

  test('for what failed, the oldest first, under the same id', async () => {
    const guids = [await fail(), await fail(), await fail()];
    status = 200;
    expect(await look()).toBe(3);
    expect(taken).toEqual(guids);
    expect(await look()).toBe(0);
  });

  test('for nothing that a later attempt delivered', async () => {
    const delivery = await github.comment(thread, 'bob', 'hello');
    status = 200;
    await github.redeliver(delivery);
    expect(await look()).toBe(0);
  });

  test('three times for one that fails each time', async () => {
    await fail();
    expect([await look(), await look(), await look(), await look()]).toEqual([1, 1, 1, 0]);
  });

  test('for so many at once, and for the rest with the next run', async () => {
    const guids = [await fail(), await fail(), await fail()];
    status = 200;
    expect([await look({ mostAtOnce: 2 }), await look({ mostAtOnce: 2 })]).toEqual([2, 1]);
    expect(taken).toEqual(guids);
  });

  test('page by page', async () => {
    const guid = await fail();
    status = 200;
    for (let count = 0; count < 130; count++) await fail();
    expect(await look()).toBe(1);
    expect(taken.at(-1)).toBe(guid);
  });

  test('again later, where it could not just now', async () => {
    const guids = [await fail(), await fail()];
    status = 200;
    github.fail('POST', '/app/hook/deliveries/*', { status: 502 });
    await expect(look()).rejects.toThrow('redeliver: 502');
    expect(await look()).toBe(2);
    expect(taken).toEqual(guids);
  });

  test('for nothing that is older than it keeps', async () => {
    await fail();
    expect(await look({ at: Date.now() + 4 * 24 * 60 * 60_000 })).toBe(0);
  });
});
