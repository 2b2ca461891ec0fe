// At Hetzner: the firewall in front of the servers, and whether the account is ours.
import { describe, expect, test } from 'vitest';
import { FAULTS } from '../fakes/server.ts';
import { anOrder, errorOf } from './contract.ts';
import { EDGE, aProject, aClock } from './hetzner-project.ts';

const DAY_MS = 86_400_000;

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
