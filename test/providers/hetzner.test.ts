// The provider for Hetzner, over a fake that refuses what Hetzner refuses.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createReader } from '../../bot/environment.ts';
import { toLabelValue } from '../../bot/providers/hetzner/shown.ts';
import { createHetzner } from '../../bot/providers/hetzner/hetzner.ts';
import { hetzner } from '../../bot/providers/hetzner/entry.ts';
import type { Server } from '../../bot/providers/provider.ts';
import { startFakeHetzner } from '../fakes/hetzner/hetzner.ts';
import type { FakeMachine } from '../fakes/hetzner/project.ts';
import { until } from '../until.ts';
import { anOrder, describeProvider, errorOf } from './contract.ts';
import { optionsFor, aProject, posts, aClock, shownBy, refusal, EDGE } from './hetzner-project.ts';

describeProvider('hetzner', async () => {
  const fake = await startFakeHetzner();
  return {
    provider: createHetzner(optionsFor(fake)),
    stranger: createHetzner(optionsFor(fake, { installation: 'theirs' })),
    hasAccount: true,
    async turnOff(server) {
      fake.turnOff(server);
    },
    secrets: [fake.token, 'canary-root-password'],
    async close() {
      await fake.close();
      expect(fake.complaints).toEqual([]);
    },
  };
});

describe('a server', () => {
  test('is ordered with its labels, the firewall, what it boots with, and no SSH key', async () => {
    const { fake, provider } = await aProject();
    const order = anOrder();
    const server = await provider.create(order);
    expect(JSON.parse(posts(fake)[0]!.body)).toEqual({
      name: order.name,
      server_type: 'cx23',
      image: 'debian-13',
      location: 'nbg1',
      labels: {
        'managed-by': 'sam',
        'sam-installation': 'ours',
        'sam-node': order.node,
        'sam-owner': order.owner,
      },
      firewalls: [{ firewall: fake.firewalls()[0]!.id }],
      public_net: { enable_ipv4: true, enable_ipv6: true },
      user_data: `#cloud-config\n# ${order.boot.bootstrapToken}\n`,
      start_after_create: true,
    });
    expect(server.address).toBe(fake.servers()[0]!.ip);
  });

  test.each([
    ['x64', undefined, ['cx23', 'cx33', 'cx43']],
    ['arm64', undefined, ['cax11', 'cax21', 'cax31']],
    ['x64', { medium: 'cx43' }, ['cx23', 'cx43', 'cx43']],
  ] as const)('of each size is of a type: %s %j', async (arch, sizes, types) => {
    const { fake, provider } = await aProject({}, { arch, ...(sizes && { sizes }) });
    for (const size of ['small', 'medium', 'large'] as const) await provider.create(anOrder({ size }));
    expect(fake.servers().map(({ serverType }) => serverType)).toEqual(types);
  });

  test('with too much to boot with is refused before anybody is asked', async () => {
    const { fake, open } = await aProject();
    const bytes = (count: number) => open({ bootData: () => 'ä'.repeat(count / 2) });
    const error = await errorOf(bytes(32_770).create(anOrder()));
    expect(error).toMatchObject({ retryable: false, hadNoEffect: true });
    expect(fake.seen).toEqual([]);
    await bytes(32_768).create(anOrder());
  });

  test('has a name that is one', async () => {
    const { fake, provider } = await aProject();
    for (const name of ['', 'vm_a', 'VM-A', '-vm', 'vm-', 'a'.repeat(64), 'vm a', '../x']) {
      expect(await errorOf(provider.create(anOrder({ name })))).toMatchObject({ retryable: false });
      expect(await errorOf(provider.find(name))).toMatchObject({ retryable: false });
    }
    expect(fake.seen).toEqual([]);
  });

  test.each<[FakeMachine['status'] | 'stopping' | 'migrating' | 'new', Server['status']]>([
    ['initializing', 'starting'],
    ['starting', 'starting'],
    ['migrating', 'starting'],
    ['running', 'running'],
    ['stopping', 'running'],
    ['unknown', 'running'],
    ['off', 'off'],
    ['deleting', 'removing'],
  ])('that Hetzner calls %s is %s', async (theirs, ours) => {
    const { fake, provider } = await aProject();
    const order = anOrder();
    await provider.create(order);
    fake.servers()[0]!.status = theirs as FakeMachine['status'];
    expect((await provider.find(order.name))?.status).toBe(ours);
  });

  test('goes from starting to running, and to gone, as its actions do', async () => {
    const clock = aClock(Date.now());
    const durations = { create: 10_000, boot: 5_000, powerOn: 4_000, delete: 3_000 };
    const { fake, provider } = await aProject({ now: clock.now, durations });
    const order = anOrder();
    const status = async (afterMs: number) => {
      clock.time += afterMs;
      return (await provider.find(order.name))?.status;
    };
    const server = await provider.create(order);
    expect([await status(0), await status(9_999), await status(2), await status(5_000)]).toEqual([
      'starting',
      'starting',
      'starting',
      'running',
    ]);
    fake.turnOff(server);
    expect(await status(0)).toBe('off');
    await provider.start(server);
    expect([await status(0), await status(4_000)]).toEqual(['starting', 'running']);
    await provider.remove(server);
    await provider.remove(server);
    expect([await status(0), await status(3_000)]).toEqual(['removing', undefined]);
    expect(fake.seen.filter(({ method }) => method === 'DELETE')).toHaveLength(1);
  });

  test('is reached by IPv6 where it has no IPv4 address', async () => {
    const { fake, provider } = await aProject();
    const order = anOrder();
    await provider.create(order);
    const shown = await shownBy(fake, '/servers');
    shown.servers[0]!.public_net.ipv4 = null;
    fake.fail({ fault: { status: 200, body: shown } });
    expect((await provider.find(order.name))?.address).toBe('2001:db8:1::1');
  });
});

