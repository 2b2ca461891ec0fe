// The repositories that are offered to a person: those of the forge that Sam reaches, and they may read or write to. Keeps what the
// forge said for a short while; a command asks again when it runs.
import type { Logger } from 'pino';
import { messageOf } from '../errors.ts';
import type { Forge, Permission, Person } from '../forges/forge.ts';
import { isEnough } from '../forges/rights.ts';

export interface Repositories {
  /** `owner/name` of all that Sam reaches. */
  list(): Promise<readonly string[]>;
  /** They will be asked for soon. */
  prepare(): void;
  /** Of that person on that repository, as the forge said lately. */
  may(label: string, person: Person, needed: 'read' | 'write'): Promise<boolean>;
}

const LISTED_MS = 5 * 60_000;
const RIGHT_KEPT_MS = 60_000;
const MAX_RIGHTS = 5_000;
/** Slack waits three seconds for what it offers. */
const TIMEOUT_MS = 2_000;
const MAX_OFFERED = 20;

export function createRepositories(forge: Forge | undefined, log: Logger): Repositories {
  let listed: { at: number; names: Promise<readonly string[]> } | undefined;
  const rights = new Map<string, { until: number; answer: Promise<Permission | undefined> }>();
  const list = (): Promise<readonly string[]> => {
    if (!forge) return Promise.resolve([]);
    if (listed && Date.now() - listed.at < LISTED_MS) return listed.names;
    const names = forge.listRepositories();
    const entry = { at: Date.now(), names };
    listed = entry;
    names.catch(() => {
      if (listed === entry) listed = undefined;
    });
    return names;
  };
  const readRight = (label: string, person: Person): Promise<Permission | undefined> => {
    const key = `${label}|${person.id}`;
    const known = rights.get(key);
    if (known && known.until > Date.now()) return known.answer;
    if (rights.size > MAX_RIGHTS) rights.clear();
    const answer = forge ? forge.readPermission(label, person) : Promise.resolve(undefined);
    rights.set(key, { until: Date.now() + RIGHT_KEPT_MS, answer });
    answer.catch(() => rights.delete(key));
    return answer;
  };
  return {
    list,
    prepare: () =>
      void list().catch((error: unknown) => log.warn({ error: messageOf(error) }, 'no list of repositories')),
    may: async (label, person, needed) => isEnough(await readRight(label, person), needed),
  };
}

/** Whose name begins with the words first, then those that hold them; nobody is offered what they may not. */
export async function searchRepositories(
  repositories: Repositories,
  person: Person,
  typed: string,
  { timeoutMs = TIMEOUT_MS, needed = 'write' }: { timeoutMs?: number; needed?: 'read' | 'write' } = {},
): Promise<string[]> {
  const deadline = AbortSignal.timeout(timeoutMs);
  const late = new Promise<undefined>((resolve) =>
    deadline.addEventListener('abort', () => resolve(undefined), { once: true }),
  );
  const names = (await Promise.race([repositories.list(), late])) ?? [];
  const fitting = rank(names, typed).slice(0, MAX_OFFERED);
  const offered = await Promise.all(
    fitting.map(async (label) => {
      const isTheirs = repositories.may(label, person, needed).catch(() => false);
      return (await Promise.race([isTheirs, late])) === true ? label : undefined;
    }),
  );
  return offered.filter((label) => label !== undefined);
}

function rank(names: readonly string[], typed: string): string[] {
  const words = typed.trim().toLowerCase();
  const position = (name: string): number => {
    const lower = name.toLowerCase();
    if (lower.startsWith(words) || lower.split('/')[1]?.startsWith(words)) return 0;
    return lower.includes(words) ? 1 : 2;
  };
  return names
    .map((name) => ({ name, at: position(name) }))
    .filter(({ at }) => at < 2)
    .toSorted((one, other) => one.at - other.at || one.name.localeCompare(other.name))
    .map(({ name }) => name);
}
