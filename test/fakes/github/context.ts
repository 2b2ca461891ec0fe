// A fake GitHub with a company, its people and repositories, and the real clients that talk to it. For the fake's own tests.
import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { createProbot, ProbotOctokit } from 'probot';
import { onTestFinished } from 'vitest';
import { type FakeGitHubOptions, startFakeGitHub } from './github.ts';
import type { Json } from './model.ts';

export const { privateKey, publicKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
});

const known = {
  appId: 7,
  appSlug: 'sam-app',
  webhookSecret: 'the webhook secret of a test',
  clientId: 'Iv23abcdef',
  clientSecret: 'the client secret of a test',
};

/** acme (a company) has api (private) and site (public); alice writes, tom triages, mona maintains, stan is a stranger. */
export async function openContext(options: Partial<FakeGitHubOptions> = {}) {
  const github = await startFakeGitHub({ ...known, publicKey, ...options });
  onTestFinished(() => github.stop().catch(() => {}));
  github.addOrganization('acme');
  for (const login of ['alice', 'tom', 'mona', 'stan']) github.addUser(login);
  const api = await github.addRepository('acme/api', {
    private: true,
    files: { 'README.md': '# api\n', '.github/sam.yml': 'label: sam\n' },
  });
  const site = await github.addRepository('acme/site');
  github.addCollaborator('acme/api', 'alice', 'write');
  github.addCollaborator('acme/api', 'tom', 'read', 'triage');
  github.addCollaborator('acme/api', 'mona', 'write', 'maintain');
  github.addCollaborator('acme/site', 'alice', 'write');
  const installation = github.install('acme');
  const pr = await github.addPullRequest('acme/api', { by: 'alice' });

  const probot = createProbot({
    env: {
      APP_ID: String(known.appId),
      PRIVATE_KEY: privateKey,
      WEBHOOK_SECRET: known.webhookSecret,
      GHE_HOST: github.host,
      GHE_PROTOCOL: github.protocol,
      LOG_LEVEL: 'fatal',
    },
    overrides: {
      Octokit: ProbotOctokit.defaults((options: Json) => ({
        ...options,
        retry: { enabled: false },
        // Probot lays its own options over an object given here; only a function has the last word.
        throttle: { ...(options['throttle'] as object), enabled: false },
      })),
    },
  });
  await probot.ready();
  const octokit = await probot.auth(installation.id);
  const app = await probot.auth();

  /** A call without any client in between. `token`: what to authorize with; nothing: the App's JWT. */
  async function call(method: string, path: string, body?: unknown, token = makeJwt()) {
    const answer = await fetch(`${github.apiUrl}${path}`, {
      method,
      redirect: 'manual',
      headers: { ...(token && { authorization: `Bearer ${token}` }), 'content-type': 'application/json' },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, body: (text ? JSON.parse(text) : {}) as Json };
  }

  async function mintToken(wish: Json = {}): Promise<string> {
    const { status, body } = await call('POST', `/app/installations/${installation.id}/access_tokens`, wish);
    if (status !== 201) throw new Error(`no token: ${status} ${JSON.stringify(body)}`);
    return String(body['token']);
  }

  return { github, api, site, installation, pr, probot, octokit, app, call, mintToken, known };
}

export function makeJwt(claims: Json = {}, { key = privateKey, alg = 'RS256' } = {}): string {
  const now = Math.floor(Date.now() / 1000);
  const encode = (part: Json) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const signed = `${encode({ alg, typ: 'JWT' })}.${encode({ iss: 7, iat: now - 30, exp: now + 300, ...claims })}`;
  return `${signed}.${sign('sha256', Buffer.from(signed), createPrivateKey(key)).toString('base64url')}`;
}

/** The status with which a call was refused. */
export async function statusOf(call: Promise<unknown>): Promise<number | string> {
  try {
    await call;
    return 'fine';
  } catch (error) {
    return (error as { status?: number }).status ?? String(error);
  }
}
