// The DNS at Cloudflare, over a fake that refuses what Cloudflare refuses.
import { X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createRequest } from '../fakes/cloudflare/origin-ca.ts';
import { aZone, NAME, ADDRESS, NODE, commentOf, errorOf } from './cloudflare-zone.ts';

describe('the name of a node', () => {
  test('is one record behind the edge, that says whose it is', async () => {
    const { fake, dns } = await aZone();
    const made = await dns.ensure(NAME, ADDRESS, NODE);
    expect(fake.records()).toMatchObject([
      { id: made.id, type: 'A', name: NAME, content: ADDRESS, proxied: true, comment: commentOf('ours') },
    ]);
    expect(made).toMatchObject({ name: NAME, address: ADDRESS, isProxied: true, node: NODE });
    expect(await dns.find(NAME)).toEqual([made]);
    expect(await dns.list()).toEqual([made]);
  });

  test('costs one look and no change when all is as it should be', async () => {
    const { fake, dns } = await aZone();
    const made = await dns.ensure(NAME, ADDRESS, NODE);
    const before = fake.seen.length;
    expect(await dns.ensure(NAME.toUpperCase(), ADDRESS, NODE)).toEqual(made);
    expect(fake.seen.slice(before).map(({ method }) => method)).toEqual(['GET']);
  });

  test('may have an IPv6 address, however it is spelled', async () => {
    const { fake, dns } = await aZone();
    await dns.ensure(NAME, '2001:db8:1::1', NODE);
    await dns.ensure(NAME, '2001:0DB8:1:0::1', NODE);
    expect(fake.records()).toMatchObject([{ type: 'AAAA', content: '2001:db8:1::1' }]);
  });

  test.each([
    ['another address', { content: '192.0.2.99' }],
    ['an address of the other kind', { type: 'AAAA', content: '2001:db8::9' }],
    ['no edge before it', { content: ADDRESS, proxied: false }],
    ['the node of another life', { content: ADDRESS, comment: commentOf('ours', 'nd-earlier') }],
  ])('moves to where the node is from %s', async (_, before) => {
    const { fake, dns } = await aZone();
    const old = fake.insert({ name: NAME, proxied: true, comment: commentOf('ours'), ...before });
    const made = await dns.ensure(NAME, ADDRESS, NODE);
    expect(made.id).not.toBe(old.id);
    expect(fake.records()).toMatchObject([
      { id: made.id, content: ADDRESS, proxied: true, comment: commentOf('ours') },
    ]);
  });

  test('heals from doubles, and keeps the oldest', async () => {
    const { fake, dns } = await aZone();
    const right = { name: NAME, content: ADDRESS, proxied: true, comment: commentOf('ours') };
    const oldest = fake.insert(right);
    for (let count = 0; count < 3; count += 1) fake.insert(right);
    fake.insert({ ...right, content: '192.0.2.99' });
    expect((await dns.ensure(NAME, ADDRESS, NODE)).id).toBe(oldest.id);
    expect(fake.records().map(({ id }) => id)).toEqual([oldest.id]);
  });

  test('keeps the same one of two of an age, whoever looks', async () => {
    const { fake, dns } = await aZone();
    const right = { name: NAME, content: ADDRESS, proxied: true, comment: commentOf('ours') };
    for (const id of ['b'.repeat(32), 'a'.repeat(32)])
      fake.insert({ ...right, id, created: new Date('2026-01-01T00:00:00Z') });
    expect((await dns.ensure(NAME, ADDRESS, NODE)).id).toBe('a'.repeat(32));
  });

  test('is made once when the answer to the first try got lost', async () => {
    const { fake, dns } = await aZone();
    fake.fail({ method: 'POST', fault: '502 after' });
    expect(await errorOf(dns.ensure(NAME, ADDRESS, NODE))).toMatchObject({
      provider: 'cloudflare',
      retryable: true,
      hadNoEffect: false,
    });
    await dns.ensure(NAME, ADDRESS, NODE);
    expect(fake.records()).toHaveLength(1);
  });

  test('is made once by ten who want it at the same time', async () => {
    const { fake, dns } = await aZone();
    const made = await Promise.all(Array.from({ length: 10 }, () => dns.ensure(NAME, ADDRESS, NODE)));
    expect(new Set(made.map(({ id }) => id)).size).toBe(1);
    expect(fake.records()).toHaveLength(1);
  });

  test('goes with all its doubles, by name and by id, and may go twice', async () => {
    const { fake, dns } = await aZone();
    const right = { content: ADDRESS, comment: commentOf('ours') };
    fake.insert({ ...right, name: NAME });
    fake.insert({ ...right, name: NAME });
    const renamed = fake.insert({ ...right, name: 'renamed-by-hand.sam.example' });
    await dns.remove(NAME, renamed.id);
    expect(fake.records()).toEqual([]);
    await dns.remove(NAME, renamed.id);
    expect(await dns.find(NAME)).toEqual([]);
  });

  test('is gone also when somebody else deletes it between the look and the deletion', async () => {
    const { fake, dns } = await aZone();
    await dns.ensure(NAME, ADDRESS, NODE);
    const gone = { success: false, errors: [{ code: 81_044, message: 'gone' }], messages: [], result: null };
    fake.fail({ method: 'DELETE', fault: { status: 404, body: gone } });
    await dns.remove(NAME);
  });

  test('in another zone than the one that is configured is made there and taken back, and the mistake is said', async () => {
    const { fake, open } = await aZone();
    const error = await errorOf(
      open('ours', { domain: 'other.example' }).ensure('vm-a.other.example', ADDRESS, NODE),
    );
    expect(error).toMatchObject({ retryable: false });
    expect(error.message).toContain(
      'vm-a.other.example is not in the zone of CLOUDFLARE_ZONE_ID: there it would be vm-a.other.example.sam.example.',
    );
    expect(fake.records()).toEqual([]);
  });

  test('must be one below the domain', async () => {
    const { fake, dns } = await aZone();
    for (const name of [
      'sam.example',
      'a.b.sam.example',
      'vm-a.other.example',
      '*.sam.example',
      '',
      'xsam.example',
    ])
      for (const call of [dns.find(name), dns.remove(name), dns.ensure(name, ADDRESS, NODE)])
        expect(await errorOf(call)).toMatchObject({ retryable: false, hadNoEffect: true });
    expect(await errorOf(dns.ensure(NAME, 'not-an-address', NODE))).toMatchObject({ retryable: false });
    expect(fake.seen.filter(({ method }) => method !== 'GET')).toEqual([]);
  });
});

