// What programs asked for under keys of theirs, how their requests ended, and a person's workspaces page by page. Knows no HTTP.
import { and, desc, eq, inArray, isNotNull, isNull, lt, ne, or, sql } from 'drizzle-orm';
import type { Executor } from '../../database/executor.ts';
import { apiRequests, deliveries, workspaces, type Answer, type Workspace } from '../../database/schema.ts';
import { storeDelivery, type NewDelivery } from './deliveries.ts';

/** A key, whose it is, and what was asked with it. */
export interface KeyedRequest {
  owner: string;
  key: string;
  fingerprint: string;
}

export type KnownRequest = Pick<
  typeof apiRequests.$inferSelect,
  'fingerprint' | 'deliveryId' | 'status' | 'body'
>;

/** For so long the same key is the same request. */
const KEPT = sql`interval '24 hours'`;

const isThis = ({ owner, key }: Pick<KeyedRequest, 'owner' | 'key'>) =>
  and(eq(apiRequests.owner, owner), eq(apiRequests.key, key));

/** Undefined: that key is free. */
export async function findRequest(
  db: Executor,
  asked: Pick<KeyedRequest, 'owner' | 'key'>,
): Promise<KnownRequest | undefined> {
  const { fingerprint, deliveryId, status, body, createdAt } = apiRequests;
  const [row] = await db
    .select({ fingerprint, deliveryId, status, body })
    .from(apiRequests)
    .where(and(isThis(asked), sql`${createdAt} > clock_timestamp() - ${KEPT}`));
  return row;
}

/** True: the key is this request's from now on. False: it was somebody's before, who may have come at the same time. */
export async function claimKey(
  tx: Executor,
  asked: KeyedRequest,
  deliveryId: string | null,
): Promise<boolean> {
  const { fingerprint } = asked;
  const claimed = await tx
    .insert(apiRequests)
    .values({ ...asked, deliveryId })
    .onConflictDoUpdate({
      target: [apiRequests.owner, apiRequests.key],
      set: { fingerprint, deliveryId, status: null, body: null, createdAt: sql`clock_timestamp()` },
      setWhere: sql`${apiRequests.createdAt} <= clock_timestamp() - ${KEPT}`,
    })
    .returning({ key: apiRequests.key });
  return claimed.length > 0;
}

/** A request and its key, or neither. False: the key was there before, and nothing was stored. */
export const storeKeyed = (
  db: Executor,
  delivery: NewDelivery,
  asked: KeyedRequest | undefined,
): Promise<boolean> =>
  db.transaction(async (tx) => {
    if (asked && !(await claimKey(tx, asked, delivery.deliveryId))) return false;
    return storeDelivery(tx, delivery);
  });

/** The first answer counts: whoever asks again gets it, and no other. */
export async function keepReply(
  db: Executor,
  asked: KeyedRequest,
  reply: { status: number; body: string },
): Promise<{ status: number; body: string }> {
  await db
    .update(apiRequests)
    .set(reply)
    .where(and(isThis(asked), eq(apiRequests.fingerprint, asked.fingerprint), isNull(apiRequests.status)));
  const kept = await findRequest(db, asked);
  return kept?.fingerprint === asked.fingerprint && kept.status !== null && kept.body !== null
    ? { status: kept.status, body: kept.body }
    : reply;
}

/** It came to nothing that would be the same a second time. */
export async function freeKey(db: Executor, asked: KeyedRequest, deliveryId: string): Promise<void> {
  await db.delete(apiRequests).where(and(isThis(asked), eq(apiRequests.deliveryId, deliveryId)));
}

export async function forgetRequests(db: Executor): Promise<void> {
  await db.delete(apiRequests).where(sql`${apiRequests.createdAt} <= clock_timestamp() - ${KEPT}`);
}

/** What those of these requests came to that have ended. */
export async function readEnded(
  db: Executor,
  source: string,
  ids: readonly string[],
): Promise<Map<string, Answer | null>> {
  const rows = await db
    .select({ id: deliveries.deliveryId, answer: deliveries.answer })
    .from(deliveries)
    .where(
      and(
        eq(deliveries.source, source),
        inArray(deliveries.deliveryId, [...ids]),
        isNotNull(deliveries.endedAt),
      ),
    );
  return new Map(rows.map(({ id, answer }) => [id, answer]));
}

/** A person's that are there, or everybody's, newest first, behind `after`. */
export async function listPage(
  db: Executor,
  owner: string | undefined,
  { limit, after }: { limit: number; after: { at: Date; id: string } | undefined },
): Promise<Workspace[]> {
  const { createdAt, id, phase } = workspaces;
  return db
    .select()
    .from(workspaces)
    .where(
      and(
        owner === undefined ? undefined : eq(workspaces.owner, owner),
        ne(phase, 'deleted'),
        after && or(lt(createdAt, after.at), and(eq(createdAt, after.at), lt(id, after.id))),
      ),
    )
    .orderBy(desc(createdAt), desc(id))
    .limit(limit);
}
