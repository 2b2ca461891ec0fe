// GitHub as a forge: what the contract asks, said in calls of the App, and its side of a sign-in. Knows no command, no browser and
// no front; GitHub's own front takes the parts from here too.
import type { Logger } from 'pino';
import * as oidc from 'openid-client';
import { z } from 'zod';
import { ProviderError, UserError } from '../../errors.ts';
import {
  type Forge,
  type GitOperation,
  type GitToken,
  SignInError,
  type Person,
  type SignIn,
  type SignInAttempt,
} from '../forge.ts';
import { createGitHubApp, type GitHubApp } from './app.ts';
import { call } from './calls.ts';
import type { GitHubConfig } from './config.ts';
import { findPerson, readPermission, type Remembered } from './permissions.ts';
import { findPeople } from './people.ts';
import { openPullRequest } from './pull-requests.ts';
import { createSettingsReader, type SettingsReader } from './repository-settings.ts';
import * as threads from './threads.ts';

export interface GitHub {
  forge: Forge;
  app: GitHubApp;
  settings: SettingsReader;
}

export interface GitHubOptions {
  timeoutMs: number;
  /** How long a repository's settings are kept. */
  keptMs: number;
  /** Whether writes keep the distances that GitHub asks for. */
  isPaced: boolean;
  log: Logger;
}

export function openGitHub(config: GitHubConfig, { timeoutMs, keptMs, isPaced, log }: GitHubOptions): GitHub {
  const app = createGitHubApp(config, log, { timeoutMs, isPaced });
  const settings = createSettingsReader({ app, keptMs, log });
  return { app, settings, forge: createForge(config, app, settings) };
}

function createForge(config: GitHubConfig, app: GitHubApp, settings: SettingsReader): Forge {
  const { hostname } = new URL(config.url);
  const permissions: Remembered = new Map();
  return {
    name: 'github',
    title: 'GitHub',
    url: config.url,
    warm: () => app.warm(),
    async findRepository(label) {
      const octokit = await app.on(label);
      const found = octokit && (await threads.findRepository(octokit, label));
      return found && { label: found.name, branch: found.branch, isPrivate: found.isPrivate };
    },
    async findThread(label, number) {
      const octokit = await app.on(label);
      const found = octokit && (await threads.findIssue(octokit, { repository: label, number }));
      return found && { isOpen: found.isOpen, isChange: found.isPullRequest };
    },
    async findChange(label, number) {
      const octokit = await app.on(label);
      const found = octokit && (await threads.findPullRequest(octokit, { repository: label, number }));
      return (
        found && {
          branch: found.branch,
          head: found.sha,
          ref: `refs/pull/${number}/head`,
          from: found.from,
        }
      );
    },
    async findPerson(label, login) {
      const octokit = await app.on(label);
      return octokit && findPerson(octokit, login);
    },
    async readPermission(label, { id, login }) {
      const octokit = await app.on(label);
      return octokit && readPermission(octokit, label, { id: Number(id), login }, permissions);
    },
    async readRules(label) {
      const { size, idle_time: idleTimeMs, who, ask } = (await settings.require(label)).settings;
      return { size, idleTimeMs, who, ask };
    },
    listRepositories: () => app.reachable(),
    findPeople: (name) => findPeople(app, name),
    installUrl: () => app.installPage(),
    mintToken: (label, operation) => mintToken(app, label, operation),
    identityOf: ({ id, login }) => ({ email: `${id}+${login}@users.noreply.${hostname}` }),
    async openChange(label, offered) {
      const octokit = await app.on(label);
      return octokit ? openPullRequest(octokit, label, offered) : { refused: 'refused' };
    },
    signIn: createSignIn(config),
  };
}

const LEAST = {
  fetch: { contents: 'read' },
  push: { contents: 'write', pull_requests: 'write' },
} as const;

