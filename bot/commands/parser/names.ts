// What may be called how: workspaces, owners, repositories, refs, commits. Pure; asks nobody whether it exists.
import { countDurationWords } from './durations.ts';

/** 1 to 63 of a-z, 0-9 and inner hyphens, with a letter, and nothing that reads as a number or a duration. */
export function isValidName(name: string): boolean {
  return (
    /^[a-z\d][a-z\d-]{0,62}$/.test(name) &&
    /[a-z]/.test(name) &&
    !name.endsWith('-') &&
    name !== 'until' &&
    countDurationWords([name], 0) === 0
  );
}

/** Workspace ids are understood wherever a name is, and are no names to give. */
export function isWorkspaceId(name: string): boolean {
  return /^ws-[a-z2-7]{12}$/.test(name);
}

/** A user or organisation: letters, digits and single inner hyphens, 39 at most; `_` begins an enterprise's suffix. */
export function isValidOwner(owner: string): boolean {
  const [login = '', suffix = 'x', ...more] = owner.split('_');
  return (
    owner.length <= 39 &&
    more.length === 0 &&
    /^[a-z\d-]+$/i.test(login) &&
    /^[a-z\d]+$/i.test(suffix) &&
    !login.startsWith('-') &&
    !login.endsWith('-') &&
    !login.includes('--')
  );
}

export function isValidRepositoryName(name: string): boolean {
  return /^[\w.][\w.-]{0,99}$/.test(name) && name !== '.' && name !== '..' && !/\.(?:git|wiki)$/i.test(name);
}

/**
 * A branch, tag or commit by the rules of `git check-ref-format refs/heads/<ref>`; stricter in that it has 255
 * characters at most, is not `@`, and never begins with a hyphen, so that no program takes it for an option.
 */
export function isValidRef(ref: string): boolean {
  return (
    ref !== '' &&
    ref !== '@' &&
    ref.length <= 255 &&
    ref.isWellFormed() &&
    !/[\p{Cc} ~^:?*[\\]|\.\.|@\{|\/\/|\/\.|\.lock\/|^[-./]|[./]$|\.lock$/u.test(ref)
  );
}

/** A whole SHA-1 or SHA-256: the start of one can be forged. */
export function isCommit(text: string): boolean {
  return /^(?:[\da-f]{40}|[\da-f]{64})$/i.test(text);
}
