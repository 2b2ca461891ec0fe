// What a person is told when Sam could not do what they said because the App lacks a permission. Calls nobody.
import { UserError } from '../../errors.ts';
import type { GitHubApp } from '../../forges/github/app.ts';
import { missingPermission } from '../../forges/github/missing-permissions.ts';

/** Undefined: that was not the reason. */
export function explainLack(
  app: Pick<GitHubApp, 'settingsUrl' | 'missingPermissions'>,
  error: unknown,
  repository: string | undefined,
): UserError | undefined {
  const permission = missingPermission(error);
  if (permission === undefined) return undefined;
  if (repository) app.missingPermissions.note(repository, permission);
  const page = repository && app.settingsUrl(repository);
  const what = permission === 'unknown' ? 'a permission' : `the permission **${permission}**`;
  return new UserError(
    'app-lacks',
    `I could not do that: my GitHub App was not given ${what} on this repository. Whoever administers it can accept it${page ? `: ${page}` : " in the settings of the App's installation"}. Then say it again.`,
    { cause: error },
  );
}
