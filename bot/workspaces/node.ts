// What a node does next. Pure: the row, what the provider shows, and the time in, one step out.
import type { Failure } from '../../agent/protocol.ts';
import type { Node, NodePhase } from '../database/schema.ts';
import type { Server } from '../providers/provider.ts';
import { isPast, later, type Timing } from './timing.ts';

export type NodeStep =
  | { do: 'create' }
  | { do: 'remove'; server: Server }
  | { do: 'start'; server: Server }
  | { do: 'enter'; phase: NodePhase; server?: Server }
  | { do: 'fail'; failure: Failure }
  | { do: 'idle'; since: Date | null }
  /** No workspace needs it, or nothing can be made of it. */
  | { do: 'discard' }
  | { do: 'wait'; until: Date | null };

export interface NodeLife {
  /** How long a node without workspaces waits for the owner's next one. */
  nodeWarmMs: number;
  timing: Timing;
}

/** How often a pass looks again while the outside world has to move; a provider's calls are counted. */
const LOOK_AGAIN_MS = 3_000;

const wait = (until: Date | null): NodeStep => ({ do: 'wait', until });

/** `server` is what the provider shows under the node's name; `isWanted`: a workspace on it is not deleted. */
export function nextNodeStep(
  node: Node,
  server: Server | undefined,
  isWanted: boolean,
  now: Date,
  life: NodeLife,
): NodeStep {
  if (node.phase === 'deleted') return wait(null);
  if (node.desired === 'deleted') return towardsDeleted(node, server, now, life.timing);
  switch (node.phase) {
    case 'creating':
      return whileCreating(node, server, now, life.timing);
    case 'booting':
      return whileBooting(node, server, now, life.timing);
    case 'ready':
    case 'unhealthy':
      return whileAlive(node, server, isWanted, now, life);
    case 'deleting':
    case 'failed':
      return { do: 'discard' };
  }
}

function towardsDeleted(node: Node, server: Server | undefined, now: Date, timing: Timing): NodeStep {
  if (node.phase !== 'deleting') return { do: 'enter', phase: 'deleting' };
  if (server) return { do: 'remove', server };
  // A create that got no answer may still land: absence is believed only after the quiet period.
  const quiet = node.createSentAt && later(node.createSentAt, timing.quietMs);
  if (quiet && !node.observedAt && !isPast(quiet, now))
    return wait(soonest(quiet, later(now, LOOK_AGAIN_MS)));
  return { do: 'enter', phase: 'deleted' };
}

function whileCreating(node: Node, server: Server | undefined, now: Date, timing: Timing): NodeStep {
  if (server) return { do: 'enter', phase: 'booting', server };
  const quiet = node.createSentAt && later(node.createSentAt, timing.quietMs);
  if (quiet && !isPast(quiet, now)) return wait(soonest(quiet, later(now, LOOK_AGAIN_MS)));
  return { do: 'create' };
}

function whileBooting(node: Node, server: Server | undefined, now: Date, timing: Timing): NodeStep {
  if (!server)
    return {
      do: 'fail',
      failure: { class: 'provider', message: 'The machine vanished while it was starting.' },
    };
  if (node.lastHeardAt) return { do: 'enter', phase: 'ready', server };
  if (server.status === 'off') return { do: 'start', server };
  const deadline = later(node.phaseSince, timing.bootMs);
  if (!isPast(deadline, now)) return wait(soonest(deadline, later(now, LOOK_AGAIN_MS)));
  return {
    do: 'fail',
    failure: { class: 'provider', message: 'The machine started, but its agent never called.' },
  };
}

function whileAlive(
  node: Node,
  server: Server | undefined,
  isWanted: boolean,
  now: Date,
  life: NodeLife,
): NodeStep {
  if (!server)
    return {
      do: 'fail',
      failure: { class: 'provider', message: 'The machine is gone: somebody or something deleted it.' },
    };
  if (server.status === 'off')
    return node.phase === 'ready' ? { do: 'enter', phase: 'unhealthy' } : { do: 'start', server };
  const isSilent = !node.lastHeardAt || isPast(later(node.lastHeardAt, life.timing.silenceMs), now);
  if (isSilent && node.phase === 'ready') return { do: 'enter', phase: 'unhealthy' };
  if (!isSilent && node.phase === 'unhealthy') return { do: 'enter', phase: 'ready', server };
  if (isWanted)
    return node.idleSince ? { do: 'idle', since: null } : wait(isSilent ? later(now, LOOK_AGAIN_MS) : null);
  if (!node.idleSince) return { do: 'idle', since: now };
  const end = later(node.idleSince, life.nodeWarmMs);
  return isPast(end, now) ? { do: 'discard' } : wait(end);
}

const soonest = (one: Date, other: Date): Date => (one < other ? one : other);

/** A workspace's files can be on it, or get there. */
export const isUsable = (node: Node): boolean => node.desired === 'running' && !isGone(node);

/** Nothing that was on it will come back. */
export const isGone = (node: Node): boolean =>
  node.phase === 'failed' ||
  node.phase === 'deleting' ||
  node.phase === 'deleted' ||
  node.desired === 'deleted';
