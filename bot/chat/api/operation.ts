// One thing that programs may ask over HTTP: what it takes, what it answers, and in which order it is refused. Knows no command.
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { redact } from '../../../agent/redact.ts';
import { readSettingsPerson } from '../../access/credentials/settings-sessions.ts';
import type { Admins } from '../../access/admins.ts';
import { recordRefusal } from '../../access/store/audit.ts';
import { spendToken } from '../../access/people/personal-tokens-store.ts';
import { bearerOf, hashSecret } from '../../access/secrets.ts';
import type { Executor, PersonalToken } from '../../database/types.ts';
import { isFromOrigin, readBody, sendJson, type Params, type Route } from '../../http/routes.ts';
import { findRequest, type KeyedRequest } from '../store/api.ts';
import { wordApi, type ApiCode } from '../wording.ts';
import type { Room } from './limit.ts';

/** Who asks, and by what. */
export interface Caller {
  user: string;
  /** Undefined: a browser. */
  token: PersonalToken | undefined;
  /** Of a browser's session, which nobody else has. */
  secret: string | undefined;
  /** What they speak by leaves nothing out of what they may. */
  isWhole: boolean;
  /** They run Sam for everybody, and what they speak by does not leave that out. */
  isAdmin: () => Promise<boolean>;
}

export interface Call<Query = unknown, Body = unknown> {
  caller: Caller;
  params: Params;
  query: Query;
  body: Body;
  /** What `find` found. */
  found?: unknown;
  /** Undefined: it came without a key. */
  keyed: KeyedRequest | undefined;
  /** It came before, with the same key. */
  isRepeated: boolean;
}

export interface Reply {
  status: number;
  body: unknown;
}

export interface Operation {
  id: string;
  method: Route['method'];
  /** With `:name` for a segment. */
  path: string;
  summary: string;
  /** `browser`: no token will do, but a browser that a code let in; `nobody`: it is for everyone. */
  for: 'person' | 'browser' | 'nobody';
  query?: z.ZodObject;
  body?: z.ZodObject;
  /** The name of the schema of what it answers when all is well, and its status. */
  answers: { status: number; schema: z.ZodType | undefined };
  /** Refused with these too, beside what every one may be refused with. */
  refusals: readonly number[];
  /** Throws ApiError where there is no such thing, before anything of the request's words is looked at. */
  find?(caller: Caller, params: Params): Promise<unknown>;
  run(call: Call): Promise<Reply>;
  /** The same as server-sent events, for whoever asks for those. */
  stream?: (call: Call, to: Listener) => Promise<void>;
  /** All of a list as lines of JSON, for whoever asks for those. */
  lines?: (call: Call) => AsyncIterable<object>;
}

/** Whoever wants to hear what is new. */
export interface Listener {
  res: ServerResponse;
  /** The last event that they heard, in their own words. */
  lastId: string | undefined;
  /** Throws ApiError: they may not any more. */
  mayStill: () => Promise<unknown>;
}

/** A refusal, in the one shape that they have; no secret that somebody sent is in it. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly code: string;
  readonly fields: string[] | undefined;
  constructor(status: number, code: string, message: string, fields?: string[]) {
    super(redact(message));
    this.status = status;
    this.code = code;
    this.fields = fields;
  }
}

/** What the rows say where a request came from. */
export const FRONT = 'api';

export const refuse = (status: number, code: ApiCode, fields?: string[]): ApiError =>
  new ApiError(status, code, wordApi(code, fields), fields);

const MAX_BODY_BYTES = 64 * 1024;
const KEY = /^[\x21-\x7e]{1,200}$/;

export interface Doorway {
  db: Executor;
  baseUrl: string;
  limit: (person: string) => Room;
  admins: Admins;
}

export const routeOf = (doorway: Doorway, operation: Operation): Route => ({
  method: operation.method,
  path: operation.path,
  async handle(req, res, params) {
    try {
      const reply = await answer(doorway, operation, req, res, params);
      if (!reply) return;
      const { status, body } = reply;
      if (status === 204) res.writeHead(204, { 'cache-control': 'no-store' }).end();
      else if (status === 200 && req.method === 'GET') sendUnlessKnown(req, res, body);
      else sendJson(res, status, body, headersOf(res, status));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      sendError(res, error);
    }
  },
});

