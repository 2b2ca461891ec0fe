// A node's first token and every later one: one key gets in, whatever else is tried gets the same 404.
import type { webcrypto } from 'node:crypto';
import {
  calculateJwkThumbprint,
  CompactSign,
  exportJWK,
  generateKeyPair,
  type CompactJWSHeaderParameters,
  type JWK,
} from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Bootstrap } from '../../agent/protocol.ts';
import { bootstrapRoutes, createBootstrapToken, readNodeToken } from '../../bot/access/machines/bootstrap.ts';
import { makeSigningKey } from '../../bot/access/keys.ts';
import { createKeys, type Keys, issueTicket } from '../../bot/access/keys.ts';
import type { Node } from '../../bot/database/schema.ts';
import { newNodeId } from '../../bot/ids.ts';
import { providers, traitsIn } from '../../bot/providers/index.ts';
import { serveRoutes, type TestServer } from './http-server.ts';
import { openRows, type Rows } from './rows.ts';

type AgentKey = { secret: webcrypto.CryptoKey; jwk: JWK };

let rows: Rows;
let server: TestServer;
let keys: Keys;
let node: Node;
let key: AgentKey;

beforeAll(async () => {
  rows = await openRows();
  server = await serveRoutes(async (baseUrl) => {
    keys = await createKeys({ pems: [makeSigningKey()], issuer: baseUrl });
    return {
      routes: bootstrapRoutes({
        db: rows.db,
        keys,
        baseUrl,
        traitsOf: traitsIn(providers),
        tokenLifeMs: 3_600_000,
      }),
    };
  });
});
afterAll(async () => {
  await server.close();
  await rows.close();
});
beforeEach(async () => {
  node = await rows.addNode({ phase: 'booting' });
  key = await newKey();
});

async function newKey(): Promise<AgentKey> {
  const { publicKey, privateKey } = await generateKeyPair('EdDSA');
  return { secret: privateKey, jwk: await exportJWK(publicKey) };
}

const seconds = (): number => Math.floor(Date.now() / 1000);

function prove(by = key, claims: unknown = { node: node.id, iat: seconds() }): Promise<string> {
  return signAs({ alg: 'EdDSA', jwk: by.jwk }, by.secret, claims);
}

function signAs(
  header: CompactJWSHeaderParameters,
  secret: webcrypto.CryptoKey,
  claims: unknown,
): Promise<string> {
  return new CompactSign(new TextEncoder().encode(JSON.stringify(claims)))
    .setProtectedHeader(header)
    .sign(secret);
}

async function post(path: string, body: string, token?: string, type = 'application/jose') {
  const authorization: Record<string, string> =
    token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(`${server.origin}${path}`, {
    method: 'POST',
    headers: { 'content-type': type, ...authorization },
    body,
  });
  return { status: response.status, text: await response.text() };
}

const redeem = async (token: string, body?: string) => post('/api/bootstrap', body ?? (await prove()), token);
const renew = async (body?: string) => post('/agent/token', body ?? (await prove()));

