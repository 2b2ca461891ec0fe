// One call of the REST API: who, what, may they, do it, and check our own answer. Knows no operation by name.
import { type Caller, checkUserAgent, identify } from './callers.ts';
import { complete } from './complete.ts';
import type { Description, HttpRequest } from './description.ts';
import type { Git } from './git.ts';
import type { Hooks } from './hooks.ts';
import { malformed, notFound, Refusal } from './refusal.ts';
import { appHandlers } from './rest/apps.ts';
import type { Handlers, Reply } from './rest/call.ts';
import { checkHandlers } from './rest/checks.ts';
import { deploymentHandlers } from './rest/deployments.ts';
import { labelHandlers } from './rest/labels.ts';
import { pullHandlers } from './rest/pulls.ts';
import { repositoryHandlers } from './rest/repositories.ts';
import { threadHandlers } from './rest/threads.ts';
import { userHandlers } from './rest/users.ts';
import { checkCaller, checkRepository } from './rights.ts';
import {
  type Json,
  type Repository,
  type Thread,
  type World,
  findMoved,
  findRepository,
  findThread,
} from './model.ts';

const handlers: Handlers = {
  ...appHandlers,
  ...userHandlers,
  ...repositoryHandlers,
  ...threadHandlers,
  ...pullHandlers,
  ...labelHandlers,
  ...deploymentHandlers,
  ...checkHandlers,
};

export interface Api {
  /** Answers one request below /api/v3; refusals are answers too. */
  answer: (request: HttpRequest, url: URL) => Promise<Reply & { operation?: string; caller?: Caller }>;
}

interface Parts {
  world: World;
  git: Git;
  hooks: Hooks;
  description: Description;
  /** Told what is wrong with an answer of ours. */
  complain: (faults: string[]) => void;
}

export function createApi({ world, git, hooks, description, complain }: Parts): Api {
  async function handle(request: HttpRequest, url: URL, seen: { operation?: string; caller?: Caller }) {
    checkUserAgent(request.headers['user-agent']);
    const caller = identify(world, request.headers['authorization']);
    seen.caller = caller;
    const asked = { ...request, path: protectSlashes(byName(world, request.path)) };
    const operation = description.match(request.method, asked.path);
    if (!operation) throw notFound();
    seen.operation = operation.id;
    const params = decodeAll(description.params(asked, operation.id));
    redirect(world, request.method, asked.path, params);
    checkCaller(operation.id, caller);
    const repository = findIn(world, params);
    if (repository)
      checkRepository(world, operation.id, caller, repository, threadIn(world, repository, params));
    check(description, asked, operation.id);
    if (repository?.archived && request.method !== 'GET') {
      throw new Refusal(403, 'Repository was archived so is read-only.');
    }
    const handler = handlers[operation.id];
    if (!handler) throw new Error(`the fake GitHub has no ${operation.id}`);
    const body = request.body === '' ? {} : (JSON.parse(request.body) as Json);
    const { query } = request;
    // Only handlers of paths with a repository look at it.
    const call = {
      world,
      git,
      hooks,
      caller,
      params,
      query,
      body,
      url,
      repository: repository as Repository,
    };
    return handler(call);
  }

  function finish(reply: Reply, operation: string): Reply {
    const schema = description.answerSchema(operation, reply.status);
    const body = reply.body === undefined ? undefined : complete(reply.body, schema, description);
    const faults = description.answerFaults(operation, reply.status, body ?? null);
    if (faults.length === 0) return { ...reply, ...(body !== undefined && { body }) };
    complain(faults);
    return { status: 500, body: { message: `the fake GitHub answers wrongly: ${faults.join('; ')}` } };
  }

  return {
    async answer(request, url) {
      const seen: { operation?: string; caller?: Caller } = {};
      try {
        const reply = await handle(request, url, seen);
        return { ...finish(reply, seen.operation ?? ''), ...seen };
      } catch (error) {
        if (error instanceof Refusal) {
          return { status: error.status, body: error.body, headers: error.headers, ...seen };
        }
        complain([`${request.method} ${request.path}: ${String((error as Error).stack)}`]);
        return { status: 500, body: { message: `the fake GitHub broke: ${String(error)}` }, ...seen };
      }
    },
  };
}

/** `/repositories/7/…` is where redirects lead: the same as `/repos/owner/name/…`. */
function byName(world: World, path: string): string {
  const found = /^\/api\/v3\/repositories\/(\d+)(\/.*)?$/.exec(path);
  if (!found) return path;
  const repository = world.repositories.find((one) => one.id === Number(found[1]) && !one.deleted);
  if (!repository) throw notFound();
  return `/api/v3/repos/${repository.owner.login}/${repository.name}${found[2] ?? ''}`;
}

/** The last parameter of these paths may hold slashes, escaped or not. */
function protectSlashes(path: string): string {
  const found = /^(\/api\/v3\/repos\/[^/]+\/[^/]+\/(?:contents|git\/ref|branches)\/)(.+)$/.exec(path);
  return found ? `${found[1]}${(found[2] ?? '').replaceAll('/', '%2F')}` : path;
}

function decodeAll(params: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(params).map(([name, value]) => [name, decodeURIComponent(value)]));
}

function findIn(world: World, { owner, repo }: Record<string, string>): Repository | undefined {
  if (owner === undefined) return undefined;
  const found = findRepository(world, `${owner}/${repo}`);
  if (!found) throw notFound();
  return found;
}

/** Renamed and transferred repositories answer with where they are: 301 to a read, 307 to a write. */
function redirect(world: World, method: string, path: string, { owner, repo }: Record<string, string>): void {
  const moved = owner === undefined ? undefined : findMoved(world, `${owner}/${repo}`);
  if (!moved) return;
  const rest = path.split('/').slice(6).join('/');
  const url = `${world.apiUrl}/repositories/${moved.id}${rest && `/${rest}`}`;
  const isRead = method === 'GET';
  throw new Refusal(
    isRead ? 301 : 307,
    isRead ? 'Moved Permanently' : 'Temporary Redirect',
    { url },
    { location: url },
  );
}

function threadIn(world: World, repository: Repository, params: Record<string, string>): Thread | undefined {
  const comment = world.comments.find((one) => one.id === Number(params['comment_id']));
  if (comment) return comment.thread;
  return findThread(world, repository, Number(params['issue_number'] ?? params['pull_number']));
}

function check(description: Description, request: HttpRequest, operation: string): void {
  if (request.body !== '') {
    try {
      JSON.parse(request.body);
    } catch {
      throw new Refusal(400, 'Problems parsing JSON');
    }
  }
  const { inPath, details } = description.faults(request, operation);
  if (inPath) throw notFound();
  if (details.length > 0) throw malformed(details);
}
