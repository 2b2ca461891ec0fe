// The installations of the Slack app in Postgres: sealed tokens, one row a workspace of Slack's. Knows no HTTP.
import { and, eq, lte, sql } from 'drizzle-orm';
import type { Place, Sealed, Vault } from '../../../access/vault.ts';
import { cards, credentials, slackHomes, tokens } from '../../../database/schema.ts';
import { lostToken } from '../calls.ts';
import { notify, type Executor } from '../../../database/executor.ts';

/** What is sealed. */
export interface Installation {
  token: string;
  /** With rotation on: what brings the next token, and when this one ends; ms since 1970. */
  refreshToken?: string;
  expiresAt?: number;
}

const KIND = 'slack';
const idOf = (team: string): string => `slack:${team}`;
const placeOf = (team: string): Place => ({
  table: 'credentials',
  column: 'ciphertext',
  rowId: idOf(team),
  tenant: team,
});

const seal = (vault: Vault, team: string, installation: Installation): Sealed =>
  vault.seal(JSON.stringify(installation), placeOf(team));

/** `team`: a workspace of Slack's, or a whole organisation (`E1`). Undefined: the app is not installed there. Throws a lost token. */
export async function findInstallation(
  db: Executor,
  vault: Vault,
  team: string,
  { isLocked = false }: { isLocked?: boolean } = {},
): Promise<Installation | undefined> {
  const query = db
    .select()
    .from(credentials)
    .where(and(eq(credentials.id, idOf(team)), eq(credentials.kind, KIND)));
  const [row] = await (isLocked ? query.for('update') : query);
  return row && open(vault, team, row);
}

/** What was sealed with a key that is gone, or was changed, only a person can bring back. */
function open(vault: Vault, team: string, sealed: Sealed): Installation {
  let text: string;
  try {
    text = vault.open(sealed, placeOf(team));
  } catch {
    throw lostToken('unreadable_token');
  }
  return JSON.parse(text) as Installation;
}

/** Seals anew what an older key of the ring sealed. Gives the workspaces whose tokens no key of the ring opens. */
export async function resealInstallations(db: Executor, vault: Vault): Promise<string[]> {
  const rows = await db.select().from(credentials).where(eq(credentials.kind, KIND));
  const unreadable: string[] = [];
  for (const row of rows) {
    const next = tryReseal(vault, row);
    if (next === 'unreadable') unreadable.push(row.owner);
    // Unless it was replaced in the meantime.
    else if (next)
      await db
        .update(credentials)
        .set(next)
        .where(and(eq(credentials.id, row.id), eq(credentials.keyId, row.keyId)));
  }
  return unreadable;
}

function tryReseal(vault: Vault, row: Sealed & { owner: string }): Sealed | 'unreadable' | undefined {
  try {
    return vault.reseal(row, placeOf(row.owner));
  } catch {
    return 'unreadable';
  }
}

/** A new token for one that is there. */
export async function replaceInstallation(
  tx: Executor,
  vault: Vault,
  team: string,
  installation: Installation,
): Promise<void> {
  await tx
    .update(credentials)
    .set(seal(vault, team, installation))
    .where(eq(credentials.id, idOf(team)));
}

/** Installed, or installed anew; what waited for it is due. */
export async function keepInstallation(
  tx: Executor,
  vault: Vault,
  team: string,
  installation: Installation,
): Promise<void> {
  const sealed = seal(vault, team, installation);
  await tx
    .insert(credentials)
    .values({ id: idOf(team), kind: KIND, owner: team, ...sealed })
    .onConflictDoUpdate({
      target: credentials.id,
      set: { ...sealed, createdAt: sql`clock_timestamp()` },
    });
  await tx
    .update(cards)
    .set({ nextAt: sql`clock_timestamp()` })
    .where(
      and(
        eq(cards.front, 'slack'),
        sql`starts_with(${cards.thread}, ${`${team}/`}) and ${cards.wantVersion} <> ${cards.sentVersion}`,
      ),
    );
  await notify(tx, 'card');
}

/** Uninstalled at that time; an installation since then is another one, and then it is false. */
export async function dropInstallation(tx: Executor, team: string, at: Date): Promise<boolean> {
  await tx
    .delete(credentials)
    .where(and(eq(credentials.id, idOf(team)), eq(credentials.kind, KIND), lte(credentials.createdAt, at)));
  await tx.delete(slackHomes).where(eq(slackHomes.team, team));
  const left = await tx
    .select({ id: credentials.id })
    .from(credentials)
    .where(eq(credentials.id, idOf(team)));
  return left.length === 0;
}

/** False: that state came back before. */
export async function spendState(db: Executor, hash: string, expiresAt: Date): Promise<boolean> {
  const spent = await db
    .insert(tokens)
    .values({ hash, purpose: 'slack-install', subject: '', expiresAt, usedAt: sql`clock_timestamp()` })
    .onConflictDoNothing()
    .returning({ hash: tokens.hash });
  return spent.length > 0;
}
