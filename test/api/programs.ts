// Programs of people beside a whole bot and a fake GitHub. Each request that is taken, and each answer, keeps the bot's own description.
import { OpenAPIBackend, type Document } from 'openapi-backend';
import { expect } from 'vitest';
import { startSession } from '../../bot/access/people/sessions.ts';
import { giveSecret, insertToken } from '../../bot/access/people/personal-tokens-store.ts';
import { meetPerson } from '../../bot/access/store/people.ts';
import { connect, type Database } from '../../bot/database/connect.ts';
import type { TokenScope } from '../../bot/database/types.ts';
import { startGitHub, type GitHub, type GitHubOptions } from '../testers/github.ts';

export interface Reply {
  status: number;
  /** Word for word. */
  text: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- the description says what it is, and is checked.
  body: any;
  headers: Headers;
}

export interface Asked {
  json?: unknown;
  /** Word for word. */
  raw?: string;
  key?: string;
  headers?: Record<string, string>;
}

/** `GET /api/workspaces`, as somebody. */
export type Program = (request: string, asked?: Asked) => Promise<Reply>;

export interface Programs extends AsyncDisposable {
  context: GitHub;
  database: Database;
  /** With a token of that person, who has an account at GitHub. */
  tokenOf(login: string, scope?: TokenScope, lifeMs?: number): Promise<string>;
  userOf(login: string): Promise<string>;
  /** A browser that this person signed in with. */
  browserOf(login: string): Promise<Program>;
  programWith(headers: Record<string, string>): Program;
  programOf(login: string, scope?: TokenScope): Promise<Program>;
  /** Which operations were answered with which statuses. */
  seen: Set<string>;
  description: Document;
}

export async function startPrograms(options: GitHubOptions = {}): Promise<Programs> {
  const context = await startGitHub({ ...options, env: { MAX_COMMANDS_PER_HOUR: '0', ...options.env } });
  const database = await connect(context.place.databaseUrl);
  const { url } = context.sam.bot;
  const checks = await openChecks(url);
  const programWith = (headers: Record<string, string>): Program => asker(url, headers, checks);
  const userOf = async (login: string): Promise<string> => {
    const externalId = String(context.github.world.accounts.find((one) => one.login === login)?.id);
    return (await meetPerson(database.db, { source: 'github', externalId, login })).id;
  };
  let count = 0;
  const tokenOf = async (login: string, scope: TokenScope = 'write', lifeMs = 3_600_000) => {
    const name = `test-${(count += 1)}`;
    const { id } = await insertToken(database.db, await userOf(login), { name, scope, lifeMs });
    return (await giveSecret(database.db, id))!;
  };
  return {
    context,
    database,
    ...checks,
    userOf,
    tokenOf,
    programWith,
    programOf: async (login, scope) =>
      programWith({ authorization: `Bearer ${await tokenOf(login, scope)}` }),
    async browserOf(login) {
      const { secret } = await startSession(database.db, await userOf(login));
      return programWith({ cookie: `sam=${secret}`, origin: url });
    },
    async [Symbol.asyncDispose]() {
      await database.close();
      await context[Symbol.asyncDispose]();
    },
  };
}

const formats = {
  uri: (text: string) => URL.canParse(text),
  'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
};

interface Checks {
  api: OpenAPIBackend;
  description: Document;
  seen: Set<string>;
}

async function openChecks(url: string): Promise<Checks> {
  const description = (await (await fetch(`${url}/api/openapi.json`)).json()) as Document;
  // Of whole descriptions it knows 3.0 alone; schemas it reads as 3.1 has them.
  const api = new OpenAPIBackend({
    definition: structuredClone(description),
    quick: true,
    ajvOpts: { formats },
  });
  await api.init();
  return { api, description, seen: new Set() };
}

const asker =
  (url: string, who: Record<string, string>, checks: Checks): Program =>
  async (request, { json, raw, key, headers: more = {} } = {}) => {
    const [method = '', path = ''] = request.split(' ');
    const body = raw ?? (json === undefined ? undefined : JSON.stringify(json));
    const headers = {
      ...who,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(key === undefined ? {} : { 'idempotency-key': key }),
      ...more,
    };
    const response = await fetch(`${url}${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    const reply = {
      status: response.status,
      text,
      body: text && JSON.parse(text),
      headers: response.headers,
    };
    keepsDescription(checks, { method, path, headers, body }, reply);
    return reply;
  };

function keepsDescription(
  { api, seen }: Checks,
  {
    body,
    ...asked
  }: { method: string; path: string; headers: Record<string, string>; body: string | undefined },
  { status, body: answer }: Pick<Reply, 'status' | 'body'>,
): void {
  const request = { ...asked, ...(body === undefined ? {} : { body }) };
  const operation = api.matchOperation(request);
  if (!operation) throw new Error(`${asked.method} ${asked.path} is not described`);
  const { operationId = '', responses = {} } = operation;
  expect(Object.keys(responses), `${operationId} answers ${status}`).toContain(String(status));
  if (status < 300) expect(api.validateRequest(request, operationId).errors ?? [], operationId).toEqual([]);
  if (status !== 204)
    expect(api.validateResponse(answer, operationId, status).errors ?? [], operationId).toEqual([]);
  seen.add(`${operationId} ${status}`);
}
