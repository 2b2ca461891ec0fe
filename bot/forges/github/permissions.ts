// What a person may do on a repository, asked of GitHub by their id, each time. Decides nothing.
import type { Octokit } from './app.ts';
import { call, callOr } from './calls.ts';
import { ownerAndName } from './threads.ts';
import type { Permission } from '../forge.ts';

export interface Account {
  /** GitHub's number: logins change hands. */
  id: number;
  login: string;
}

const NONE: Permission = { level: 'none', role: 'none' };

/** `none` too for a login that belongs to somebody else by now, and for whoever is no user. */
export async function readPermission(
  octokit: Octokit,
  repository: string,
  person: Account,
): Promise<Permission> {
  const found = await askByLogin(octokit, repository, person.login);
  if (found?.id === person.id) return found.permission;
  const login = await currentLogin(octokit, person.id);
  const again = login === undefined ? undefined : await askByLogin(octokit, repository, login);
  return again?.id === person.id ? again.permission : NONE;
}

async function askByLogin(
  octokit: Octokit,
  repository: string,
  username: string,
): Promise<{ id: number; permission: Permission } | undefined> {
  const answer = await callOr(
    'read permission',
    () => octokit.rest.repos.getCollaboratorPermissionLevel({ ...ownerAndName(repository), username }),
    undefined,
  );
  if (!answer?.data.user) return undefined;
  const { permission, role_name: role, user } = answer.data;
  return { id: user.id, permission: { level: asLevel(permission, role), role } };
}

/** Maintainers are told apart by their role alone. Custom roles that build on it have names of their own: they are write. */
function asLevel(permission: string, role: string): Permission['level'] {
  if (permission === 'write') return role === 'maintain' ? 'maintain' : 'write';
  return permission === 'admin' || permission === 'read' ? permission : 'none';
}

async function currentLogin(octokit: Octokit, id: number): Promise<string | undefined> {
  const answer = await callOr(
    'read person',
    () => call('read person', () => octokit.request('GET /user/{account_id}', { account_id: id })),
    undefined,
  );
  return (answer?.data as { login?: string } | undefined)?.login;
}
