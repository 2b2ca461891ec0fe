// The contract of a forge: a place where repositories, changes and people's rights on them live. Knows no rows and no command.
//
// Who calls: commands' fronts, guards of terminals and nodes, before anything is written down; never inside a transaction.
//
// - A repository is named by its label, `owner/name` as people write it, and lies at `url/label`: the address by which it is
//   cloned (`.git` behind it is the same), and by which rows know it. An address that does not begin with `url/` is none of this forge's.
// - A person is known by `id`, which stays when they rename themselves; a login changes hands and proves nothing. Who they
//   are here is learnt from a sign-in, never from what they type.
// - Every question is asked anew, of the forge, as it stands now: a right that was taken away a moment ago is none. What may be
//   kept for a while says so below.
// - `undefined` means that the forge said so: there is no such thing, or Sam may not see it, which look the same from outside.
//   Not being able to ask is an error, never `undefined`, never `none`: whoever asked starts nothing then.
// - Each call is tried once and ends within the time-out that the forge was made with. Errors are ProviderError, without
//   secrets in message or cause; `retryable` says whether the same call may work later. UserError is for what a person can mend.
// - A right is checked by whoever asks, by `readPermission`. A token is minted for one repository, after that, and kept nowhere.
import type { CodingAgent, TaskPolicy } from '../../agent/protocol.ts';
import type { Size } from '../database/types.ts';

export interface Forge {
  /** `github`: in addresses of ours (`/login/<name>`), and in the rows that say who a person is there. */
  name: string;
  /** `GitHub`: as people call it. */
  title: string;
  /** `https://github.com`, without a slash at the end. */
  url: string;
  /** Learns ahead what the first command would have to wait for. Changes nothing; repeatable. */
  warm(): Promise<void>;
  findRepository(label: string): Promise<FoundRepository | undefined>;
  findThread(label: string, number: number): Promise<Thread | undefined>;
  /** Of a thread that is a change; one that is closed has a head too. */
  findChange(label: string, number: number): Promise<Change | undefined>;
  /** As anybody is called there, in any case; of a repository that Sam reaches. Undefined: no person is called so. */
  findPerson(label: string, login: string): Promise<Person | undefined>;
  /** `none` too for a login that is somebody else's by now. Undefined: Sam does not reach the repository, so nobody can say. */
  readPermission(label: string, person: Person): Promise<Permission | undefined>;
  /** What its people want of Sam, from its default branch; may be some minutes old. `defaultRules` where they say nothing. */
  readRules(label: string): Promise<RepositoryRules>;
  /**
   * Labels of the repositories that Sam reaches; of very many the first. What a person may do on one is `readPermission`'s: to
   * ask for all of them would cost a call each.
   */
  listRepositories(): Promise<string[]>;
  /** Who goes by that name now: `ada`, or `@acme/admins` for all of a team. Undefined: nobody does, or Sam may not see them. */
  findPeople(name: string): Promise<Person[] | undefined>;
  /** The page where somebody lets Sam into repositories of theirs. */
  installUrl(): Promise<string>;
  /** For that repository alone, no more than the operation needs. Throws UserError where Sam itself may not. */
  mintToken(label: string, operation: GitOperation): Promise<GitToken>;
  /** Whom git names as the author of what they commit, so that the forge knows it for theirs. Asks nobody. */
  identityOf(person: Person): { email: string };
  /**
   * Offers a branch of that repository to be merged there. Repeatable: of a branch that is offered already, that change is the answer,
   * as it is.
   */
  openChange(label: string, offered: OfferedChange): Promise<OpenedChange>;
  signIn: SignIn;
}

export interface Person {
  /** The forge's own. */
  id: string;
  login: string;
}

/** What a person may do. Roles of a forge's own that build on one of these are that one. */
export interface Permission {
  level: 'none' | 'read' | 'write' | 'maintain' | 'admin';
  /** As the forge calls it. */
  role: string;
}

export interface FoundRepository {
  /** As its people write it, whatever was asked for. */
  label: string;
  /** Its default branch. */
  branch: string;
  isPrivate: boolean;
}

/** An issue, or a change that somebody wants to have merged (a pull request). */
export interface Thread {
  isOpen: boolean;
  isChange: boolean;
}

export interface Change {
  /** In the repository that it comes from. */
  branch: string;
  /** The newest commit of it. */
  head: string;
  /** Where its commits can be fetched from its own repository, wherever they come from: `refs/pull/7/head`. */
  ref: string;
  /** The label of the repository that holds the branch; undefined: a fork that was deleted. */
  from: string | undefined;
}

