// What a person is told when Sam could not do what they said because the App lacks a permission. Calls nobody.
import { UserError } from '../../errors.ts';
import type { GitHubApp } from '../../forges/github/app.ts';
import { missingPermission } from '../../forges/github/missing-permissions.ts';

/** Undefined: that was not the reason. */
export function explainMissingPermission(
  app: Pick<GitHubApp, 'settingsUrl' | 'missingPermissions'>,
  error: unknown,
  repository: string | undefined,
): UserError | undefined {
  const permission = missingPermission(error);
  if (permission === undefined) return undefined;
  if (repository) app.missingPermissions.note(repository, permission);
  const page = repository && app.settingsUrl(repository);
  const details = { ...(permission === 'unknown' ? {} : { permission }), ...(page ? { page } : {}) };
  return new UserError('app-lacks', details, { cause: error });
}
