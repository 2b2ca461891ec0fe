// What was said lately, by whom and to whom: for limits, and so that nobody hears the same thing twice. Writes nothing.
import { and, desc, eq, sql } from 'drizzle-orm';
import { deliveries } from '../../database/schema.ts';
import type { Answer, Delivery, FrontName } from '../../database/schema.ts';
import { type Executor } from '../../database/executor.ts';

/**
 * What was asked for in the last hour: of that person all that got an answer, about that repository what was done. Strangers
 * use up nothing of a repository, and a thread that closes is no command of whoever closed it.
 */
export async function countRecent(
  db: Executor,
  source: FrontName,
  { sender, repository }: { sender: { id: number }; repository: string },
): Promise<{ person: number; repository: number }> {
  const [row] = await db
    .select({
      person: sql<number>`count(*) filter (where ${deliveries.payload}->'sender'->>'id' = ${String(sender.id)})::int`,
      repository: sql<number>`count(*) filter (where ${deliveries.payload}->>'repository' = ${repository}
        and ${deliveries.answer}->>'ok' = 'true')::int`,
    })
    .from(deliveries)
    .where(
      sql`${deliveries.source} = ${source} and ${deliveries.answer} is not null
        and ${deliveries.answer}->>'code' <> 'closed' and ${deliveries.receivedAt} > clock_timestamp() - interval '1 hour'`,
    );
  return row ?? { person: 0, repository: 0 };
}

export interface RecentMessage {
  /** The person's id at the vendor. */
  to: string | null;
  code: string;
  ok: boolean;
  isRecent: boolean;
}

/** What was said in a thread beside its cards, newest first; `isRecent`: in the last ten minutes. */
export async function readRecentMessages(
  db: Executor,
  source: FrontName,
  thread: string,
): Promise<RecentMessage[]> {
  return db
    .select({
      to: sql<string | null>`${deliveries.payload}->'sender'->>'id'`,
      code: sql<string>`${deliveries.answer}->>'code'`,
      ok: sql<boolean>`(${deliveries.answer}->>'ok')::boolean`,
      isRecent: sql<boolean>`${deliveries.endedAt} > clock_timestamp() - interval '10 minutes'`,
    })
    .from(deliveries)
    .where(
      and(eq(deliveries.source, source), eq(deliveries.thread, thread), sql`${deliveries.reply} is not null`),
    )
    .orderBy(desc(deliveries.seq))
    .limit(50);
}

/** Whether an earlier label of that person there got the same answer in the last ten minutes. */
export async function wasToldByLabel(
  db: Executor,
  source: FrontName,
  { seq }: Pick<Delivery, 'seq'>,
  { sender, repository, code }: { sender: { id: number }; repository: string; code: string },
): Promise<boolean> {
  const rows = await db
    .select({ seq: deliveries.seq })
    .from(deliveries)
    .where(
      sql`${deliveries.source} = ${source} and ${deliveries.seq} < ${seq} and ${deliveries.payload}->>'kind' = 'label'
        and ${deliveries.payload}->>'repository' = ${repository} and ${deliveries.payload}->'sender'->>'id' = ${String(sender.id)}
        and ${deliveries.answer}->>'code' = ${code} and ${deliveries.receivedAt} > clock_timestamp() - interval '10 minutes'`,
    )
    .limit(1);
  return rows.length > 0;
}

/** Whether the comment got an answer in the last quarter of an hour that said what was wrong with it. */
export async function wasMisread(
  db: Executor,
  source: FrontName,
  { comment, sender }: { comment: number; sender: { id: number } },
): Promise<boolean> {
  const rows = await db
    .select({ seq: deliveries.seq })
    .from(deliveries)
    .where(
      sql`${deliveries.source} = ${source} and ${deliveries.payload}->>'kind' = 'comment'
        and ${deliveries.payload}->>'comment' = ${String(comment)} and ${deliveries.payload}->'sender'->>'id' = ${String(sender.id)}
        and ${deliveries.reply} is not null and ${deliveries.answer}->>'ok' = 'false'
        and ${deliveries.receivedAt} > clock_timestamp() - interval '15 minutes'`,
    )
    .limit(1);
  return rows.length > 0;
}

/** The answer to the last button of a workspace that was pressed in the last ten minutes. */
export async function readClick(
  db: Executor,
  front: FrontName,
  workspace: string,
): Promise<{ payload: unknown; answer: Answer } | undefined> {
  const { payload, answer } = deliveries;
  const [row] = await db
    .select({ payload, answer })
    .from(deliveries)
    .where(
      sql`${deliveries.thread} = ${workspace} and ${deliveries.source} = ${front} and ${deliveries.endedAt} is not null
        and ${deliveries.receivedAt} > clock_timestamp() - interval '10 minutes'`,
    )
    .orderBy(desc(deliveries.seq))
    .limit(1);
  return row?.answer ? { payload: row.payload, answer: row.answer } : undefined;
}