/** What somebody wants to have merged. */
export interface OfferedChange {
  /** Is there. */
  branch: string;
  /** Undefined: the default branch. */
  base: string | undefined;
  title: string;
  /** In the forge's Markdown. */
  body: string;
}

/** The change, and the branch that it goes into, which is another one where it was open already; or why the forge has none of it: no such base, nothing in it, not by this App (`said`: what it lacks), another reason. */
export type OpenedChange =
  | { number: number; url: string; base: string }
  | { refused: 'no-base' | 'nothing-changed' | 'app-lacks' | 'refused'; said?: string };

/** What a repository's own settings say of new workspaces. */
export interface RepositoryRules {
  size: Size;
  /** In ms; undefined: the bot's. */
  idleTimeMs: number | undefined;
  /** The permission that it takes to start one. */
  who: 'write' | 'maintain' | 'admin';
  ask: AskRules;
}

/** What coding agents may do there unasked, and which one works where nobody names another. */
export type AskRules = TaskPolicy & { agent?: CodingAgent | undefined };

/** Looking changes nothing; everything else asks. */
export const defaultPolicy: TaskPolicy = { allow: ['read', 'search', 'think'], deny: [] };

/** Where a repository says nothing. */
export const defaultRules: RepositoryRules = {
  size: 'medium',
  idleTimeMs: undefined,
  who: 'write',
  ask: defaultPolicy,
};

export type GitOperation = 'fetch' | 'push';

/** In memory on its way to git, and nowhere else. */
export interface GitToken {
  username: string;
  password: string;
  /** ms since 1970. */
  expiresAt: number;
}

/** How a browser proves who its person is: OAuth's code, with PKCE. Keeps nothing of what the forge gave. */
export interface SignIn {
  /** The forge's page that asks the person; it comes back to `callback` with `state`, and `code` or `error`. */
  begin(attempt: SignInAttempt): Promise<string>;
  /** Asks the forge who the code is, by a token that nobody sees afterwards. Throws a SignInError. */
  complete(code: string, attempt: SignInAttempt): Promise<Person>;
}

export interface SignInAttempt {
  state: string;
  verifier: string;
  /** Our own address, as the forge knows it. */
  callback: string;
}

/** The forge did not say who it is. `reason` is its own word or the kind of failure; it holds no secret. */
export class SignInError extends Error {
  override readonly name = 'SignInError';
  /** Whether the forge answered, and said no: another code may do, waiting will not. */
  readonly isRefusal: boolean;
  readonly reason: string;
  constructor(forge: string, isRefusal: boolean, reason: string) {
    super(`sign-in: ${forge}: ${reason}`);
    this.isRefusal = isRefusal;
    this.reason = reason;
  }
}

/** What people may write for a repository, as read from their words. Not known to exist. */
export type RepositoryTarget =
  | { kind: 'repository'; owner: string; name: string; ref?: string; number?: number }
  | { kind: 'url'; url: string; ref?: string }
  | { kind: 'path'; path: string };

/** A repository, found and allowed: what a workspace is made of. */
export interface Repository {
  /** `https://host/owner/name`, or an absolute path. */
  url: string;
  /** What people read: `acme/api`, or a folder's name. */
  label: string;
  ref?: string;
  /** The head of the pull request that it is, at this moment. */
  commit?: string;
  /** The pull request comes from elsewhere. `from`: `owner/name`, if it is still there. */
  fork?: { from?: string; head: string };
  /** `pr:412`, `issue:7`: what the workspace is for; absent: its ref. */
  goal?: string;
  /** Absent: nobody knows. */
  isPrivate?: boolean;
  /** What its own settings say of new workspaces. */
  size?: Size;
  idleTimeMs?: number;
}

export const addressOf = ({ url }: Pick<Forge, 'url'>, label: string): string => `${url}/${label}`;

/** `owner/name` of an address of that forge; undefined: it is another's, or a path. */
export const labelOf = ({ url }: Pick<Forge, 'url'>, address: string): string | undefined =>
  address.startsWith(`${url}/`) ? address.slice(url.length + 1) : undefined;

/** The forge that an address is on. */
export function findForge(
  forges: readonly Forge[],
  address: string,
): { forge: Forge; label: string } | undefined {
  for (const forge of forges) {
    const label = labelOf(forge, address);
    if (label !== undefined) return { forge, label };
  }
  return undefined;
}
