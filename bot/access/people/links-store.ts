// Who a person of a chat is on a forge, in Postgres: found, linked, forgotten. Knows no HTTP.
import { and, eq, inArray, ne, sql } from 'drizzle-orm';
import {
  browserSessions,
  cards,
  commands,
  credentials,
  identities,
  nodes,
  personalTokens,
  taskTurns,
  tokens,
  users,
  workspaces,
  type User,
} from '../../database/schema.ts';
import { randomBase32 } from '../../ids.ts';
import { tellNodes } from '../credentials/credentials-store.ts';
import { isInChat, revokeCodes } from '../store/expiry.ts';
import type { Executor } from '../../database/types.ts';

/** Of a chat: `slack:T1`, `U1`. */
export interface ChatIdentity {
  source: string;
  externalId: string;
}

export interface Known {
  user: User;
  /** What they were called there last. */
  login: string;
  /** Whose rights count, by forge; none: not connected. */
  accounts: Accounts;
}

/** Who a person is elsewhere, by source (`github`). */
export type Accounts = ReadonlyMap<string, { id: string; login: string }>;

const isIdentity = ({ source, externalId }: ChatIdentity) =>
  and(eq(identities.source, source), eq(identities.externalId, externalId));

/** Undefined: never met. */
export async function findKnown(db: Executor, identity: ChatIdentity): Promise<Known | undefined> {
  const [found] = await db
    .select({ user: users, login: identities.login })
    .from(identities)
    .innerJoin(users, eq(users.id, identities.userId))
    .where(isIdentity(identity));
  if (!found) return undefined;
  const accounts = new Map(await findAccounts(db, found.user.id));
  accounts.delete(identity.source);
  return { ...found, accounts };
}

export async function findAccounts(db: Executor, user: string): Promise<Accounts> {
  const rows = await db
    .select({ source: identities.source, id: identities.externalId, login: identities.login })
    .from(identities)
    .where(eq(identities.userId, user));
  return new Map(rows.map(({ source, ...account }) => [source, account]));
}

/** The person of the chat is that user from now on, and brings along what they made while nobody could be connected. */
export async function link(tx: Executor, identity: ChatIdentity, login: string, user: string): Promise<void> {
  const before = await findKnown(tx, identity);
  if (before?.accounts.size === 0 && before.user.id !== user) await handOver(tx, before.user.id, user);
  await tx
    .insert(identities)
    .values({ ...identity, login, userId: user })
    .onConflictDoUpdate({
      target: [identities.source, identities.externalId],
      set: { userId: user, createdAt: sql`clock_timestamp()` },
    });
}

/** Forgets who the person of the chat is, and ends what they were given there. False: they were not connected. */
export async function unlink(tx: Executor, identity: ChatIdentity): Promise<boolean> {
  const known = await findKnown(tx, identity);
  if (!known || known.accounts.size === 0) return false;
  return unlinkOf(tx, known.user.id, identity);
}

/** The same, said by the person themselves elsewhere. False: that is no chat, or not them, or not any more. */
export async function unlinkOf(tx: Executor, user: string, identity: ChatIdentity): Promise<boolean> {
  const ended = await tx
    .delete(identities)
    .where(and(isIdentity(identity), eq(identities.userId, user), isInChat))
    .returning({ user: identities.userId });
  if (ended.length === 0) return false;
  await revokeCodes(tx, user);
  return true;
}

/** Who the person is in chats: what they connected. */
export async function findLinks(db: Executor, user: string): Promise<(ChatIdentity & { login: string })[]> {
  return db
    .select({ source: identities.source, externalId: identities.externalId, login: identities.login })
    .from(identities)
    .where(and(eq(identities.userId, user), isInChat))
    .orderBy(identities.createdAt);
}

// --- from one to the other ------------------------------------------------------------------------------------------

/** All that is there of `from` is `to`'s: a user of a chat alone is reached by nobody once the person is connected. */
async function handOver(tx: Executor, from: string, to: string): Promise<void> {
  // Names and places on nodes are given away under these locks.
  await tx
    .select()
    .from(users)
    .where(inArray(users.id, [from, to]))
    .orderBy(users.id)
    .for('no key update');
  const owned = await tx
    .select()
    .from(workspaces)
    .where(and(inArray(workspaces.owner, [from, to]), ne(workspaces.phase, 'deleted')));
  const held = owned.filter(({ owner, desired }) => owner === to && desired !== 'deleted');
  const names = new Set(held.map(({ name }) => name));
  const keys = new Set(held.map(({ key }) => key));
  for (const { id, name, key } of owned.filter(({ owner }) => owner === from)) {
    const theirs = { name: freeName(name, names), key: freeKey(key, from, to, keys) };
    names.add(theirs.name);
    keys.add(theirs.key);
    await tx
      .update(workspaces)
      .set({ owner: to, ...theirs })
      .where(eq(workspaces.id, id));
    await tx
      .update(cards)
      .set({ wantVersion: sql`${cards.wantVersion} + 1` })
      .where(eq(cards.subject, id));
  }
  await tx
    .update(nodes)
    .set({ owner: to })
    .where(and(eq(nodes.owner, from), ne(nodes.phase, 'deleted')));
  // Sealed for the one who is gone: nobody could open them any more. Whoever left them puts them in anew.
  await tx.delete(credentials).where(eq(credentials.owner, from));
  await tx.update(commands).set({ actor: to }).where(eq(commands.actor, from));
  await tx.update(taskTurns).set({ actor: to }).where(eq(taskTurns.actor, from));
  await handOverAccess(tx, from, to);
  // What they keep in memory of either is as of before.
  await tellNodes(tx, to);
}

/** What lets in goes on doing so; what leads to the page of the one who is gone ends. */
async function handOverAccess(tx: Executor, from: string, to: string): Promise<void> {
  const rows = await tx
    .select({ id: personalTokens.id, owner: personalTokens.owner, name: personalTokens.name })
    .from(personalTokens)
    .where(inArray(personalTokens.owner, [from, to]));
  const names = new Set(rows.filter(({ owner }) => owner === to).map(({ name }) => name));
  for (const { id, name } of rows.filter(({ owner }) => owner === from)) {
    const free = freeName(name, names);
    names.add(free);
    await tx.update(personalTokens).set({ owner: to, name: free }).where(eq(personalTokens.id, id));
  }
  await tx
    .update(tokens)
    .set({ userId: to })
    .where(and(eq(tokens.userId, from), eq(tokens.purpose, 'link')));
  await tx
    .delete(tokens)
    .where(and(eq(tokens.userId, from), inArray(tokens.purpose, ['settings', 'settings-session'])));
  await tx.update(browserSessions).set({ userId: to }).where(eq(browserSessions.userId, from));
}

function freeName(name: string, taken: ReadonlySet<string>): string {
  for (let count = 2, free = name; ; free = `${name}-${count++}`) if (!taken.has(free)) return free;
}

/** Keys end in their owner, or in one of many behind it. */
function freeKey(key: string, from: string, to: string, taken: ReadonlySet<string>): string {
  const theirs = key
    .split('|')
    .map((part) => (part === from ? to : part))
    .join('|');
  return taken.has(theirs) ? `${theirs}|${randomBase32(8)}` : theirs;
}
