// Setting the stage: people, repositories, installations, pull requests, put into the state without anybody hearing of it.
import type { Author, Files, Git } from './git.ts';
import { ensureLabel } from './rest/call.ts';
import {
  type Account,
  type Installation,
  type Level,
  type Permission,
  type Repository,
  type Thread,
  type World,
  findAccount,
  findRepository,
  nameOf,
} from './model.ts';

export interface RepositoryOptions {
  private?: boolean;
  archived?: boolean;
  defaultBranch?: string;
  /** What its first commit holds; a README if not said. */
  files?: Files;
  /** The full name of its parent. */
  forkOf?: string;
}

export interface PullOptions {
  by: string;
  branch?: string;
  /** The full name of the fork that holds the branch. */
  from?: string;
  title?: string;
  body?: string;
  draft?: boolean;
  labels?: string[];
  files?: Files;
}

export interface InstallOptions {
  id?: number;
  /** Full names; all repositories of the account if not said. */
  repositories?: string[];
  permissions?: Record<string, Level>;
}

export interface Stage {
  account: (login: string) => Account;
  repository: (fullName: string) => Repository;
  addUser: (login: string, more?: { id?: number; name?: string }) => Account;
  addBot: (login: string) => Account;
  addOrganization: (login: string, more?: { id?: number }) => Account;
  renameUser: (login: string, to: string) => void;
  /** Makes its owner a user if there is no such account. */
  addRepository: (fullName: string, options?: RepositoryOptions) => Promise<Repository>;
  /** `roleName` where it is not the permission itself: triage and custom roles on read, maintain on write. */
  addCollaborator: (repository: string, login: string, permission: Permission, roleName?: string) => void;
  removeCollaborator: (repository: string, login: string) => void;
  /** From now on these people are in it. */
  setTeam: (name: string, logins: string[]) => void;
  install: (login: string, options?: InstallOptions) => Installation;
  addIssue: (
    repository: string,
    issue: { by: string; title?: string; body?: string; labels?: string[] },
  ) => Thread;
  addPullRequest: (repository: string, options: PullOptions) => Promise<Thread>;
  /** A commit on a branch, made by a person; open pull requests of the branch follow. Returns its sha. */
  commit: (
    repository: string,
    by: string,
    files: Files,
    options?: { branch?: string; message?: string },
  ) => Promise<string>;
  /** Lets open pull requests follow the branches of a repository; those that moved, with where they were. */
  follow: (repository: Repository) => Promise<{ thread: Thread; before: string }[]>;
}

export const noreply = (account: Account): Author => ({
  name: account.name ?? account.login,
  email: `${account.id}+${account.login}@users.noreply.github.com`,
});

