// One pass over a wish to offer work as a change: ends what nobody pushes, and has the forge open the change for what was pushed. One
// that was opened before an answer got lost is found again by its branch.
import type { Logger } from 'pino';
import type { Executor, Held, Proposal, Workspace } from '../database/types.ts';
import { messageOf, ProviderError, waitMs } from '../errors.ts';
import { findForge, type Forge } from '../forges/forge.ts';
import { whileHeld } from '../jobs/lease.ts';
import type { Source } from '../jobs/loop.ts';
import { backoffMs, isPast, later, type Timing } from '../workspaces/timing.ts';
import { applyOpened, nextProposalStep, type ProposalPatch } from './proposal.ts';
import {
  claimProposal,
  postponeProposal,
  proposalDueInMs,
  readProposalPlace,
  renewProposal,
  restProposal,
  writeHeldProposal,
} from './store/proposals.ts';

export interface ProposalWork {
  db: Executor;
  timing: Timing;
  forges: readonly Forge[];
  /** The text of the change, in the forge's Markdown. */
  describe: (proposal: Proposal, workspace: Workspace) => Promise<string>;
  log: Logger;
}

export const proposalSource = (work: ProposalWork): Source => ({
  name: 'proposals',
  dueInMs: () => proposalDueInMs(work.db),
  async take() {
    const held = await claimProposal(work.db);
    return (
      held &&
      (() =>
        whileHeld(
          () => renewProposal(work.db, held),
          () => pass(work, held),
          work,
        ))
    );
  },
});

async function pass(work: ProposalWork, held: Held<Proposal>): Promise<void> {
  const { db, timing } = work;
  const place = await readProposalPlace(db, held.row);
  const step = nextProposalStep(held.row, place, held.now, timing);
  if (step.do === 'wait') return restProposal(db, held, step.until, place.isAtWork);
  if (step.do === 'open') return open(work, held, place.workspace);
  return end(work, held, step.failure);
}

async function open(work: ProposalWork, held: Held<Proposal>, workspace: Workspace): Promise<void> {
  const { db, forges, timing, describe, log } = work;
  const { branch, base, title, since } = held.row;
  const { forge, label } = findForge(forges, workspace.repository) ?? {};
  // What a fork sent is nobody's to push; that was said before, and is no more than a bolt.
  if (!forge || label === undefined || workspace.fork)
    return end(work, held, { code: 'no-forge', details: {} });
  const body = await describe(held.row, workspace);
  try {
    const opened = await forge.openChange(label, {
      branch,
      base: base ?? undefined,
      title: title ?? branch,
      body,
    });
    const patch = applyOpened(held.row, opened, held.now);
    log.info(
      { repository: label, branch, url: patch.url, failure: patch.failure?.code },
      'a change was offered',
    );
    await writeHeldProposal(db, held, patch);
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    const said = messageOf(error);
    if (!error.retryable) return end(work, held, { code: 'forge-refused', details: { said } });
    if (isPast(later(since, timing.savingMs), held.now))
      return end(work, held, { code: 'forge-unavailable', details: { said } });
    const ms = waitMs(error) ?? backoffMs(held.row.attempts + 1, timing);
    await postponeProposal(db, held, ms, said);
  }
}

async function end(
  { db, log }: ProposalWork,
  held: Held<Proposal>,
  failure: NonNullable<ProposalPatch['failure']>,
): Promise<void> {
  log.info({ proposal: held.row.id, code: failure.code }, 'a change was not offered');
  await writeHeldProposal(db, held, { state: 'failed', since: held.now, endedAt: held.now, failure });
}
