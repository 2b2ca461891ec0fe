// What happens to workspaces when the pull request, issue, label or repository that they were made for goes. Asks nobody.
import type { Notice } from '../codes.ts';
import type { Executor } from '../database/types.ts';
import { giveUpWorkspace } from './store/workspace-changes.ts';
import { listWanted, type WantedAt } from './store/workspaces.ts';

/**
 * They stop at once and are deleted as soon as nothing would be lost. `why`: for their cards. `since`: when it went, where
 * what people did afterwards counts for more. Their number.
 */
export async function retireWorkspaces(
  tx: Executor,
  place: WantedAt & { since?: Date },
  why: Notice,
): Promise<number> {
  const left = await listWanted(tx, place);
  for (const workspace of left) await giveUpWorkspace(tx, workspace, why);
  return left.length;
}
