// Permissions that the App was not given: told apart from other refusals, and remembered for an hour, so that nobody
// asks in vain all the time. In memory only: the first refusal after a restart says it again. Calls nobody.
import { ProviderError } from '../../errors.ts';

/** GitHub would have done it if the App had `permission` there: `deployments: write`. */
export class MissingPermission extends ProviderError {
  readonly permission: string;
  constructor(operation: string, permission: string) {
    super(
      { provider: 'github', operation, retryable: false, hadNoEffect: true },
      `403 the App lacks the permission ${permission}`,
      { cause: 403 },
    );
    this.permission = permission;
  }
}

/** The permission whose lack was the reason, `checks: write`; undefined: there was another reason. */
export const missingPermission = (error: unknown): string | undefined =>
  error instanceof MissingPermission ? error.permission : undefined;

/**
 * Of a refusal: the permission that would have been enough, undefined if that was not the reason. `accepted`: the header
 * `x-accepted-github-permissions`, alternatives apart by `;`, what is needed together by `,`.
 */
export function permissionWanted(
  status: number,
  message: string,
  accepted: string | undefined,
): string | undefined {
  if (status !== 403 || !/^Resource not accessible by integration/i.test(message)) return undefined;
  const [first = ''] = (accepted ?? '').split(';');
  return (
    first
      .replaceAll('=', ': ')
      .replaceAll(/\s*,\s*/g, ', ')
      .trim() || 'unknown'
  );
}

export interface MissingPermissions {
  /** A call on the repository (`owner/name`) was refused for want of the permission. */
  note(repository: string, permission: string): void;
  /** Until when it is not worth asking; undefined: ask. */
  until(repository: string, permission: string): Date | undefined;
  /** Those that were refused within the last hour, by name. */
  of(repository: string): string[];
  /** Somebody accepted something: ask again. */
  forget(): void;
}

const REMEMBERED_MS = 3_600_000;

export function createMissingPermissions(now: () => number = Date.now): MissingPermissions {
  const untils = new Map<string, number>();
  const keyOf = (repository: string, permission: string): string =>
    `${repository.toLowerCase()} ${permission}`;
  const isFresh = (until: number | undefined): until is number => until !== undefined && until > now();
  return {
    note(repository, permission) {
      untils.set(keyOf(repository, permission), now() + REMEMBERED_MS);
    },
    until(repository, permission) {
      const until = untils.get(keyOf(repository, permission));
      return isFresh(until) ? new Date(until) : undefined;
    },
    of(repository) {
      const start = keyOf(repository, '');
      return [...untils]
        .filter(([key, until]) => key.startsWith(start) && isFresh(until))
        .map(([key]) => key.slice(start.length))
        .toSorted();
    },
    forget: () => untils.clear(),
  };
}
