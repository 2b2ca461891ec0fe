// What the browser of a page wants to be told while nobody looks: said, changed, taken back. Tells nobody anything.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { isCurrent } from '../../access/rights.ts';
import { hashSecret } from '../../access/secrets.ts';
import { refuse, signInEnded, wrongOrigin } from '../../access/terminal-token.ts';
import {
  BodyError,
  fail,
  isFromOrigin,
  readBody,
  sendJson,
  type Params,
  type Route,
} from '../../http/routes.ts';
import { areKeys } from '../../push/encryption.ts';
import { dropSubscription, findSubscription, keepSubscription, noteLook } from '../../push/push-store.ts';
import type { SenderKey } from '../../push/sender-key.ts';
import { readEndpoint } from '../../push/services.ts';
import { findVisitor, type Refused, type Visitor, type VisitorOptions } from './visitors.ts';

export interface PagePushOptions extends VisitorOptions {
  /** Undefined: nobody is told anything. `own`: origins of services in a network of ours. */
  push?: { key: Pick<SenderKey, 'shown'>; own: readonly string[] } | undefined;
}

const MAX_BODY_BYTES = 8 * 1024;
/** A page in sight says so again before that. */
const LOOK_MS = 60_000;

const keyText = z
  .string()
  .max(200)
  .regex(/^[\w-]+$/);
const Wish = z.strictObject({
  endpoint: z.string(),
  keys: z.object({ p256dh: keyText, auth: keyText }).refine(areKeys),
  questions: z.boolean(),
  commands: z.boolean(),
});
const Look = z.strictObject({ isLooking: z.boolean() });

export function pushRoutes(options: PagePushOptions): Route[] {
  const path = '/w/:workspace/push';
  return [
    { method: 'GET', path, handle: (req, res, params) => answer(options, req, res, params) },
    { method: 'PUT', path, handle: (req, res, params) => change(options, req, res, params) },
    { method: 'POST', path: `${path}/look`, handle: (req, res, params) => look(options, req, res, params) },
  ];
}

const sessionOf = ({ session }: Visitor): string => hashSecret(session.secret);

async function answer(
  options: PagePushOptions,
  req: IncomingMessage,
  res: ServerResponse,
  { workspace = '' }: Params,
): Promise<void> {
  const visitor = await findVisitor(options, req, workspace);
  if ('refusal' in visitor) return refuse(res, visitor.refusal);
  const wanted = await findSubscription(options.db, sessionOf(visitor));
  sendJson(res, 200, {
    ...(options.push && { key: options.push.key.shown }),
    ...(wanted && { endpoint: wanted.endpoint }),
    questions: wanted?.questions ?? false,
    commands: wanted?.commands ?? false,
  });
}

async function change(
  options: PagePushOptions,
  req: IncomingMessage,
  res: ServerResponse,
  { workspace = '' }: Params,
): Promise<void> {
  const visitor = await findSayer(options, req, workspace);
  if ('refusal' in visitor) return refuse(res, visitor.refusal);
  const { db, push } = options;
  const wish = await readSaid(Wish, req);
  const endpoint = wish && push && readEndpoint(wish.endpoint, push.own)?.href;
  if (!wish || endpoint === undefined)
    return fail(res, 400, 'bad-request', 'Sam cannot reach this device by what its browser said.');
  const { keys, questions, commands } = wish;
  const session = sessionOf(visitor);
  if (questions || commands)
    await keepSubscription(db, visitor.session.user, { session, endpoint, ...keys, questions, commands });
  else await dropSubscription(db, { session });
  sendJson(res, 200, { questions, commands });
}

async function look(
  options: PagePushOptions,
  req: IncomingMessage,
  res: ServerResponse,
  { workspace = '' }: Params,
): Promise<void> {
  const visitor = await findSayer(options, req, workspace);
  if ('refusal' in visitor) return refuse(res, visitor.refusal);
  const said = await readSaid(Look, req);
  if (!said) return fail(res, 400, 'bad-request', 'That is nothing that can be said here.');
  await noteLook(options.db, sessionOf(visitor), visitor.workspace.id, said.isLooking ? LOOK_MS : 0);
  sendJson(res, 200, said);
}

async function findSayer(
  options: PagePushOptions,
  req: IncomingMessage,
  workspace: string,
): Promise<Visitor | Refused> {
  if (!isFromOrigin(req, new URL(options.baseUrl).origin)) return { refusal: wrongOrigin(options) };
  const visitor = await findVisitor(options, req, workspace);
  if ('refusal' in visitor || isCurrent(visitor.session, visitor.workspace)) return visitor;
  return { refusal: signInEnded(options, { workspace }) };
}

/** Undefined: it is none. */
async function readSaid<Said>(shape: z.ZodType<Said>, req: IncomingMessage): Promise<Said | undefined> {
  if (!/^application\/json(;|$)/i.test(req.headers['content-type'] ?? '')) return undefined;
  try {
    return shape.parse(JSON.parse((await readBody(req, MAX_BODY_BYTES)).toString('utf8')));
  } catch (error) {
    if (error instanceof BodyError) throw error;
    return undefined;
  }
}