describe('records of others', () => {
  const FOREIGN = [
    { comment: null },
    { comment: commentOf('theirs') },
    { comment: commentOf('ours2') },
    { comment: `see ${commentOf('ours')}` },
    { comment: `${commentOf('ours')} and more` },
    { comment: commentOf('ours').replace('managed-by=sam', 'managed-by=hand') },
    { type: 'TXT', content: 'text', comment: commentOf('ours') },
  ];

  test('are neither shown nor deleted, whatever name they have', async () => {
    const { fake, dns } = await aZone();
    const foreign = FOREIGN.map((record) => fake.insert({ name: NAME, ...record }));
    expect(await dns.find(NAME)).toEqual([]);
    expect(await dns.list()).toEqual([]);
    for (const { id } of foreign) await dns.remove(NAME, id);
    expect(fake.records()).toEqual(foreign);
  });

  test.each([
    { comment: null },
    { comment: commentOf('theirs') },
    { type: 'CNAME', content: 'elsewhere.example' },
  ])('stop us from taking their name: %j', async (record) => {
    const { fake, dns } = await aZone();
    fake.insert({ name: NAME, ...record });
    const error = await errorOf(dns.ensure(NAME, ADDRESS, NODE));
    expect(error).toMatchObject({ retryable: false, hadNoEffect: true });
    expect(error.message).toBe(
      `cloudflare: ensure record: ${NAME} has a DNS record that is not ours. ` +
        'Delete that record, or choose another BASE_DOMAIN.',
    );
    expect(fake.records()).toHaveLength(1);
  });

  test('and our own that are not below the domain are shown as strange, and go when somebody says so', async () => {
    const { fake, dns } = await aZone();
    const [old, deep] = ['vm-a.old.sam.example', 'vm-a.other.example.sam.example'].map((name) =>
      fake.insert({ name, content: ADDRESS, comment: commentOf('ours') }),
    );
    expect(await dns.list()).toEqual([]);
    expect(await dns.unmanaged.list()).toMatchObject([
      { id: old!.id, name: old!.name, why: 'it is ours, and not below sam.example' },
      { id: deep!.id },
    ]);
    await dns.unmanaged.remove('vm-b.old.sam.example', old!.id);
    expect(fake.records()).toHaveLength(2);
    await dns.unmanaged.remove(old!.name, old!.id);
    expect(fake.records()).toEqual([deep]);
  });

  test('of a second installation in the zone live beside ours', async () => {
    const { fake, open } = await aZone();
    const [ours, theirs] = [open('ours'), open('theirs')];
    await ours.ensure('vm-a.sam.example', ADDRESS, 'nd-a');
    await theirs.ensure('vm-b.sam.example', ADDRESS, 'nd-b');
    expect((await ours.list()).map(({ node }) => node)).toEqual(['nd-a']);
    await ours.remove('vm-b.sam.example');
    await theirs.remove('vm-a.sam.example');
    expect(fake.records()).toHaveLength(2);
  });
});

