// What every provider must do (bot/providers/provider.ts says it in prose). Knows no provider: `describeProvider`
// runs on any, over its real calls.
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ProviderError } from '../../bot/errors.ts';
import { newNodeId, serverName } from '../../bot/ids.ts';
import type { Provider, Server, ServerOrder } from '../../bot/providers/provider.ts';
import { PATIENCE_MS } from '../until.ts';

/** One place where servers are made, empty at the start, and two installations that share it. */
export interface ProviderUnderTest {
  provider: Provider;
  /** The same place, seen by another installation. */
  stranger: Provider;
  /** Whether servers are in an account: one that could be another by mistake, and where others may have theirs. */
  hasAccount: boolean;
  /** As a power cut would: the server is there, and off. Ends when the provider says so. */
  turnOff(server: Server): Promise<void>;
  /** What nobody may find in an answer or an error: the provider's own token and the like. */
  secrets?: string[];
  /** Ends and deletes all that is left. */
  close(): Promise<void>;
}

export function anOrder(changes: Partial<Omit<ServerOrder, 'boot'>> = {}): ServerOrder {
  const node = changes.node ?? newNodeId();
  const bootstrapToken = `canary-bootstrap-${node}`;
  const boot = { url: 'http://127.0.0.1:9', node, bootstrapToken };
  return { name: serverName(node), size: 'small', node, owner: 'us-somebody', boot, ...changes };
}

export function describeProvider(name: string, setup: () => Promise<ProviderUnderTest>): void {
  describe(`${name}, as a provider`, () => {
    let place: ProviderUnderTest;
    let provider: Provider;
    beforeEach(async () => {
      place = await setup();
      provider = place.provider;
    });
    afterEach(() => place.close());

    const statusOf = async (order: ServerOrder) => (await provider.find(order.name))?.status;

    test('is called by the name that stands in the rows', () => {
      expect(provider.name).toBe(name);
    });

    test('shows a server that was made, with its labels, to those who look for it and to those who list', async () => {
      const order = anOrder();
      const created = await provider.create(order);
      const found = await provider.find(order.name);
      expect(found).toMatchObject({
        id: created.id,
        name: order.name,
        createdAt: expect.any(Date),
        labels: {
          'managed-by': 'sam',
          'sam-installation': expect.stringMatching(/./),
          'sam-node': order.node,
          'sam-owner': order.owner,
        },
      });
      expect(['starting', 'running']).toContain(found?.status);
      expect(await provider.list()).toEqual([
        expect.objectContaining({ id: created.id, labels: found?.labels }),
      ]);
    });

    test('says of a name that nobody has that there is no such server', async () => {
      expect(await provider.find(anOrder().name)).toBeUndefined();
      expect(await provider.list()).toEqual([]);
    });

    test('makes no second server of one name, and says that the next pass will find the first', async () => {
      const order = anOrder();
      const first = await provider.create(order);
      const error = await errorOf(provider.create(order));
      expect(error).toMatchObject({ provider: name, operation: 'create', retryable: true });
      expect((await provider.list()).map(({ id }) => id)).toEqual([first.id]);
    });

    test('makes one server of ten creates of one name at once', async () => {
      const order = anOrder();
      const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => provider.create(order)));
      const made = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value.id] : []));
      const errors = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
      expect(errors.map((error: ProviderError) => error.retryable)).toEqual(Array(9).fill(true));
      expect((await provider.list()).map(({ id }) => id)).toEqual(made);
      expect(made).toHaveLength(1);
    });

    test('keeps servers of different names apart', async () => {
      const orders = [anOrder(), anOrder(), anOrder()];
      const made = await Promise.all(orders.map((order) => provider.create(order)));
      await provider.remove(made[1]!);
      await expect.poll(() => statusOf(orders[1]!), { timeout: PATIENCE_MS }).toBeUndefined();
      const left = (await provider.list()).map((server) => server.name);
      expect(left.sort()).toEqual([orders[0]!.name, orders[2]!.name].sort());
    });

    test('removes a server until nobody finds it, and minds no second removal', async () => {
      const order = anOrder();
      const server = await provider.create(order);
      await provider.remove(server);
      await expect.poll(() => statusOf(order), { timeout: PATIENCE_MS }).toBeUndefined();
      await expect.poll(() => provider.list(), { timeout: PATIENCE_MS }).toEqual([]);
      await provider.remove(server);
    });

    test('removes no later server that got the name of an earlier one', async () => {
      const order = anOrder();
      const earlier = await provider.create(order);
      await provider.remove(earlier);
      await expect.poll(() => statusOf(order), { timeout: PATIENCE_MS }).toBeUndefined();
      const later = await provider.create(order);
      await provider.remove(earlier);
      const found = await provider.find(order.name);
      expect(found?.id).toBe(later.id);
      expect(['starting', 'running']).toContain(found?.status);
    });

    test('starts a server that is off, and leaves one alone that runs', async () => {
      const order = anOrder();
      const server = await provider.create(order);
      await place.turnOff(server);
      expect(await statusOf(order)).toBe('off');
      await provider.start((await provider.find(order.name))!);
      await expect.poll(() => statusOf(order), { timeout: PATIENCE_MS }).toBe('running');
      await provider.start((await provider.find(order.name))!);
      expect(await provider.list()).toMatchObject([{ id: server.id, status: 'running' }]);
    });

    test('cannot start what is gone, and says so', async () => {
      const order = anOrder();
      const server = await provider.create(order);
      await provider.remove(server);
      await expect.poll(() => statusOf(order), { timeout: PATIENCE_MS }).toBeUndefined();
      const error = await errorOf(provider.start(server));
      expect(error).toMatchObject({ provider: name, operation: 'start', retryable: true });
    });

    describeWalls(() => place);
    describeAccount(() => place);
  });
}

