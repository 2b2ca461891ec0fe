// What was said of maxima, and what those have whom they are for. Counts under the locks of whoever asks; decides nothing.
import { and, eq, inArray, ne, or, sql, type SQL } from 'drizzle-orm';
import { databaseNow, type Executor } from '../../database/executor.ts';
import { limits, nodes, tasks, taskTurns, users, workspaces } from '../../database/schema.ts';
import type { LimitKind } from '../../codes.ts';
import { lockOwner } from './users.ts';
import { defaultsOf, type Holder, type LimitAccount, type LimitDefaults } from '../limits.ts';

type Kept = Exclude<Holder, 'installation'>;

/** Whose maxima: a user's id, `acme/api`, `slack|T1/C1`. */
export interface LimitSubject {
  holder: Kept;
  subject: string;
}

/** What something is about to be made of or for. */
export interface LimitPlace {
  owner: string;
  /** Its address, or a path. */
  repository?: string | undefined;
  /** With its front: `slack|T1/C1`. */
  channel?: string | null | undefined;
}

/** `owner/name` of an address; a path is its own. */
export const repositorySubject = (address: string): string =>
  (URL.parse(address)?.pathname.slice(1) ?? address).toLowerCase();

export const channelSubject = (front: string, channel: string): string => `${front}|${channel}`;

/** Whose maxima count there; in the order in which they are locked. */
const subjectsAt = ({ owner, repository, channel }: LimitPlace): LimitSubject[] => [
  { holder: 'person', subject: owner },
  ...(repository === undefined
    ? []
    : [{ holder: 'repository' as const, subject: repositorySubject(repository) }]),
  ...(channel ? [{ holder: 'channel' as const, subject: channel }] : []),
];

/** Until the transaction ends nobody else counts what these have to have one more. */
export async function lockAccounts(tx: Executor, place: LimitPlace): Promise<void> {
  for (const { holder, subject } of subjectsAt(place))
    if (holder === 'person') await lockOwner(tx, subject);
    else await tx.execute(sql`select pg_advisory_xact_lock(hashtext(${`sam limits ${holder} ${subject}`}))`);
}

/** All that count there, with what each has of these kinds, where it has a maximum at all. */
export async function readAccounts(
  db: Executor,
  place: LimitPlace,
  defaults: LimitDefaults,
  kinds: readonly LimitKind[],
): Promise<LimitAccount[]> {
  const accounts = [];
  for (const subject of subjectsAt(place)) accounts.push(await readAccount(db, subject, defaults, kinds));
  const most = defaultsOf('installation', defaults);
  if (most.machines !== undefined && kinds.includes('machines'))
    accounts.push({
      holder: 'installation' as const,
      called: '',
      most,
      has: { machines: await db.$count(nodes, isLiving) },
    });
  return accounts;
}

/** `all`: of what has no maximum, too. */
export async function readAccount(
  db: Executor,
  { holder, subject }: LimitSubject,
  defaults: LimitDefaults,
  kinds: readonly LimitKind[],
  all = false,
): Promise<LimitAccount> {
  const said = await db
    .select({ kind: limits.kind, most: limits.most })
    .from(limits)
    .where(and(eq(limits.holder, holder), eq(limits.subject, subject)));
  const most = { ...defaultsOf(holder, defaults) };
  for (const { kind, most: one } of said) {
    if (one === null) delete most[kind];
    else most[kind] = one;
  }
  const has: LimitAccount['has'] = {};
  for (const kind of kinds)
    if (all || most[kind] !== undefined) has[kind] = await COUNTS[kind](db, { holder, subject });
  return { holder, called: await calledOf(db, { holder, subject }), most, has };
}

async function calledOf(db: Executor, { holder, subject }: LimitSubject): Promise<string> {
  if (holder !== 'person') return holder === 'channel' ? 'here' : subject;
  const [user] = await db.select({ name: users.name }).from(users).where(eq(users.id, subject));
  return `@${user?.name ?? subject}`;
}

