// That the fake GitHub's sign-in is as strict as GitHub's: the real openid-client, and bare requests.
import * as oidc from 'openid-client';
import { expect, test } from 'vitest';
import { openContext } from './github/context.ts';

const redirectUri = 'http://127.0.0.1:3000/login/github/callback';

async function setSignIn() {
  const context = await openContext({ callbackUrls: ['http://127.0.0.1:3000/login/'] });
  const { github, known } = context;
  const configuration = new oidc.Configuration(
    {
      issuer: github.url,
      authorization_endpoint: `${github.url}/login/oauth/authorize`,
      token_endpoint: `${github.url}/login/oauth/access_token`,
    },
    known.clientId,
    undefined,
    oidc.ClientSecretPost(known.clientSecret),
  );
  oidc.allowInsecureRequests(configuration);
  const verifier = oidc.randomPKCECodeVerifier();
  const state = oidc.randomState();
  const challenge = await oidc.calculatePKCECodeChallenge(verifier);

  /** What the browser does with GitHub's page; its answer. */
  function browse(more: Record<string, string> = {}) {
    const asked = {
      redirect_uri: redirectUri,
      state,
      code_challenge: challenge,
      code_challenge_method: 'S256',
    };
    const url = oidc.buildAuthorizationUrl(configuration, { ...asked, ...more });
    return fetch(url, { redirect: 'manual' });
  }

  async function callback(more: Record<string, string> = {}): Promise<URL> {
    const answer = await browse(more);
    return new URL(answer.headers.get('location') ?? 'http://nowhere/');
  }

  const grant = (url: URL, pkceCodeVerifier = verifier) =>
    oidc.authorizationCodeGrant(configuration, url, { pkceCodeVerifier, expectedState: state });

  /** The bare exchange of a code. */
  async function exchange(code: string, more: Record<string, string> = {}) {
    const given = {
      client_id: known.clientId,
      client_secret: known.clientSecret,
      code,
      code_verifier: verifier,
    };
    const answer = await fetch(`${github.url}/login/oauth/access_token`, {
      method: 'POST',
      headers: { accept: 'application/json' },
      body: new URLSearchParams({ ...given, redirect_uri: redirectUri, ...more }),
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, string> };
  }

  return { ...context, browse, callback, grant, exchange };
}

test('somebody signs in, and the token says who they are and what they see', async () => {
  const { github, callback, grant, call, installation } = await setSignIn();
  github.signedInAs('alice');
  const { access_token: token, expires_in: lifetime } = await grant(await callback());
  expect([token.slice(0, 4), lifetime]).toEqual(['ghu_', 28_800]);
  const who = await call('GET', '/user', undefined, token);
  expect(who.body).toMatchObject({ login: 'alice', id: github.account('alice').id });
  const mine = await call('GET', '/user/installations', undefined, token);
  expect(mine.body['total_count']).toBe(1);
  const path = `/user/installations/${installation.id}/repositories`;
  expect((await call('GET', path, undefined, token)).body['total_count']).toBe(2);
  expect((await call('GET', '/repos/acme/api', undefined, token)).status).toBe(200);
  expect((await call('GET', '/app', undefined, token)).status).toBe(401);
  await github.stop();
});

test('nobody is sent back without signing in, and whoever says no is sent back with an error', async () => {
  const { github, browse, callback } = await setSignIn();
  const page = await browse();
  expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('Sign in to GitHub')]);
  github.signedInAs('alice');
  github.refuseSignIn(true);
  expect((await callback()).searchParams.get('error')).toBe('access_denied');
});

test('a stranger to the App, and a foreign place to go back to, are refused', async () => {
  const { github, browse, callback } = await setSignIn();
  github.signedInAs('alice');
  expect((await browse({ client_id: 'somebody' })).status).toBe(404);
  const answer = await callback({ redirect_uri: 'http://evil.example/login/github/callback' });
  expect([answer.host, answer.searchParams.get('error')]).toEqual([
    '127.0.0.1:3000',
    'redirect_uri_mismatch',
  ]);
  const plain = await callback({ code_challenge_method: 'plain' });
  expect(plain.searchParams.has('code')).toBe(false);
});

test('a code works once, for its verifier, its client and its redirect alone; errors come as 200', async () => {
  const { github, callback, exchange } = await setSignIn();
  github.signedInAs('alice');
  const freshCode = async () => (await callback()).searchParams.get('code') ?? '';
  const outcome = async (code: string, more?: Record<string, string>) => {
    const { status, body } = await exchange(code, more);
    return `${status} ${body['error'] ?? 'fine'}`;
  };
  const code = await freshCode();
  expect({
    first: await outcome(code),
    again: await outcome(code),
    'wrong verifier': await outcome(await freshCode(), { code_verifier: 'x'.repeat(43) }),
    'wrong secret': await outcome(await freshCode(), { client_secret: 'x' }),
    'wrong redirect': await outcome(await freshCode(), { redirect_uri: 'http://127.0.0.1:3000/login/' }),
    'no code': await outcome('x'),
  }).toMatchInlineSnapshot(`
    {
      "again": "200 bad_verification_code",
      "first": "200 fine",
      "no code": "200 bad_verification_code",
      "wrong redirect": "200 redirect_uri_mismatch",
      "wrong secret": "200 incorrect_client_credentials",
      "wrong verifier": "200 bad_verification_code",
    }
  `);
});