describe('when a location has no room', () => {
  test('the next one is asked, in the order of the configuration', async () => {
    const { fake, provider } = await aProject();
    fake.project.capacity.set('nbg1/cx23', 0).set('fsn1/cx23', 1);
    await provider.create(anOrder());
    await provider.create(anOrder());
    expect(fake.servers().map(({ location }) => location)).toEqual(['fsn1', 'hel1']);
  });

  test.each(['placement_error', 'resource_unavailable', 'no_space_left_in_location'])(
    'it may say so as %s',
    async (code) => {
      const { fake, provider } = await aProject();
      fake.fail({ method: 'POST', path: /servers$/, fault: refusal(412, code) });
      await provider.create(anOrder());
      expect(fake.servers()[0]!.location).toBe('fsn1');
    },
  );

  test('and no other has, that is said, and nothing was made', async () => {
    const { fake, provider } = await aProject();
    for (const place of ['nbg1', 'fsn1', 'hel1']) fake.project.capacity.set(`${place}/cx23`, 0);
    const error = await errorOf(provider.create(anOrder()));
    expect(error).toMatchObject({ retryable: true, hadNoEffect: true, retryAfterMs: 30_000 });
    expect(error.message).toBe(
      'hetzner: create: Hetzner has no cx23 left in nbg1, fsn1, hel1. ' +
        'Take another size, or add a location to HCLOUD_LOCATIONS.',
    );
  });

  test('no second location is tried after an answer that got lost', async () => {
    const { fake, provider } = await aProject();
    fake.fail({ method: 'POST', path: /servers$/, fault: '502 after' });
    await errorOf(provider.create(anOrder()));
    expect(posts(fake)).toHaveLength(1);
  });

  test('no create is begun without time to hear its answer', async () => {
    const clock = aClock();
    const { fake, open } = await aProject();
    const openTo = async () => {
      clock.time += 4_000;
      return EDGE;
    };
    const provider = open({ clock, openTo });
    const error = await errorOf(provider.create(anOrder()));
    expect(error).toMatchObject({ retryable: true, hadNoEffect: true });
    expect(posts(fake)).toEqual([]);
  });
});

