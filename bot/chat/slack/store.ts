// What the Slack front asks of Postgres beside the inbox: its people, its cards' places, repeated presses, private news.
import { and, desc, eq, gt, isNull, like, ne, sql } from 'drizzle-orm';
import {
  cards,
  deliveries,
  identities,
  notifications,
  shares,
  users,
  workspaces,
} from '../../database/schema.ts';
import type { Access, Card, Workspace } from '../../database/schema.ts';
import { claimFirst, RELEASED } from '../../database/claims.ts';
import { notify, type Executor } from '../../database/executor.ts';
import { AGAIN } from '../../workspaces/store/cards.ts';

/** The repositories of the owner's workspaces that a command may mean; `name`: their name or id. */
export async function listRepositories(
  db: Executor,
  owner: string,
  { name, number }: { name?: string | undefined; number?: number | undefined },
): Promise<string[]> {
  const isNamed = name?.startsWith('ws-') ? eq(workspaces.id, name) : eq(workspaces.name, name ?? '');
  const rows = await db
    .selectDistinct({ repository: workspaces.repository })
    .from(workspaces)
    .where(
      and(
        eq(workspaces.owner, owner),
        ne(workspaces.desired, 'deleted'),
        name === undefined ? undefined : isNamed,
        number === undefined ? undefined : sql`${workspaces.key} ~ ${`\\|(pr|issue):${number}\\|`}`,
      ),
    )
    .limit(10);
  return rows.map(({ repository }) => repository);
}

/** The address of a workspace's repository, by its id. */
export async function findRepository(db: Executor, id: string): Promise<string | undefined> {
  const [row] = await db
    .select({ repository: workspaces.repository })
    .from(workspaces)
    .where(and(eq(workspaces.id, id), ne(workspaces.desired, 'deleted')));
  return row?.repository;
}

/** How many requests of this person got an answer in the last hour. */
export async function countRecent(db: Executor, person: string): Promise<number> {
  return db.$count(
    deliveries,
    sql`${deliveries.source} = 'slack' and ${deliveries.thread} = ${person} and ${deliveries.answer} is not null
      and ${deliveries.receivedAt} > clock_timestamp() - interval '1 hour'`,
  );
}

/** Whether the same press came shortly before and did what it says: a double click, an impatient thumb. */
export async function wasPressed(db: Executor, deliveryId: string, press: string): Promise<boolean> {
  const [row] = await db.execute<{ found: boolean }>(sql`
    select exists (select 1 from deliveries d, deliveries me
      where me.source = 'slack' and me.delivery_id = ${deliveryId}
        and d.source = 'slack' and d.thread = me.thread and d.seq < me.seq and d.payload->>'press' = ${press}
        and (d.answer->>'ok')::boolean and d.received_at > me.received_at - interval '10 seconds') as found`);
  return row?.found === true;
}

/** Stores a request once more, for the one who could not run it then. */
export async function repeatDelivery(tx: Executor, deliveryId: string): Promise<void> {
  await tx.execute(sql`
    insert into deliveries (source, delivery_id, thread, event, payload)
    select source, delivery_id || '+connected', thread, event, payload from deliveries
     where source = 'slack' and delivery_id = ${deliveryId}
    on conflict do nothing`);
  await notify(tx, 'delivery');
}

// --- cards --------------------------------------------------------------------------------------------------------

export type CardPlace = Pick<Card, 'thread' | 'subject' | 'externalId'>;

/** The cards in that place, or whose message is that one (`C1:123.45`). */
export async function findCards(db: Executor, thread: string, externalId?: string): Promise<CardPlace[]> {
  const { subject } = cards;
  const isThere =
    externalId === undefined
      ? eq(cards.thread, thread)
      : sql`(${cards.thread} = ${thread} or ${cards.externalId} = ${externalId})`;
  return db
    .select({ thread: cards.thread, subject, externalId: cards.externalId })
    .from(cards)
    .where(and(eq(cards.front, 'slack'), eq(cards.kind, 'card'), isThere));
}

/** What became of a message that looks like a card of ours. */
export type Claimed = 'known' | 'adopted' | 'double';

/** A message whose number got lost becomes the card, if there is none; else it is one too many. */
export async function claimMessage(
  db: Executor,
  { thread, subject }: Pick<Card, 'thread' | 'subject'>,
  externalId: string,
): Promise<Claimed> {
  const isOurs = and(eq(cards.front, 'slack'), eq(cards.subject, subject));
  if ((await db.$count(cards, and(isOurs, eq(cards.externalId, externalId)))) > 0) return 'known';
  const adopted = await db
    .update(cards)
    .set({ ...AGAIN, externalId, sentHash: null })
    .where(and(isOurs, eq(cards.thread, thread), isNull(cards.externalId)))
    .returning({ seq: cards.seq });
  if (adopted.length > 0) await notify(db, 'card');
  return adopted.length > 0 ? 'adopted' : 'double';
}

export interface SlackPerson {
  /** `slack:T1`. */
  source: string;
  externalId: string;
  /** Where they spoke with us last: whose token reaches them. */
  team: string;
}

/** The owner of a workspace as Slack knows them; who came last if they are several. Undefined: not at all. */
export async function findOwner(db: Executor, workspace: string): Promise<SlackPerson | undefined> {
  const [row] = await db
    .select({ owner: workspaces.owner })
    .from(workspaces)
    .where(eq(workspaces.id, workspace));
  return row && findMember(db, row.owner);
}

