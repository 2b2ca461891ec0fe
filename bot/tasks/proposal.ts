// What becomes of a wish to offer a workspace's work as a change: by what its agent and the forge say, and by what happens to the
// workspace. Pure; knows no database and no front.
import type { PushResult } from '../../agent/protocol.ts';
import type { SaidProposalFailure } from '../codes.ts';
import type { Proposal, Workspace } from '../database/types.ts';
import type { OpenedChange } from '../forges/forge.ts';
import { isPast, later, type Timing } from '../workspaces/timing.ts';

/** What is written of it. */
export type ProposalPatch = Partial<
  Pick<Proposal, 'state' | 'since' | 'commit' | 'title' | 'base' | 'url' | 'number' | 'failure' | 'endedAt'>
>;

const ended = (failure: SaidProposalFailure, now: Date): ProposalPatch => ({
  state: 'failed',
  since: now,
  endedAt: now,
  failure,
});

/** Nothing, where nobody waits for that any more. */
export function applyPushed(proposal: Proposal, result: PushResult, now: Date): ProposalPatch {
  if (proposal.state !== 'pushing') return {};
  if ('failure' in result) {
    const { code, said } = result.failure;
    return ended({ code, details: said === undefined ? {} : { said } }, now);
  }
  const { commit, subject } = result;
  return { state: 'opening', since: now, commit, title: proposal.title ?? subject };
}

export function applyOpened(proposal: Proposal, opened: OpenedChange, now: Date): ProposalPatch {
  if ('url' in opened) return { ...opened, state: 'done', since: now, endedAt: now };
  const { refused, said = '' } = opened;
  switch (refused) {
    case 'no-base':
      return ended({ code: refused, details: { base: proposal.base ?? '' } }, now);
    case 'nothing-changed':
      return ended({ code: refused, details: {} }, now);
    case 'app-lacks':
      return ended({ code: refused, details: { permission: said } }, now);
    case 'refused':
      return ended({ code: 'forge-refused', details: { said } }, now);
  }
}

export type ProposalStep =
  | { do: 'end'; failure: SaidProposalFailure }
  | { do: 'open' }
  /** Nothing until then. */
  | { do: 'wait'; until: Date };

export type ProposalPlace = Pick<Workspace, 'desired' | 'phase'> & {
  /** A turn that is worked on there: it is pushed after that. */
  isAtWork: boolean;
};

/** Agents say what comes of a push. This is for those that nobody pushes any more, and for what comes after the push. */
export function nextProposalStep(
  { state, since }: Pick<Proposal, 'state' | 'since'>,
  { desired, phase, isAtWork }: ProposalPlace,
  now: Date,
  { savingMs, turnEndMs }: Pick<Timing, 'savingMs' | 'turnEndMs'>,
): ProposalStep {
  if (state === 'opening') return { do: 'open' };
  const end = (code: 'workspace-deleted' | 'workspace-stopped' | 'workspace-failed' | 'never-pushed') =>
    ({ do: 'end', failure: { code, details: {} } }) as const;
  if (desired === 'deleted' || phase === 'deleted') return end('workspace-deleted');
  if (desired === 'stopped') return end('workspace-stopped');
  if (phase === 'failed') return end('workspace-failed');
  if (isAtWork) return { do: 'wait', until: later(now, turnEndMs) };
  const deadline = later(since, savingMs);
  return isPast(deadline, now) ? end('never-pushed') : { do: 'wait', until: deadline };
}
