// What goes with a workspace that is deleted, what was saved of it, and the notices of both. Pure; knows no step and no sentence.
import type { Saved, Work, WorkspaceReport } from '../../agent/protocol.ts';
import type { Notice } from '../codes.ts';
import type { Workspace } from '../database/types.ts';
import { isPast, later, type Timing } from './timing.ts';

/** Whether anything would be lost with it. */
export const isDirty = (work: Work | undefined): work is Work =>
  work !== undefined && work.changed + work.untracked + work.unpushed > 0;

/** Nothing is left that the repository does not hold. Without `saved` an empty refusal says that git could not look. */
export const isAllSaved = ({ refused, saved }: WorkspaceReport): boolean =>
  saved !== undefined && refused !== undefined && !isDirty(refused);

/**
 * A deletion that nobody asked for was announced, and its day is over: it goes now, whatever is lost. The agent is asked
 * once more all the same: what could not be saved yesterday may be saved today.
 */
export const isLastCall = ({ isAutomatic, deleteAt }: Workspace, now: Date): boolean =>
  isAutomatic && deleteAt !== null && isPast(deleteAt, now);

/** Until when the agent may look for work, save it, and delete. */
export const deletingEnd = ({ phaseSince, step }: Workspace, timing: Timing): Date =>
  later(phaseSince, timing.deletingMs + (step === 'saving' ? timing.savingMs : 0));

/** `refused`: undefined if nobody could say. */
export interface Refusal {
  refused: Work | undefined;
  saved?: Saved | undefined;
  /** Why it was not saved. */
  reason?: Notice | undefined;
}

/** What the card says of a deletion that nobody asked for and that has to wait for a day. */
export const noticesOfDelay = ({ refused, saved, reason }: Refusal, name: string): Notice[] => [
  ...whereSaved(saved),
  { code: 'would-lose', details: { work: refused ?? null } },
  ...(reason ? [reason] : []),
  { code: 'deleted-in-a-day', details: { name } },
];

/** What the card says of one that is gone, or about to be. */
export const noticesOfEnd = ({ refused, saved }: Partial<Refusal>): Notice[] => [
  ...whereSaved(saved),
  ...(isDirty(refused) ? [{ code: 'lost', details: { work: refused } } as const] : []),
];

const whereSaved = (saved: Saved | undefined): Notice[] =>
  saved ? [{ code: 'saved', details: { ref: saved.ref } }] : [];
