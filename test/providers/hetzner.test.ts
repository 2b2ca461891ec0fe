// The provider for Hetzner, over a fake that refuses what Hetzner refuses.
import { inspect } from 'node:util';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { ProviderError } from '../../bot/errors.ts';
import { createReader } from '../../bot/environment.ts';
import { createBudget } from '../../bot/providers/hetzner/budget.ts';
import { toLabelValue } from '../../bot/providers/hetzner/labels.ts';
import { createHetzner, type Hetzner, type HetznerOptions } from '../../bot/providers/hetzner/hetzner.ts';
import { hetzner } from '../../bot/providers/hetzner/entry.ts';
import type { Server, ServerOrder } from '../../bot/providers/provider.ts';
import { startFakeHetzner, type FakeHetzner, type FakeHetznerOptions } from '../fakes/hetzner/hetzner.ts';
import type { FakeMachine } from '../fakes/hetzner/project.ts';
import { FAULTS, type Fault } from '../fakes/server.ts';
import { until } from '../until.ts';
import { anOrder, describeProvider, errorOf } from './contract.ts';

const EDGE = ['198.51.100.0/24', '2001:db8:ed9e::/48'];
const DAY_MS = 86_400_000;

const optionsFor = (fake: FakeHetzner, changes: Partial<HetznerOptions> = {}): HetznerOptions => ({
  token: fake.token,
  endpoint: fake.endpoint,
  installation: 'ours',
  timeoutMs: 5_000,
  locations: ['nbg1', 'fsn1', 'hel1'],
  bootData: ({ boot }: ServerOrder) => `#cloud-config\n# ${boot.bootstrapToken}\n`,
  openTo: async () => EDGE,
  ...changes,
});

const fakes: FakeHetzner[] = [];
afterEach(async () => {
  for (const fake of fakes.splice(0)) {
    await fake.close();
    expect(fake.complaints).toEqual([]);
    expect(fake.unsprung()).toEqual([]);
  }
});

interface Scene {
  fake: FakeHetzner;
  provider: Hetzner;
  open: (changes: Partial<HetznerOptions>) => Hetzner;
}

async function aProject(
  settings: FakeHetznerOptions = {},
  changes: Partial<HetznerOptions> = {},
): Promise<Scene> {
  const fake = await startFakeHetzner(settings);
  fakes.push(fake);
  const open = (more: Partial<HetznerOptions>) => createHetzner(optionsFor(fake, { ...changes, ...more }));
  return { fake, open, provider: open({}) };
}

const posts = (fake: FakeHetzner, path = '/v1/servers') =>
  fake.seen.filter((one) => one.method === 'POST' && one.path === path);

const refusal = (
  status: number,
  code: string,
  message = 'no',
  headers: Record<string, string> = {},
): Fault => ({
  status,
  body: { error: { code, message, details: null } },
  headers,
});

/** A clock that only moves when it is told to, or when somebody waits on it. */
function aClock(start = 1_000) {
  const waits: number[] = [];
  const clock = {
    time: start,
    waits,
    now: () => clock.time,
    async wait(ms: number) {
      waits.push(ms);
      clock.time += ms;
    },
  };
  return clock;
}

