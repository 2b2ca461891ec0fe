// When Cloudflare does not go along: what is said, what is done again, and that no secret gets out.
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { createCloudflareDns } from '../../bot/dns/cloudflare/cloudflare.ts';
import type { Dns } from '../../bot/dns/dns.ts';
import { ProviderError } from '../../bot/errors.ts';
import { createRequest } from '../fakes/cloudflare/origin-ca.ts';
import { FAULTS } from '../fakes/server.ts';
import { aZone, errorOf, NAME, ADDRESS, NODE, commentOf } from './cloudflare-zone.ts';

describe('when Cloudflare does not go along', () => {
  test('a token, a zone or a limit that is wrong is said in words', async () => {
    const { fake, open, dns } = await aZone();
    const token = await errorOf(open('ours', { token: 'canary-wrong-token' }).find(NAME));
    expect(token).toMatchObject({ retryable: false, hadNoEffect: true });
    expect(token.message).toContain('CLOUDFLARE_API_TOKEN');
    const zone = await errorOf(open('ours', { zoneId: 'b'.repeat(32) }).find(NAME));
    expect(zone).toMatchObject({ retryable: false });
    fake.fail({ fault: { status: 429, body: {}, headers: { 'retry-after': '17' } } });
    expect(await errorOf(dns.find(NAME))).toMatchObject({ retryable: true, retryAfterMs: 17_000 });
  });

  test('nothing is read from the environment', async () => {
    const { fake, dns } = await aZone();
    const extra = { CLOUDFLARE_API_KEY: 'canary-key', CLOUDFLARE_EMAIL: 'a@b.example' };
    Object.assign(process.env, extra);
    try {
      const other = createCloudflareDns({
        token: fake.token,
        zoneId: fake.zoneId,
        baseUrl: fake.baseUrl,
        domain: fake.zone,
        installation: 'ours',
        timeoutMs: 5_000,
      });
      await other.find(NAME);
      await dns.find(NAME);
    } finally {
      for (const name of Object.keys(extra)) delete process.env[name];
    }
    expect(inspect(fake.seen, { depth: 9 })).not.toContain('canary-key');
  });

  const calls: [string, (dns: Dns) => Promise<unknown>][] = [
    ['find', (dns) => dns.find(NAME)],
    ['list', (dns) => dns.list()],
    ['ensure', (dns) => dns.ensure(NAME, ADDRESS, NODE)],
    ['remove', (dns) => dns.remove(NAME)],
    ['issueCertificate', (dns) => dns.issueCertificate(createRequest(NAME).csr, [NAME])],
  ];
  const methods: Record<string, string> = { ensure: 'POST', remove: 'DELETE', issueCertificate: 'POST' };

  describe.each(calls)('%s', (call, run) => {
    test.each(FAULTS)('survives "%s": an error that may be repeated, without secrets', async (fault) => {
      const { fake, dns } = await aZone({}, { timeoutMs: 500 });
      if (call === 'remove') fake.insert({ name: NAME, comment: commentOf('ours') });
      fake.fail({ method: methods[call] ?? 'GET', fault });
      const error = await run(dns).then(
        () => undefined,
        (thrown: unknown) => thrown as ProviderError,
      );
      if (error)
        expect(error).toMatchObject({ name: 'ProviderError', provider: 'cloudflare', retryable: true });
      // In doubt it happened.
      if (error) expect(error.hadNoEffect).toBe(false);
      expect(inspect(error, { depth: 20, showHidden: true })).not.toContain('canary');
      const patient = createCloudflareDns({
        token: fake.token,
        zoneId: fake.zoneId,
        baseUrl: fake.baseUrl,
        domain: fake.zone,
        installation: 'ours',
        timeoutMs: 5_000,
      });
      await run(patient);
      expect(fake.records()).toHaveLength(call === 'ensure' ? 1 : 0);
    });
  });

  test('a 404 from something in between is no absence', async () => {
    const { fake, dns } = await aZone();
    const other = fake.insert({ name: 'renamed.sam.example', comment: commentOf('ours') });
    await dns.ensure(NAME, ADDRESS, NODE);
    for (const path of [new RegExp(other.id), /dns_records\/[0-9a-f]{32}$/]) {
      fake.fail({ path, fault: { status: 404, body: '<html>no such page</html>' } });
      expect((await errorOf(dns.remove(NAME, other.id))).message).toContain('404');
    }
    expect(fake.records()).toHaveLength(2);
  });

  test('its own words come through, without what we keep to ourselves', async () => {
    const { fake, dns } = await aZone();
    const message = `bad\nthing with ${fake.token} ${'x'.repeat(500)}`;
    fake.fail({ fault: { status: 400, body: { success: false, errors: [{ code: 1_234, message }] } } });
    const error = await errorOf(dns.find(NAME));
    expect(error.message).toMatch(
      /^cloudflare: find record: Cloudflare answered 400 1234: bad thing with \[…\] x+$/,
    );
    expect(error.message.length).toBeLessThan(300);
  });
});
