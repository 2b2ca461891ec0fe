// Whether what is asked for is within what may be had there: the check that every command makes before it writes anything down.
import { UserError } from '../errors.ts';
import type { Exceeded } from '../codes.ts';
import { findExceeded, LIMIT_KINDS, type Wish } from '../workspaces/limits.ts';
import { channelSubject, lockAccounts, readAccounts, type LimitPlace } from '../workspaces/store/limits.ts';
import type { CommandContext } from './context.ts';

/** Throws UserError, with the figure and who can raise it. */
export async function checkLimits(
  { tx, limits, admins }: CommandContext,
  place: LimitPlace,
  wish: Wish,
): Promise<void> {
  const exceeded = await findPassed({ tx, limits }, place, wish);
  if (exceeded) throw new UserError('over-limit', { ...exceeded, admins });
}

/** The first that would be passed. What is counted one by one stays so until the transaction ends: two at once do not pass it together. */
export async function findPassed(
  { tx, limits }: Pick<CommandContext, 'tx' | 'limits'>,
  place: LimitPlace,
  wish: Wish,
): Promise<Exceeded | undefined> {
  const kinds = LIMIT_KINDS.filter((kind) => wish[kind] !== undefined);
  if (kinds.includes('workspaces') || kinds.includes('tasks')) await lockAccounts(tx, place);
  return findExceeded(await readAccounts(tx, place, limits, kinds), wish);
}

/** The channel where it is said, as rows have it; null: it is none. */
export const channelOf = ({ front, place }: Pick<CommandContext, 'front' | 'place'>): string | null =>
  place.channel === undefined ? null : channelSubject(front, place.channel);