export function createStage(world: World, git: Git): Stage {
  const account = (login: string) => mustBe(findAccount(world, login), `account ${login}`);
  const repository = (fullName: string) => mustBe(findRepository(world, fullName), `repository ${fullName}`);

  const stage: Stage = {
    account,
    repository,
    addUser: (login, more = {}) => addAccount(world, login, 'User', more),
    addBot: (login) => addAccount(world, login, 'Bot', {}),
    addOrganization: (login, more = {}) => addAccount(world, login, 'Organization', more),
    renameUser(login, to) {
      account(login).login = to;
    },
    async addRepository(
      fullName,
      { private: isPrivate = false, archived = false, files, forkOf, ...more } = {},
    ) {
      const [login = '', name = ''] = fullName.split('/');
      const owner = findAccount(world, login) ?? addAccount(world, login, 'User', {});
      const parent = forkOf === undefined ? undefined : repository(forkOf);
      const defaultBranch = more.defaultBranch ?? parent?.defaultBranch ?? 'main';
      const made: Repository = {
        id: world.nextId(),
        owner,
        name,
        private: isPrivate,
        archived,
        defaultBranch,
        parent,
        collaborators: new Map(),
        labels: [],
        lastNumber: 0,
        deleted: false,
      };
      await git.create(made.id, defaultBranch, parent?.id);
      world.repositories.push(made);
      const first = files ?? (parent ? undefined : { 'README.md': `# ${name}\n` });
      if (first) await stage.commit(fullName, login, first, { message: 'first' });
      return made;
    },
    addCollaborator(fullName, login, permission, roleName = permission) {
      repository(fullName).collaborators.set(account(login).id, { permission, roleName });
    },
    removeCollaborator(fullName, login) {
      repository(fullName).collaborators.delete(account(login).id);
    },
    setTeam: (name, logins) =>
      void world.teams.set(name.toLowerCase(), new Set(logins.map((login) => account(login).id))),
    install(login, { id = world.nextId(), repositories, permissions = world.app.permissions } = {}) {
      const installation: Installation = {
        id,
        account: findAccount(world, login) ?? account(login),
        repositories: repositories ? new Set(repositories.map((name) => repository(name).id)) : 'all',
        permissions: { metadata: 'read', ...permissions },
        suspendedAt: null,
        createdAt: world.now(),
      };
      world.installations.push(installation);
      return installation;
    },
    addIssue(fullName, { by, title = 'It does not work', body, labels = [] }) {
      return addThread(world, repository(fullName), account(by), {
        kind: 'issue',
        title,
        body: body ?? null,
        labels,
      });
    },
    async addPullRequest(
      fullName,
      { by, branch = 'feature', from, title = 'Make it work', draft = false, ...more },
    ) {
      const home = repository(fullName);
      const source = from === undefined ? home : repository(from);
      const baseSha = await mustResolve(git, home, home.defaultBranch);
      const isThere = await git.resolve(source.id, `refs/heads/${branch}`);
      if (!isThere || more.files) {
        // Of two in one second each has a head of its own, as people's have.
        const files = more.files ?? { 'feature.txt': 'a feature\n' };
        await stage.commit(nameOf(source), by, files, { branch, message: `a commit for ${branch}` });
      }
      const sha = await mustResolve(git, source, branch);
      const thread = addThread(world, home, account(by), {
        kind: 'pull',
        title,
        draft,
        body: more.body ?? null,
        labels: more.labels ?? [],
        head: { repository: source, ref: branch, sha },
        base: { ref: home.defaultBranch, sha: baseSha },
      });
      await git.copy(source.id, sha, home.id, `refs/pull/${thread.number}/head`);
      return thread;
    },
    async commit(fullName, by, files, { branch, message = 'a commit' } = {}) {
      const home = repository(fullName);
      const onto = branch ?? home.defaultBranch;
      const author = noreply(account(by));
      const sha = await git.commit(home.id, onto, `refs/heads/${home.defaultBranch}`, files, message, author);
      await stage.follow(home);
      return sha;
    },
    async follow(home) {
      const moved: { thread: Thread; before: string }[] = [];
      const open = world.threads.filter((one) => one.head?.repository === home && one.state === 'open');
      for (const thread of open) {
        const { head } = thread;
        const sha = head && (await git.resolve(home.id, `refs/heads/${head.ref}`));
        if (!head || !sha || sha === head.sha) continue;
        moved.push({ thread, before: head.sha });
        head.sha = sha;
        thread.updatedAt = world.now();
        await git.copy(home.id, sha, thread.repository.id, `refs/pull/${thread.number}/head`);
      }
      return moved;
    },
  };
  return stage;
}

function addAccount(
  world: World,
  login: string,
  type: Account['type'],
  { id = world.nextId(), name }: { id?: number; name?: string },
) {
  if (findAccount(world, login)) throw new Error(`${login} is there already`);
  const made: Account = { id, login, name: name ?? null, type };
  world.accounts.push(made);
  return made;
}

export function addThread(
  world: World,
  home: Repository,
  author: Account,
  more: Partial<Thread> & Pick<Thread, 'kind' | 'title'>,
) {
  const now = world.now();
  const thread: Thread = {
    id: world.nextId(),
    number: ++home.lastNumber,
    repository: home,
    author,
    body: null,
    state: 'open',
    labels: [],
    locked: false,
    draft: false,
    merged: false,
    mergeCommit: null,
    createdAt: now,
    updatedAt: now,
    closedAt: null,
    ...more,
  };
  thread.labels = thread.labels.map((name) => ensureLabel(world, home, name).name);
  world.threads.push(thread);
  return thread;
}

function mustBe<T>(found: T | undefined, what: string): T {
  if (found === undefined) throw new Error(`the fake GitHub has no ${what}`);
  return found;
}

async function mustResolve(git: Git, { id }: Repository, branch: string): Promise<string> {
  return mustBe(await git.resolve(id, `refs/heads/${branch}`), `branch ${branch}`);
}
