// Which call needs whom, and which permission. After "Permissions required for GitHub Apps" in GitHub's documentation.
import type { Caller } from './callers.ts';
import { forbidden, notFound, unauthorized } from './refusal.ts';
import { type Level, type Repository, type Thread, type World, allows, covers, roleOf } from './model.ts';

type Need = 'app' | 'installation' | 'user' | 'client' | 'anyone' | { [permission: string]: Level };

const issuesRead = { issues: 'read', pull_requests: 'read' } as const;
const issuesWrite = { issues: 'write', pull_requests: 'write' } as const;
const pullsRead = { pull_requests: 'read' } as const;
const pullsWrite = { pull_requests: 'write' } as const;
const contentsRead = { contents: 'read' } as const;
const metadataRead = { metadata: 'read' } as const;

/** Of several permissions one is enough. */
const needs: Record<string, Need> = {
  'apps/get-authenticated': 'app',
  'apps/get-webhook-config-for-app': 'app',
  'apps/update-webhook-config-for-app': 'app',
  'apps/list-webhook-deliveries': 'app',
  'apps/get-webhook-delivery': 'app',
  'apps/redeliver-webhook-delivery': 'app',
  'apps/list-installations': 'app',
  'apps/get-installation': 'app',
  'apps/create-installation-access-token': 'app',
  'apps/get-org-installation': 'app',
  'apps/get-repo-installation': 'app',
  'apps/get-user-installation': 'app',
  'apps/create-from-manifest': 'anyone',
  'apps/check-token': 'client',
  'apps/delete-token': 'client',
  'apps/delete-authorization': 'client',
  'apps/list-repos-accessible-to-installation': 'installation',
  'apps/revoke-installation-access-token': 'installation',
  'apps/list-installations-for-authenticated-user': 'user',
  'apps/list-installation-repos-for-authenticated-user': 'user',
  'users/get-authenticated': 'user',
  'teams/list-members-in-org': 'installation',
  'users/get-by-id': 'anyone',
  'users/get-by-username': 'anyone',
  'rate-limit/get': 'anyone',
  'repos/get': metadataRead,
  'repos/check-collaborator': metadataRead,
  'repos/get-collaborator-permission-level': metadataRead,
  'repos/list-branches': contentsRead,
  'repos/get-branch': contentsRead,
  'repos/get-commit': contentsRead,
  'repos/get-content': contentsRead,
  'git/get-ref': contentsRead,
  'checks/create': { checks: 'write' },
  'checks/update': { checks: 'write' },
  'checks/get': { checks: 'read' },
  'checks/list-for-ref': { checks: 'read' },
  'repos/list-deployments': { deployments: 'read' },
  'repos/get-deployment': { deployments: 'read' },
  'repos/list-deployment-statuses': { deployments: 'read' },
  'repos/create-deployment': { deployments: 'write' },
  'repos/create-deployment-status': { deployments: 'write' },
  'repos/delete-deployment': { deployments: 'write' },
  'issues/list-for-repo': issuesRead,
  'issues/get': issuesRead,
  'issues/list-comments': issuesRead,
  'issues/get-comment': issuesRead,
  'issues/list-labels-on-issue': issuesRead,
  'issues/list-labels-for-repo': issuesRead,
  'issues/get-label': issuesRead,
  'reactions/list-for-issue-comment': issuesRead,
  'reactions/list-for-issue': issuesRead,
  'issues/create-comment': issuesWrite,
  'issues/update-comment': issuesWrite,
  'issues/delete-comment': issuesWrite,
  'issues/add-labels': issuesWrite,
  'issues/set-labels': issuesWrite,
  'issues/remove-label': issuesWrite,
  'issues/remove-all-labels': issuesWrite,
  'issues/create-label': issuesWrite,
  'issues/update-label': issuesWrite,
  'issues/delete-label': issuesWrite,
  'reactions/create-for-issue-comment': issuesWrite,
  'reactions/create-for-issue': issuesWrite,
  'reactions/delete-for-issue-comment': issuesWrite,
  'reactions/delete-for-issue': issuesWrite,
  'pulls/list': pullsRead,
  'pulls/get': pullsRead,
  'pulls/list-files': pullsRead,
  'pulls/list-review-comments': pullsRead,
  'pulls/get-review-comment': pullsRead,
  'reactions/list-for-pull-request-review-comment': pullsRead,
  'pulls/create': pullsWrite,
  'pulls/update-review-comment': pullsWrite,
  'pulls/create-reply-for-review-comment': pullsWrite,
  'reactions/create-for-pull-request-review-comment': pullsWrite,
  'reactions/delete-for-pull-request-comment': pullsWrite,
};

/** Public data that anybody may read; the rest of a public repository asks for the permission too. */
const secretive = new Set(['repos/get-collaborator-permission-level', 'repos/check-collaborator']);

/** Throws when the caller is not of the kind that the operation is for. */
export function checkCaller(operation: string, caller: Caller): void {
  const need = needs[operation];
  if (need === undefined) throw new Error(`rights.ts does not know ${operation}`);
  if (typeof need !== 'string') return;
  if (need === 'anyone' || caller.kind === need) return;
  if (need === 'app') throw unauthorized('A JSON web token could not be decoded');
  if (caller.kind === 'none') throw unauthorized('Requires authentication');
  throw forbidden('Resource not accessible by integration');
}

/** Throws when the repository is not there for the caller (404), or the permission is missing (403). */
export function checkRepository(
  world: World,
  operation: string,
  caller: Caller,
  repository: Repository,
  thread: Thread | undefined,
): void {
  const need = needs[operation];
  if (typeof need === 'string' || need === undefined) return;
  const wanted = wantedPermissions(need, thread);
  const isRead = Object.values(wanted).every((level) => level === 'read');
  if (!repository.private && isRead && !secretive.has(operation)) return;
  const have = permissionsOn(world, caller, repository);
  if (!have && caller.kind === 'none' && !repository.private) throw unauthorized('Requires authentication');
  if (!have && repository.private) throw notFound();
  if (have && Object.entries(wanted).some(([name, level]) => allows(have, name, level))) return;
  const accepted = Object.entries(wanted).map((pair) => pair.join('='));
  throw forbidden('Resource not accessible by integration', {
    'x-accepted-github-permissions': accepted.join('; '),
  });
}

/** What is on an issue, not a pull request, is only opened by `issues`. */
function wantedPermissions(need: { [permission: string]: Level }, thread: Thread | undefined) {
  if (thread?.kind !== 'issue' || !need['issues']) return need;
  return { issues: need['issues'] };
}

/** Undefined: for this caller the repository is not there. */
function permissionsOn(world: World, caller: Caller, repository: Repository) {
  if (caller.kind === 'installation') {
    const isCovered = covers(caller.installation, repository);
    return isCovered && (caller.repositoryIds?.has(repository.id) ?? true) ? caller.permissions : undefined;
  }
  if (caller.kind !== 'user') return undefined;
  const installation = world.installations.find((one) => covers(one, repository) && !one.suspendedAt);
  const { permission } = roleOf(repository, caller.account);
  if (!installation || permission === 'none') return undefined;
  if (permission !== 'read') return installation.permissions;
  return Object.fromEntries(Object.keys(installation.permissions).map((name) => [name, 'read' as const]));
}