async function findMember(db: Executor, user: string): Promise<SlackPerson | undefined> {
  const { source, externalId } = identities;
  const [found] = await db
    .select({ source, externalId })
    .from(identities)
    .where(and(eq(identities.userId, user), like(source, 'slack:%')))
    .orderBy(desc(identities.createdAt))
    .limit(1);
  return found && { ...found, team: await findTeam(db, found) };
}

/** In an organisation, and for guests, people's home is not where the app is. */
async function findTeam(db: Executor, { source, externalId }: Omit<SlackPerson, 'team'>): Promise<string> {
  const home = source.slice('slack:'.length);
  const [row] = await db.execute<{ team: string | null }>(sql`
    select payload->>'team' as team from deliveries
     where source = 'slack' and thread = ${`${home}/${externalId}`} order by seq desc limit 1`);
  return row?.team ?? home;
}

// --- private news -------------------------------------------------------------------------------------------------

export interface Notification {
  workspace: Workspace;
  about: string;
  /** Who is told: the owner, but for what is shared with somebody else. */
  to: SlackPerson;
  /** What the person is let in for; undefined: it is about something else. */
  share: { by: string; may: Access; until: Date } | undefined;
  /** Who else said what; undefined: it is about the expiry. */
  act: { by: string; verb: string } | undefined;
  token: string;
}

/** Takes the next thing that an owner should hear of in private. Undefined: nothing. */
export async function claimNotification(db: Executor): Promise<Notification | undefined> {
  const held = await claimFirst<typeof notifications.$inferSelect>(db, notifications, {
    key: [notifications.workspaceId, notifications.about],
    where: sql`${notifications.toldAt} is null and ${notifications.createdAt} > clock_timestamp() - interval '1 day'`,
    order: notifications.createdAt,
  });
  if (!held) return undefined;
  const { row: claimed, token } = held;
  const { workspaceId, about } = claimed;
  const [workspace] = await db.select().from(workspaces).where(eq(workspaces.id, workspaceId));
  const act = await findAct(db, about);
  const share = await findShareFor(db, about);
  const to = share ? await findMember(db, share.person) : await findOwner(db, workspaceId);
  if (workspace && to && (act || share || isStillSo(workspace, about)))
    return { workspace, to, act, share, about, token };
  await endNotification(db, { workspace: { id: claimed.workspaceId }, about: claimed.about });
  return undefined;
}

/** Finds what is news: only for those whom Slack knows, and nothing that is older than an hour. */
export async function noteNotifications(db: Executor): Promise<void> {
  await db.execute(sql`
    insert into tidings (workspace_id, about)
    select w.id, 'expiry:' || floor(extract(epoch from w.warned_for))
      from identities i join workspaces w on w.owner = i.user_id
     where i.source like 'slack:%' and w.phase in ('running', 'failed') and w.desired = 'running' and w.warned_for > clock_timestamp()
    union
    select w.id, 'command:' || c.id
      from (select * from commands order by id desc limit 500) c
      join workspaces w on w.id = c.workspace_id
      join identities i on i.user_id = w.owner and i.source like 'slack:%'
     where c.actor <> w.owner and c.desired is not null and c.created_at > clock_timestamp() - interval '1 hour'
    union
    select s.workspace_id, 'share:' || s.id
      from shares s join identities i on i.user_id = s.person and i.source like 'slack:%'
     where s.ended_at is null and s.created_at > clock_timestamp() - interval '1 hour'
    on conflict do nothing`);
}

async function findShareFor(
  db: Executor,
  about: string,
): Promise<(NonNullable<Notification['share']> & { person: string }) | undefined> {
  const [kind, id] = about.split(':');
  if (kind !== 'share' || id === undefined) return undefined;
  const [row] = await db
    .select({ person: shares.person, by: users.name, may: shares.may, until: shares.until })
    .from(shares)
    .innerJoin(workspaces, and(eq(workspaces.id, shares.workspaceId), eq(workspaces.access, shares.access)))
    .innerJoin(users, eq(users.id, workspaces.owner))
    .where(and(eq(shares.id, id), isNull(shares.endedAt), gt(shares.until, sql`clock_timestamp()`)));
  return row;
}

/** Somebody typed, or it stopped: then it is no news any more. */
const isStillSo = ({ phase, desired, warnedFor }: Workspace, about: string): boolean =>
  (phase === 'running' || (phase === 'failed' && desired === 'running')) &&
  about === `expiry:${Math.floor((warnedFor?.getTime() ?? 0) / 1000)}`;

async function findAct(db: Executor, about: string): Promise<Notification['act']> {
  const [kind, id] = about.split(':');
  if (kind !== 'command') return undefined;
  const [row] = await db.execute<{ by: string; verb: string }>(sql`
    select u.name as by, c.verb from commands c join users u on u.id = c.actor where c.id = ${Number(id)}`);
  return row;
}

/** It is tried again after so long, and not before its lease is over. */
export async function postponeNotification(
  db: Executor,
  { workspace, about, token }: Notification,
  ms: number,
): Promise<void> {
  await db
    .update(notifications)
    .set({
      leaseUntil: sql`greatest(${notifications.leaseUntil}, clock_timestamp() + ${ms} * interval '1 millisecond')`,
    })
    .where(
      and(
        eq(notifications.workspaceId, workspace.id),
        eq(notifications.about, about),
        eq(notifications.leaseToken, token),
      ),
    );
}

export async function endNotification(
  db: Executor,
  { workspace, about }: { workspace: Pick<Workspace, 'id'>; about: string },
): Promise<void> {
  await db
    .update(notifications)
    .set({ toldAt: sql`clock_timestamp()`, ...RELEASED })
    .where(and(eq(notifications.workspaceId, workspace.id), eq(notifications.about, about)));
}
