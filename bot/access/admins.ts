// Who runs Sam for everybody: those whom the configuration names, asked of their forge, and known by their ids there. In doubt nobody.
import type { Logger } from 'pino';
import type { Executor } from '../database/types.ts';
import { messageOf } from '../errors.ts';
import type { Forge } from '../forges/forge.ts';
import { listIdentities } from './store/people.ts';

export interface Admins {
  /** Asks at most once in a while. Never throws: what nobody can say is a no. */
  has(user: string): Promise<boolean>;
  /** As the configuration has them, for whoever looks for one. */
  names: readonly string[];
}

/** Who somebody is: `github 583231`. */
interface Identity {
  source: string;
  externalId: string;
}

const KEPT_MS = 5 * 60_000;
/** A forge that was silent may answer again any moment. */
const SILENCE_KEPT_MS = 5_000;

export interface AdminOptions {
  db: Executor;
  /** The first is the one whose people are named. */
  forges: readonly Pick<Forge, 'name' | 'title' | 'findPeople'>[];
  names: readonly string[];
  /** Where only those speak who run Sam anyway. */
  operators: readonly string[];
  log: Pick<Logger, 'warn'>;
  now?: () => number;
}

export function createAdmins({ db, forges, names, operators, log, now = Date.now }: AdminOptions): Admins {
  const [forge] = forges;
  const known = new Map<string, { ids: Promise<readonly string[]>; until: number }>();
  const idsOf = (name: string): Promise<readonly string[]> => {
    const last = known.get(name);
    if (last && last.until > now()) return last.ids;
    const kept = { ids: ask(name), until: now() + KEPT_MS };
    known.set(name, kept);
    return kept.ids;

    async function ask(asked: string): Promise<readonly string[]> {
      try {
        const people = await forge?.findPeople(asked);
        if (!people)
          log.warn({ admin: asked }, 'nobody is known by a name in ADMINS, so that name is no admin');
        return (people ?? []).map(({ id }) => id);
      } catch (error) {
        kept.until = now() + SILENCE_KEPT_MS;
        log.warn({ admin: asked, error: messageOf(error) }, 'nobody could say who is an admin, so nobody is');
        return [];
      }
    }
  };
  return {
    names,
    async has(user) {
      if (names.length === 0 && operators.length === 0) return false;
      const identities = await listIdentities(db, user);
      const source = forge?.name;
      const isAsked = identities.some((one) => one.source === source);
      const ids = isAsked ? (await Promise.all(names.map(idsOf))).flat() : [];
      return isAdmin(identities, { source, ids: new Set(ids), operators });
    },
  };
}

/** One of those ids there, or whoever runs Sam anyway; a name proves nothing. Pure. */
export const isAdmin = (
  identities: readonly Identity[],
  {
    source,
    ids,
    operators,
  }: { source?: string | undefined; ids: ReadonlySet<string>; operators: readonly string[] },
): boolean =>
  identities.some(
    (one) => operators.includes(one.source) || (one.source === source && ids.has(one.externalId)),
  );
