// Whether whoever redeems a link may still do on the repository what `open` takes: asked of its forge, by the owner's id.
// In doubt no, but for a forge that is silent: then what it said last holds for a while. Knows no link and no session.
import type { Logger } from 'pino';
import type { Executor, Workspace } from '../database/types.ts';
import { messageOf, ProviderError } from '../errors.ts';
import { findForge, type Forge } from '../forges/forge.ts';
import { isEnough } from '../forges/rights.ts';
import { findIdentities } from './store/people.ts';

export type RightLeft =
  | { is: 'there' }
  | { is: 'gone' }
  /** The forge cannot be asked now, or wants to be asked less; `title`: as people call it. */
  | { is: 'unknown'; title: string }
  /** This person has it asked too often. */
  | { is: 'too-often' };

/**
 * `guest`: somebody else than the owner, who must be able to read: nobody else can say that they may, and a forge that is silent
 * lets none of them in. `maxAgeMs`: a yes that is older is asked for again, for whoever looks after rights and not for a person.
 */
export type RepositoryGuard = (
  workspace: Pick<Workspace, 'id' | 'owner' | 'repository'> & { guest?: string | undefined },
  maxAgeMs?: number,
) => Promise<RightLeft>;

/** A page that lost its connection asks for a new ticket again and again; so does one whose person lost the right. */
const KEPT_MS = 60_000;
/** A forge that was silent may answer again any moment. */
const SILENCE_KEPT_MS = 5_000;
/** How long a right that was seen outlives the forge's silence. */
const TRUSTED_MS = 15 * 60_000;
const MAX_KEPT = 5_000;
/** Questions that one person may cause: so many at once, and one more in each of these spans. */
const BURST = 20;
const REFILL_MS = 3_000;

interface Kept {
  answer: Promise<RightLeft>;
  until: number;
  /** When the forge last said yes. */
  seenAt: number;
}

/** `there` too where nobody can be asked: the workspace is theirs, and without a forge no password for git is to be had. */
export function createRepositoryGuard({
  db,
  forges,
  log,
  now = Date.now,
}: {
  db: Executor;
  forges: readonly Forge[];
  log: Pick<Logger, 'warn'>;
  now?: () => number;
}): RepositoryGuard {
  const known = new Map<string, Kept>();
  const mayAsk = createBucket(now);
  return async ({ id, owner, repository, guest }, maxAgeMs = Infinity) => {
    const place = findForge(forges, repository);
    if (!place) return { is: guest === undefined ? 'there' : 'gone' };
    const person = guest ?? owner;
    const key = `${id} ${person}`;
    const last = known.get(key);
    if (last && last.until > now() && (last.until === Infinity || isFresh(last, now() - maxAgeMs)))
      return last.answer;
    if (maxAgeMs === Infinity && !mayAsk(person)) return { is: 'too-often' };
    const { forge, label } = place;
    // Those who come while it is asked get the same answer.
    const kept: Kept = { answer: ask(), until: Infinity, seenAt: last?.seenAt ?? -Infinity };
    keep(known, key, kept);
    return kept.answer;

    async function ask(): Promise<RightLeft> {
      try {
        const isThere = await readRight(db, forge, label, { person, isGuest: guest !== undefined });
        const at = now();
        kept.until = at + KEPT_MS;
        kept.seenAt = isThere ? at : -Infinity;
        return { is: isThere ? 'there' : 'gone' };
      } catch (error) {
        const refusal = refusalOf(error);
        const isTrusted = guest === undefined && !refusal && now() - kept.seenAt < TRUSTED_MS;
        kept.until = now() + (refusal ? KEPT_MS : SILENCE_KEPT_MS);
        log.warn(
          { repository: label, error: messageOf(error), isTrusted },
          `${forge.title} was not to be asked`,
        );
        if (isTrusted) return { is: 'there' };
        return refusal === 'no' ? { is: 'gone' } : { is: 'unknown', title: forge.title };
      }
    }
  };
}

/** A no, a limit and a silence are kept as long as they are, whoever asks. */
const isFresh = ({ seenAt, until }: Kept, since: number): boolean =>
  seenAt >= since || until !== seenAt + KEPT_MS;

function keep<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MAX_KEPT && oldest !== undefined) map.delete(oldest);
}

/** Whether this person may cause one more question; then it counts. */
export function createBucket(now: () => number = Date.now): (owner: string) => boolean {
  const buckets = new Map<string, { left: number; at: number }>();
  return (owner) => {
    const { left, at } = buckets.get(owner) ?? { left: BURST, at: now() };
    const filled = Math.min(BURST, left + (now() - at) / REFILL_MS);
    keep(buckets, owner, { left: filled >= 1 ? filled - 1 : filled, at: now() });
    return filled >= 1;
  };
}

async function readRight(
  db: Executor,
  forge: Forge,
  label: string,
  { person, isGuest }: { person: string; isGuest: boolean },
): Promise<boolean> {
  const known = (await findIdentities(db, [person], forge.name)).get(person);
  if (!known) return !isGuest;
  const permission = await forge.readPermission(label, { id: known.externalId, login: known.login });
  // Undefined: Sam does not reach it any more, so nobody can say.
  return isEnough(permission, isGuest ? 'read' : 'write');
}

/** The forge answered, and it was no, or that it has been asked too much. Undefined: it was silent, or is broken. */
function refusalOf(error: unknown): 'no' | 'limit' | undefined {
  if (!(error instanceof ProviderError)) return undefined;
  if (error.retryAfterMs !== undefined || error.cause === 429) return 'limit';
  return error.retryable ? undefined : 'no';
}
