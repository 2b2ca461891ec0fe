// A fake GitHub Enterprise: one HTTP server on a free port with the API, the sign-in and git; it remembers, and it is strict.
// It must not know Sam: whoever tests says what is there, and Sam reaches it by GHE_HOST and GHE_PROTOCOL alone.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Acts, createActs } from './acts.ts';
import { createApi } from './api.ts';
import { identify, issueUserToken } from './callers.ts';
import { type HttpRequest, readDescription } from './description.ts';
import { createGit, type Git } from './git.ts';
import { parseGitPath, serveGit } from './git-http.ts';
import { answerGraphql } from './graphql.ts';
import { createHooks, type Delivery, type Hooks } from './hooks.ts';
import { createOAuth } from './oauth.ts';
import { Refusal } from './refusal.ts';
import { createStage, type Stage } from './stage.ts';
import { type Faults, createFaults } from './faults.ts';
import {
  type Logged,
  breakAnswer,
  failNow,
  flatten,
  limits,
  read,
  sendConditional,
  sendJson,
  startEntry,
} from './http.ts';
import {
  type Account,
  type App,
  type CheckRun,
  type Comment,
  type Deployment,
  type Level,
  type ReactionContent,
  type Repository,
  type Thread,
  type World,
  createWorld,
} from './model.ts';

export type { Delivery } from './hooks.ts';
export type { Logged } from './http.ts';
export type { CheckRun, Comment, Deployment, Repository, Thread } from './model.ts';

export interface FakeGitHubOptions {
  appId: number;
  appSlug: string;
  /** SPKI PEM of the App's key; 'any' takes every signature. */
  publicKey: string;
  webhookSecret: string;
  clientId: string;
  clientSecret: string;
  /** Where deliveries go; without it they are only signed. May be set later. */
  webhookUrl?: string;
  callbackUrls?: string[];
  permissions?: Record<string, Level>;
  now?: () => Date;
  /** Also deliver what the App itself does: its comments, its labels. */
  echoes?: boolean;
}

export interface FakeGitHub
  extends
    Stage,
    Acts,
    Pick<Faults, 'fail' | 'slow' | 'hold' | 'limitPrimary' | 'limitSecondary' | 'mend'>,
    Pick<Hooks, 'deliver' | 'redeliver' | 'settled'> {
  /** `http://127.0.0.1:PORT`, and what GHE_HOST and GHE_PROTOCOL must be. */
  url: string;
  host: string;
  protocol: 'http';
  apiUrl: string;
  app: App;
  world: World;
  git: Git;
  deliveries: Delivery[];
  /** Every request, in order of arrival. */
  log: Logged[];
  /** Tokens, codes and keys that GitHub gave out or shares with the App: none of them may turn up anywhere. */
  secrets: string[];
  /** What was wrong with the fake's own answers; `stop` throws if there is any. */
  complaints: string[];
  /** Who the browser is signed in as. */
  signedInAs: (login: string | undefined) => void;
  /** Whether the person says no on the page that asks. */
  refuseSignIn: (refuses: boolean) => void;
  /** A person's token without the way through the browser. */
  userToken: (login: string) => string;
  commentsOn: (thread: Thread) => Comment[];
  reactionsOn: (on: Comment | Thread) => ReactionContent[];
  deploymentsOf: (repository: Repository) => Deployment[];
  checksOf: (repository: Repository) => CheckRun[];
  /** Ends the server and removes its files. */
  stop: () => Promise<void>;
}

const defaultPermissions: Record<string, Level> = {
  metadata: 'read',
  issues: 'write',
  pull_requests: 'write',
  contents: 'write',
  deployments: 'write',
  checks: 'write',
};
const defaultEvents = [
  'issue_comment',
  'issues',
  'pull_request',
  'pull_request_review_comment',
  'check_run',
  'repository',
];

