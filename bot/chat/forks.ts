// Where the forks stand now that somebody has workspaces of: before one starts again, and whenever a forge is looked at. Hears
// nobody; knows no front.
import { addressOf, type Forge } from '../forges/forge.ts';
import { resendSignals } from './store/cards.ts';
import type { Executor } from '../database/types.ts';
import { noteHead as workspacesNoteHead } from '../workspaces/store/workspace-changes.ts';
import { listTopics } from '../workspaces/store/workspaces.ts';

/** As many forks as anybody has workspaces of. */
const MAX_FORKS = 20;

/**
 * For the person's workspaces from forks: where their pull requests stand now, so that none starts at a commit that was
 * let in before a push which nobody heard of. Throws ProviderError: a forge does not say, and nothing starts.
 */
export async function lookAtForks(
  { db, forges }: { db: Executor; forges: readonly Forge[] },
  owner: string,
): Promise<void> {
  for (const forge of forges) {
    const topics = await listTopics(db, { host: addressOf(forge, ''), owner, most: MAX_FORKS });
    for (const { topic, head } of topics) if (head !== null) await noteHead(db, forge, topic, head);
  }
}

/** Not there, or not for us to see: left alone, because nothing is proven by that. `head`: the one that we know. */
export async function noteHead(db: Executor, forge: Forge, topic: string, head: string): Promise<void> {
  const [label = '', number = ''] = topic.split('#');
  const change = await forge.findChange(label, Number(number));
  if (!change || change.head === head) return;
  await db.transaction(async (tx) => {
    await workspacesNoteHead(tx, topic, change.head);
    await resendSignals(tx, topic);
  });
}
