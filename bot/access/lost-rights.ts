// Looks after terminals that are open: whoever lost the right that opens one is out of it within a minute, as
// long as there are not more people and repositories than one round may ask about; with more, some rounds later. A forge that cannot say
// ends nothing, and is asked no more in this round. Knows no terminal.
import type { Executor } from '../database/types.ts';
import type { RepositoryGuard } from './repository-guard.ts';
import { revokeWorkspace } from './store/expiry.ts';
import { listInside, type Inside } from './store/places.ts';
import { endShares } from './store/shares.ts';

/** With what it takes to hear of it, less than a minute. */
export const LOOK_EVERY_MS = 40_000;
const MAX_AGE_MS = 30_000;
/** People, each with one repository, of one round. An answer that is the same as before costs nothing of what a forge answers an hour. */
const MAX_QUESTIONS = 300;
const AT_ONCE = 8;

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
    const keyOf = ({ owner, guest, repository }: Inside) =>
      `${guest ?? owner} ${guest ? 'read' : ''} ${repository}`;
    const groups = Map.groupBy(await listInside(db), keyOf);
    const before = askedAt;
    askedAt = new Map([...groups.keys()].map((key) => [key, before.get(key) ?? 0]));
    const turn = [...groups].toSorted(([a], [b]) => (askedAt.get(a) ?? 0) - (askedAt.get(b) ?? 0));
    const silent = new Set<string>();
    const [first, ...others] = turn.slice(0, MAX_QUESTIONS);
    const ask = ([key, inside]: [string, Inside[]]) => {
      askedAt.set(key, round);
      return look(inside, silent);
    };
    // The first tells whether its forge answers.
    if (first) await ask(first);
    for (let at = 0; at < others.length; at += AT_ONCE)
      await Promise.all(others.slice(at, at + AT_ONCE).map(ask));
  };

  /** One of them stands for all, until it is a no. */
  async function look([first, ...others]: Inside[], silent: Set<string>): Promise<void> {
    const host = first && URL.parse(first.repository)?.host;
    if (!host || silent.has(host)) return;
    const { is } = await mayStill(first, MAX_AGE_MS);
    if (is === 'unknown') silent.add(host);
    if (is !== 'gone') return;
    await letOut(first);
    for (const other of others) {
      // What is remembered of each is what lets its page in again.
      if ((await mayStill(other, MAX_AGE_MS)).is === 'gone') await letOut(other);
    }
  }

  /** Of somebody else only what is shared with them ends. */
  function letOut(one: Inside): Promise<void> {
    return one.share === undefined ? revokeWorkspace(db, one) : endShares(db, { id: one.share });
  }
}
