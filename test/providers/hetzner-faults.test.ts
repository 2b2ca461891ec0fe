// What Hetzner refuses, what breaks on the way to it, and that one who looks again goes on.
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ProviderError } from '../../bot/errors.ts';
import type { Hetzner } from '../../bot/providers/hetzner/hetzner.ts';
import type { Server, ServerOrder } from '../../bot/providers/provider.ts';
import type { FakeHetzner } from '../fakes/hetzner/hetzner.ts';
import { FAULTS, type Fault } from '../fakes/server.ts';
import { until } from '../until.ts';
import { anOrder, errorOf } from './contract.ts';
import { aProject, refusal, aClock, fakes } from './hetzner-project.ts';

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

/** As the reconciler does: look, and act on what is seen. */
async function goOn(
  name: string,
  fake: FakeHetzner,
  provider: Hetzner,
  order: ServerOrder,
  existing: Server,
) {
  if (name === 'create' && !(await provider.find(order.name)))
    await provider.create(order).catch((error: unknown) => expect(error).toMatchObject({ retryable: true }));
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

describe('whatever goes wrong on the way', () => {
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
