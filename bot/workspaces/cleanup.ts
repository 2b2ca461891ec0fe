// What happens to workspaces when the pull request, issue, label or repository that they were made for goes. Asks nobody.
import type { Notice } from '../codes.ts';
import * as store from './store.ts';
import type { Executor } from './store.ts';

/**
 * They stop at once and are deleted as soon as nothing would be lost. `why`: for their cards. `since`: when it went, where
 * what people did afterwards counts for more. Their number.
 */
export async function retireWorkspaces(
  tx: Executor,
  place: { topic: string; since?: Date } | { repository: string },
  why: Notice,
): Promise<number> {
  const left = await store.listWanted(tx, place);
  for (const workspace of left) await store.giveUpWorkspace(tx, workspace, why);
  return left.length;
}
