// Sign-in with GitHub: authorize, access_token, and the page that takes an App manifest.
import { createHash, randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { issueUserToken } from './callers.ts';
import type { Hooks } from './hooks.ts';
import type { Account, Json, World } from './model.ts';

export interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: string;
}

interface Code {
  account: Account;
  clientId: string;
  redirectUri: string | undefined;
  challenge: string | undefined;
  expiresAt: Date;
}

export interface OAuth {
  /** Who the browser is signed in as; undefined: nobody. */
  signedIn: Account | undefined;
  /** The person says no on GitHub's page. */
  refuses: boolean;
  handle: (method: string, url: URL, body: string, headers: IncomingHttpHeaders) => Answer;
}

const html = (status: number, text: string): Answer => ({
  status,
  headers: { 'content-type': 'text/html; charset=utf-8' },
  body: `<!doctype html><title>GitHub</title><p>${text}</p>`,
});
const redirect = (location: URL): Answer => ({ status: 302, headers: { location: location.href }, body: '' });
const random = () => randomBytes(20).toString('hex');
const tenMinutesMs = 600_000;

export function createOAuth(world: World, hooks: Hooks): OAuth {
  const codes = new Map<string, Code>();
  const refreshTokens = new Map<string, Account>();

  const oauth: OAuth = {
    signedIn: undefined,
    refuses: false,
    handle(method, url, body, headers) {
      const route = `${method} ${url.pathname}`;
      if (route === 'GET /login/oauth/authorize') return authorize(url.searchParams);
      if (route === 'POST /login/oauth/access_token') {
        return answerIn(headers.accept ?? '', exchange(parse(body, headers)));
      }
      if (method === 'POST' && /^(\/organizations\/[^/]+)?\/settings\/apps\/new$/.test(url.pathname)) {
        return takeManifest(url, new URLSearchParams(body));
      }
      return html(404, 'Not Found');
    },
  };

  function authorize(query: URLSearchParams): Answer {
    if (query.get('client_id') !== world.app.clientId) return html(404, 'Not Found');
    const given = query.get('redirect_uri') ?? undefined;
    const target = new URL(given ?? world.app.callbackUrls[0] ?? 'http://127.0.0.1/');
    const back = (params: Record<string, string>, to = target) => {
      for (const [name, value] of Object.entries(params)) to.searchParams.set(name, value);
      const state = query.get('state');
      if (state !== null) to.searchParams.set('state', state);
      return redirect(to);
    };
    if (!isRegistered(target)) {
      const registered = new URL(world.app.callbackUrls[0] ?? world.url);
      return back({ error: 'redirect_uri_mismatch' }, registered);
    }
    if (!oauth.signedIn) return html(200, 'Sign in to GitHub to continue');
    if (oauth.refuses) return back({ error: 'access_denied' });
    const challenge = query.get('code_challenge') ?? undefined;
    if (challenge && query.get('code_challenge_method') !== 'S256') return back({ error: 'invalid_request' });
    const code = random();
    const expiresAt = new Date(world.now().getTime() + tenMinutesMs);
    const bound = {
      account: oauth.signedIn,
      clientId: world.app.clientId,
      redirectUri: given,
      challenge,
      expiresAt,
    };
    codes.set(code, bound);
    world.secrets.push(code);
    return back({ code });
  }

  function isRegistered(target: URL): boolean {
    const { callbackUrls } = world.app;
    if (callbackUrls.length === 0) return true;
    return callbackUrls.some((one) => {
      const known = new URL(one);
      return known.origin === target.origin && target.pathname.startsWith(known.pathname);
    });
  }

  /** GitHub's errors are a 200 with `error`. */
  function exchange(given: URLSearchParams): Json {
    const isClient = given.get('client_id') === world.app.clientId;
    if (!isClient || given.get('client_secret') !== world.app.clientSecret)
      return fail('incorrect_client_credentials');
    if (given.get('grant_type') === 'refresh_token') return refresh(given.get('refresh_token') ?? '');
    const key = given.get('code') ?? '';
    const code = codes.get(key);
    codes.delete(key);
    if (!code || code.clientId !== world.app.clientId || code.expiresAt <= world.now()) {
      return fail('bad_verification_code');
    }
    const redirectUri = given.get('redirect_uri');
    if (redirectUri !== null && redirectUri !== code.redirectUri) return fail('redirect_uri_mismatch');
    const verifier = createHash('sha256')
      .update(given.get('code_verifier') ?? '')
      .digest('base64url');
    if (code.challenge !== undefined && verifier !== code.challenge) return fail('bad_verification_code');
    return grant(code.account);
  }

  function refresh(token: string): Json {
    const account = refreshTokens.get(token);
    refreshTokens.delete(token);
    return account ? grant(account) : fail('bad_refresh_token');
  }

  function grant(account: Account): Json {
    const { token } = issueUserToken(world, account);
    const refreshToken = `ghr_${random()}`;
    refreshTokens.set(refreshToken, account);
    world.secrets.push(refreshToken);
    return {
      access_token: token,
      expires_in: 28_800,
      refresh_token: refreshToken,
      refresh_token_expires_in: 15_897_600,
      scope: '',
      token_type: 'bearer',
    };
  }

  function takeManifest(url: URL, form: URLSearchParams): Answer {
    if (!oauth.signedIn) return html(200, 'Sign in to GitHub to continue');
    const manifest = JSON.parse(form.get('manifest') ?? '{}') as Json;
    const faults = faultsOf(manifest);
    if (faults.length > 0) return html(422, `The manifest is wrong: ${faults.join(', ')}`);
    const to = new URL(String(manifest['redirect_url']));
    to.searchParams.set('code', hooks.manifests.keep(manifest));
    const state = url.searchParams.get('state');
    if (state !== null) to.searchParams.set('state', state);
    return redirect(to);
  }

  return oauth;
}