/** What belongs to another installation, and secrets. */
function describeWalls(current: () => ProviderUnderTest): void {
  test('neither lists nor finds nor starts nor removes what belongs to another installation', async () => {
    const place = current();
    const { provider } = place;
    const order = anOrder();
    const theirs = await place.stranger.create(order);
    expect(await provider.list()).toEqual([]);
    const refusals = [
      await errorOf(provider.find(order.name)),
      await errorOf(provider.start(theirs)),
      await errorOf(provider.remove(theirs)),
      // Labels are what the provider shows, not what somebody says.
      await errorOf(provider.remove({ ...theirs, labels: await labelsOf(provider, order) })),
    ];
    expect(refusals.map(({ operation }) => operation)).toEqual(['find', 'start', 'remove', 'remove']);
    expect(refusals.map(({ retryable }) => retryable)).toEqual([false, false, false, false]);
    expect(await place.stranger.find(order.name)).toMatchObject({ id: theirs.id });
  });

  test("does not remove its own server for somebody who takes it for another installation's", async () => {
    const { provider } = current();
    const order = anOrder();
    const server = await provider.create(order);
    const labels = { ...server.labels, 'sam-installation': 'somebody-else' };
    expect(await errorOf(provider.remove({ ...server, labels }))).toMatchObject({ retryable: false });
    expect(['starting', 'running']).toContain((await provider.find(order.name))?.status);
  });

  test('tells nobody a secret: not in what it shows, not in its errors', async () => {
    const place = current();
    const { provider } = place;
    const order = anOrder();
    const server = await provider.create(order);
    const shown = [
      server,
      await provider.find(order.name),
      await provider.list(),
      await errorOf(provider.create(order)),
      await errorOf(place.stranger.create(order)),
      await errorOf(place.stranger.remove(server)),
    ];
    const text = shown.map((one) => inspect(one, { depth: 20, showHidden: true })).join('\n');
    for (const secret of [order.boot.bootstrapToken, ...(place.secrets ?? [])])
      expect(text.includes(secret)).toBe(false);
  });
}

/** What stands around its servers: the account, what else is in it, what it costs, what keeps it in order. */
function describeAccount(current: () => ProviderUnderTest): void {
  test('an account with a server of ours is ours; one that shows nothing of ours is refused for good', async () => {
    const { provider, stranger, hasAccount } = current();
    await stranger.create(anOrder());
    const order = anOrder();
    if (hasAccount)
      expect(await errorOf(provider.proveAccount([order.name]))).toMatchObject({ retryable: false });
    else await provider.proveAccount([order.name]);
    await provider.create(order);
    await provider.proveAccount([order.name]);
  });

  test('its chores may be done again and again, and touch no server', async () => {
    const { provider } = current();
    await provider.create(anOrder());
    const before = await provider.list();
    for (const chore of [...provider.housekeeping, ...provider.housekeeping]) {
      expect(chore.name).toMatch(/^[a-z][a-z-]*$/);
      expect(chore.everyMs).toBeGreaterThan(0);
      await chore.run();
    }
    expect(await provider.list()).toEqual(before);
  });

  test('tells what a server costs: net, in one currency, a month never more than all of its hours', async () => {
    const { currency, vatRate, nodes } = await current().provider.prices();
    expect(currency).toMatch(/^[A-Z]{3}$/);
    expect(vatRate).toBeGreaterThanOrEqual(0);
    for (const { size, perHour, perMonth, location } of nodes) {
      expect(['small', 'medium', 'large']).toContain(size);
      expect(location).not.toBe('');
      expect(perHour).toBeGreaterThan(0);
      expect(perMonth).toBeGreaterThan(perHour);
      expect(perMonth).toBeLessThanOrEqual(perHour * 24 * 31);
    }
    expect(new Set(nodes.map(({ size, location }) => `${size} ${location}`)).size).toBe(nodes.length);
  });

  test("what is another installation's is shown as such, and only a person's word removes or adopts it", async () => {
    const { provider, stranger, hasAccount } = current();
    const own = await provider.create(anOrder());
    const [left, adopted] = [await stranger.create(anOrder()), await stranger.create(anOrder())];
    const listed = await provider.unmanaged.list();
    expect(listed.map(({ id }) => id)).not.toContain(own.id);
    if (!hasAccount) return expect(listed).toEqual([]);
    expect(listed.map(({ id }) => id).sort()).toEqual([left.id, adopted.id].sort());
    expect(listed.every(({ why }) => why !== '')).toBe(true);
    await provider.unmanaged.remove({ id: left.id, name: adopted.name });
    expect(await stranger.find(left.name)).toMatchObject({ id: left.id });
    await provider.unmanaged.remove(left);
    await expect.poll(() => stranger.find(left.name), { timeout: PATIENCE_MS }).toBeUndefined();
    const { node, owner } = anOrder();
    await provider.unmanaged.adopt(adopted, { node, owner });
    const labels = { ...own.labels, 'sam-node': node, 'sam-owner': owner };
    expect(await provider.find(adopted.name)).toMatchObject({ id: adopted.id, labels });
    expect(await provider.unmanaged.list()).toEqual([]);
  });
}

/** What the call throws: a ProviderError, or the test fails. */
export async function errorOf(call: Promise<unknown>): Promise<ProviderError> {
  const error = await call.then(
    () => 'it worked',
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ProviderError);
  return error as ProviderError;
}

/** How this provider labels a server for such an order. */
async function labelsOf(provider: Provider, order: ServerOrder): Promise<Server['labels']> {
  const example = await provider.create(anOrder({ owner: order.owner }));
  return { ...example.labels, 'sam-node': order.node };
}
