// POST /api/github/webhooks: verify, store in one transaction, answer. Calls nobody, runs nothing, logs no payload.
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { verify, verifyWithFallback } from '@octokit/webhooks-methods';
import { fail, readBody, sendJson, type Route } from '../../http/routes.ts';
import { threadOf, type Event } from './events.ts';
import { understand } from './understand.ts';
import { storeDelivery, type NewDelivery } from '../store/deliveries.ts';
import type { Executor } from '../../database/types.ts';

const MAX_BODY_BYTES = 5 * 1024 * 1024;

export interface Webhooks {
  db: Executor;
  /** The new one first. */
  secrets: string[];
}

export const webhookRoute = (webhooks: Webhooks): Route => ({
  method: 'POST',
  path: '/api/github/webhooks',
  handle: (req, res) => accept(webhooks, req, res),
});

async function accept({ db, secrets }: Webhooks, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const raw = (await readBody(req, MAX_BODY_BYTES)).toString('utf8');
  if (!(await isSigned(raw, header(req, 'x-hub-signature-256'), secrets)))
    return fail(res, 400, 'bad-signature', 'This was not signed with our webhook secret.');
  const [name, id] = [header(req, 'x-github-event'), header(req, 'x-github-delivery')];
  const body = parseJson(raw);
  if (!name || !id || !/^[\w-]{1,100}$/.test(id) || body === undefined)
    return fail(res, 400, 'bad-delivery', 'A delivery has an event, an id and a body of JSON.');
  const understood = understand(name, body);
  if ('misfit' in understood) return fail(res, 400, 'misfit', understood.misfit);
  if ('nothing' in understood) return sendJson(res, 200, { ok: true, stored: false });
  const stored = await storeDelivery(db, asDelivery(id, name, raw, understood.event));
  sendJson(res, 200, { ok: true, stored });
}

/** Neither id nor event is signed; the body is. A button's body repeats when it is pressed again. */
const asDelivery = (deliveryId: string, event: string, raw: string, payload: Event): NewDelivery => ({
  source: 'github',
  deliveryId,
  event,
  payload,
  thread: threadOf(payload),
  ...(payload.kind === 'button' ? {} : { bodyHash: createHash('sha256').update(raw).digest('hex') }),
});

/** `signature`: the header `X-Hub-Signature-256`. A missing or malformed one is a wrong one. */
async function isSigned(
  raw: string,
  signature: string | undefined,
  [secret, ...older]: string[],
): Promise<boolean> {
  if (!secret || !signature || !/^sha256=[0-9a-f]{64}$/.test(signature)) return false;
  return older.length === 0
    ? verify(secret, raw, signature)
    : verifyWithFallback(secret, raw, signature, older);
}

function header(req: IncomingMessage, name: string): string | undefined {
  const value = req.headers[name];
  return typeof value === 'string' ? value : undefined;
}

function parseJson(raw: string): unknown {
  try {
    return JSON.parse(raw) as unknown;
  } catch {
    return undefined;
  }
}
