// What happens to workspaces when the pull request, issue, label or repository that they were made for goes. Asks nobody.
import type { Notice } from '../codes.ts';
import * as store from '../workspaces/store.ts';
import type { Executor } from '../workspaces/store.ts';

/**
 * They stop at once and are deleted as soon as nothing would be lost. `why`: for their cards. `since`: when it went, where
 * what people did afterwards counts for more. Their number.
 */
export async function sayFarewell(
  tx: Executor,
  place: { topic: string; since?: Date } | { repository: string },
  why: Notice,
): Promise<number> {
  const left = await store.listWanted(tx, place);
  for (const workspace of left) await store.giveUpWorkspace(tx, workspace, why);
  return left.length;
}

/** A pull request has another head. */
export const notePush = store.noteHead;

/** What living workspaces were made for. */
export const listTopics = store.listTopics;

/** A repository has a new name or owner: what was made for it goes on. */
export const follow = store.moveWorkspaces;

/** GitHub said who may read a repository: what is saved unasked goes only where that is not everybody. */
export const noteVisibility = store.noteVisibility;