test('openid-client refuses a wrong verifier and a wrong state', async () => {
  const { github, callback, grant } = await setSignIn();
  github.signedInAs('alice');
  await expect(grant(await callback(), oidc.randomPKCECodeVerifier())).rejects.toThrow();
  await expect(grant(await callback({ state: 'another' }))).rejects.toThrow();
});

test('codes and tokens end in time, and a refresh token works once', async () => {
  let now = new Date();
  const context = await openContext({ now: () => now });
  const { github, known, call } = context;
  github.signedInAs('alice');
  const ask = async () => {
    const query = new URLSearchParams({ client_id: known.clientId, redirect_uri: redirectUri });
    const answer = await fetch(`${github.url}/login/oauth/authorize?${query.toString()}`, {
      redirect: 'manual',
    });
    return new URL(answer.headers.get('location') ?? '').searchParams.get('code') ?? '';
  };
  const post = async (more: Record<string, string>) => {
    const body = new URLSearchParams({
      client_id: known.clientId,
      client_secret: known.clientSecret,
      ...more,
    });
    const headers = { accept: 'application/json' };
    const answer = await fetch(`${github.url}/login/oauth/access_token`, { method: 'POST', headers, body });
    return (await answer.json()) as Record<string, string>;
  };
  const late = await ask();
  now = new Date(now.getTime() + 600_001);
  expect((await post({ code: late }))['error']).toBe('bad_verification_code');
  const tokens = await post({ code: await ask() });
  now = new Date(now.getTime() + 8 * 3_600_000 + 1);
  expect((await call('GET', '/user', undefined, tokens['access_token'])).status).toBe(401);
  const refresh = { grant_type: 'refresh_token', refresh_token: tokens['refresh_token'] ?? '' };
  const renewed = await post(refresh);
  expect((await call('GET', '/user', undefined, renewed['access_token'])).status).toBe(200);
  expect((await post(refresh))['error']).toBe('bad_refresh_token');
});

test('the App can ask about a token and take it back, with its own secret only', async () => {
  const { github, callback, grant, call, known } = await setSignIn();
  github.signedInAs('alice');
  const { access_token: token } = await grant(await callback());
  const as = async (method: string, secret: string) => {
    const answer = await fetch(`${github.apiUrl}/applications/${known.clientId}/token`, {
      method,
      headers: { authorization: `Basic ${Buffer.from(`${known.clientId}:${secret}`).toString('base64')}` },
      body: JSON.stringify({ access_token: token }),
    });
    return answer.status;
  };
  expect(await as('POST', 'wrong')).toBe(401);
  expect(await as('POST', known.clientSecret)).toBe(200);
  expect(await as('DELETE', known.clientSecret)).toBe(204);
  expect(await as('POST', known.clientSecret)).toBe(404);
  expect((await call('GET', '/user', undefined, token)).status).toBe(401);
  await github.stop();
});

test('a manifest becomes an App whose keys are told once', async () => {
  const { github, call } = await setSignIn();
  const manifest = {
    name: 'Sam of acme',
    url: 'https://sam.example',
    redirect_url: 'http://127.0.0.1:3000/setup/done',
    hook_attributes: { url: 'http://127.0.0.1:3000/api/github/webhooks', active: true },
    default_permissions: { issues: 'write' },
    default_events: ['issue_comment'],
  };
  const send = () =>
    fetch(`${github.url}/settings/apps/new?state=s1`, {
      method: 'POST',
      redirect: 'manual',
      body: new URLSearchParams({ manifest: JSON.stringify(manifest) }),
    });
  expect((await send()).status).toBe(200);
  github.signedInAs('alice');
  const back = new URL((await send()).headers.get('location') ?? '');
  expect([back.pathname, back.searchParams.get('state')]).toEqual(['/setup/done', 's1']);
  const path = `/app-manifests/${back.searchParams.get('code')}/conversions`;
  const { status, body } = await call('POST', path, undefined, '');
  expect([status, body['slug'], body['webhook_secret']]).toEqual([
    201,
    'sam-of-acme',
    github.app.webhookSecret,
  ]);
  expect(String(body['pem'])).toContain('PRIVATE KEY');
  expect(github.app.webhookUrl).toBe(manifest.hook_attributes.url);
  expect((await call('POST', path, undefined, '')).status).toBe(404);
  await github.stop();
});
