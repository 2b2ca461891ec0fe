// What the steps of a workspace work with, and what several of them do: passwords, git, places, the end of all programs.
import type { Desk } from '../credentials/broker.ts';
import { helperCommand } from '../credentials/program.ts';
import { credentialEnvironment, type Git } from '../git/git.ts';
import { endProcesses, findProcesses, MARK } from '../system/processes.ts';
import type { Place, Runtime } from '../runtimes/runtime.ts';
import type { Users } from '../system/users.ts';
import type { Record } from './state.ts';
import type { Store } from './store.ts';
import type { Workspace } from './workspace.ts';

export interface Tools {
  store: Store;
  runtime: Runtime;
  credentials: Desk;
  users: Users;
  /** Ends all sessions of a workspace; resolves when their programs are gone. */
  endSessions: (id: string) => Promise<void>;
  log: (id: string, step: string, line: string) => void;
}

export interface Task {
  record: Record;
  signal: AbortSignal;
}

/** Lets git in this workspace ask for passwords, from a session or from here. Its folder is there. Repeatable. */
export function openCredentials({ store, credentials }: Tools, record: Record): Promise<void> {
  return credentials.open(store.socket(record.now().goal.id), () => {
    const { goal, origin } = record.now();
    const repositories = [goal.repository, ...(origin === undefined ? [] : [origin])];
    return { id: goal.id, repositories, isOpen: goal.credentials === 'sam' };
  });
}

/** What any git of the agent needs for this workspace; to reach the repository, after `openCredentials`. */
export function gitOf(
  { store, users }: Pick<Tools, 'store' | 'users'>,
  { goal }: Workspace,
  signal?: AbortSignal,
): Git {
  const helper = goal.credentials === 'sam' ? helperCommand(store.socket(goal.id)) : '';
  return {
    repository: goal.repository,
    mark: { [MARK]: goal.id },
    helper: goal.credentials === undefined ? undefined : helper,
    user: users.find(goal.id),
    signal,
  };
}

export async function endEverything(tools: Tools, workspace: Workspace): Promise<void> {
  const { runtime, users, endSessions } = tools;
  const { id } = workspace.goal;
  // Now, while parents live: a child that cleaned its environment is known by its parent alone.
  const before = await findProcesses(id);
  // Together: a daemon that holds on to a terminal would keep its session from ending.
  await Promise.all([endSessions(id), endProcesses(id, before)]);
  await runtime.end(placeOf(tools, workspace));
  // What the last ones started on their way out.
  await endProcesses(id);
  await users.end(id);
}

export function placeOf(tools: Pick<Tools, 'store' | 'users'>, workspace: Workspace): Place {
  const { id, name } = workspace.goal;
  return {
    id,
    name,
    dir: tools.store.checkout(workspace),
    env: credentialEnvironment(gitOf(tools, workspace)),
    user: tools.users.find(id),
  };
}
