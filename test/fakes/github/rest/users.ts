// People: who somebody is, and where the App is installed for them.
import { forbidden, notFound } from '../refusal.ts';
import { type Call, type Handlers, ok, paged } from './call.ts';
import { type Account, covers, findAccount, roleOf } from '../model.ts';
import { showAccount, showInstallation, showRepository } from '../views/views.ts';

function showPublicly({ world }: Call, account: Account | undefined) {
  if (!account) throw notFound();
  return ok({ ...showAccount(world, account), name: account.name, email: null });
}

/** The repositories of an installation that the person may read. */
function repositoriesFor(call: Call, installationId: number) {
  const { world, caller } = call;
  if (caller.kind !== 'user') return [];
  const installation = world.installations.find((one) => one.id === installationId);
  if (!installation) throw notFound();
  return world.repositories.filter(
    (one) => !one.deleted && covers(installation, one) && isKnownTo(caller.account, one),
  );
}

function isKnownTo(account: Account, repository: Parameters<typeof roleOf>[0]): boolean {
  return repository.owner === account || repository.collaborators.has(account.id);
}

/** For an installation on that organization that was given the permission. */
function listTeam(call: Call) {
  const { world, caller, params } = call;
  const name = `${params['org']}/${params['team_slug']}`.toLowerCase();
  const isTheirs = caller.kind === 'installation' && caller.installation.account.login === params['org'];
  const members = world.teams.get(name);
  if (!isTheirs || !members) throw notFound();
  if (!caller.permissions['members'])
    throw forbidden('Resource not accessible by integration', {
      'x-accepted-github-permissions': 'members=read',
    });
  const people = world.accounts.filter(({ id }) => members.has(id));
  return paged(call, people, (one) => showAccount(world, one));
}

export const userHandlers: Handlers = {
  'teams/list-members-in-org': listTeam,
  'users/get-authenticated'(call) {
    if (call.caller.kind !== 'user') throw notFound();
    const { account } = call.caller;
    return ok({ ...showAccount(call.world, account), name: account.name, email: null });
  },
  'users/get-by-id'(call) {
    const id = Number(call.params['account_id']);
    return showPublicly(
      call,
      call.world.accounts.find((one) => one.id === id),
    );
  },
  'users/get-by-username': (call) =>
    showPublicly(call, findAccount(call.world, call.params['username'] ?? '')),
  'apps/list-installations-for-authenticated-user'(call) {
    const { world } = call;
    const mine = world.installations.filter((one) => repositoriesFor(call, one.id).length > 0);
    const wrap = (page: unknown[]) => ({ total_count: mine.length, installations: page });
    return paged(call, mine, (one) => showInstallation(world, one), wrap);
  },
  'apps/list-installation-repos-for-authenticated-user'(call) {
    const all = repositoriesFor(call, Number(call.params['installation_id']));
    const wrap = (page: unknown[]) => ({ total_count: all.length, repositories: page });
    return paged(call, all, (one) => showRepository(call.world, one), wrap);
  },
};