async function mintToken(app: GitHubApp, repository: string, operation: GitOperation): Promise<GitToken> {
  const octokit = await app.on(repository);
  if (!octokit) throw new Error(`github: mint token: no installation on ${repository}`);
  const { data: found } = await call('read repository', () =>
    octokit.rest.repos.get(threads.ownerAndName(repository)),
  );
  const asked = { repository_ids: [found.id], permissions: LEAST[operation] };
  try {
    const { token, expiresAt } = await app.mint(repository, asked);
    return { username: 'x-access-token', password: token, expiresAt };
  } catch (error) {
    if (!(error instanceof ProviderError) || error.cause !== 422) throw error;
    const missing = Object.entries(LEAST[operation])
      .map(([name, level]) => `${name}: ${level}`)
      .join(', ');
    throw new UserError('no-permission', { repository, missing }, { cause: error });
  }
}

const TIMEOUT_SECONDS = 10;

type Client = Pick<GitHubConfig, 'url' | 'apiUrl' | 'clientId' | 'clientSecret'>;

export function createSignIn(github: Client): SignIn {
  const client = createClient(github);
  return {
    async begin({ state, verifier, callback }) {
      const challenge = await oidc.calculatePKCECodeChallenge(verifier);
      const parameters = { code_challenge: challenge, code_challenge_method: 'S256' };
      return oidc.buildAuthorizationUrl(client, { redirect_uri: callback, state, ...parameters }).href;
    },
    async complete(code, attempt) {
      const token = await redeem(client, code, attempt);
      return readPerson(github.apiUrl, token);
    },
  };
}

function createClient({ url, clientId, clientSecret }: Client): oidc.Configuration {
  const endpoint = `${url}/login/oauth`;
  const client = new oidc.Configuration(
    {
      issuer: endpoint,
      authorization_endpoint: `${endpoint}/authorize`,
      token_endpoint: `${endpoint}/access_token`,
    },
    clientId,
    undefined,
    oidc.ClientSecretPost(clientSecret),
  );
  client.timeout = TIMEOUT_SECONDS;
  if (url.startsWith('http:')) oidc.allowInsecureRequests(client);
  return client;
}

async function redeem(
  client: oidc.Configuration,
  code: string,
  { state, verifier, callback }: SignInAttempt,
): Promise<string> {
  // Of what came back only these two count: an installation adds parameters of its own.
  const answer = new URL(callback);
  answer.search = new URLSearchParams({ code, state }).toString();
  try {
    const checks = { pkceCodeVerifier: verifier, expectedState: state };
    return (await oidc.authorizationCodeGrant(client, answer, checks)).access_token;
  } catch (error) {
    throw explain(error);
  }
}

const person = z.object({ id: z.number().int().positive(), login: z.string().min(1).max(100) });

async function readPerson(api: string, token: string): Promise<Person> {
  const headers = {
    accept: 'application/vnd.github+json',
    authorization: `Bearer ${token}`,
    'user-agent': 'sam',
  };
  try {
    const signal = AbortSignal.timeout(TIMEOUT_SECONDS * 1000);
    const response = await fetch(`${api}/user`, { headers, signal, redirect: 'error' });
    if (!response.ok) throw failure(false, `GET /user: ${response.status}`);
    const { id, login } = person.parse(await response.json());
    return { id: String(id), login };
  } catch (error) {
    throw error instanceof SignInError ? error : failure(false, `GET /user: ${kindOf(error)}`);
  }
}

/** GitHub says no with 200 and `error`; the library misses the token in it, and keeps the body two causes deep. */
const body = z.object({ error: z.string().regex(/^\w{1,60}$/) });
const refused = z.object({ cause: z.object({ cause: z.object({ body }) }) });

function explain(error: unknown): SignInError {
  const refusal = refused.safeParse(error);
  if (refusal.success) return failure(true, refusal.data.cause.cause.body.error);
  // The message and the cause may hold what GitHub answered, a token too: the kind is enough.
  return failure(false, kindOf(error));
}

const failure = (isRefusal: boolean, reason: string): SignInError =>
  new SignInError('GitHub', isRefusal, reason);

function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === 'string' ? code : error.name;
}
