// Which tickets are good, and when the bot's keys are asked for.
import { createServer } from 'node:http';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { expect, onTestFinished, test } from 'vitest';
import { createTicketVerifier } from '../../agent/identity/tickets.ts';
import { eventually } from '../testers/watch.ts';

async function makeIssuer({ refetchMs = 5_000 } = {}) {
  const keys = await Promise.all(
    ['k1', 'k2'].map(async (kid) => ({ kid, ...(await generateKeyPair('EdDSA', { extractable: true })) })),
  );
  const published = new Set(['k1']);
  const state = { fetches: 0, now: Date.now() };
  const server = createServer((_request, response) => {
    state.fetches++;
    const answer = keys
      .filter((key) => published.has(key.kid))
      .map(async ({ kid, publicKey }) => ({ ...(await exportJWK(publicKey)), kid, alg: 'EdDSA' }));
    void Promise.all(answer).then((all) =>
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: all })),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const jwks = `http://127.0.0.1:${(server.address() as { port: number }).port}/jwks`;
  const startedAt = state.now - 60_000;
  const verify = createTicketVerifier({
    jwks,
    issuer: 'https://sam.test',
    startedAt,
    refetchMs,
    now: () => state.now,
  });
  let jti = 0;
  const sign = (claims: object = {}, header: object = {}, kid = 'k1') => {
    const iat = Math.floor(state.now / 1000);
    const all = {
      iss: 'https://sam.test',
      aud: 'workspace:ws-aaaaaaaaaaaa',
      sub: 'us-1',
      access: 2,
      jti: `j${jti++}`,
      drive: true,
      iat,
      exp: iat + 60,
    };
    return new SignJWT({ ...all, ...claims })
      .setProtectedHeader({ alg: 'EdDSA', typ: 'sam-ticket+jwt', kid, ...header })
      .sign(keys.find((key) => key.kid === kid)!.privateKey);
  };
  const isGood = (ticket: string | Promise<string>) =>
    Promise.resolve(ticket)
      .then(verify)
      .then(
        () => true,
        () => false,
      );
  return { verify, sign, isGood, state, published, keys };
}

test('a good ticket says who may do what, once', async () => {
  const { verify, sign } = await makeIssuer();
  const ticket = await sign({ drive: false });
  expect(await verify(ticket)).toEqual({
    workspace: 'ws-aaaaaaaaaaaa',
    user: 'us-1',
    access: 2,
    jti: 'j0',
    drive: false,
  });
  await expect(verify(ticket)).rejects.toThrow('used before');
});

test("a guest's ticket is of another kind, and says by what they are let in, and until when", async () => {
  const { verify, sign, isGood } = await makeIssuer();
  const header = { typ: 'sam-guest+jwt' };
  const until = Math.floor(Date.now() / 1000) + 3_600;
  expect(await verify(await sign({ name: 'bob', share: 7, until }, header))).toEqual({
    workspace: 'ws-aaaaaaaaaaaa',
    user: 'us-1',
    access: 2,
    jti: 'j0',
    drive: true,
    name: 'bob',
    guest: { share: 7, endsAt: until * 1000 },
  });
  for (const claims of [{}, { share: 7 }, { until }, { share: 0, until }, { share: 'x', until }])
    expect(await isGood(sign(claims, header)), JSON.stringify(claims)).toBe(false);
});

test('a ticket that is late, forged, of another kind, or from before this agent opens nothing', async () => {
  const { sign, isGood, state, keys } = await makeIssuer();
  const nowS = Math.floor(state.now / 1000);
  expect(await isGood(sign({ exp: nowS - 4 }))).toBe(true);
  expect(await isGood(sign({ exp: nowS - 6 }))).toBe(false);
  expect(await isGood(sign({ iat: nowS - 61 }))).toBe(false);
  for (const claims of [
    { iss: 'https://other' },
    { aud: 'node:nd-a' },
    { aud: ['workspace:ws-aaaaaaaaaaaa'] },
    { aud: 'workspace:../x' },
    { sub: undefined },
    { jti: undefined },
    { exp: undefined },
    { access: '2' },
    { drive: undefined },
  ]) {
    expect(await isGood(sign(claims)), JSON.stringify(claims)).toBe(false);
  }
  for (const typ of ['JWT', 'sam-node+jwt', undefined]) expect(await isGood(sign({}, { typ }))).toBe(false);
  const [, payload] = (await sign()).split('.') as [string, string];
  const unsigned = Buffer.from(JSON.stringify({ alg: 'none', typ: 'sam-ticket+jwt' })).toString('base64url');
  expect(await isGood(`${unsigned}.${payload}.`)).toBe(false);
  const { x } = await exportJWK(keys[0]!.publicKey);
  const shared = await new SignJWT(
    JSON.parse(Buffer.from(payload, 'base64url').toString()) as object as Record<string, string>,
  )
    .setProtectedHeader({ alg: 'HS256', typ: 'sam-ticket+jwt', kid: 'k1' })
    .sign(Buffer.from(x!, 'base64url'));
  expect(await isGood(shared)).toBe(false);
});

test('keys are fetched once, and unknown ones are looked for only now and then', async () => {
  const { sign, isGood, state } = await makeIssuer();
  for (let count = 0; count < 5; count++) expect(await isGood(sign())).toBe(true);
  expect(state.fetches).toBe(1);
  for (let count = 0; count < 10; count++) expect(await isGood(sign({}, {}, 'k2'))).toBe(false);
  expect(state.fetches).toBe(1);
});

test('a new key of the bot is found without a restart', async () => {
  const { sign, isGood, published } = await makeIssuer({ refetchMs: 50 });
  expect(await isGood(sign())).toBe(true);
  expect(await isGood(sign({}, {}, 'k2'))).toBe(false);
  published.add('k2');
  await eventually(() => isGood(sign({}, {}, 'k2')), 'the new key');
  expect(await isGood(sign())).toBe(true);
});
