// The networks of the edge, over a fake Cloudflare.
import { inspect } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { BUILT_IN, createCloudflareRanges } from '../../bot/dns/cloudflare/ranges.ts';
import { startFakeCloudflare, type FakeCloudflare } from '../fakes/cloudflare/cloudflare.ts';

const DAY_MS = 86_400_000;

const fakes: FakeCloudflare[] = [];
afterEach(async () => {
  for (const fake of fakes.splice(0)) await fake.close();
});

async function someRanges() {
  const fake = await startFakeCloudflare();
  fakes.push(fake);
  const warnings: unknown[] = [];
  const clock = { now: 0 };
  const ranges = createCloudflareRanges({
    token: fake.token,
    baseUrl: fake.baseUrl,
    timeoutMs: 500,
    now: () => clock.now,
    warn: (error) => warnings.push(error),
  });
  return { fake, ranges, warnings, clock };
}

test('the networks are asked for once a day', async () => {
  const { fake, ranges, clock } = await someRanges();
  expect(await ranges()).toEqual(['198.51.0.0/16', '2001:db8::/32']);
  fake.networks.ipv4_cidrs = ['203.0.112.0/20'];
  clock.now = DAY_MS - 1;
  expect(await ranges()).toEqual(['198.51.0.0/16', '2001:db8::/32']);
  clock.now = DAY_MS;
  expect(await ranges()).toEqual(['203.0.112.0/20', '2001:db8::/32']);
  expect(fake.seen).toHaveLength(2);
});

test('a list that cannot be had is the built-in one at first, then the last one, and somebody hears of it', async () => {
  const { fake, ranges, warnings, clock } = await someRanges();
  for (const fault of ['reset', '502', 'html', 'no answer', 'odd answer after'] as const) {
    fake.fail({ fault });
    expect(await ranges()).toEqual(BUILT_IN);
  }
  expect(warnings).toHaveLength(5);
  expect(inspect(warnings, { depth: 20, showHidden: true })).not.toContain('canary');
  const list = await ranges();
  clock.now = DAY_MS;
  fake.fail({ fault: '502' });
  expect(await ranges()).toEqual(list);
});

test.each([
  [['0.0.0.0/0']],
  [['128.0.0.0/1']],
  [['198.51.0.0/33']],
  [['198.51.0.0']],
  [['example.com/20']],
  [[]],
  [Array.from({ length: 99 }, (_, n) => `198.51.${n}.0/24`).concat(['2001:db8::/32', '2001:db9::/32'])],
])('no firewall is opened for what is no edge: %j', async (networks) => {
  const { fake, ranges, warnings } = await someRanges();
  fake.networks.ipv4_cidrs = networks;
  expect(await ranges()).toEqual(BUILT_IN);
  expect(warnings).toHaveLength(1);
});
