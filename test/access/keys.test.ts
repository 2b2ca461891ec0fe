// The keys: what they sign, what they refuse, how they are configured and made.
import { createHmac, generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { calculateJwkThumbprint, decodeJwt, decodeProtectedHeader, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keepSecret, makeEncryptionKey, makeSigningKey } from '../../bot/access/keys.ts';
import { createKeys, keyRoutes, parsePems, type Keys, issueTicket } from '../../bot/access/keys.ts';
import { parseEncryptionKeys } from '../../bot/access/vault.ts';
import { serveRoutes, type TestServer } from './http-server.ts';

const issuer = 'https://sam.example';
const pem = makeSigningKey();
const wanted = { type: 'sam-ticket+jwt', audience: 'workspace:ws-a' } as const;
const right = { workspace: 'ws-a', user: 'us-a', access: 3, drive: true };
let keys: Keys;

beforeAll(async () => {
  keys = await createKeys({ pems: [pem], issuer });
});

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('a ticket', () => {
  test('says who may open what, for a minute, and never twice the same', async () => {
    const [one, other] = await Promise.all([issueTicket(keys, right), issueTicket(keys, right)]);
    const claims = await keys.verify(one, wanted);
    expect(claims).toMatchObject({ iss: issuer, sub: 'us-a', aud: 'workspace:ws-a', access: 3, drive: true });
    expect(claims!.exp! - claims!.iat!).toBe(60);
    expect(decodeJwt(one).jti).not.toBe(decodeJwt(other).jti);
    expect(decodeProtectedHeader(one)).toMatchObject({ alg: 'EdDSA', typ: 'sam-ticket+jwt' });
  });

  test('is refused for another workspace, as a node token, and from another installation', async () => {
    const ticket = await issueTicket(keys, right);
    expect(await keys.verify(ticket, { ...wanted, audience: 'workspace:ws-b' })).toBeUndefined();
    expect(await keys.verify(ticket, { ...wanted, type: 'sam-node+jwt' })).toBeUndefined();
    const elsewhere = await createKeys({ pems: [pem], issuer: 'https://other.example' });
    expect(await elsewhere.verify(ticket, wanted)).toBeUndefined();
  });

  test('is good for 5 seconds after its end, for clocks that differ, and not for 6', async () => {
    const claims = { aud: wanted.audience, sub: 'us-a' };
    expect(await keys.verify(await keys.sign(wanted.type, claims, -3), wanted)).toBeDefined();
    expect(await keys.verify(await keys.sign(wanted.type, claims, -6), wanted)).toBeUndefined();
  });

  test('is refused when one letter of it changes', async () => {
    const ticket = await issueTicket(keys, right);
    const [head, body, signature] = ticket.split('.') as [string, string, string];
    const forged = encode({ ...decodeJwt(ticket), access: 99 });
    expect(await keys.verify([head, forged, signature].join('.'), wanted)).toBeUndefined();
    expect(
      await keys.verify([head, body, signature.slice(0, -8) + 'AAAAAAAA'].join('.'), wanted),
    ).toBeUndefined();
    expect(await keys.verify('', wanted)).toBeUndefined();
    expect(await keys.verify('a.b.c', wanted)).toBeUndefined();
  });

  test('without a signature, or signed with our public key as a shared secret, is refused', async () => {
    const ticket = await issueTicket(keys, right);
    const [, body] = ticket.split('.') as [string, string];
    const head = decodeProtectedHeader(ticket);
    expect(await keys.verify(`${encode({ ...head, alg: 'none' })}.${body}.`, wanted)).toBeUndefined();
    const start = `${encode({ ...head, alg: 'HS256' })}.${body}`;
    for (const secret of [keys.jwks().keys[0]!.x!, JSON.stringify(keys.jwks().keys[0])]) {
      const signature = createHmac('sha256', secret).update(start).digest('base64url');
      expect(await keys.verify(`${start}.${signature}`, wanted)).toBeUndefined();
    }
  });

  test('with our key id but a stranger’s key is refused, and so is one without a key id', async () => {
    const stranger = generateKeyPairSync('ed25519').privateKey;
    const { kid } = keys.jwks().keys[0]!;
    const forge = (header: Record<string, string>) =>
      new SignJWT({ aud: wanted.audience, sub: 'us-a', iss: issuer })
        .setProtectedHeader({ alg: 'EdDSA', typ: wanted.type, ...header })
        .setIssuedAt()
        .setExpirationTime('60 s')
        .sign(stranger);
    expect(await keys.verify(await forge({ kid: kid! }), wanted)).toBeUndefined();
    expect(await keys.verify(await forge({}), wanted)).toBeUndefined();
  });
});

describe('two keys', () => {
  test('the new one signs, the old one still verifies, and one that was taken away does not', async () => {
    const before = await issueTicket(keys, right);
    const next = makeSigningKey();
    const both = await createKeys({ pems: [next, pem], issuer });
    const after = await createKeys({ pems: [next], issuer });
    expect(await both.verify(before, wanted)).toBeDefined();
    expect(await after.verify(before, wanted)).toBeUndefined();
    expect(await after.verify(await issueTicket(both, right), wanted)).toBeDefined();
    expect(both.jwks().keys.map((key) => key.kid)).toEqual([
      after.jwks().keys[0]!.kid,
      keys.jwks().keys[0]!.kid,
    ]);
  });

  test('the id belongs to the key, so a restart changes nothing', async () => {
    const [jwk] = keys.jwks().keys;
    expect(jwk!.kid).toBe(await calculateJwkThumbprint(jwk!));
    expect((await createKeys({ pems: [pem], issuer })).jwks()).toEqual(keys.jwks());
  });

  test('may be configured as PEM, with written-out line ends, or as base64', () => {
    const next = makeSigningKey().trim();
    const both = [next, pem.trim()];
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    expect(parsePems(both.join('\n'))).toEqual(both);
    expect(parsePems(both.join('\n').replaceAll('\n', '\\n'))).toEqual(both);
    expect(parsePems(base64(both.join('\n')))).toEqual(both);
    expect(parsePems(both.map(base64).join(','))).toEqual(both);
    expect(parsePems(base64(next).replaceAll(/(.{76})/g, '$1\n'))).toEqual([next]);
    expect(parsePems('development')).toEqual([]);
  });

  test('of another kind stop the start with one sentence', async () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const rsaPem = rsa.export({ type: 'pkcs8', format: 'pem' }).toString();
    await expect(createKeys({ pems: [rsaPem], issuer })).rejects.toThrow('must be Ed25519');
    await expect(createKeys({ pems: [pem.replace('MC4', 'XXX')], issuer })).rejects.toThrow(
      'JWT_PRIVATE_KEY',
    );
    await expect(createKeys({ pems: [], issuer })).rejects.toThrow('holds no key');
  });
});

