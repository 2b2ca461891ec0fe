// Where the forks stand now that somebody has workspaces of: before one starts, and whenever a forge is looked at. Hears nobody;
// knows no front.
import { defaultPolicy, findForge, type AskRules, type Forge, type Repository } from '../forges/forge.ts';
import { resendSignals } from './store/cards.ts';
import type { Executor, Workspace } from '../database/types.ts';
import type { Heads } from '../workspaces/fork.ts';
import { topicOf } from '../workspaces/naming.ts';
import { noteHead as workspacesNoteHead } from '../workspaces/store/workspace-changes.ts';

interface About {
  workspace: Pick<Workspace, 'repository' | 'topic' | 'fork'> | undefined;
  repository: Repository | undefined;
}

/**
 * What the gate of a start asks for: of the workspace that is meant, and of what a new one would be made of. What a forge does
 * not show is not among it, and nothing of that starts. Throws ProviderError: it does not say now.
 */
export async function readHeads(
  { db, forges }: { db: Executor; forges: readonly Forge[] },
  { workspace, repository }: About,
): Promise<Heads> {
  const heads = new Map<string, string>();
  // That was looked up a moment ago.
  const asked = repository && topicOf(repository);
  if (asked && repository.fork) heads.set(asked, repository.fork.head);
  const { topic, fork } = workspace ?? {};
  const forge = workspace && findForge(forges, workspace.repository)?.forge;
  if (!forge || !fork || !topic || heads.has(topic)) return heads;
  const head = await noteHead(db, forge, topic, fork.head);
  return head === undefined ? heads : heads.set(topic, head);
}

/** What its repository says of coding agents; of what is on no forge what holds everywhere. */
export async function readPolicy(
  forges: readonly Forge[],
  {
    workspace,
    repository,
  }: { workspace: { repository: string } | undefined; repository: Repository | undefined },
): Promise<AskRules> {
  const place = findForge(forges, repository?.url ?? workspace?.repository ?? '');
  return place ? (await place.forge.readRules(place.label)).ask : defaultPolicy;
}

/**
 * Where it stands now; not there, or not for us to see: left alone, because nothing is proven by that. `head`: the one that we
 * know.
 */
export async function noteHead(
  db: Executor,
  forge: Forge,
  topic: string,
  head: string,
): Promise<string | undefined> {
  const [label = '', number = ''] = topic.split('#');
  const change = await forge.findChange(label, Number(number));
  if (!change || change.head === head) return change?.head;
  await db.transaction(async (tx) => {
    await workspacesNoteHead(tx, topic, change.head);
    await resendSignals(tx, topic);
  });
  return change.head;
}