/** Who asks again and again hears 304 while nothing changed (RFC 9110, 13.1.2). */
function sendUnlessKnown(req: IncomingMessage, res: ServerResponse, body: unknown): void {
  const etag = `"${createHash('sha256').update(JSON.stringify(body)).digest('base64url').slice(0, 27)}"`;
  const known = req.headers['if-none-match']?.split(',').map((one) => one.trim().replace(/^W\//, ''));
  if (known?.some((one) => one === etag || one === '*'))
    return void res.writeHead(304, { etag, 'cache-control': 'no-store' }).end();
  sendJson(res, 200, body, { etag });
}

function sendError(res: ServerResponse, { status, code, message, fields }: ApiError): void {
  const body = { error: code, message, ...(fields ? { fields } : {}) };
  sendJson(res, status, body, headersOf(res, status));
}

function headersOf(res: ServerResponse, status: number): Record<string, string> {
  if (status === 401) return { 'www-authenticate': 'Bearer' };
  if (status === 503) return { 'retry-after': '5' };
  return status === 429 && !res.hasHeader('retry-after') ? { 'retry-after': '60' } : {};
}

const NOBODY: Caller = {
  user: '',
  token: undefined,
  secret: undefined,
  isWhole: false,
  isAdmin: () => Promise.resolve(false),
};

/** A token goes as far as its scope, a browser as far as its person. */
function callerOf({ admins }: Doorway, who: Pick<Caller, 'user' | 'token' | 'secret'>): Caller {
  const isWhole = who.token === undefined || who.token.scope === 'admin';
  return { ...who, isWhole, isAdmin: async () => isWhole && admins.has(who.user) };
}

/** In the order of DESIGN: 401, 403, 404, 400; 409 and 422 are whoever runs it. Undefined: it was answered by a stream. */
async function answer(
  doorway: Doorway,
  operation: Operation,
  req: IncomingMessage,
  res: ServerResponse,
  params: Params,
): Promise<Reply | undefined> {
  const admit = (user: string) => {
    const { isOver, headers } = doorway.limit(user);
    res.setHeaders(new Map(Object.entries(headers)));
    if (isOver) throw refuse(429, 'too-many-requests');
  };
  const caller = operation.for === 'nobody' ? NOBODY : await identify(doorway, operation, req, admit);
  const bytes = operation.method === 'GET' ? Buffer.alloc(0) : await readBody(req, MAX_BODY_BYTES);
  const keyed = operation.method === 'POST' ? keyOf(operation, caller, req, bytes) : undefined;
  const known = keyed && (await findRequest(doorway.db, keyed));
  const isSame = known?.fingerprint === keyed?.fingerprint;
  // What only a browser may ask has a secret in its answer, which is not kept: it is made again.
  if (isSame && operation.for !== 'browser' && known?.body && known.status !== null)
    return { status: known.status, body: JSON.parse(known.body) };
  const found = await operation.find?.(caller, params);
  const query = check(operation.query ?? NOTHING, readQuery(req));
  const body = check(operation.body ?? NOTHING, readJson(req, bytes));
  if (keyed && !KEY.test(keyed.key)) throw refuse(400, 'bad-key', ['Idempotency-Key']);
  if (known && !isSame) throw refuse(422, 'key-reused');
  const call = { caller, params, query, body, found, keyed, isRepeated: known !== undefined };
  const wanted = req.headers.accept ?? '';
  if (operation.lines && /application\/x-ndjson/.test(wanted)) {
    await sendLines(res, operation.lines(call));
    return undefined;
  }
  if (!operation.stream || !/text\/event-stream/.test(wanted)) return operation.run(call);
  const mayStill = async (): Promise<unknown> =>
    operation.find?.(await identify(doorway, operation, req, () => {}), params);
  const lastId = req.headers['last-event-id'];
  await operation.stream(call, { res, mayStill, lastId: typeof lastId === 'string' ? lastId : undefined });
  return undefined;
}

/** As fast as they are taken. */
async function sendLines(res: ServerResponse, items: AsyncIterable<object>): Promise<void> {
  const lines = async function* (): AsyncGenerator<string> {
    for await (const item of items) yield `${JSON.stringify(item)}\n`;
  };
  res.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
  // Whoever goes away in the middle has what they have.
  await pipeline(Readable.from(lines()), res).catch(() => res.destroy());
}

async function identify(
  doorway: Doorway,
  operation: Operation,
  req: IncomingMessage,
  admit: (user: string) => void,
): Promise<Caller> {
  const { db, baseUrl } = doorway;
  const isReading = operation.method === 'GET';
  if (req.headers.authorization !== undefined) {
    const secret = bearerOf(req.headers.authorization);
    const token = secret === undefined ? undefined : await spendToken(db, secret);
    if (!token) throw refuse(401, 'bad-token');
    admit(token.owner);
    const caller = callerOf(doorway, { user: token.owner, token, secret: undefined });
    if (operation.for === 'browser') throw await refuseCaller(doorway, caller, operation, 'browser-only');
    if (!isReading && token.scope === 'read')
      throw await refuseCaller(doorway, caller, operation, 'missing-scope');
    return caller;
  }
  const person = await readSettingsPerson(db, baseUrl, req.headers.cookie);
  // A code lets in to a person's own pages; of what programs may ask, to their tokens and to no workspace.
  if (!person || (person.isByCode && operation.for === 'person')) throw refuse(401, 'sign-in-required');
  admit(person.user);
  if (!isReading && !isFromOrigin(req, new URL(baseUrl).origin)) throw refuse(403, 'wrong-origin');
  return callerOf(doorway, { user: person.user, token: undefined, secret: person.secret });
}

/** What somebody may not by what they brought is a row of the audit. */
export async function refuseCaller(
  { db }: Pick<Doorway, 'db'>,
  { user, token }: Caller,
  { id }: Pick<Operation, 'id'>,
  code: ApiCode,
): Promise<ApiError> {
  await recordRefusal(db, { actor: user, front: FRONT, action: id, target: token?.id, result: code });
  return refuse(403, code);
}

/** It is there, and not theirs: a row of the audit, and the answer is the one of what is not there. */
export async function refuseStranger(
  { db }: Pick<Doorway, 'db'>,
  { user }: Caller,
  what: { action: string; target?: string; workspace?: string },
): Promise<ApiError> {
  await recordRefusal(db, { actor: user, front: FRONT, ...what, result: 'not-found' });
  return refuse(404, 'not-found');
}

/** What was shown to one browser alone is no other one's to see again. */
function keyOf(
  { for: whom }: Operation,
  { user, secret }: Caller,
  req: IncomingMessage,
  bytes: Buffer,
): KeyedRequest | undefined {
  const key = req.headers['idempotency-key'];
  if (typeof key !== 'string') return undefined;
  const of = whom === 'browser' && secret !== undefined ? hashSecret(secret) : '';
  const asked = createHash('sha256').update(`${req.method} ${req.url}\n${of}\n`).update(bytes);
  return { owner: user, key, fingerprint: asked.digest('hex') };
}

const NOTHING = z.strictObject({});

function readQuery(req: IncomingMessage): unknown {
  const given = URL.parse(req.url ?? '', 'http://localhost')?.searchParams ?? new URLSearchParams();
  const repeated = [...given.keys()].filter((name, index, all) => all.indexOf(name) !== index);
  if (repeated.length > 0) throw refuse(400, 'bad-request', repeated);
  return Object.fromEntries(given);
}

/** None at all is an empty one. */
function readJson(req: IncomingMessage, bytes: Buffer): unknown {
  if (bytes.length === 0) return {};
  if (!/^application\/json(;|$)/i.test(req.headers['content-type'] ?? ''))
    throw refuse(415, 'wrong-content-type');
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw refuse(400, 'no-json', []);
  }
}

function check(schema: z.ZodType, given: unknown): unknown {
  const read = schema.safeParse(given);
  if (read.success) return read.data;
  const named = read.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys' ? issue.keys : [issue.path.join('.')],
  );
  throw refuse(400, 'bad-request', [...new Set(named.filter(Boolean))]);
}
