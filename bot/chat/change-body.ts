// What a change that Sam offers says of itself: who asked for it, and where. Knows no vendor.
import { findIdentities } from '../access/store/people.ts';
import type { Executor, Proposal, Workspace } from '../database/types.ts';
import { findForge, type Forge } from '../forges/forge.ts';
import type { Front } from './front.ts';
import { wordChangeBody } from './wording.ts';

interface Knowledge {
  db: Executor;
  forges: readonly Forge[];
  fronts: readonly Front[];
}

/** A thread of the repository itself is named, and one in a chat, whose address tells others nothing; none of another repository. */
export async function describeChange(
  { db, forges, fronts }: Knowledge,
  { actor, front, thread }: Pick<Proposal, 'actor' | 'front' | 'thread'>,
  { repository, name }: Pick<Workspace, 'repository' | 'name'>,
): Promise<string> {
  const { forge } = findForge(forges, repository) ?? {};
  const known = forge && (await findIdentities(db, [actor], forge.name)).get(actor);
  const conversation = fronts.find((one) => one.name === front)?.conversation;
  const url = conversation?.threadUrl?.(thread);
  const isForeign = conversation?.traits.isPublic === true && !url?.startsWith(`${repository}/`);
  return wordChangeBody({ login: known?.login, name, where: isForeign ? undefined : url });
}
