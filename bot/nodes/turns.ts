// What a node should work on, from the rows of turns, and what of it the node has not heard yet. Pure; knows no connection.
import type { DesiredPush, DesiredTurn, GitIdentity } from '../../agent/protocol.ts';
import type { WantedPush } from '../tasks/store/proposals.ts';
import type { NodeTurn } from '../tasks/store/wanted.ts';

/** One that ended here goes no further there. */
const desiredTurn = ({ turn, agent, budgetUsd }: NodeTurn): DesiredTurn => ({
  workspace: turn.workspaceId,
  task: turn.taskId,
  turn: turn.turn,
  agent,
  prompt: turn.prompt,
  policy: turn.policy,
  minutes: turn.minutes,
  ...(budgetUsd !== undefined && { budgetUsd }),
  desired: turn.endedAt ? 'cancelled' : turn.desired,
  decisions: turn.decisions.map(({ request, decision }) => ({ request, decision })),
});

/** What to say of these turns to a node that was told `before`, and what it has been told then. */
export function turnsToTell(
  turns: NodeTurn[],
  before: ReadonlyMap<string, string>,
): { news: DesiredTurn[]; told: ReadonlyMap<string, string> } {
  const told = new Map<string, string>();
  const news: DesiredTurn[] = [];
  for (const one of turns) {
    const desired = desiredTurn(one);
    const key = `${desired.task}/${desired.turn}`;
    const json = JSON.stringify(desired);
    if (before.get(key) !== json) news.push(desired);
    told.set(key, json);
  }
  return { news, told };
}

/** `author`: whose work it is. */
const desiredPush = ({ proposal }: WantedPush, author: GitIdentity | undefined): DesiredPush => ({
  workspace: proposal.workspaceId,
  id: proposal.id,
  branch: proposal.branch,
  subject: proposal.title ?? `Work of ${proposal.branch}`,
  ...(author && { author }),
  ...(proposal.agent && proposal.agent !== 'shell' && { agent: proposal.agent }),
});

/** The same for what is to be pushed: each is told once, by its id. */
export function pushesToTell(
  pushes: WantedPush[],
  before: ReadonlySet<string>,
  authorOf: (workspace: string) => GitIdentity | undefined,
): { news: DesiredPush[]; told: ReadonlySet<string> } {
  const news = pushes
    .filter(({ proposal }) => !before.has(proposal.id))
    .map((one) => desiredPush(one, authorOf(one.workspace.id)));
  return { news, told: new Set(pushes.map(({ proposal }) => proposal.id)) };
}