describe('a list', () => {
  test('goes over all its pages', async () => {
    const { fake, dns } = await aZone();
    for (let count = 0; count < 250; count += 1)
      fake.insert({ name: `vm-${count}.sam.example`, comment: commentOf('ours', `nd-${count}`) });
    expect(await dns.list()).toHaveLength(250);
    expect(fake.seen).toHaveLength(3);
  });

  test('of exactly one page asks for no second', async () => {
    const { fake, dns } = await aZone();
    for (let count = 0; count < 100; count += 1)
      fake.insert({ name: `vm-${count}.sam.example`, comment: commentOf('ours', `nd-${count}`) });
    expect(await dns.list()).toHaveLength(100);
    expect(fake.seen).toHaveLength(1);
  });

  test('that never ends is an error after fifty pages', async () => {
    const { fake, dns } = await aZone({ isEndless: true });
    fake.insert({ name: NAME, comment: commentOf('ours') });
    expect(await errorOf(dns.list())).toMatchObject({
      retryable: true,
      message: 'cloudflare: list records: the list of records does not end.',
    });
    expect(fake.seen).toHaveLength(50);
  });

  test('that breaks off in the middle is an error, and no half of a list', async () => {
    const { fake, dns } = await aZone();
    for (let count = 0; count < 150; count += 1)
      fake.insert({ name: `vm-${count}.sam.example`, comment: commentOf('ours', `nd-${count}`) });
    let pages = 0;
    fake.fail({ path: { test: () => (pages += 1) === 2 } as unknown as RegExp, fault: '502' });
    expect(await errorOf(dns.list())).toMatchObject({ retryable: true });
  });
});

describe('a certificate', () => {
  test('fits the key that never left the node, its name, and ends when it says', async () => {
    const { fake, dns } = await aZone();
    const { csr, privateKey } = createRequest(NAME);
    const issued = await dns.issueCertificate(csr, [NAME]);
    const certificate = new X509Certificate(issued.certificate);
    expect(certificate.checkPrivateKey(privateKey)).toBe(true);
    expect(certificate.checkHost(NAME)).toBe(NAME);
    const days = (issued.expiresAt.getTime() - issued.issuedAt.getTime()) / 86_400_000;
    expect(days).toBe(90);
    expect(fake.certificates).toMatchObject([{ id: issued.id, hostnames: [NAME] }]);
    expect(fake.seen.map(({ body }) => body).join()).not.toContain('PRIVATE');
  });

  test('is for names below the domain, and for no wildcard', async () => {
    const { fake, dns } = await aZone();
    const { csr } = createRequest(NAME);
    for (const names of [[], ['other.example'], ['*.sam.example'], [NAME, 'sam.example']])
      expect(await errorOf(dns.issueCertificate(csr, names))).toMatchObject({ retryable: false });
    expect(fake.seen).toEqual([]);
  });

  test('is refused for a request that its own key did not sign', async () => {
    const { dns } = await aZone();
    const lines = createRequest(NAME).csr.split('\n');
    lines[1] = createRequest('vm-other.sam.example').csr.split('\n')[1]!;
    for (const csr of ['nothing', lines.join('\n')])
      expect(await errorOf(dns.issueCertificate(csr, [NAME]))).toMatchObject({
        retryable: false,
        hadNoEffect: true,
      });
  });
});