export async function startFakeGitHub(options: FakeGitHubOptions): Promise<FakeGitHub> {
  const { now = () => new Date() } = options;
  const world = createWorld(toApp(options, now), now);
  const git = await createGit();
  const hooks = createHooks(world, { echoes: options.echoes });
  const stage = createStage(world, git);
  const faults = createFaults(now);
  const oauth = createOAuth(world, hooks);
  const log: Logged[] = [];
  const complaints: string[] = [];
  const description = await readDescription();
  const api = createApi({ world, git, hooks, description, complain: (all) => complaints.push(...all) });

  const server = createServer((request, response) => {
    const entry = startEntry(request);
    log.push(entry);
    response.on('close', () => (entry.status = response.headersSent ? response.statusCode : 0));
    handle(request, response, entry).catch((error: unknown) => {
      complaints.push(`${entry.method} ${entry.path}: ${String((error as Error).stack)}`);
      response.destroy();
    });
  });

  async function handle(request: IncomingMessage, response: ServerResponse, entry: Logged): Promise<void> {
    const url = new URL(request.url ?? '/', world.url);
    const path = url.pathname.replace(/^\/api\/v3(?=\/)/, '');
    const place = parseGitPath(url.pathname);
    if (!place) entry.body = await read(request);
    const failure = await faults.meet(entry.method, path);
    if (failure && failure.status !== 'lost') return failNow(response, failure);
    if (failure) breakAnswer(response);
    if (place) {
      const visit = await serveGit(world, git, place, url, request, response, followPush);
      entry.auth = visit.auth;
      return;
    }
    const headers = flatten(request);
    if (url.pathname === '/api/graphql') return serveGraphql(world, response, headers, entry);
    if (!url.pathname.startsWith('/api/v3/')) {
      const answer = oauth.handle(entry.method, url, entry.body, request.headers);
      return void response.writeHead(answer.status, answer.headers).end(answer.body);
    }
    return serveApi(response, url, headers, entry);
  }

  async function followPush(repository: Repository, by: Account): Promise<void> {
    for (const { thread, before } of await stage.follow(repository)) {
      const parts = { before, after: thread.head?.sha };
      hooks.track(hooks.aboutThread('synchronize', thread, by, parts));
    }
  }

  async function serveApi(
    response: ServerResponse,
    url: URL,
    headers: Record<string, string>,
    entry: Logged,
  ) {
    const query = Object.fromEntries(url.searchParams);
    const request: HttpRequest = {
      method: entry.method,
      path: url.pathname,
      query,
      headers,
      body: entry.body,
    };
    const reply = await api.answer(request, url);
    entry.operation = reply.operation;
    entry.auth = reply.caller?.kind ?? 'bad';
    sendConditional(request, response, reply, limits(world));
  }

  const listening = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', listening.resolve);
  await listening.promise;
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  world.url = `http://${host}`;
  world.apiUrl = `${world.url}/api/v3`;

  async function stop(): Promise<void> {
    faults.mend();
    await hooks.settled();
    const closed = Promise.withResolvers<void>();
    server.close(() => closed.resolve());
    server.closeAllConnections();
    await closed.promise;
    await git.remove();
    if (complaints.length > 0) throw new Error(`the fake GitHub was wrong:\n${complaints.join('\n')}`);
  }

  const { deliver, redeliver, settled, deliveries } = hooks;
  return {
    ...stage,
    ...createActs(world, git, hooks, stage),
    ...faults,
    deliver,
    redeliver,
    settled,
    deliveries,
    world,
    git,
    log,
    complaints,
    host,
    stop,
    url: world.url,
    apiUrl: world.apiUrl,
    protocol: 'http',
    app: world.app,
    secrets: world.secrets,
    signedInAs(login) {
      oauth.signedIn = login === undefined ? undefined : stage.account(login);
    },
    refuseSignIn(refuses) {
      oauth.refuses = refuses;
    },
    userToken: (login) => issueUserToken(world, stage.account(login)).token,
    commentsOn: (thread) => world.comments.filter((one) => one.thread === thread && !one.deleted),
    reactionsOn: (on) => world.reactions.filter((one) => one.on === on).map((one) => one.content),
    deploymentsOf: (repository) => world.deployments.filter((one) => one.repository === repository),
    checksOf: (repository) => world.checks.filter((one) => one.repository === repository),
  };
}

function serveGraphql(
  world: World,
  response: ServerResponse,
  headers: Record<string, string>,
  entry: Logged,
): void {
  try {
    const caller = identify(world, headers['authorization']);
    entry.auth = caller.kind;
    entry.operation = 'graphql';
    if (caller.kind === 'none') throw new Refusal(401, 'This endpoint requires you to be authenticated.');
    sendJson(response, 200, answerGraphql(world, caller, entry.body), limits(world));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    sendJson(response, error.status, error.body, limits(world));
  }
}

function toApp(options: FakeGitHubOptions, now: () => Date): App {
  const { appId: id, appSlug: slug, publicKey, webhookSecret, webhookUrl, clientId, clientSecret } = options;
  return {
    id,
    slug,
    name: slug,
    publicKey,
    webhookSecret,
    webhookUrl,
    clientId,
    clientSecret,
    createdAt: now(),
    callbackUrls: options.callbackUrls ?? [],
    permissions: options.permissions ?? defaultPermissions,
    events: defaultEvents,
  };
}
