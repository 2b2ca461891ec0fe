// On which node a workspace goes. Pure: the owner's nodes in, the best one out; undefined means a new one.
import type { Node, Size } from '../database/types.ts';
import { isUsable } from './node.ts';

export interface Candidate {
  node: Node;
  /** Workspaces on it that are not deleted. */
  workspaces: number;
}

const RANK: Record<Size, number> = { small: 0, medium: 1, large: 2 };

/**
 * Same owner and provider is the caller's question; here: alive, at least the size that was asked for (a hard
 * filter), room left; then the least loaded, and the oldest among equals, so that the choice never flickers.
 * `perNode` 0: no maximum.
 */
export function chooseNode(candidates: Candidate[], size: Size, perNode: number): Node | undefined {
  const fitting = candidates.filter(
    ({ node, workspaces }) =>
      isUsable(node) &&
      node.phase !== 'unhealthy' &&
      RANK[node.size] >= RANK[size] &&
      (perNode === 0 || workspaces < perNode),
  );
  const load = ({ node, workspaces }: Candidate): number =>
    workspaces + 0.4 * (node.load?.cpu ?? 0) + 0.6 * (node.load?.memory ?? 0);
  return fitting.toSorted(
    (a, b) =>
      load(a) - load(b) ||
      a.node.createdAt.getTime() - b.node.createdAt.getTime() ||
      (a.node.id < b.node.id ? -1 : 1),
  )[0]?.node;
}
