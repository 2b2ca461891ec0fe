// That the fake Hetzner is as strict as Hetzner.
import { describe, expect, test } from 'vitest';
import { aProject, ask, aClock } from '../providers/hetzner-project.ts';

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