/** What GitHub's page would say no to. */
function faultsOf(manifest: Json): string[] {
  const name = manifest['name'];
  const hook = manifest['hook_attributes'] as { url?: unknown } | undefined;
  const events = (manifest['default_events'] ?? []) as string[];
  return [
    ...['url', 'redirect_url'].filter((key) => typeof manifest[key] !== 'string'),
    ...(typeof name === 'string' && name.length > 34 ? ['name is too long (maximum is 34 characters)'] : []),
    ...(hook && typeof hook.url !== 'string' ? ['hook_attributes.url'] : []),
    ...events.filter((event) => event.startsWith('installation')).map((event) => `event ${event}`),
    ...Object.keys(manifest).filter((key) => !MANIFEST_KEYS.has(key)),
  ];
}

const MANIFEST_KEYS = new Set([
  'name',
  'url',
  'hook_attributes',
  'redirect_url',
  'callback_urls',
  'setup_url',
  'description',
  'public',
  'default_events',
  'default_permissions',
  'request_oauth_on_install',
  'setup_on_update',
]);

const fail = (error: string): Json => ({
  error,
  error_description: `The request was refused: ${error}`,
  error_uri: 'https://docs.github.com/apps',
});

function parse(body: string, headers: IncomingHttpHeaders): URLSearchParams {
  if (!headers['content-type']?.startsWith('application/json')) return new URLSearchParams(body);
  return new URLSearchParams(JSON.parse(body) as Record<string, string>);
}

/** Without an Accept header GitHub answers in form encoding. */
function answerIn(accept: string, answer: Json): Answer {
  if (accept.includes('json')) {
    return {
      status: 200,
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body: JSON.stringify(answer),
    };
  }
  const form = new URLSearchParams(
    Object.entries(answer).map(([name, value]): [string, string] => [name, String(value)]),
  );
  return {
    status: 200,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: form.toString(),
  };
}
