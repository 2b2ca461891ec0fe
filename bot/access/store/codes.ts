// Codes of links: made, and spent once.
import { and, eq, gt, isNull, ne } from 'drizzle-orm';
import { tokens, workspaces } from '../../database/schema.ts';
import { databaseNow, inMs, type Executor } from '../../database/executor.ts';

export interface NewCode {
  hash: string;
  workspace: string;
  user: string;
  access: number;
  lifeSeconds: number;
}

export async function insertCode(db: Executor, code: NewCode): Promise<void> {
  await db.insert(tokens).values({
    hash: code.hash,
    purpose: 'link',
    subject: code.workspace,
    userId: code.user,
    access: code.access,
    expiresAt: inMs(1_000 * code.lifeSeconds),
  });
}

/**
 * Spends a code, for whoever it was made for; with `user`, only if that is them. Undefined: unknown, spent, late, revoked,
 * of another workspace or another person, and then nothing is spent.
 */
export async function spendCode(
  db: Executor,
  { hash, workspace, user }: { hash: string; workspace: string; user: string | undefined },
): Promise<{ user: string; access: number } | undefined> {
  const [spent] = await db
    .update(tokens)
    .set({ usedAt: databaseNow })
    .from(workspaces)
    .where(
      and(
        eq(tokens.hash, hash),
        eq(tokens.purpose, 'link'),
        eq(tokens.subject, workspace),
        isNull(tokens.usedAt),
        gt(tokens.expiresAt, databaseNow),
        eq(workspaces.id, tokens.subject),
        eq(workspaces.access, tokens.access),
        ne(workspaces.phase, 'deleted'),
        user === undefined ? undefined : eq(tokens.userId, user),
      ),
    )
    .returning({ user: tokens.userId, access: tokens.access });
  if (!spent?.user || spent.access === null) return undefined;
  return { user: spent.user, access: spent.access };
}

/** Whom a code of this workspace was made for, spent or not. */
export async function findCodeUser(
  db: Executor,
  hash: string,
  workspace: string,
): Promise<string | undefined> {
  const [code] = await db
    .select({ user: tokens.userId })
    .from(tokens)
    .where(and(eq(tokens.hash, hash), eq(tokens.purpose, 'link'), eq(tokens.subject, workspace)));
  return code?.user ?? undefined;
}
