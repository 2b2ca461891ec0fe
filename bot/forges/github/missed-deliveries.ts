// Deliveries that never reached us: GitHub repeats none by itself, so it is asked for those that failed. Keeps no state itself.
import { z } from 'zod';
import { messageOf, ProviderError } from '../../errors.ts';
import type { GitHubApp, Octokit } from './app.ts';
import { call } from './calls.ts';

export interface MissedDeliveries {
  app: Pick<GitHubApp, 'asApp'>;
  /** What the last look left behind; undefined: there was none. */
  recall: () => Promise<string | undefined>;
  remember: (notes: string) => Promise<void>;
  now?: () => number;
  /** Asked for in one run; the others come with the next. A client sends one such request a second. */
  mostAtOnce?: number;
}

/** `since`: up to when all was looked at, ms. `asked`: how often each delivery was asked for, by its guid, and when last. */
const Notes = z.object({
  since: z.number(),
  asked: z.record(z.string(), z.object({ times: z.number(), at: z.number() })),
});
type Notes = z.infer<typeof Notes>;

interface Attempt {
  id: number;
  guid: string;
  at: number;
  isGood: boolean;
}

const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;
/** GitHub repeats nothing that is older. */
const KEPT_MS = 3 * DAY_MS;
/** A delivery is listed once it is over, and clocks differ. */
const OVERLAP_MS = 10 * 60_000;
const MAX_PAGES = 100;
/** Of one delivery: one that we refuse each time is not asked for for ever. */
const MAX_TIMES = 3;

/**
 * Has GitHub deliver again what failed since the last look, the oldest first; what a later attempt delivered is left alone.
 * A repetition keeps its guid, so that the inbox takes it once. Gives how many were asked for. Throws, when all that can be
 * done is done, if something was left out.
 */
export async function redeliverMissed({
  app,
  recall,
  remember,
  now = Date.now,
  mostAtOnce = 100,
}: MissedDeliveries): Promise<number> {
  const startedAt = now();
  const notes = parseNotes(await recall(), startedAt);
  const octokit = await app.asApp();
  const from = Math.max(notes.since - OVERLAP_MS, startedAt - KEPT_MS);
  const { attempts, isWhole } = await listAttempts(octokit, from);
  const asked = prune(notes.asked, startedAt);
  const missed = findMissed(attempts).filter(({ guid }) => (asked[guid]?.times ?? 0) < MAX_TIMES);
  const { count, errors } = await redeliverAll(octokit, missed.slice(0, mostAtOnce), (guid) => {
    asked[guid] = { times: (asked[guid]?.times ?? 0) + 1, at: startedAt };
  });
  // What was not reached is found again by the next run.
  const since = count === missed.length ? startedAt : notes.since;
  await remember(JSON.stringify({ since, asked } satisfies Notes));
  if (errors.length > 0) throw new Error(`${errors.length} were not delivered again: ${errors[0]}`);
  if (!isWhole) throw new Error(`more than ${MAX_PAGES} pages of deliveries; the oldest were not looked at`);
  return count;
}

/** `count`: how many GitHub has heard of, refused ones included. */
async function redeliverAll(
  octokit: Octokit,
  missed: Attempt[],
  note: (guid: string) => void,
): Promise<{ count: number; errors: string[] }> {
  const errors: string[] = [];
  for (const [count, { id, guid }] of missed.entries()) {
    const { error, isLate } = await redeliver(octokit, id);
    if (error) errors.push(error);
    if (isLate) return { count, errors };
    note(guid);
  }
  return { count: missed.length, errors };
}

/** Who never looked begins a day back: an App that was made a moment ago has told of its installation already. */
function parseNotes(text: string | undefined, now: number): Notes {
  const parsed = Notes.safeParse(text === undefined ? undefined : JSON.parse(text));
  return parsed.data ?? { since: now - DAY_MS, asked: {} };
}

const prune = (asked: Notes['asked'], now: number): Notes['asked'] =>
  Object.fromEntries(Object.entries(asked).filter(([, { at }]) => now - at < KEPT_MS));

/** Newest first, as far back as `from`. */
async function listAttempts(
  octokit: Octokit,
  from: number,
): Promise<{ attempts: Attempt[]; isWhole: boolean }> {
  const attempts: Attempt[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES; page++) {
    const { data, headers } = await call('list deliveries', () =>
      octokit.rest.apps.listWebhookDeliveries({ per_page: 100, ...(cursor ? { cursor } : {}) }),
    );
    const read = data.map(asAttempt);
    attempts.push(...read.filter(({ at }) => at >= from));
    cursor = /[?&]cursor=([^&>]+)[^>]*>; rel="next"/.exec(headers.link ?? '')?.[1];
    if (!cursor || read.some(({ at }) => at < from)) return { attempts, isWhole: true };
    cursor = decodeURIComponent(cursor);
  }
  return { attempts, isWhole: false };
}

const asAttempt = (one: {
  id: number;
  guid: string;
  delivered_at: string;
  status_code: number;
}): Attempt => ({
  id: one.id,
  guid: one.guid,
  at: Date.parse(one.delivered_at),
  isGood: one.status_code >= 200 && one.status_code < 300,
});

/** The first attempt of each delivery of which none was good, in the order in which they happened. */
function findMissed(newestFirst: Attempt[]): Attempt[] {
  const good = new Set(newestFirst.filter(({ isGood }) => isGood).map(({ guid }) => guid));
  const first = new Map(newestFirst.map((attempt) => [attempt.guid, attempt]));
  return [...first.values()]
    .filter(({ guid }) => !good.has(guid))
    .toSorted((a, b) => a.at - b.at || a.id - b.id);
}

/** `late`: GitHub could not now; it is asked again with the next run, and nothing after it in this one. */
async function redeliver(octokit: Octokit, id: number): Promise<{ error?: string; isLate?: true }> {
  try {
    await call('redeliver', () => octokit.rest.apps.redeliverWebhookDelivery({ delivery_id: id }));
    return {};
  } catch (error) {
    const isLate = error instanceof ProviderError && error.retryable;
    return { error: messageOf(error), ...(isLate ? { isLate } : {}) };
  }
}
