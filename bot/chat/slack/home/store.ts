// Which App Homes are open, what they show, and whether that is still true, in Postgres. Knows no view.
import { and, asc, desc, eq, ne, sql } from 'drizzle-orm';
import { nodes, slackHomes, users, workspaces } from '../../../database/schema.ts';
import type { Node, User, Workspace } from '../../../database/schema.ts';
import { claimFirst, RELEASED } from '../../../database/claims.ts';
import { notify, type Executor } from '../../../database/executor.ts';

/** Whose Home it is. `team`: whose token publishes it; `home`: where the person's id means something. */
export interface Resident {
  team: string;
  home: string;
  person: string;
}

export interface HomeTask extends Resident {
  token: string;
  /** What it is going to show; another state is another task. */
  state: string;
}

/** It was opened: it is published once more, whatever it shows. */
export async function openHome(db: Executor, { team, home, person }: Resident): Promise<void> {
  await db
    .insert(slackHomes)
    .values({ team, home, person })
    .onConflictDoUpdate({
      target: [slackHomes.team, slackHomes.person],
      set: { home, openedAt: sql`clock_timestamp()`, nextAt: sql`clock_timestamp()`, sentState: null },
    });
  await notify(db, 'card');
}

/** What moves the expiry. While somebody types it moves on and on: a quarter of an hour more is news. */
const expiryGrain = sql`case when w.phase = 'running' then concat_ws('/', w.kept_until, w.idle_time_ms, w.warned_for,
  floor(extract(epoch from greatest(w.last_activity_at, w.running_at)) / 900)) end`;

/** Everything that a Home shows, as one short text: who they are to us, and where their workspaces stand. */
const stateOf = sql<string>`coalesce((
  select i.user_id || ':' || md5(string_agg(concat_ws('|', w.id, w.name, w.phase, w.desired, w.step, w.ref, w.size, w.notice,
           w.last_error->>'message', w.reported->>'commit', n.phase, ${expiryGrain}), ',' order by w.id))
    from identities i left join workspaces w on w.owner = i.user_id and w.phase <> 'deleted'
    left join nodes n on n.id = w.node_id
   where i.source = 'slack:' || slack_homes.home and i.external_id = slack_homes.person group by i.user_id), '-')`;

/** Takes a Home that was opened within a day and does not show what is true. Undefined: all do. */
export async function claimHome(db: Executor): Promise<HomeTask | undefined> {
  const held = await claimFirst<typeof slackHomes.$inferSelect>(db, slackHomes, {
    key: [slackHomes.team, slackHomes.person],
    where: sql`slack_homes.opened_at > clock_timestamp() - interval '1 day'
      and slack_homes.next_at <= clock_timestamp() and slack_homes.sent_state is distinct from ${stateOf}`,
    order: slackHomes.nextAt,
  });
  if (!held) return undefined;
  const { row, token } = held;
  const { team, home, person } = row;
  const [now] = await db.select({ state: stateOf }).from(slackHomes).where(isMine({ team, person, token }));
  return now && { team, home, person, token, state: now.state };
}

const isMine = ({ team, person, token }: Pick<HomeTask, 'team' | 'person' | 'token'>) =>
  and(eq(slackHomes.team, team), eq(slackHomes.person, person), eq(slackHomes.leaseToken, token));

/** `state` undefined: it was not published. The next one comes no earlier than `pauseMs` from now. */
export async function releaseHome(
  db: Executor,
  task: HomeTask,
  { state, pauseMs }: { state?: string; pauseMs: number },
): Promise<void> {
  await db
    .update(slackHomes)
    .set({
      ...(state === undefined ? {} : { sentState: state }),
      nextAt: sql`clock_timestamp() + ${pauseMs} * interval '1 millisecond'`,
      ...RELEASED,
    })
    .where(isMine(task));
}

/** Nobody can publish it any more. */
export async function dropHome(db: Executor, task: HomeTask): Promise<void> {
  await db.delete(slackHomes).where(isMine(task));
}

export interface Owned {
  workspace: Workspace;
  node: Node | null;
  owner: User;
  now: Date;
}

/** The owner's workspaces that are there, the oldest first. */
export async function listOwned(db: Executor, owner: string): Promise<Owned[]> {
  const rows = await db
    .select({ workspace: workspaces, node: nodes, owner: users, now: sql<string>`clock_timestamp()` })
    .from(workspaces)
    .innerJoin(users, eq(users.id, workspaces.owner))
    .leftJoin(nodes, eq(nodes.id, workspaces.nodeId))
    .where(and(eq(workspaces.owner, owner), ne(workspaces.phase, 'deleted')))
    .orderBy(asc(workspaces.createdAt));
  return rows.map((row) => ({ ...row, now: new Date(row.now) }));
}

/** One of them. Undefined: it is not theirs, or gone. */
export async function findOwned(db: Executor, owner: string, id: string): Promise<Workspace | undefined> {
  const [row] = await db
    .select()
    .from(workspaces)
    .where(and(eq(workspaces.id, id), eq(workspaces.owner, owner), ne(workspaces.desired, 'deleted')));
  return row;
}

/** The configurations for containers that the newest of their workspaces of a repository found there: the one it took first. */
export async function listConfigurations(db: Executor, owner: string, repository: string): Promise<string[]> {
  const [row] = await db
    .select({ reported: workspaces.reported })
    .from(workspaces)
    .where(
      and(
        eq(workspaces.owner, owner),
        sql`lower(${workspaces.repository}) = lower(${repository})`,
        sql`${workspaces.reported}->'environment' ? 'others'`,
      ),
    )
    .orderBy(desc(workspaces.createdAt))
    .limit(1);
  const { configuration = '', others = [] } = row?.reported?.environment ?? {};
  const [, taken = 'default'] = /^\.devcontainer\/([^/]+)\/[^/]+$/.exec(configuration) ?? [];
  return others.length > 0 ? [taken, ...others] : [];
}

/** Names are unique among the workspaces of one owner. */
export async function isNameTaken(db: Executor, owner: string, name: string): Promise<boolean> {
  const isThere = and(
    eq(workspaces.owner, owner),
    eq(workspaces.name, name),
    ne(workspaces.desired, 'deleted'),
  );
  return (await db.$count(workspaces, isThere)) > 0;
}
