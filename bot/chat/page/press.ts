// A press of a button on a workspace's page: who pressed may, it is stored once, and answered. Runs nothing, and knows no button.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isCurrent } from '../../access/rights.ts';
import { recordRefusal } from '../../access/store/audit.ts';
import { PAGE } from '../../access/store/places.ts';
import { refuse, signInEnded, wrongOrigin, type Refusal } from '../../access/terminal-token.ts';
import { fail, isFromOrigin, sendJson } from '../../http/routes.ts';
import { storeDelivery } from '../store/deliveries.ts';
import { countPresses } from '../store/live.ts';
import { findVisitor, type Refused, type Visitor, type VisitorOptions } from './visitors.ts';

interface Pressed {
  /** Where it is stored, in order. */
  thread: string;
  event: string;
  /** Under one of these a key is one press, however often it is sent. */
  scope: string;
  /** In an hour. */
  most: number;
  /** Whom it is for: its owner alone, or whoever may type there. */
  for: 'owner' | 'typist';
  /** What is stored beside who pressed where. Undefined: it is none. */
  read: () => object | undefined | Promise<object | undefined>;
}

/** Stores it, and answers: accept, then act. */
export async function acceptPress(
  options: VisitorOptions,
  req: IncomingMessage,
  res: ServerResponse,
  id: string,
  { thread, event, scope, most, for: whom, read }: Pressed,
): Promise<void> {
  const { db, baseUrl } = options;
  if (!isFromOrigin(req, new URL(baseUrl).origin)) return refuse(res, wrongOrigin(options));
  const refused = async (actor: string | undefined, refusal: Refusal): Promise<void> => {
    const { code: result } = refusal;
    if (actor !== undefined)
      await recordRefusal(db, { actor, front: PAGE, action: event, workspace: id, result });
    refuse(res, refusal);
  };
  const presser = await findPresser(options, req, id);
  if ('refusal' in presser) return refused(presser.asker, presser.refusal);
  if (!isFor(whom, presser)) return refused(presser.session.user, LOOK_ONLY);
  const said = await read();
  if (!said) return fail(res, 400, 'bad-request', 'That is nothing that can be said here.');
  if ((await countPresses(db, PAGE, thread)) >= most)
    return fail(res, 429, 'too-often', 'That was said too often. Try again in a while.');
  const { session, workspace, key } = presser;
  const payload = { user: session.user, workspace: id, name: workspace.name, ...said };
  await storeDelivery(db, { source: PAGE, deliveryId: `${id}:${scope}:${key}`, thread, event, payload });
  sendJson(res, 202, { accepted: true });
}

/** Chosen anew by the page for each press, and again for each try to send it. */
const KEY = /^[\w-]{8,64}$/;
const NO_KEY: Refusal = {
  status: 400,
  code: 'bad-request',
  message: 'Send an Idempotency-Key of 8 to 64 letters.',
};

const isFor = (whom: Pressed['for'], { entry }: Visitor): boolean =>
  entry.is === 'owner' || (whom === 'typist' && entry.may === 'drive');

const LOOK_ONLY: Refusal = {
  status: 403,
  code: 'look-only',
  message: 'This is shared with you, and that is for its owner to say.',
};

/** A stop ends what a code began: who has nothing else may look, and no more. */
async function findPresser(
  options: VisitorOptions,
  req: IncomingMessage,
  id: string,
): Promise<(Visitor & { key: string }) | Refused> {
  const visitor = await findVisitor(options, req, id);
  if ('refusal' in visitor) return visitor;
  if (!isCurrent(visitor.session, visitor.workspace))
    return { refusal: signInEnded(options, { workspace: id }) };
  const key = String(req.headers['idempotency-key'] ?? '');
  return KEY.test(key) ? { ...visitor, key } : { refusal: NO_KEY };
}
