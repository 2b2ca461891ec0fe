// What a person may do on a repository, asked of GitHub by their id, each time. Decides nothing.
import type { Octokit } from './app.ts';
import { ProviderError } from '../../errors.ts';
import { call, callOr } from './calls.ts';
import { ownerAndName } from './threads.ts';
import type { Permission, Person } from '../forge.ts';

export interface Account {
  /** GitHub's number: logins change hands. */
  id: number;
  login: string;
}

interface Found {
  id: number;
  permission: Permission;
}

/**
 * What GitHub said last, with its mark (`etag`). Asked with it, an answer that is the same does not count against the limit of an
 * hour (docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api, conditional requests). The mark is
 * one token's: with a new one, each hour, each is counted once.
 */
export type Remembered = Map<string, { etag: string; found: Found }>;

const MAX_REMEMBERED = 5_000;
const UNCHANGED = 304;

const NONE: Permission = { level: 'none', role: 'none' };

/** `none` too for a login that belongs to somebody else by now, and for whoever is no user. */
export async function readPermission(
  octokit: Octokit,
  repository: string,
  person: Account,
  remembered: Remembered = new Map(),
): Promise<Permission> {
  const found = await askByLogin(octokit, repository, person.login, remembered);
  if (found?.id === person.id) return found.permission;
  const login = await currentLogin(octokit, person.id);
  const again = login === undefined ? undefined : await askByLogin(octokit, repository, login, remembered);
  return again?.id === person.id ? again.permission : NONE;
}

async function askByLogin(
  octokit: Octokit,
  repository: string,
  username: string,
  remembered: Remembered,
): Promise<Found | undefined> {
  const key = `${repository} ${username}`;
  const known = remembered.get(key);
  const headers = known ? { 'if-none-match': known.etag } : {};
  const ask = () =>
    octokit.rest.repos.getCollaboratorPermissionLevel({ ...ownerAndName(repository), username, headers });
  const answer = await callOr('read permission', ask, undefined).catch((error: unknown) => {
    if (known && error instanceof ProviderError && error.cause === UNCHANGED) return 'unchanged' as const;
    throw error;
  });
  if (known && answer === 'unchanged') return known.found;
  remembered.delete(key);
  if (!answer || answer === 'unchanged' || !answer.data.user) return undefined;
  const { permission, role_name: role, user } = answer.data;
  const found = { id: user.id, permission: { level: asLevel(permission, role), role } };
  if (answer.headers.etag) remember(remembered, key, { etag: answer.headers.etag, found });
  return found;
}

function remember(remembered: Remembered, key: string, value: { etag: string; found: Found }): void {
  remembered.set(key, value);
  const [oldest] = remembered.keys();
  if (remembered.size > MAX_REMEMBERED && oldest !== undefined) remembered.delete(oldest);
}

/** Maintainers are told apart by their role alone. Custom roles that build on it have names of their own: they are write. */
function asLevel(permission: string, role: string): Permission['level'] {
  if (permission === 'write') return role === 'maintain' ? 'maintain' : 'write';
  return permission === 'admin' || permission === 'read' ? permission : 'none';
}

/** Organisations and bots have names too, and are nobody. */
export async function findPerson(octokit: Octokit, username: string): Promise<Person | undefined> {
  const answer = await callOr('find person', () => octokit.rest.users.getByUsername({ username }), undefined);
  if (answer?.data.type !== 'User') return undefined;
  return { id: String(answer.data.id), login: answer.data.login };
}

async function currentLogin(octokit: Octokit, id: number): Promise<string | undefined> {
  const answer = await callOr(
    'read person',
    () => call('read person', () => octokit.request('GET /user/{account_id}', { account_id: id })),
    undefined,
  );
  return (answer?.data as { login?: string } | undefined)?.login;
}