describe('a list', () => {
  test('has all pages, and only what has all of our labels', async () => {
    const { fake, provider } = await aProject({ maxServers: 200 });
    const ours = { 'managed-by': 'sam', 'sam-installation': 'ours', 'sam-node': 'nd-x', 'sam-owner': 'us-x' };
    const insert = (name: string, labels: Record<string, string>) =>
      fake.project.createServer({ name, server_type: 'cx23', image: 'debian-13', labels });
    for (let count = 0; count < 101; count += 1) insert(`vm-${count}`, ours);
    for (const key of Object.keys(ours)) insert(`other-${key}`, { ...ours, [key]: '' });
    insert('other-installation', { ...ours, 'sam-installation': 'ours2' });
    insert('no-labels', {});
    const listed = await provider.list();
    expect(listed.map(({ name }) => name)).toEqual(Array.from({ length: 101 }, (_, n) => `vm-${n}`));
    expect(fake.seen.map(({ query }) => query['page'])).toEqual(['1', '2', '3']);
  });

  test('that does not end is an error', async () => {
    const { fake, provider } = await aProject();
    const endless = { servers: [], meta: { pagination: { next_page: 1 } } };
    fake.fail({ fault: { status: 200, body: endless }, times: 100 });
    expect(await errorOf(provider.list())).toMatchObject({
      retryable: true,
      message: 'hetzner: list: the list of servers does not end.',
    });
  });

  test('that breaks off in the middle is an error, and no half of a list', async () => {
    const { fake, provider } = await aProject();
    await provider.create(anOrder());
    const shown = await shownBy(fake, '/servers');
    fake.fail({ fault: { status: 200, body: { ...shown, meta: { pagination: { next_page: 2 } } } } });
    fake.fail({ fault: '502' });
    expect(await errorOf(provider.list())).toMatchObject({ retryable: true });
  });
});

describe('labels', () => {
  const VALID = /^[a-z0-9A-Z]([a-z0-9A-Z._-]{0,61}[a-z0-9A-Z])?$/;

  test('are valid for any id, and different for different ids', () => {
    const id = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.stringMatching(/^[a-z0-9._-]{1,70}$/));
    fc.assert(
      fc.property(id, id, (one, other) => {
        expect(toLabelValue(one)).toMatch(VALID);
        expect(toLabelValue(one) === toLabelValue(other)).toBe(one === other);
        // What looks like a stand-in is none.
        expect(toLabelValue(toLabelValue(one)) === toLabelValue(one)).toBe(toLabelValue(one) === one);
      }),
    );
  });

  test('are the ids themselves where these are ours', () => {
    expect(toLabelValue('nd-abcdefghijkl')).toBe('nd-abcdefghijkl');
  });

  test('let an installation with a strange id find its servers', async () => {
    const { fake, open } = await aProject();
    const provider = open({ installation: 'Ünïted, inc.==x' });
    const order = anOrder({ owner: 'somebody@example.com' });
    const server = await provider.create(order);
    expect(await provider.list()).toMatchObject([{ id: server.id }]);
    await provider.remove(server);
    await until(() => fake.servers().length === 0);
  });
});

test('prices are those of our sizes in our locations, with the address that each node has', async () => {
  const { provider } = await aProject({}, { locations: ['hel1', 'nbg1'], sizes: { large: 'not-sold' } });
  const small = { size: 'small', serverType: 'cx23', perHour: 0.0064, perMonth: 3.99 };
  const medium = { size: 'medium', serverType: 'cx33', perHour: 0.0096, perMonth: 5.99 };
  expect(await provider.prices()).toEqual({
    currency: 'EUR',
    vatRate: 19,
    nodes: [
      { ...small, location: 'nbg1' },
      { ...small, location: 'hel1' },
      { ...medium, location: 'nbg1' },
      { ...medium, location: 'hel1' },
    ],
  });
});

test('the table opens the provider with what it read of the environment', async () => {
  const { fake } = await aProject();
  const settings = hetzner.readSettings(
    createReader({ HCLOUD_TOKEN: fake.token, HCLOUD_ENDPOINT: fake.endpoint }),
    true,
  );
  const provider = await hetzner.open(settings, {
    installation: 'ours',
    timeoutMs: 1_000,
    url: 'https://sam.example',
    dataDir: '/nowhere',
    agentCommand: [],
    network: { proxy: undefined, direct: [], authorities: [] },
    env: {},
    edgeNetworks: async () => EDGE,
  });
  expect(provider.name).toBe('hetzner');
  expect(await provider.list()).toEqual([]);
});