describe('a new node', () => {
  test('gets what it needs to call home, and its token is good there', async () => {
    const { status, text } = await redeem(await createBootstrapToken(rows.db, node.id));
    expect(status).toBe(200);
    const answer = JSON.parse(text) as Bootstrap;
    expect(answer).toEqual({
      node: node.id,
      token: expect.any(String),
      connect: `${server.origin.replace('http', 'ws')}/agent/connect`,
      settings: {
        tokenLifeMs: 3_600_000,
        origin: server.origin,
        jwks: `${server.origin}/.well-known/jwks.json`,
        issuer: server.origin,
        terminal: 'loopback',
        users: 'own',
      },
    });
    expect(await readNodeToken(keys, `Bearer ${answer.token}`)).toBe(node.id);
    const [row] = await rows.sql`select agent_key from nodes where id = ${node.id}`;
    expect(row!['agent_key']).toBe(await calculateJwkThumbprint(key.jwk));
  });

  test('of a cloud serves its terminals itself', async () => {
    node = await rows.addNode({ phase: 'booting', provider: 'hetzner' });
    const { text } = await redeem(await createBootstrapToken(rows.db, node.id));
    expect((JSON.parse(text) as Bootstrap).settings).toMatchObject({
      terminal: 'tls',
      users: 'per-workspace',
    });
  });

  test('wins or loses against 49 others with the same token: exactly one key gets in', async () => {
    const token = await createBootstrapToken(rows.db, node.id);
    const strangers = await Promise.all(Array.from({ length: 50 }, newKey));
    const answers = await Promise.all(
      strangers.map(async (stranger) => redeem(token, await prove(stranger))),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    const refused = answers.filter(({ status }) => status === 404);
    expect(refused).toHaveLength(49);
    expect(new Set(refused.map(({ text }) => text)).size).toBe(1);
  });

  test('whose answer got lost may ask again for 5 minutes, any other key never', async () => {
    const token = await createBootstrapToken(rows.db, node.id);
    expect((await redeem(token)).status).toBe(200);
    const again = await Promise.all([1, 2, 3].map(() => redeem(token)));
    expect(again.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect((await redeem(token, await prove(await newKey()))).status).toBe(404);
    await shift('used_at', '4 minutes 50 seconds');
    expect((await redeem(token)).status).toBe(200);
    await shift('used_at', '11 seconds');
    expect((await redeem(token)).status).toBe(404);
    // The key itself stays good.
    expect((await renew()).status).toBe(200);
  });

  test('that comes after 15 minutes is too late', async () => {
    const token = await createBootstrapToken(rows.db, node.id);
    await shift('expires_at', '14 minutes 50 seconds');
    expect((await redeem(token)).status).toBe(200);
    const late = await rows.addNode({ phase: 'booting' });
    node = late;
    const second = await createBootstrapToken(rows.db, late.id);
    await shift('expires_at', '15 minutes');
    expect((await redeem(second)).status).toBe(404);
  });

  test('with two tokens (a repeated create) still has one key', async () => {
    const [first, second] = [
      await createBootstrapToken(rows.db, node.id),
      await createBootstrapToken(rows.db, node.id),
    ];
    expect((await redeem(first)).status).toBe(200);
    expect((await redeem(second, await prove(await newKey()))).status).toBe(404);
    expect((await redeem(second)).status).toBe(200);
  });
});

const shift = (column: string, by: string) =>
  rows.sql`update tokens set ${rows.sql(column)} = ${rows.sql(column)} - ${by}::interval where subject = ${node.id}`;

describe('whatever is wrong, the answer is the same', () => {
  test('404, for a first token', async () => {
    const token = await createBootstrapToken(rows.db, node.id);
    const other = await rows.addNode({ phase: 'booting' });
    const { secret: rsa, publicKey } = await rsaKey();
    const stranger = await newKey();
    const bodies = [
      '',
      'x.y.z',
      await prove(key, { node: other.id, iat: seconds() }),
      await prove(key, { node: newNodeId(), iat: seconds() }),
      await prove(key, { node: 'nd-\0', iat: seconds() }),
      await prove(key, { node: node.id, iat: seconds() - 301 }),
      await prove(key, { node: node.id, iat: seconds() + 310 }),
      await prove(key, { node: node.id }),
      await prove(key, 'text'),
      // Signed by one key, and another one is claimed.
      await signAs({ alg: 'EdDSA', jwk: key.jwk }, stranger.secret, { node: node.id, iat: seconds() }),
      await signAs({ alg: 'EdDSA' }, key.secret, { node: node.id, iat: seconds() }),
      await signAs({ alg: 'RS256', jwk: publicKey }, rsa, { node: node.id, iat: seconds() }),
      `${Buffer.from(JSON.stringify({ alg: 'none', jwk: key.jwk })).toString('base64url')}.${Buffer.from(JSON.stringify({ node: node.id, iat: seconds() })).toString('base64url')}.`,
      'x'.repeat(5000),
    ];
    const answers = await Promise.all(bodies.map((body) => redeem(token, body)));
    answers.push(await redeem('guess'), await post('/api/bootstrap', await prove()));
    answers.push(await post('/api/bootstrap', await prove(), token, 'application/json'));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 404));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    // And none of them bound anything.
    expect((await redeem(token)).status).toBe(200);
  });

  test('404, for a node that is deleted', async () => {
    const token = await createBootstrapToken(rows.db, node.id);
    await rows.sql`update nodes set phase = 'deleted' where id = ${node.id}`;
    expect((await redeem(token)).status).toBe(404);
  });

  test('404, for a node whose deletion is wanted, be it the first token or a later one', async () => {
    const token = await createBootstrapToken(rows.db, node.id);
    expect((await redeem(token)).status).toBe(200);
    await rows.sql`update nodes set desired = 'deleted' where id = ${node.id}`;
    const answers = [await redeem(token), await renew()];
    expect(answers.map(({ status }) => status)).toEqual([404, 404]);
    const unbound = await rows.addNode({ phase: 'booting', desired: 'deleted' });
    const first = await createBootstrapToken(rows.db, unbound.id);
    const body = await prove(key, { node: unbound.id, iat: seconds() });
    expect((await redeem(first, body)).status).toBe(404);
    const [row] = await rows.sql`select agent_key from nodes where id = ${unbound.id}`;
    expect(row!['agent_key']).toBeNull();
  });

  test('404, for a token that is somebody’s link', async () => {
    const token = await createBootstrapToken(rows.db, node.id);
    await rows.sql`update tokens set purpose = 'link' where subject = ${node.id}`;
    expect((await redeem(token)).status).toBe(404);
  });

  test('404, for a later token with another key, of another node, or before the first', async () => {
    expect((await renew()).status).toBe(404);
    expect((await redeem(await createBootstrapToken(rows.db, node.id))).status).toBe(200);
    expect((await renew()).status).toBe(200);
    const other = await rows.addNode();
    const answers = [
      await renew(await prove(await newKey())),
      await renew(await prove(key, { node: other.id, iat: seconds() })),
      await renew(await prove(key, { node: node.id, iat: seconds() - 301 })),
      await renew('nonsense'),
    ];
    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404, 404]);
    await rows.sql`update nodes set phase = 'deleted' where id = ${node.id}`;
    expect((await renew()).status).toBe(404);
  });
});

