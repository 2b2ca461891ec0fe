// What a node does next. Pure: the row, what provider and DNS show, and the time in, one step out.
import type { Failure } from '../../agent/protocol.ts';
import type { KnownFailure } from '../codes.ts';
import type { Node, NodePhase } from '../database/types.ts';
import { isSameAddress, type DnsRecord } from '../dns/dns.ts';
import type { Server } from '../providers/provider.ts';
import { isPast, later, nextLook, type Timing } from './timing.ts';

export type NodeStep =
  | { do: 'create' }
  | { do: 'remove'; server: Server }
  | { do: 'start'; server: Server }
  /** Its name shall lead to that address, and to nothing else. */
  | { do: 'setDnsRecord'; server: Server; address: string }
  | { do: 'removeDnsRecords'; records: DnsRecord[] }
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
  /** Before that this bot did not listen: a silence until then is its own. By the database's clock. */
  listeningSince?: Date | undefined;
}

/** What was seen outside, under the node's name. */
export interface Outside {
  server: Server | undefined;
  /** Absent: nodes have no names, or nothing depends on it now. `unknown`: the DNS could not be asked. */
  records?: DnsRecord[] | 'unknown' | undefined;
}

const wait = (until: Date | null): NodeStep => ({ do: 'wait', until });

/** It is the machine, or whoever makes it. */
const blame = (
  code: 'machine-missing' | 'machine-vanished' | 'machine-deleted' | 'machine-mute' | 'name-missing',
): KnownFailure => ({ class: 'provider', code, details: {} });

/** `isWanted`: a workspace on it is not deleted. */
export function nextNodeStep(
  node: Node,
  outside: Outside,
  isWanted: boolean,
  now: Date,
  life: NodeLife,
): NodeStep {
  if (node.phase === 'deleted') return wait(null);
  if (node.desired === 'deleted') return towardsDeleted(node, outside, now, life.timing);
  if (node.phase === 'deleting') return { do: 'discard' };
  if (node.phase === 'creating') return whileCreating(node, outside.server, isWanted, now, life);
  if (isWanted)
    return node.idleSince ? { do: 'idle', since: null } : whileThere(node, outside, isWanted, now, life);
  // It costs, in whatever phase: the time counts from the moment nobody wants it.
  if (!node.idleSince) return { do: 'idle', since: now };
  const end = later(node.idleSince, life.nodeWarmMs);
  if (isPast(end, now)) return { do: 'discard' };
  const step = whileThere(node, outside, isWanted, now, life);
  return step.do === 'wait' && (!step.until || end < step.until) ? wait(end) : step;
}

function whileThere(node: Node, outside: Outside, isWanted: boolean, now: Date, life: NodeLife): NodeStep {
  if (node.phase === 'booting') return whileBooting(node, outside, now, life.timing);
  if (node.phase === 'failed') return afterFailure(node, outside, now, life.timing);
  return whileAlive(node, outside, isWanted, now, life);
}

function towardsDeleted(node: Node, { server, records }: Outside, now: Date, timing: Timing): NodeStep {
  if (node.phase !== 'deleting') return { do: 'enter', phase: 'deleting' };
  // The machine first: it is what costs, and no trouble with the DNS may hold that up.
  if (server && server.status !== 'removing') return { do: 'remove', server };
  if (Array.isArray(records) && records.length > 0) return { do: 'removeDnsRecords', records };
  if (server) return { do: 'remove', server };
  if (records === 'unknown') return wait(nextLook(node.phaseSince, now, timing));
  // What got no answer may still land: absence is believed only after the quiet period.
  const ends = [node.observedAt ? null : quietEnd(node, timing), recordEnd(node, timing)];
  const quiet = ends
    .filter((end) => end !== null && !isPast(end, now))
    .sort((a, b) => Number(b) - Number(a))[0];
  return quiet ? waitFor(node, quiet, now, timing) : { do: 'enter', phase: 'deleted' };
}

function whileCreating(
  node: Node,
  server: Server | undefined,
  isWanted: boolean,
  now: Date,
  { timing, nodeWarmMs }: NodeLife,
): NodeStep {
  if (server) return { do: 'enter', phase: 'booting', server };
  // Nothing is there to be kept warm, unless it is made ahead. What still lands is removed.
  const isAhead = node.idleSince !== null && !isPast(later(node.idleSince, nodeWarmMs), now);
  if (!isWanted && !isAhead) return { do: 'discard' };
  const quiet = quietEnd(node, timing);
  if (quiet && !isPast(quiet, now)) return waitFor(node, quiet, now, timing);
  // Only once it was tried: a bot that was down for an hour still makes what is wanted.
  if (node.createSentAt && isPast(later(node.phaseSince, timing.creatingMs), now))
    return { do: 'fail', failure: node.lastError ?? blame('machine-missing') };
  return { do: 'create' };
}

