// All that the tables have of one person, read for them; no secret and no hash of one. Knows no HTTP.
import { and, asc, eq, inArray, or } from 'drizzle-orm';
import { listAudit } from '../../access/store/audit.ts';
import type { Executor } from '../../database/executor.ts';
import {
  browserSessions,
  commands,
  credentials,
  identities,
  limits,
  nodes,
  pageSettings,
  personalTokens,
  ports,
  proposals,
  pushSubscriptions,
  shares,
  tasks,
  taskTurns,
  users,
  workspaces,
} from '../../database/schema.ts';
import { listBrowsers } from './settings.ts';

/** Of the audit, which is kept for a year. */
const MAX_AUDIT = 100_000;

/** By what it is; times are dates still. */
export async function readPerson(db: Executor, user: string): Promise<Record<string, unknown>> {
  const [person] = await db.select().from(users).where(eq(users.id, user));
  const read: Record<string, unknown> = { person };
  for (const [what, ask] of Object.entries(READERS)) read[what] = await ask(db, user);
  return read;
}

const owned = (db: Executor, user: string) =>
  db.select({ id: workspaces.id }).from(workspaces).where(eq(workspaces.owner, user));

const READERS: Record<string, (db: Executor, user: string) => PromiseLike<unknown[]>> = {
  identities: (db, user) => db.select().from(identities).where(eq(identities.userId, user)),
  workspaces: readWorkspaces,
  machines(db, user) {
    const { id, name, provider, size, phase, createdAt } = nodes;
    const asked = db.select({ id, name, provider, size, phase, createdAt }).from(nodes);
    return asked.where(eq(nodes.owner, user)).orderBy(asc(createdAt));
  },
  commands(db, user) {
    const { id, workspaceId: workspace, front, line, status, createdAt } = commands;
    const asked = db.select({ workspace, front, line, status, createdAt }).from(commands);
    return asked.where(eq(commands.actor, user)).orderBy(asc(id));
  },
  tasks: readTasks,
  pullRequests(db, user) {
    const { seq, workspaceId: workspace, branch, title, url, state, createdAt } = proposals;
    const asked = db.select({ workspace, branch, title, url, state, createdAt }).from(proposals);
    return asked.where(eq(proposals.actor, user)).orderBy(asc(seq));
  },
  shares(db, user) {
    const { seq, workspaceId: workspace, person, may, until, createdAt } = shares;
    return db
      .select({ workspace, with: users.name, may, until, createdAt })
      .from(shares)
      .innerJoin(users, eq(users.id, person))
      .where(or(eq(person, user), inArray(workspace, owned(db, user))))
      .orderBy(asc(seq));
  },
  ports: (db, user) =>
    db
      .select()
      .from(ports)
      .where(inArray(ports.workspaceId, owned(db, user))),
  tokens(db, user) {
    const { id, owner, name, scope, createdAt, expiresAt, usedAt } = personalTokens;
    const asked = db.select({ id, name, scope, createdAt, expiresAt, usedAt }).from(personalTokens);
    return asked.where(eq(owner, user));
  },
  keys(db, user) {
    const { owner, kind, shown, createdAt, usedAt } = credentials;
    return db.select({ kind, shown, createdAt, usedAt }).from(credentials).where(eq(owner, user));
  },
  browsers: listBrowsers,
  pageSettings(db, user) {
    const { userId, settings } = pageSettings;
    return db.select({ settings }).from(pageSettings).where(eq(userId, user));
  },
  devices(db, user) {
    // Its address is what lets somebody have it told of something.
    const { session, questions, commands: ends, createdAt } = pushSubscriptions;
    return db
      .select({ questions, commands: ends, createdAt })
      .from(pushSubscriptions)
      .innerJoin(browserSessions, eq(browserSessions.hash, session))
      .where(eq(browserSessions.userId, user));
  },
  limits(db, user) {
    const { holder, subject, kind, most, createdAt } = limits;
    const asked = db.select({ kind, most, createdAt }).from(limits);
    return asked.where(and(eq(holder, 'person'), eq(subject, user)));
  },
  audit: (db, user) => listAudit(db, { actor: user }, { limit: MAX_AUDIT }),
};

/** Those that are gone, too. */
function readWorkspaces(db: Executor, user: string) {
  const { id, name, repository, ref, topic, channel, size, phase, desired } = workspaces;
  const { createdAt, lastActivityAt, keptUntil, notice } = workspaces;
  const place = { id, name, repository, ref, topic, channel };
  return db
    .select({ ...place, size, phase, desired, createdAt, lastActivityAt, keptUntil, notice })
    .from(workspaces)
    .where(eq(workspaces.owner, user))
    .orderBy(asc(createdAt));
}

/** What they asked for, wherever that was. */
function readTasks(db: Executor, user: string) {
  const { id: task, workspaceId: workspace, front, thread, agent } = tasks;
  const { turn, prompt, answer, state, changes, decisions, spentMicros, createdAt, endedAt } = taskTurns;
  const said = { turn, prompt, answer, state, changes, decisions, spentMicros, createdAt, endedAt };
  return db
    .select({ task, workspace, front, thread, agent, ...said })
    .from(taskTurns)
    .innerJoin(tasks, eq(tasks.id, taskTurns.taskId))
    .where(eq(taskTurns.actor, user))
    .orderBy(asc(taskTurns.seq));
}
