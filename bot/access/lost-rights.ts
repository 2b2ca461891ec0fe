// Looks after terminals that are open: whoever lost the right that opens one is out of it within a minute, as
// long as there are not more people and repositories than one round may ask about; with more, some rounds later. A forge that cannot say
// ends nothing, and is asked no more in this round. Knows no terminal.
import type { Executor } from '../database/types.ts';
import type { RepositoryGuard } from './repository-guard.ts';
import { revokeWorkspace } from './store/expiry.ts';
import { listOpened } from './store/places.ts';

/** With what it takes to hear of it, less than a minute. */
export const LOOK_EVERY_MS = 40_000;
const MAX_AGE_MS = 30_000;
/** People, each with one repository, of one round. An answer that is the same as before costs nothing of what a forge answers an hour. */
const MAX_QUESTIONS = 300;
const AT_ONCE = 8;

type Opened = Awaited<ReturnType<typeof listOpened>>[number];

/** Whose turn it is to be asked about comes round, however many there are. */
export function createRightsWatch({
  db,
  mayStill,
}: {
  db: Executor;
  mayStill: RepositoryGuard;
}): () => Promise<void> {
  let askedAt = new Map<string, number>();
  let round = 0;
  return async () => {
    round += 1;
    const groups = Map.groupBy(await listOpened(db), ({ owner, repository }) => `${owner} ${repository}`);
    const before = askedAt;
    askedAt = new Map([...groups.keys()].map((key) => [key, before.get(key) ?? 0]));
    const turn = [...groups].toSorted(([a], [b]) => (askedAt.get(a) ?? 0) - (askedAt.get(b) ?? 0));
    const silent = new Set<string>();
    const [first, ...others] = turn.slice(0, MAX_QUESTIONS);
    const ask = ([key, opened]: [string, Opened[]]) => {
      askedAt.set(key, round);
      return look(opened, silent);
    };
    // The first tells whether its forge answers.
    if (first) await ask(first);
    for (let at = 0; at < others.length; at += AT_ONCE)
      await Promise.all(others.slice(at, at + AT_ONCE).map(ask));
  };

  /** One of them stands for all, until it is a no. */
  async function look([first, ...others]: Opened[], silent: Set<string>): Promise<void> {
    const host = first && URL.parse(first.repository)?.host;
    if (!host || silent.has(host)) return;
    const { is } = await mayStill(first, MAX_AGE_MS);
    if (is === 'unknown') silent.add(host);
    if (is !== 'gone') return;
    await revokeWorkspace(db, first);
    for (const other of others) {
      // What is remembered of each is what lets its page in again.
      if ((await mayStill(other, MAX_AGE_MS)).is === 'gone') await revokeWorkspace(db, other);
    }
  }
}