describeProvider('hetzner', async () => {
  const fake = await startFakeHetzner();
  return {
    provider: createHetzner(optionsFor(fake)),
    stranger: createHetzner(optionsFor(fake, { installation: 'theirs' })),
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

describe('what Hetzner refuses', () => {
  test.each<[number, string, Partial<ProviderError>, string]>([
    [401, 'unauthorized', { retryable: false, hadNoEffect: true }, 'HCLOUD_TOKEN'],
    [403, 'token_readonly', { retryable: false, hadNoEffect: true }, 'Read & Write'],
    [403, 'forbidden', { retryable: false, hadNoEffect: true }, 'HCLOUD_TOKEN'],
    [403, 'resource_limit_exceeded', { retryable: false, hadNoEffect: true }, 'under Limits'],
    [409, 'uniqueness_error', { retryable: true, hadNoEffect: false }, 'already exists'],
    [409, 'conflict', { retryable: true, hadNoEffect: true }, 'at the same moment'],
    [412, 'unknown_code', { retryable: false, hadNoEffect: true }, '412 unknown_code: no'],
    [422, 'invalid_input', { retryable: false, hadNoEffect: true }, '422 invalid_input: no'],
    [423, 'locked', { retryable: true, hadNoEffect: true, retryAfterMs: 3_000 }, 'locked'],
    [429, 'rate_limit_exceeded', { retryable: true, hadNoEffect: true }, 'too many calls'],
    [408, 'timeout', { retryable: true, hadNoEffect: false }, '408 timeout'],
    [500, 'service_error', { retryable: true, hadNoEffect: false }, '500 service_error'],
    [503, 'resource_unavailable', { retryable: true, hadNoEffect: false }, '503 resource_unavailable'],
    [503, 'maintenance', { retryable: true, hadNoEffect: false }, 'maintenance'],
    [418, 'constructor', { retryable: false, hadNoEffect: true }, '418 constructor'],
  ])('%i %s', async (status, code, expected, words) => {
    const { fake, provider } = await aProject();
    fake.fail({ method: 'POST', path: /servers$/, fault: refusal(status, code) });
    const error = await errorOf(provider.create(anOrder()));
    expect(error).toMatchObject({ provider: 'hetzner', operation: 'create', ...expected });
    expect(error.message).toContain(words);
  });

  test('for a real quota, a real foreign name, and a real lock is told the same way', async () => {
    const { fake, provider } = await aProject({ maxServers: 1 });
    const order = anOrder();
    fake.project.createServer({ name: order.name, server_type: 'cx23', image: 'debian-13' });
    expect(await errorOf(provider.create(order))).toMatchObject({ retryable: true, hadNoEffect: false });
    expect(await errorOf(provider.find(order.name))).toMatchObject({ retryable: false });
    expect(await errorOf(provider.create(anOrder()))).toMatchObject({ retryable: false });
    expect(await provider.list()).toEqual([]);
  });

  test('because something else is being done to the server is tried again later', async () => {
    const { fake, provider } = await aProject();
    const order = anOrder();
    const server = await provider.create(order);
    fake.turnOff(server);
    fake.servers()[0]!.isLocked = true;
    for (const call of [provider.start(server), provider.remove(server)])
      expect(await errorOf(call)).toMatchObject({ retryable: true, hadNoEffect: true, retryAfterMs: 3_000 });
    fake.servers()[0]!.isLocked = false;
    await provider.remove(server);
    await until(async () => (await provider.find(order.name)) === undefined);
  });

  test('because somebody protects the server from deletion stays, and that is said', async () => {
    const { fake, provider } = await aProject();
    const server = await provider.create(anOrder());
    await until(() => fake.servers()[0]!.status === 'running');
    fake.servers()[0]!.isProtected = true;
    const error = await errorOf(provider.remove(server));
    expect(error).toMatchObject({ retryable: false, hadNoEffect: true });
    expect(error.message).toContain('Take its protection away in the Hetzner Console.');
    expect(fake.servers()).toHaveLength(1);
  });

  test('while the server is still being made is deleted when that has ended', async () => {
    const clock = aClock(Date.now());
    const durations = { create: 10_000, boot: 0, powerOn: 0, delete: 0 };
    const { provider } = await aProject({ locksWhileCreating: true, now: clock.now, durations });
    const server = await provider.create(anOrder());
    expect(await errorOf(provider.remove(server))).toMatchObject({ retryable: true, retryAfterMs: 3_000 });
    clock.time += 10_000;
    await provider.remove(server);
    expect(await provider.list()).toEqual([]);
  });

  test('is told in its own words without what we keep to ourselves', async () => {
    const { fake, provider } = await aProject();
    const order = anOrder();
    const message = `bad\n\u0007thing ${order.boot.bootstrapToken} ${fake.token} ${'x'.repeat(500)}`;
    fake.fail({ method: 'POST', path: /servers$/, fault: refusal(422, 'invalid_input', message) });
    const error = await errorOf(provider.create(order));
    expect(error.message).toMatch(
      /^hetzner: create: Hetzner answered 422 invalid_input: bad thing \[…\] \[…\] x+$/,
    );
    expect(error.message.length).toBeLessThan(300);
  });

  test('a 404 from something in between is no absence', async () => {
    const { fake, provider } = await aProject();
    const order = anOrder();
    const server = await provider.create(order);
    const calls = [
      () => provider.find(order.name),
      () => provider.remove(server),
      () => provider.start(server),
    ];
    for (const call of calls) {
      fake.fail({ fault: { status: 404, body: '<html>no such page</html>' } });
      expect((await errorOf(call())).message).toContain('404');
    }
    expect(await provider.list()).toHaveLength(1);
  });
});

describe('the firewall', () => {
  const RULE = { direction: 'in', protocol: 'tcp', port: '443', source_ips: EDGE };

  test('lets the edge in on 443 and nobody else, and is one for all servers of an installation', async () => {
    const { fake, provider, open } = await aProject();
    await Promise.all(Array.from({ length: 5 }, () => provider.create(anOrder())));
    await open({ installation: 'theirs' }).create(anOrder());
    expect(fake.firewalls()).toMatchObject([
      { name: 'sam-ours', rules: [RULE], labels: { 'managed-by': 'sam', 'sam-installation': 'ours' } },
      { name: 'sam-theirs', rules: [RULE] },
    ]);
    // Who comes while somebody looks waits for that look.
    expect(fake.seen.filter(({ query }) => query['name'] === 'sam-ours')).toHaveLength(1);
    const [ours, theirs] = fake.firewalls().map(({ id }) => id);
    expect(fake.servers().map(({ firewalls }) => firewalls)).toEqual([...Array(5).fill([ours]), [theirs]]);
  });

  test('is found again by the next bot, and looked at once a day', async () => {
    const clock = aClock();
    const { fake, provider, open } = await aProject({}, { clock });
    await provider.refreshFirewall();
    const next = open({ openTo: async () => ['203.0.113.0/24'] });
    await next.refreshFirewall();
    expect(fake.firewalls()).toMatchObject([{ rules: [{ ...RULE, source_ips: ['203.0.113.0/24'] }] }]);
    const before = fake.seen.length;
    clock.time += DAY_MS - 1;
    await next.refreshFirewall();
    expect(fake.seen.length).toBe(before);
    clock.time += 1;
    await next.refreshFirewall();
    // It is as it should be: a look, and no change.
    expect(fake.seen.slice(before).map(({ method }) => method)).toEqual(['GET']);
  });

  test('is closed again when somebody opened it by hand', async () => {
    const { fake, provider } = await aProject();
    const any = { direction: 'in', protocol: 'tcp', port: '22', source_ips: ['0.0.0.0/0'] };
    const labels = { 'managed-by': 'sam', 'sam-installation': 'ours' };
    fake.project.createFirewall({ name: 'sam-ours', labels, rules: [RULE, any] });
    await provider.refreshFirewall();
    expect(fake.firewalls()).toMatchObject([{ rules: [RULE] }]);
    expect(fake.firewalls()[0]!.rules).toHaveLength(1);
  });

  test('is made again when somebody deleted it', async () => {
    const { fake, provider } = await aProject();
    await provider.refreshFirewall();
    fake.project.firewalls.clear();
    const order = anOrder();
    expect(await errorOf(provider.create(order))).toMatchObject({ retryable: true, hadNoEffect: true });
    await provider.create(order);
    expect(fake.servers()[0]!.firewalls).toEqual([fake.firewalls()[0]!.id]);
  });

  test('is suspected once when an order is refused, and not for ever', async () => {
    const { provider } = await aProject({}, { sizes: { small: 'cx99' } });
    await provider.refreshFirewall();
    const order = anOrder();
    expect(await errorOf(provider.create(order))).toMatchObject({ retryable: true });
    expect(await errorOf(provider.create(order))).toMatchObject({ retryable: false });
  });

  test('of somebody else is not touched, even if it has the name', async () => {
    const { fake, provider } = await aProject();
    fake.project.createFirewall({ name: 'sam-ours', rules: [] });
    const error = await errorOf(provider.create(anOrder()));
    expect(error).toMatchObject({ retryable: false, hadNoEffect: true });
    expect(fake.firewalls()).toMatchObject([{ rules: [], labels: {} }]);
    expect(fake.servers()).toEqual([]);
  });

  test('is made once by two bots at the same time', async () => {
    const { fake, open } = await aProject();
    await Promise.all(Array.from({ length: 6 }, () => open({}).refreshFirewall()));
    expect(fake.firewalls()).toHaveLength(1);
  });

  test.each(FAULTS)('survives "%s", and then certainly no server was made', async (fault) => {
    const { fake, open } = await aProject();
    fake.fail({ method: 'POST', path: /firewalls$/, fault });
    const error = await open({ timeoutMs: 500 })
      .create(anOrder())
      .then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
    // A look after the lost answer may have found it at once.
    if (error) expect(error).toMatchObject({ name: 'ProviderError', retryable: true, hadNoEffect: true });
    expect(fake.servers()).toHaveLength(error ? 0 : 1);
    await open({}).create(anOrder());
    expect(fake.firewalls()).toHaveLength(1);
  });
});

describe('the account', () => {
  test('is ours where the firewall or a server of ours is, and strange where neither is', async () => {
    const { fake, provider, open } = await aProject();
    const strange = await errorOf(provider.proveAccount(['vm-a', 'vm-b']));
    expect(strange).toMatchObject({ operation: 'look', retryable: false });
    expect(strange.message).toContain('neither vm-a, vm-b nor its firewall');
    await open({ installation: 'theirs' }).create(anOrder());
    expect(await errorOf(provider.proveAccount(['vm-a']))).toMatchObject({ retryable: false });
    // To ask leaves nothing behind.
    expect(fake.firewalls().map(({ name }) => name)).toEqual(['sam-theirs']);
    await provider.create(anOrder());
    await provider.proveAccount(['vm-a']);
    fake.project.firewalls.clear();
    await provider.proveAccount(['vm-a']);
  });

  test('is not called strange because nobody answered', async () => {
    const { fake, provider } = await aProject();
    fake.fail({ path: /firewalls$/, fault: '502' });
    expect(await errorOf(provider.proveAccount(['vm-a']))).toMatchObject({ retryable: true });
    fake.fail({ path: /servers$/, fault: 'html' });
    expect(await errorOf(provider.proveAccount(['vm-a']))).toMatchObject({ retryable: true });
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

describe('whatever goes wrong on the way', () => {
  const calls: Record<
    string,
    { method: string; run: (p: Hetzner, order: ServerOrder, s: Server) => Promise<unknown> }
  > = {
    create: { method: 'POST', run: (provider, order) => provider.create(order) },
    find: { method: 'GET', run: (provider, order) => provider.find(order.name) },
    list: { method: 'GET', run: (provider) => provider.list() },
    start: { method: 'POST', run: (provider, _, server) => provider.start(server) },
    remove: { method: 'DELETE', run: (provider, _, server) => provider.remove(server) },
  };

  describe.each(Object.keys(calls))('to %s', (name) => {
    const { method, run } = calls[name]!;

    test.each(FAULTS)('"%s" ends, is told without secrets, and one who looks goes on', async (fault) => {
      const { fake, open } = await aProject();
      const patient = open({});
      const order = anOrder();
      // `create` works on a name of its own.
      const existing = await patient.create(anOrder());
      if (name === 'start') fake.turnOff(existing);
      const hasty = open({ timeoutMs: 500 });
      await hasty.refreshFirewall();
      fake.fail({ method, fault });
      const error = await errorOf(run(hasty, order, existing));
      expect(error).toMatchObject({ provider: 'hetzner', operation: name, retryable: true });
      // Only of a create it matters, and there it may have happened.
      if (name === 'create') expect(error.hadNoEffect).toBe(false);
      for (const secret of [fake.token, order.boot.bootstrapToken, 'canary'])
        expect(inspect(error, { depth: 20, showHidden: true })).not.toContain(secret);
      expect(error.cause).toBeUndefined();
      await goOn(name, fake, patient, order, existing);
    });
  });

  /** As the reconciler does: look, and act on what is seen. */
  async function goOn(
    name: string,
    fake: FakeHetzner,
    provider: Hetzner,
    order: ServerOrder,
    existing: Server,
  ) {
    if (name === 'create' && !(await provider.find(order.name)))
      await provider
        .create(order)
        .catch((error: unknown) => expect(error).toMatchObject({ retryable: true }));
    if (name === 'start') {
      await provider.start(existing);
      await until(async () => (await provider.find(existing.name))?.status === 'running');
    }
    if (name === 'remove') {
      await provider.remove(existing);
      await until(async () => (await provider.find(existing.name)) === undefined);
    }
    const expected = { create: 2, remove: 0 }[name] ?? 1;
    expect(fake.servers()).toHaveLength(expected);
    expect(await provider.list()).toHaveLength(expected);
  }

  test('a server that was made after the bot gave up is found, and no second one can be made', async () => {
    const { fake, open } = await aProject();
    const provider = open({ timeoutMs: 500 });
    const order = anOrder();
    await provider.refreshFirewall();
    fake.fail({ method: 'POST', path: /servers$/, fault: 'too late' });
    const error = await errorOf(provider.create(order));
    expect(error).toMatchObject({ retryable: true, hadNoEffect: false });
    expect(error.message).toBe('hetzner: create: no answer from Hetzner in time.');
    await until(async () => (await provider.find(order.name)) !== undefined);
    await errorOf(provider.create(order));
    expect(fake.servers()).toHaveLength(1);
  });

  test('an answer that cannot be read is never absence', async () => {
    const { fake, provider } = await aProject();
    const order = anOrder();
    await provider.create(order);
    const bodies = [{}, { servers: null }, { servers: [{}] }, [], null, 7, '', { servers: [], meta: {} }];
    for (const body of bodies) {
      fake.fail({ fault: { status: 200, body } });
      expect(await errorOf(provider.find(order.name))).toMatchObject({ retryable: true });
    }
  });

  test('a Hetzner that is not there certainly did nothing', async () => {
    const { fake, provider } = await aProject();
    const order = anOrder();
    await fake.close();
    fakes.length = 0;
    const error = await errorOf(provider.create(order));
    expect(error).toMatchObject({ retryable: true, hadNoEffect: true });
    expect(error.message).toBe('hetzner: create: Hetzner cannot be reached (ECONNREFUSED).');
  });

  test('no random mixture of faults makes two servers, or loses one', async () => {
    const { fake, open } = await aProject({
      maxServers: 500,
      durations: { create: 0, boot: 0, powerOn: 0, delete: 0 },
    });
    const provider = open({ timeoutMs: 150 });
    const step = fc.constantFrom<Fault | undefined>(...FAULTS, undefined, undefined, undefined, undefined);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (faults) => {
        const order = anOrder();
        for (const fault of faults) {
          if (fault) fake.fail({ fault });
          await provider
            .find(order.name)
            .then((server) => server ?? provider.create(order))
            .catch((error: unknown) => expect(error).toMatchObject({ retryable: true }));
        }
        for (
          let tries = 0;
          tries < 20 && !(await provider.find(order.name).catch(() => undefined));
          tries += 1
        )
          await provider.create(order).catch(() => undefined);
        expect(fake.servers().filter(({ name }) => name === order.name)).toHaveLength(1);
        const server = await open({}).find(order.name);
        for (const fault of faults) {
          if (fault) fake.fail({ fault });
          await provider
            .remove(server!)
            .catch((error: unknown) => expect(error).toMatchObject({ retryable: true }));
        }
        await open({}).remove(server!);
        await until(() => fake.servers().every(({ name }) => name !== order.name));
      }),
      { numRuns: 25 },
    );
  });
});

describe('the calls that Hetzner takes', () => {
  const headers = (remaining: number, more: Record<string, string> = {}) => ({
    'ratelimit-limit': '3600',
    'ratelimit-remaining': String(remaining),
    ...more,
  });

  test('are counted by us too: the bucket fills by one a second', async () => {
    const clock = aClock();
    const budget = createBudget(clock);
    for (let count = 0; count < 3_600; count += 1) expect(await budget.take(0)).toBe(0);
    expect(await budget.take(0)).toBe(1_000);
    expect(await budget.take(1_000)).toBe(0);
    expect(clock.waits).toEqual([1_000]);
  });

  test('wait in a queue: who comes later waits longer', async () => {
    const clock = { time: 0, now: () => clock.time, wait: async () => undefined };
    const budget = createBudget(clock);
    expect(await budget.take(0)).toBe(0);
    budget.settle(200, headers(0));
    const queue = [budget.take(10_000), budget.take(10_000)];
    clock.time = 10_000;
    await Promise.all(queue);
    clock.time = 0;
    expect(await budget.take(0)).toBe(3_000);
  });

  test('are what the replies say, less what is under way', async () => {
    const clock = aClock();
    const budget = createBudget(clock);
    for (let count = 0; count < 3; count += 1) await budget.take(0);
    budget.settle(200, headers(2));
    // Two are under way that this reply may not know of.
    expect(await budget.take(0)).toBe(1_000);
    budget.settle(200, headers(2));
    expect(await budget.take(0)).toBe(0);
  });

  test('come back as slowly as the reset says', async () => {
    const clock = aClock();
    const budget = createBudget(clock);
    await budget.take(0);
    const date = 'Mon, 01 Jul 2024 08:00:00 GMT';
    const reset = String(Date.parse(date) / 1_000 + 7_200);
    budget.settle(200, headers(0, { date, 'ratelimit-reset': reset }));
    expect(await budget.take(0)).toBe(2_000);
  });

  test.each([
    ['17', 17_000],
    ['99999', 3_600_000],
    ['Mon, 01 Jul 2024 08:00:30 GMT', 30_000],
    ['soon', 1_000],
  ])('stop after a 429 for as long as Retry-After says: %s', async (value, pauseMs) => {
    const clock = aClock();
    const budget = createBudget(clock);
    await budget.take(0);
    budget.settle(429, { 'retry-after': value, date: 'Mon, 01 Jul 2024 08:00:00 GMT' });
    expect(await budget.take(500)).toBe(pauseMs);
    expect(await budget.take(pauseMs)).toBe(0);
  });

  test('survive headers that make no sense', async () => {
    const numbers = fc.oneof(
      fc.string(),
      fc.double().map(String),
      fc.integer().map(String),
      fc.constant(undefined),
    );
    await fc.assert(
      fc.asyncProperty(numbers, numbers, numbers, numbers, async (limit, remaining, reset, retry) => {
        const clock = aClock();
        const budget = createBudget(clock);
        await budget.take(0);
        budget.settle(200, {
          'ratelimit-limit': limit,
          'ratelimit-remaining': remaining,
          'ratelimit-reset': reset,
          'retry-after': retry,
        });
        const waitMs = await budget.take(0);
        expect(waitMs).toBeGreaterThanOrEqual(0);
        expect(waitMs).toBeLessThanOrEqual(36_000_000);
      }),
    );
  });

  test('are not made when they are used up: whoever calls hears when to come again', async () => {
    const clock = aClock(Date.now());
    const { fake, provider } = await aProject({ perHour: 3, now: clock.now }, { clock });
    for (let count = 0; count < 3; count += 1) await provider.list();
    const error = await errorOf(provider.list());
    expect(error).toMatchObject({ retryable: true, hadNoEffect: true });
    expect(error.retryAfterMs).toBeGreaterThan(60_000);
    expect(fake.seen).toHaveLength(3);
    clock.time += 1_200_000;
    await provider.list();
  });

  test('of another bot in the project are learned from a 429', async () => {
    const { fake, provider } = await aProject();
    fake.fail({ fault: refusal(429, 'rate_limit_exceeded', 'slow', { 'retry-after': '60' }) });
    expect(await errorOf(provider.list())).toMatchObject({ retryable: true, retryAfterMs: 60_000 });
    const error = await errorOf(provider.list());
    expect(error.retryAfterMs).toBeGreaterThan(50_000);
    expect(fake.seen).toHaveLength(1);
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
    env: {},
    edgeNetworks: async () => EDGE,
  });
  expect(provider.name).toBe('hetzner');
  expect(await provider.list()).toEqual([]);
});

describe('the fake Hetzner', () => {
  const GOOD = { name: 'vm-a', server_type: 'cx23', image: 'debian-13', labels: { a: 'b' } };

  test.each<[string, object, number, string]>([
    ['a good order', GOOD, 201, ''],
    ['an order without an image', { ...GOOD, image: undefined }, 422, 'invalid_input'],
    ['a misspelled field', { ...GOOD, userData: 'x' }, 422, 'invalid_input'],
    ['a misspelled field inside', { ...GOOD, public_net: { enableIpv4: true } }, 422, 'invalid_input'],
    ['a number for a label', { ...GOOD, labels: { a: 1 } }, 422, 'invalid_input'],
    ['a bad label', { ...GOOD, labels: { a: 'b c' } }, 422, 'invalid_input'],
    ['a bad key of a label', { ...GOOD, labels: { '-a': 'b' } }, 422, 'invalid_input'],
    ['a name that is no host name', { ...GOOD, name: 'vm_a' }, 422, 'invalid_input'],
    ['too much user data', { ...GOOD, user_data: 'x'.repeat(32_769) }, 422, 'invalid_input'],
    ['an unknown type', { ...GOOD, server_type: 'cx99' }, 422, 'invalid_input'],
    ['an unknown firewall', { ...GOOD, firewalls: [{ firewall: 7 }] }, 404, 'not_found'],
    ['an unknown SSH key, by number', { ...GOOD, ssh_keys: [7] }, 422, 'invalid_input'],
  ])('answers %s as Hetzner does', async (_, body, status, code) => {
    const { fake } = await aProject();
    const reply = await ask(fake, 'POST', '/servers', body);
    expect([reply.status, reply.body.error?.code ?? '']).toEqual([status, code]);
  });

  test('knows no stranger, no unknown address and no unknown parameter', async () => {
    const { fake } = await aProject();
    const statuses = [
      await ask(fake, 'GET', '/servers', undefined, 'another-token'),
      await ask(fake, 'GET', '/datacenters'),
      await ask(fake, 'GET', '/servers?nmae=x'),
      await ask(fake, 'GET', '/servers/abc'),
      await ask(fake, 'GET', '/servers/7'),
    ].map(({ status }) => status);
    expect(statuses).toEqual([401, 404, 422, 422, 404]);
  });

  test('shows how far an action is', async () => {
    const clock = aClock(Date.now());
    const durations = { create: 1_000, boot: 0, powerOn: 0, delete: 0 };
    const { fake } = await aProject({ now: clock.now, durations });
    const { body } = await ask(fake, 'POST', '/servers', GOOD);
    const look = async () => (await ask(fake, 'GET', `/actions/${body.action?.id}`)).body.action;
    clock.time += 500;
    expect(await look()).toMatchObject({ status: 'running', progress: 50, finished: null });
    clock.time += 500;
    expect(await look()).toMatchObject({ status: 'success', progress: 100 });
  });
});

interface ReplyBody {
  error?: { code: string };
  action?: { id: number };
  servers: { public_net: { ipv4: unknown } }[];
}

async function ask(fake: FakeHetzner, method: string, path: string, body?: object, token = fake.token) {
  const response = await fetch(`${fake.endpoint}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as ReplyBody };
}

const shownBy = async (fake: FakeHetzner, path: string): Promise<ReplyBody> =>
  (await ask(fake, 'GET', path)).body;
