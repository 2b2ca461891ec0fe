// People's credentials in Postgres, sealed: one row for each person and kind. Opens none of them; knows no HTTP.
import { and, eq, inArray, ne, sql } from 'drizzle-orm';
import { CODING_AGENTS, type CodingAgent } from '../../../agent/protocol.ts';
import { credentials, nodes } from '../../database/schema.ts';
import { databaseNow, notify, type Executor } from '../../database/executor.ts';
import type { Sealed } from '../vault.ts';
import { PROVIDERS, type Provider } from './kinds.ts';

export interface CredentialRow extends Sealed {
  owner: string;
  provider: Provider;
  /** What of it may be shown. */
  shown: string;
  madeAt: Date;
  usedAt: Date | null;
}

export const idOf = (owner: string, provider: Provider): string => `${owner}:${provider}`;

const isOf = (owner: string, ...providers: Provider[]) =>
  and(eq(credentials.owner, owner), inArray(credentials.kind, providers));

type Row = typeof credentials.$inferSelect;

const read = ({ kind, createdAt, shown, ...row }: Row): CredentialRow => ({
  ...row,
  // The statement asked for no others.
  provider: kind as Provider,
  shown: shown ?? '',
  madeAt: createdAt,
});

/** All of a person's, or of everybody. */
export async function listRows(db: Executor, owner?: string): Promise<CredentialRow[]> {
  const rows = await db
    .select()
    .from(credentials)
    .where(owner === undefined ? inArray(credentials.kind, [...PROVIDERS]) : isOf(owner, ...PROVIDERS));
  return rows.map(read);
}

export async function findRow(
  db: Executor,
  owner: string,
  provider: Provider,
): Promise<CredentialRow | undefined> {
  const [row] = await db.select().from(credentials).where(isOf(owner, provider));
  return row && read(row);
}

/** In place of one that is there. */
export async function putRow(
  tx: Executor,
  { owner, provider, shown, keyId, ciphertext }: Omit<CredentialRow, 'madeAt' | 'usedAt'>,
): Promise<CredentialRow> {
  const fresh = { keyId, ciphertext, shown };
  const [row] = await tx
    .insert(credentials)
    .values({ id: idOf(owner, provider), kind: provider, owner, ...fresh })
    .onConflictDoUpdate({
      target: credentials.id,
      set: { ...fresh, createdAt: databaseNow, usedAt: null },
    })
    .returning();
  if (!row) throw new Error('a credential got no row');
  return read(row);
}

/** False: there was none. */
export async function dropRow(tx: Executor, owner: string, provider: Provider): Promise<boolean> {
  const gone = await tx.delete(credentials).where(isOf(owner, provider)).returning({ id: credentials.id });
  return gone.length > 0;
}

/** Which of these kinds each of these people has. */
export async function listKinds(
  db: Executor,
  owners: string[],
  ...providers: Provider[]
): Promise<{ owner: string; provider: Provider }[]> {
  if (owners.length === 0) return [];
  const rows = await db
    .select({ owner: credentials.owner, kind: credentials.kind })
    .from(credentials)
    .where(and(inArray(credentials.owner, owners), inArray(credentials.kind, providers)));
  return rows.map(({ owner, kind }) => ({ owner, provider: kind as Provider }));
}

/** Whose key each coding agent asks its models with; the first that somebody has one for is theirs. */
const CODING_KEYS: Record<CodingAgent, Provider[]> = { claude: ['anthropic', 'claude'], codex: ['openai'] };

/** Those that this person has left a key for. */
export async function findCodingAgents(db: Executor, owner: string): Promise<CodingAgent[]> {
  const kinds = await listKinds(db, [owner], ...CODING_AGENTS.flatMap((agent) => CODING_KEYS[agent]));
  return CODING_AGENTS.filter((agent) => kinds.some(({ provider }) => CODING_KEYS[agent].includes(provider)));
}

/** What may be shown of it, by person. */
export async function listShown(
  db: Executor,
  owners: string[],
  provider: Provider,
): Promise<ReadonlyMap<string, string>> {
  if (owners.length === 0) return new Map();
  const rows = await db
    .select({ owner: credentials.owner, shown: credentials.shown })
    .from(credentials)
    .where(and(inArray(credentials.owner, owners), eq(credentials.kind, provider)));
  return new Map(rows.flatMap(({ owner, shown }) => (shown === null ? [] : [[owner, shown]])));
}

export async function noteUse(db: Executor, owner: string, provider: Provider): Promise<void> {
  await db.update(credentials).set({ usedAt: databaseNow }).where(isOf(owner, provider));
}

/** The same secret under another key, unless it was replaced in the meantime. */
export async function resealRow(db: Executor, row: CredentialRow, next: Sealed): Promise<void> {
  await db
    .update(credentials)
    .set({ keyId: next.keyId, ciphertext: next.ciphertext })
    .where(and(isOf(row.owner, row.provider), eq(credentials.ciphertext, row.ciphertext)));
}

/** The person's nodes ask anew from now on, and hear what else follows from it. */
export async function tellNodes(tx: Executor, owner: string): Promise<void> {
  const theirs = await tx
    .select({ id: nodes.id })
    .from(nodes)
    .where(and(eq(nodes.owner, owner), ne(nodes.phase, 'deleted'), sql`${nodes.agentKey} is not null`));
  for (const { id } of theirs) await notify(tx, `credentials:${id}`, `desired:${id}`);
}
