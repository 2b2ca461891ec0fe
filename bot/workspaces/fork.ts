// Pull requests from forks: a maintainer lets in one commit; whatever is pushed after it needs a word of its own. And so the
// gate that every start goes through. Asks nobody: who may say so, and where the forks stand, was asked before.
import type { Notice } from '../codes.ts';
import type { Fork, Workspace } from '../database/types.ts';
import { UserError } from '../errors.ts';
import { topicOf } from './naming.ts';

/** The repository that is asked for. `goal`: `pr:412`; `fork`: where its pull request comes from, and the head of that now. */
interface Asked {
  label: string;
  goal?: string;
  fork?: { from?: string; head: string };
}

interface Word {
  /** The commit that was let in with `--trust-fork`. */
  said: string | undefined;
  /** A ref was named. */
  hasRef: boolean;
  /** What was let in earlier. */
  held: Fork | null | undefined;
  /** The pull request in which it is said: `acme/api#412`. */
  place: string | undefined;
}

/** What the row keeps of the fork; undefined: it is none. Throws UserError unless the present head was let in, now or earlier. */
export function letIn(asked: Asked, { said, hasRef, held, place }: Word): Fork | undefined {
  const { label, fork } = asked;
  if (!fork) {
    if (said !== undefined) refuseTrustByName();
    return undefined;
  }
  if (hasRef) throw new UserError('fork-ref', { label });
  const { head, from } = fork;
  const topic = topicOf(asked);
  const where = { head, ...(topic === null || place === topic ? {} : { topic }) };
  if (said !== undefined && said !== head) throw new UserError('other-head', { typed: said, ...where });
  if (said === undefined && held?.trusted !== head)
    throw new UserError('fork-untrusted', { ...(from === undefined ? {} : { from }), ...where });
  return { ...fork, trusted: head };
}

/** `--trust-fork` is about a pull request from a fork: a workspace's name does not tell whose word would count. */
export function refuseTrustByName(): never {
  throw new UserError('no-fork', {});
}

/** Where pull requests from forks stand, by topic (`acme/api#412`), as their forge said a moment ago. */
export type Heads = ReadonlyMap<string, string>;

declare const admitted: unique symbol;

/** The gate's word that a workspace may start. What makes a row wanted running takes one, and only the gate gives it. */
export interface Admission {
  readonly [admitted]: true;
}

/**
 * Throws UserError if its pull request has moved on since a maintainer let its commit in, or nobody could say where it stands.
 * `fork`: as it will be.
 */
export function admit(
  { name, topic, fork }: Pick<Workspace, 'name' | 'topic' | 'fork'>,
  heads: Heads,
): Admission {
  if (fork) {
    const { trusted } = fork;
    const seen = heads.get(topic ?? '');
    if (seen === undefined) throw new UserError('fork-unseen', { name, topic: String(topic) });
    // A push may have been heard since.
    const head = seen === trusted ? fork.head : seen;
    if (head !== trusted) throw new UserError('fork-moved', { name, head, trusted, topic: String(topic) });
  }
  return {} as Admission;
}

/** For the card: the files are those of another commit than the one that was let in. Null: they are its own. */
export function noticesOfFiles({ commit, reported, topic }: Workspace, { head }: Fork): Notice[] | null {
  if (!commit || commit === head || reported?.commit === undefined) return null;
  return [{ code: 'fork-files', details: { commit, head, pull: topic?.split('#')[1] ?? '' } }];
}
