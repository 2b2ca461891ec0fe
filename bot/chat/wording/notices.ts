// What a card says beside the state: why it stopped by itself, what would be lost, where it was saved. Knows no front.
import type { Notice, NoticeCodes } from '../../codes.ts';
import { plain } from '../../commands/parser/format.ts';
import type { ModelUsage, Work } from '../../../agent/protocol.ts';
import { isDirty } from '../../workspaces/saving.ts';
import { wordFailure } from './failures.ts';
import { formatTime } from '../times.ts';
import type { SharedWith } from '../view.ts';
import { findWords, listLimits, plural, type Say, type Wording } from './words.ts';

const short = (commit: string): string => plain(commit).slice(0, 7);

export const NOTICES: Wording<NoticeCodes> = {
  text: ({ text }) => ({ text }),
  'idle-stop': () => ({ text: 'It was idle, so it stopped by itself.' }),
  'stopped-long': () => ({ text: 'It was stopped for long.' }),
  'kept-a-day': () => ({ text: 'It was kept for a day.' }),
  'machine-lost': () => ({
    text: 'Its machine is gone, and what was not pushed with it. A start begins anew.',
  }),
  'machine-silent': () => ({
    text: 'Its machine does not answer. It comes back by itself when the machine does.',
  }),
  'fresh-checkout': () => ({ text: 'Its former machine is gone, so it begins with a fresh checkout.' }),
  'thread-closed': ({ isPullRequest, isMerged }) => ({
    text: `It stopped because ${isPullRequest ? 'the pull request' : 'the issue'} was ${isMerged ? 'merged' : 'closed'}.`,
  }),
  'label-removed': ({ label }) => ({
    text: `It stopped because the label \`${plain(label)}\` was removed.`,
  }),
  'app-left': ({ where, until }) => ({
    text: `My app was taken away from ${plain(where)}, so nobody gets in from there. It goes at ${formatTime(new Date(until))}, unless the app is installed there again before, or its owner starts it again.`,
  }),
  'app-gone': ({ where }) => ({
    text: `It stopped because my app was taken away from ${plain(where)}, and did not come back.`,
  }),
  'repository-deleted': () => ({ text: 'It stopped because the repository was deleted.' }),
  'maintainer-stopped': ({ by }) => ({
    text: `@${plain(by)}, who maintains the repository, stopped it.`,
  }),
  'maintainer-deleted': ({ by }) => ({
    text: `@${plain(by)}, who maintains the repository, said to delete it.`,
  }),
  'admin-stopped': ({ by }) => ({ text: `@${plain(by)}, who runs Sam, stopped it.` }),
  'admin-deleted': ({ by }) => ({ text: `@${plain(by)}, who runs Sam, said to delete it.` }),
  saved: ({ ref }) => ({
    text: `Saved to \`${plain(ref)}\`: \`git fetch origin ${plain(ref)} && git checkout FETCH_HEAD\`.`,
  }),
  unsaved: ({ failure }, say) => ({ text: wordFailure(failure, 'NAME', say).text }),
  'unsaved-late': () => ({ text: 'Not saved: it took too long.' }),
  'would-lose': ({ work }) => ({ text: describeLoss(work ?? undefined) }),
  lost: ({ work }) => ({ text: `Lost: ${listWork(work)}.` }),
  'deleted-in-a-day': ({ name }, say) => ({
    text: `It will be deleted all the same in a day, unless you start it: ${say(`start ${name}`)}.`,
    next: `start ${name}`,
  }),
  'push-or-force': ({ name }, say) => ({
    text: `Commit and push it, or say ${say(`rm ${name} --force`)}.`,
    next: `rm ${name} --force`,
  }),
  'limit-reached': ({ limits: { reached = [], ...limits } }) => ({
    text: [
      ...(reached.includes('memory') ? ['Some of its programs were ended for want of memory.'] : []),
      ...(reached.includes('processes')
        ? ['Some of its programs could not be started: there are too many.']
        : []),
      `It may use ${listLimits(limits)}.`,
    ].join(' '),
  }),
  'fork-moved': ({ head }, say) => ({
    text: `Somebody pushed \`${short(head)}\` to the fork; this is still the commit that a maintainer let in. Before it starts again one of them has to say: ${say(`up --trust-fork ${plain(head)}`)}.`,
    next: `up --trust-fork ${plain(head)}`,
  }),
  'fork-files': ({ commit, head, pull }, say) => ({
    text: `It keeps the files that it had, of \`${short(commit)}\`. For \`${short(head)}\` say in its terminal \`git fetch origin refs/pull/${plain(pull)}/head\` and \`git checkout FETCH_HEAD\`, or take another one: ${say(`up --new --trust-fork ${plain(head)}`)}.`,
    next: `up --new --trust-fork ${plain(head)}`,
  }),
};

/** One line; empty: there is nothing to say. What another version wrote and this one cannot read is left out. */
export const wordNotices = (notices: readonly Notice[], say: Say): string =>
  notices
    .map((notice) => findWords(NOTICES, notice, say)?.text)
    .filter(Boolean)
    .join(' ');

/** Who else is let in, as a card says it: a line of small Markdown. */
export const wordShared = (shared: readonly SharedWith[]): string =>
  `Shared with ${LIST.format(shared.map(({ name, may, until }) => `\`${plain(name)}\` (${may === 'view' ? 'looks on' : 'types'} until ${formatTime(until)})`))}.`;

/** `34k`, `1.2M`. */
const countShort = (count: number): string =>
  new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: count < 1e6 ? 0 : 1 })
    .format(count)
    .replace('K', 'k');

/** `12 requests, 34k tokens`: all that went in and came out, what models had in their cache among it. */
export function wordUsage({ requests, input, output, cacheRead, cacheWrite }: ModelUsage): string {
  const tokens = input + output + cacheRead + cacheWrite;
  return `${plural(requests, 'request')}, ${countShort(tokens)} tokens`;
}

/** What would go with a workspace, as a sentence. */
export function describeLoss(work: Work | undefined): string {
  if (!work) return 'Not deleted: its machine did not answer, so nobody knows what would be lost.';
  if (!isDirty(work)) return 'Not deleted: Git could not say whether work would be lost.';
  return `Not deleted: ${listWork(work)} would be lost.`;
}

const MAX_PLACES = 3;

/** What it is, and what of it lies elsewhere than in the checkout itself. */
export function listWork(work: Work): string {
  const places = work.places ?? [];
  const named = places.slice(0, MAX_PLACES).map((place) => `${countWork(place)} in \`${place.where}\``);
  const more = places.length - named.length;
  if (more > 0) named.push(`the rest in ${plural(more, 'other place')}`);
  return named.length === 0 ? countWork(work) : `${countWork(work)} (of that ${LIST.format(named)})`;
}

const LIST = new Intl.ListFormat('en');

function countWork(work: Omit<Work, 'places'>): string {
  const parts = [
    work.changed && plural(work.changed, 'changed file'),
    work.untracked && plural(work.untracked, 'new file'),
    work.unpushed && plural(work.unpushed, 'unpushed commit'),
  ].filter((part) => typeof part === 'string');
  return LIST.format(parts);
}