describe('the published keys', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await serveRoutes(async () => ({ routes: keyRoutes(keys) }));
  });
  afterAll(() => server.close());

  test('hold no secret and may be cached for 5 minutes', async () => {
    const response = await fetch(`${server.origin}/.well-known/jwks.json`);
    expect(response.headers.get('cache-control')).toBe('public, max-age=300');
    const { keys: published } = (await response.json()) as { keys: Record<string, string>[] };
    expect(published.map((key) => Object.keys(key).sort())).toEqual([
      ['alg', 'crv', 'kid', 'kty', 'use', 'x'],
    ]);
  });
});

describe('a key that nobody configured', () => {
  test('is made once, even by bots that start together, and only its owner can read it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sam-keys-'));
    try {
      const kept = await Promise.all(
        Array.from({ length: 20 }, () => keepSecret(folder, 'signing-key.pem', makeSigningKey)),
      );
      expect(new Set(kept).size).toBe(1);
      expect(await keepSecret(folder, 'signing-key.pem', makeSigningKey)).toBe(kept[0]);
      expect((await stat(join(folder, 'signing-key.pem'))).mode & 0o777).toBe(0o600);
      expect(await readdir(folder)).toEqual(['signing-key.pem']);
      expect(parsePems(kept[0]!)).toHaveLength(1);
      expect(parseEncryptionKeys(makeEncryptionKey())[0]).toHaveLength(32);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