/** Their workspaces, deleted ones too. */
function isOf({ holder, subject }: LimitSubject): SQL {
  switch (holder) {
    case 'person':
      return sql`${workspaces.owner} = ${subject}`;
    case 'channel':
      return sql`${workspaces.channel} = ${subject}`;
    case 'repository':
      return sql`(lower(${workspaces.repository}) = ${subject}
        or right(lower(${workspaces.repository}), ${subject.length + 1}) = ${`/${subject}`})`;
    default:
      return holder satisfies never;
  }
}

const isLiving = and(
  eq(nodes.desired, 'running'),
  ne(nodes.phase, 'failed'),
  ne(nodes.phase, 'deleting'),
  ne(nodes.phase, 'deleted'),
);

/** A person's machines; of the others those that a workspace of theirs is on. `ever`: or was. */
function hasNodes(db: Executor, of: LimitSubject, ever: boolean): SQL | undefined {
  if (of.holder === 'person') return eq(nodes.owner, of.subject);
  const there = db
    .select({ id: workspaces.nodeId })
    .from(workspaces)
    .where(and(isOf(of), ever ? undefined : ne(workspaces.phase, 'deleted')));
  return inArray(nodes.id, there);
}

const MONTH = sql`date_trunc('month', clock_timestamp() at time zone 'UTC') at time zone 'UTC'`;
const NODE_END = sql`case when ${nodes.phase} = 'deleted' then ${nodes.phaseSince} else clock_timestamp() end`;
/** Started hours count whole, as they are paid for. */
const NODE_HOURS = sql<number>`coalesce(sum(ceil(greatest(0,
  extract(epoch from ${NODE_END} - greatest(${nodes.createSentAt}, ${MONTH})) / 3600))), 0)::int`;

const COUNTS: Record<LimitKind, (db: Executor, of: LimitSubject) => Promise<number>> = {
  workspaces: (db, of) => db.$count(workspaces, and(isOf(of), ne(workspaces.desired, 'deleted'))),
  machines: (db, of) => db.$count(nodes, and(isLiving, hasNodes(db, of, false))),
  size: () => Promise.resolve(0),
  async hours(db, of) {
    const isThisMonth = or(ne(nodes.phase, 'deleted'), sql`${nodes.phaseSince} > ${MONTH}`);
    const [row] = await db
      .select({ hours: NODE_HOURS })
      .from(nodes)
      .where(and(sql`${nodes.createSentAt} is not null`, isThisMonth, hasNodes(db, of, true)));
    return row?.hours ?? 0;
  },
  async tasks(db, of) {
    const isTheirs = of.holder === 'person' ? eq(taskTurns.actor, of.subject) : isOf(of);
    const [row] = await db
      .select({ count: sql<number>`count(*)::int` })
      .from(taskTurns)
      .innerJoin(workspaces, eq(workspaces.id, taskTurns.workspaceId))
      .innerJoin(tasks, and(eq(tasks.id, taskTurns.taskId), ne(tasks.agent, 'shell')))
      // By an index: of a clock that moves within the statement Postgres makes no use of one.
      .where(and(isTheirs, sql`${taskTurns.createdAt} > statement_timestamp() - interval '1 hour'`));
    return row?.count ?? 0;
  },
};

/** Until the transaction ends nobody else counts machines to make one more. */
export async function lockMachines(tx: Executor): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtext('sam machines'))`);
}

/** `most` null: no maximum; undefined: as the configuration says. */
export async function setLimit(
  tx: Executor,
  { holder, subject }: LimitSubject,
  { kind, most, setBy }: { kind: LimitKind; most: number | null | undefined; setBy: string },
): Promise<void> {
  if (most === undefined) {
    const isThis = and(eq(limits.holder, holder), eq(limits.subject, subject), eq(limits.kind, kind));
    await tx.delete(limits).where(isThis);
    return;
  }
  await tx
    .insert(limits)
    .values({ holder, subject, kind, most, setBy })
    .onConflictDoUpdate({
      target: [limits.holder, limits.subject, limits.kind],
      set: { most, setBy, createdAt: databaseNow },
    });
}

/** All that was said, for those who run Sam. */
export const listLimits = (db: Executor): Promise<(typeof limits.$inferSelect)[]> =>
  db.select().from(limits).orderBy(limits.holder, limits.subject, limits.kind);
