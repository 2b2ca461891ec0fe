// What the fake GitHub remembers, and how things are found in it. Knows neither HTTP nor git.
export type Json = Record<string, unknown>;
export type Permission = 'none' | 'read' | 'write' | 'admin';
export type Level = 'read' | 'write';

export interface Account {
  id: number;
  login: string;
  name: string | null;
  type: 'User' | 'Organization' | 'Bot';
}

export interface Label {
  id: number;
  name: string;
  color: string;
  description: string | null;
}

/** `permission` is what GitHub maps custom roles to; `roleName` tells triage, maintain and custom roles apart. */
export interface Role {
  permission: Permission;
  roleName: string;
}

export interface Repository {
  id: number;
  owner: Account;
  name: string;
  private: boolean;
  archived: boolean;
  defaultBranch: string;
  parent?: Repository | undefined;
  collaborators: Map<number, Role>;
  labels: Label[];
  lastNumber: number;
  deleted: boolean;
}

/** An issue or a pull request: GitHub numbers them together. `head` only on pull requests. */
export interface Thread {
  id: number;
  number: number;
  kind: 'issue' | 'pull';
  repository: Repository;
  author: Account;
  title: string;
  body: string | null;
  state: 'open' | 'closed';
  labels: string[];
  locked: boolean;
  draft: boolean;
  merged: boolean;
  mergeCommit: string | null;
  head?: { repository: Repository; ref: string; sha: string };
  base?: { ref: string; sha: string };
  createdAt: Date;
  updatedAt: Date;
  closedAt: Date | null;
}

export interface Spot {
  path: string;
  line: number | null;
  commit: string;
  original?: { line: number; commit: string };
}

export interface Comment {
  id: number;
  kind: 'issue' | 'review';
  thread: Thread;
  author: Account;
  body: string;
  /** Written by the App itself. */
  byApp: boolean;
  minimized: string | null;
  inReplyTo?: number;
  /** Of a review: what it is about. `line`: null: the whole file; `original`: where that was before it was outdated. */
  spot?: Spot;
  deleted: boolean;
  createdAt: Date;
  updatedAt: Date;
}

export type ReactionContent = '+1' | '-1' | 'laugh' | 'confused' | 'heart' | 'hooray' | 'rocket' | 'eyes';

export interface Reaction {
  id: number;
  on: Comment | Thread;
  author: Account;
  content: ReactionContent;
  createdAt: Date;
}

export interface DeploymentStatus {
  id: number;
  state: string;
  description: string;
  environmentUrl: string;
  logUrl: string;
  createdAt: Date;
}

export interface Deployment {
  id: number;
  repository: Repository;
  sha: string;
  ref: string;
  task: string;
  environment: string;
  description: string | null;
  payload: unknown;
  transient: boolean;
  production: boolean;
  statuses: DeploymentStatus[];
  createdAt: Date;
}

export interface CheckRun {
  id: number;
  repository: Repository;
  headSha: string;
  name: string;
  detailsUrl: string | null;
  externalId: string | null;
  status: string;
  conclusion: string | null;
  output: Json;
  actions: { label: string; description: string; identifier: string }[];
  startedAt: Date | null;
  completedAt: Date | null;
}

export interface Installation {
  id: number;
  account: Account;
  /** 'all': every repository of the account. */
  repositories: 'all' | Set<number>;
  permissions: Record<string, Level>;
  suspendedAt: Date | null;
  createdAt: Date;
}

export type Token =
  | {
      kind: 'installation';
      token: string;
      installation: Installation;
      repositoryIds: Set<number> | undefined;
      permissions: Record<string, Level>;
      expiresAt: Date;
    }
  | { kind: 'user'; token: string; account: Account; expiresAt: Date };

/** The App as GitHub knows it. `publicKey` 'any' takes every signature (but still reads the claims). */
export interface App {
  id: number;
  slug: string;
  name: string;
  publicKey: string;
  webhookSecret: string;
  webhookUrl: string | undefined;
  clientId: string;
  clientSecret: string;
  /** Redirects must begin with one of these; empty: any. */
  callbackUrls: string[];
  permissions: Record<string, Level>;
  events: string[];
  createdAt: Date;
}

export interface World {
  app: App;
  bot: Account;
  /** Bases without a slash at the end. */
  url: string;
  apiUrl: string;
  now: () => Date;
  nextId: () => number;
  accounts: Account[];
  repositories: Repository[];
  /** Former full names, lower-cased, and the repository's id. */
  moved: Map<string, number>;
  threads: Thread[];
  comments: Comment[];
  reactions: Reaction[];
  deployments: Deployment[];
  checks: CheckRun[];
  installations: Installation[];
  /** `acme/platform`, lower-cased, and the ids of who is in it. */
  teams: Map<string, Set<number>>;
  tokens: Map<string, Token>;
  /** Everything that must never show up in a log or a comment, in the order it was issued. */
  secrets: string[];
}

export function createWorld(app: App, now: () => Date): World {
  let id = 1000;
  const nextId = () => ++id;
  const bot: Account = { id: nextId(), login: `${app.slug}[bot]`, name: null, type: 'Bot' };
  return {
    app,
    bot,
    url: '',
    apiUrl: '',
    now,
    nextId,
    accounts: [bot],
    repositories: [],
    moved: new Map(),
    threads: [],
    comments: [],
    reactions: [],
    deployments: [],
    checks: [],
    installations: [],
    teams: new Map(),
    tokens: new Map(),
    secrets: [app.webhookSecret, app.clientSecret],
  };
}

export function nameOf(repository: Repository): string {
  return `${repository.owner.login}/${repository.name}`;
}

export function findAccount(world: World, login: string): Account | undefined {
  return world.accounts.find((account) => account.login.toLowerCase() === login.toLowerCase());
}

export function findRepository(world: World, fullName: string): Repository | undefined {
  const wanted = fullName.toLowerCase();
  return world.repositories.find((one) => !one.deleted && nameOf(one).toLowerCase() === wanted);
}

/** The repository that had this name before, unless another one has it now. */
export function findMoved(world: World, fullName: string): Repository | undefined {
  if (findRepository(world, fullName)) return undefined;
  const id = world.moved.get(fullName.toLowerCase());
  return world.repositories.find((one) => one.id === id && !one.deleted);
}

export function findThread(world: World, repository: Repository, number: number): Thread | undefined {
  return world.threads.find((thread) => thread.repository === repository && thread.number === number);
}

/** What a person may do: owners everything, collaborators their role, everybody reads what is public. */
export function roleOf(repository: Repository, account: Account): Role {
  if (repository.owner === account) return { permission: 'admin', roleName: 'admin' };
  const role = repository.collaborators.get(account.id);
  if (role) return role;
  return repository.private ? { permission: 'none', roleName: '' } : { permission: 'read', roleName: 'read' };
}

export function covers(installation: Installation, repository: Repository): boolean {
  if (installation.account !== repository.owner) return false;
  return installation.repositories === 'all' || installation.repositories.has(repository.id);
}

/** The App's installation that sees this repository; a suspended one counts, as it still exists. */
export function installationFor(world: World, repository: Repository): Installation | undefined {
  return world.installations.find((one) => covers(one, repository));
}

export function allows(have: Record<string, Level>, name: string, level: Level): boolean {
  return level === 'read' ? have[name] !== undefined : have[name] === 'write';
}