test('a token for agents is no ticket, a ticket is no token for agents, and neither outlives its time', async () => {
  const ticket = await issueTicket(keys, { workspace: 'ws-a', user: 'us-a', access: 1, drive: true });
  expect(await readNodeToken(keys, `Bearer ${ticket}`)).toBeUndefined();
  const sign = (aud: string, life: number) => keys.sign('sam-node+jwt', { aud, sub: node.id }, life);
  expect(await readNodeToken(keys, `Bearer ${await sign('agent', 60)}`)).toBe(node.id);
  expect(await readNodeToken(keys, `Bearer ${await sign('agent', -6)}`)).toBeUndefined();
  expect(await readNodeToken(keys, `Bearer ${await sign('workspace:ws-a', 60)}`)).toBeUndefined();
  expect(await readNodeToken(keys, `Basic ${await sign('agent', 60)}`)).toBeUndefined();
  expect(await readNodeToken(keys, undefined)).toBeUndefined();
});

test('no secret of a bootstrap lies in the database', async () => {
  const token = await createBootstrapToken(rows.db, node.id);
  await redeem(token);
  const dump = await rows.sql`select t::text as row from tokens t union all select n::text from nodes n`;
  expect(dump.map(({ row }) => String(row)).join('\n')).not.toContain(token);
  expect(dump.length).toBeGreaterThan(1);
});

async function rsaKey() {
  const { publicKey, privateKey } = await generateKeyPair('RS256');
  return { secret: privateKey, publicKey: await exportJWK(publicKey) };
}
