// What the steps of a workspace work with, and what several of them do: passwords, git, its runtime, the end of all
// programs, and a look for work that a deletion would lose.
import { claudeEnvironment } from '../coding/claude.ts';
import type { CodingModels } from '../coding/codex.ts';
import { helperCommand, type Broker, type Subject } from '../credentials/broker.ts';
import { countWork } from '../git/counting.ts';
import { credentialEnvironment, findHead, type Git } from '../git/git.ts';
import type { Mirrors } from '../git/mirrors.ts';
import { runAs } from '../git/scratch.ts';
import type { Models, Way } from '../models/models.ts';
import type { Work } from '../protocol.ts';
import type { Runtimes } from '../runtimes/index.ts';
import type { Reach, Runtime, WorkspaceSpec } from '../runtimes/runtime.ts';
import { MARK } from '../system/processes.ts';
import type { Users } from '../system/users.ts';
import type { WorkspaceState } from './state.ts';
import type { Store } from './store.ts';
import type { Workspace } from './workspace.ts';

export interface Tools {
  store: Store;
  runtimes: Runtimes;
  credentials: Broker;
  users: Users;
  mirrors: Mirrors;
  models: Pick<Models, 'way' | 'gate' | 'prepare' | 'open' | 'end'>;
  /** Ends all sessions of a workspace; resolves when their programs are gone. */
  endSessions: (id: string) => Promise<void>;
  log: (id: string, step: string, line: string) => void;
}

export interface Task {
  state: WorkspaceState;
  signal: AbortSignal;
}

/**
 * Lets git in this workspace ask for passwords, from a session or from here, as long as it is wanted running or being saved.
 * Its folder is there. Repeatable.
 */
export function openCredentials({ store, credentials }: Tools, state: WorkspaceState): Promise<void> {
  return credentials.open(store.socket(state.now().desired.id), () => subjectOf(state.now()));
}

const subjectOf = ({ desired, step, origin }: Workspace): Subject => {
  const repositories = [desired.repository, ...(origin === undefined ? [] : [origin])];
  const isServed = desired.desired === 'running' || step === 'saving';
  return { id: desired.id, repositories, isOpen: desired.credentials === 'sam' && isServed };
};

/** The same for programs that do not see the node, and the way to models. */
export async function openReach(tools: Tools, state: WorkspaceState): Promise<void> {
  const { id } = state.now().desired;
  const reach = reachOf(tools, state.now());
  if (!reach || !isTrusted(state.now())) return;
  const { git, models } = reach.sockets;
  await reach.makeFolder();
  await tools.credentials.open(git, () => subjectOf(state.now()), { isShared: true });
  await tools.models.open(id, models);
}

/** Whoever sent a fork's code gets nothing of what the workspace's owner has. */
export const isTrusted = ({ desired }: Pick<Workspace, 'desired'>): boolean => desired.credentials !== 'none';

/** Undefined: its programs see the node. Null: they reach nothing of it. */
export function reachOf(tools: Pick<Tools, 'runtimes'>, workspace: Workspace): Reach | null | undefined {
  const { reach } = runtimeOf(tools, workspace);
  return reach && (reach(workspace.desired.id) ?? null);
}

/** What any git of the agent needs for this workspace; to reach the repository, after `openCredentials`. */
export function gitOf(
  { store, users }: Pick<Tools, 'store' | 'users'>,
  { desired }: Workspace,
  signal?: AbortSignal,
): Git {
  const helper = desired.credentials === 'sam' ? helperCommand(store.socket(desired.id)) : '';
  return {
    repository: desired.repository,
    mark: { [MARK]: desired.id },
    helper: desired.credentials === undefined ? undefined : helper,
    user: users.find(desired.id),
    signal,
  };
}

/** Of one that nothing ever ran in: whichever, there is nothing to end. */
export const runtimeOf = ({ runtimes }: Pick<Tools, 'runtimes'>, { runtime = 'host' }: Workspace): Runtime =>
  runtimes[runtime];

/** Its sessions, and whatever else runs in it; nobody gets a password from here on. */
export async function endEverything(tools: Tools, workspace: Workspace): Promise<void> {
  const { id } = workspace.desired;
  const reach = reachOf(tools, workspace);
  await tools.models.end(id);
  await tools.credentials.close(tools.store.socket(id));
  if (reach) await tools.credentials.close(reach.sockets.git);
  const endSessions = () => tools.endSessions(id);
  const left = await runtimeOf(tools, workspace).stop(specOf(tools, workspace), endSessions);
  if (left > 0) tools.log(id, 'stop', `${left} programs could not be ended, and live on.`);
}