function whileBooting(node: Node, outside: Outside, now: Date, timing: Timing): NodeStep {
  const { server } = outside;
  // It said so itself: nobody has to wait for the deadline.
  if (node.bootFailure) return { do: 'fail', failure: node.bootFailure };
  if (!server) return { do: 'fail', failure: blame('machine-vanished') };
  const named = checkName(node, outside, server);
  if (node.lastHeardAt && named === 'right') return { do: 'enter', phase: 'ready', server };
  const deadline = later(node.phaseSince, timing.bootMs);
  if (isPast(deadline, now))
    return {
      do: 'fail',
      failure: node.lastHeardAt ? (node.lastError ?? blame('name-missing')) : blame('machine-mute'),
    };
  if (typeof named === 'object') return named;
  return server.status === 'off' ? { do: 'start', server } : waitFor(node, deadline, now, timing);
}

/** A machine that only was too late is of use when it calls; one that said what is wrong, or is gone, is not waited for. */
function afterFailure(node: Node, outside: Outside, now: Date, timing: Timing): NodeStep {
  const { server } = outside;
  const end = later(node.phaseSince, timing.rescueMs);
  if (!server || server.status === 'removing' || node.bootFailure || isPast(end, now))
    return { do: 'discard' };
  const isHeard = node.lastHeardAt && !isPast(later(node.lastHeardAt, timing.silenceMs), now);
  if (!isHeard) return waitFor(node, end, now, timing);
  const named = checkName(node, outside, server);
  if (named === 'right') return { do: 'enter', phase: 'ready', server };
  return named === 'not yet' ? waitFor(node, end, now, timing) : named;
}

function whileAlive(node: Node, outside: Outside, isWanted: boolean, now: Date, life: NodeLife): NodeStep {
  const { server } = outside;
  if (!server) return { do: 'fail', failure: blame('machine-deleted') };
  const { silenceMs } = life.timing;
  const isOff = server.status === 'off';
  const isSilent = isOff || isPast(later(lastSign(node, life), silenceMs), now);
  if (isSilent && node.phase === 'ready') return { do: 'enter', phase: 'unhealthy' };
  if (!isSilent && node.phase === 'unhealthy') return { do: 'enter', phase: 'ready', server };
  // One that nobody wants and that is off is not started for that.
  if (!isWanted) return wait(null);
  if (isOff) return { do: 'start', server };
  const named = checkName(node, outside, server);
  if (typeof named === 'object') return named;
  // An agent that is back makes the row due; this look is for what happens to the machine meanwhile.
  return wait(isSilent ? later(now, silenceMs) : null);
}

/** One that is known to be silent has to speak itself. */
const lastSign = ({ phase, lastHeardAt }: Node, { listeningSince }: NodeLife): Date =>
  new Date(Math.max(lastHeardAt?.getTime() ?? 0, phase === 'ready' ? (listeningSince?.getTime() ?? 0) : 0));

/** Whether its name leads to the machine: `right`, a step that makes it so, or neither while nobody knows the address. */
function checkName(node: Node, { records }: Outside, server: Server): 'right' | 'not yet' | NodeStep {
  if (records === undefined) return 'right';
  const { address } = server;
  if (records === 'unknown' || address === undefined) return 'not yet';
  const [record, ...others] = records;
  const isRight =
    record?.node === node.id &&
    record.isProxied &&
    isSameAddress(record.address, address) &&
    others.length === 0;
  return isRight ? 'right' : { do: 'setDnsRecord', server, address };
}

const recordEnd = (node: Node, timing: Timing): Date | null =>
  node.recordSentAt && later(node.recordSentAt, timing.quietMs);

const quietEnd = (node: Node, timing: Timing): Date | null =>
  node.createSentAt && later(node.createSentAt, timing.quietMs);

/** Waits for the end of something, and looks at the outside world meanwhile. */
function waitFor({ phaseSince }: Node, end: Date, now: Date, timing: Timing): NodeStep {
  const look = nextLook(phaseSince, now, timing);
  return wait(end < look ? end : look);
}

/** A workspace's files can be on it, or get there. */
export const isUsable = (node: Node): boolean => node.desired === 'running' && !isGone(node);

/** A workspace may have left something on it: it has spoken to us once, and it is not gone. */
export const mayHold = (node: Node | undefined): node is Node =>
  node !== undefined && node.readyAt !== null && !isGone(node);

/** Nothing that was on it will come back. */
export const isGone = (node: Node): boolean =>
  node.phase === 'failed' ||
  node.phase === 'deleting' ||
  node.phase === 'deleted' ||
  node.desired === 'deleted';
