// `/owner/name.git` over smart HTTP: who may fetch and push, then git's own backend.
import { pipeline } from 'node:stream/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { spawnBackend, type Git } from './git.ts';
import {
  type Account,
  type Repository,
  type Token,
  type World,
  allows,
  covers,
  findMoved,
  findRepository,
  nameOf,
  roleOf,
} from './model.ts';

export interface GitPlace {
  fullName: string;
  rest: string;
}

export interface GitVisit {
  auth: 'none' | 'installation' | 'user' | 'bad';
}

/** What follows from a push, before whoever pushed hears that it is done. */
export type AfterPush = (repository: Repository, by: Account) => Promise<void>;

/** `/acme/api.git/info/refs`, with or without `.git`. */
export function parseGitPath(path: string): GitPlace | undefined {
  const found = /^\/([^/]+)\/([^/]+?)(?:\.git)?(\/(?:info\/refs|git-upload-pack|git-receive-pack))$/.exec(
    path,
  );
  return found ? { fullName: `${found[1]}/${found[2]}`, rest: found[3] ?? '' } : undefined;
}

/** Answers one request of git's; tells who asked. */
export async function serveGit(
  world: World,
  git: Git,
  place: GitPlace,
  url: URL,
  request: IncomingMessage,
  response: ServerResponse,
  afterPush: AfterPush,
): Promise<GitVisit> {
  const writes = `${url.search}${place.rest}`.includes('git-receive-pack');
  const given = readToken(world, request.headers.authorization);
  const auth = given === undefined ? 'none' : given === 'bad' ? 'bad' : given.kind;
  const refuse = (status: number, message: string, headers = {}) =>
    void response.writeHead(status, { 'content-type': 'text/plain', ...headers }).end(message);
  const ask = () => refuse(401, 'Repository not found.', { 'www-authenticate': 'Basic realm="GitHub"' });
  const token = given === 'bad' ? undefined : given;

  if (given === 'bad') return (ask(), { auth });
  const moved = findMoved(world, place.fullName);
  const repository = findRepository(world, place.fullName) ?? moved;
  if (!repository || !mayFetch(world, repository, token)) {
    if (!token) ask();
    else refuse(404, 'Repository not found.');
    return { auth };
  }
  // Git keeps the old address when it is asked to sign in first, so its packs are served there too.
  if (moved && place.rest === '/info/refs') {
    refuse(301, '', { location: `/${nameOf(moved)}.git${place.rest}${url.search}` });
    return { auth };
  }
  if (writes && !token) return (ask(), { auth });
  if (writes && !mayPush(world, repository, token)) {
    refuse(403, `Permission to ${nameOf(repository)}.git denied to ${pusher(world, token).login}.`);
    return { auth };
  }
  if (writes && repository.archived) {
    refuse(403, 'This repository was archived so it is read-only.');
    return { auth };
  }
  const isPush = place.rest === '/git-receive-pack';
  const after = isPush ? () => afterPush(repository, pusher(world, token)) : undefined;
  await runBackend(git, `/${repository.id}.git${place.rest}`, url, request, response, after);
  return { auth };
}

/** Git sends the token as the password (or, as GitHub also takes it, as the user). */
function readToken(world: World, header: string | undefined): Token | 'bad' | undefined {
  if (!header) return undefined;
  const [user = '', password = ''] = Buffer.from(header.replace(/^basic /i, ''), 'base64')
    .toString()
    .split(':');
  const token = world.tokens.get(password) ?? world.tokens.get(user);
  if (!token || token.expiresAt <= world.now()) return 'bad';
  if (token.kind === 'installation' && token.installation.suspendedAt) return 'bad';
  return token;
}

function mayFetch(world: World, repository: Repository, token: Token | undefined): boolean {
  return !repository.private || may(world, repository, token, 'read');
}

function mayPush(world: World, repository: Repository, token: Token | undefined): boolean {
  return may(world, repository, token, 'write');
}

function may(
  world: World,
  repository: Repository,
  token: Token | undefined,
  level: 'read' | 'write',
): boolean {
  if (!token) return false;
  if (token.kind === 'installation') {
    const { installation, repositoryIds, permissions } = token;
    const isCovered = covers(installation, repository) && (repositoryIds?.has(repository.id) ?? true);
    return isCovered && allows(permissions, 'contents', level);
  }
  const { permission } = roleOf(repository, token.account);
  const hasRole = level === 'read' ? permission !== 'none' : permission === 'write' || permission === 'admin';
  const isAllowed = world.installations.some(
    (one) => covers(one, repository) && !one.suspendedAt && allows(one.permissions, 'contents', level),
  );
  return hasRole && isAllowed;
}

function pusher(world: World, token: Token | undefined): Account {
  return token?.kind === 'user' ? token.account : world.bot;
}

export async function runBackend(
  git: Git,
  path: string,
  url: URL,
  request: IncomingMessage,
  response: ServerResponse,
  after: (() => Promise<void>) | undefined,
): Promise<void> {
  const header = (name: string) => String(request.headers[name] ?? '');
  const child = spawnBackend(git, path, {
    QUERY_STRING: url.search.slice(1),
    REQUEST_METHOD: request.method ?? 'GET',
    CONTENT_TYPE: header('content-type'),
    CONTENT_LENGTH: header('content-length'),
    HTTP_CONTENT_ENCODING: header('content-encoding'),
    GIT_PROTOCOL: header('git-protocol'),
    REMOTE_USER: 'somebody', // allows a push; who may was decided above
  });
  response.on('close', () => child.kill());
  child.stderr.resume();
  const sent = pipeline(request, child.stdin).catch(() => {});
  await Promise.all([sent, answer(child.stdout, response, after)]);
}

/** Turns the backend's CGI head into status and headers, then passes bytes on. */
async function answer(
  output: AsyncIterable<Buffer>,
  response: ServerResponse,
  after: (() => Promise<void>) | undefined,
): Promise<void> {
  const kept: Buffer[] = [];
  const pass = (bytes: Buffer) => void (after ? kept.push(bytes) : response.write(bytes));
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of output) {
    if (!head) {
      pass(chunk);
      continue;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) continue;
    writeHead(head.subarray(0, end).toString(), response);
    pass(head.subarray(end + 4));
    head = undefined;
  }
  if (head && !response.headersSent) response.writeHead(500);
  await after?.();
  response.end(Buffer.concat(kept));
}

function writeHead(head: string, response: ServerResponse): void {
  let status = 200;
  for (const line of head.split('\r\n')) {
    const [name = '', value = ''] = line.split(/: (.*)/);
    if (name.toLowerCase() === 'status') status = Number.parseInt(value);
    else response.setHeader(name, value);
  }
  response.writeHead(status);
}