export function specOf(
  tools: Pick<Tools, 'store' | 'users' | 'models' | 'runtimes'>,
  workspace: Workspace,
): WorkspaceSpec {
  const { id, name, configuration, size } = workspace.desired;
  return {
    id,
    name,
    dir: tools.store.checkout(workspace),
    env: environmentOf(tools, workspace),
    isTrusted: isTrusted(workspace),
    user: tools.users.find(id),
    configuration,
    size,
  };
}

/** Whoever sent a fork's code must not spend what the workspace's owner pays for. */
const findWay = ({ models }: Pick<Tools, 'models'>, workspace: Workspace): Way | undefined =>
  isTrusted(workspace) ? models.way(workspace.desired.id, workspace.desired.run) : undefined;

/** Undefined: nothing of its owner's is there for coding agents. */
export function findModels(
  tools: Pick<Tools, 'store' | 'models' | 'runtimes'>,
  workspace: Workspace,
): CodingModels | undefined {
  const { id, run } = workspace.desired;
  const reach = reachOf(tools, workspace);
  if (reach === null || !isTrusted(workspace)) return undefined;
  const gate = tools.models.gate(id, run);
  return reach
    ? { ...gate, url: reach.models, folder: reach.claude }
    : { ...gate, folder: tools.store.claude(id) };
}

/** How its programs find git's helper and their model; as they see them. */
function environmentOf(
  tools: Pick<Tools, 'store' | 'users' | 'models' | 'runtimes'>,
  workspace: Workspace,
): Record<string, string> {
  const git = gitOf(tools, workspace);
  const way = findWay(tools, workspace);
  const reach = reachOf(tools, workspace);
  if (reach === undefined)
    return {
      ...credentialEnvironment(git),
      ...claudeEnvironment({ folder: tools.store.claude(workspace.desired.id), way }),
    };
  if (reach === null || !isTrusted(workspace)) return {};
  const helper = git.helper && reach.helper;
  const claude = { folder: reach.claude, way: way && ('plan' in way ? way : { ...way, url: reach.models }) };
  return { ...credentialEnvironment({ ...git, helper }), ...claudeEnvironment(claude) };
}

/** The commit and the work, for people to see; what git cannot say is left out. */
export async function inspect(
  tools: Tools,
  workspace: Workspace,
  signal: AbortSignal,
): Promise<Partial<Workspace>> {
  const { work, commit } = await findWork(tools, workspace, signal);
  return { commit, work };
}

export function findCommit(
  tools: Tools,
  workspace: Workspace,
  signal: AbortSignal,
): Promise<string | undefined> {
  return findHead(gitOf(tools, workspace, signal), tools.store.checkout(workspace));
}

/** It never got as far as a checkout. False in doubt. */
export async function hasNothing({ store }: Pick<Tools, 'store'>, workspace: Workspace): Promise<boolean> {
  if (workspace.origin !== undefined || store.hasCheckout(workspace)) return false;
  return store.listBeside(workspace).then(
    (names) => names.length === 0,
    () => false,
  );
}

export interface Found {
  /** Undefined: git cannot say. */
  work: Work | undefined;
  commit?: string | undefined;
}

export async function findWork(tools: Tools, workspace: Workspace, signal: AbortSignal): Promise<Found> {
  const { store } = tools;
  const git = gitOf(tools, workspace, signal);
  const dir = store.checkout(workspace);
  try {
    const beside = (await store.listBeside(workspace)).length;
    // As the user: it may be a link to where only the agent may look.
    const names = store.hasCheckout(workspace) ? (await runAs(git, 'ls', ['-A', '--', dir])).split('\n') : [];
    // Without its .git nothing tells work from what was cloned: every file counts.
    if (!names.includes('.git'))
      return { work: { changed: 0, untracked: names.filter(Boolean).length + beside, unpushed: 0 } };
    const [work, commit] = await Promise.all([countWork(git, dir, workspace), findHead(git, dir)]);
    return { work: { ...work, untracked: work.untracked + beside }, commit };
  } catch {
    signal.throwIfAborted();
    return { work: undefined };
  }
}
