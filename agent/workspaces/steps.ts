// What is done with one workspace: make it ready, stop it, look for work, delete it. Knows no goal: the worker decides.
import { readdir } from 'node:fs/promises';
import type { Desk } from '../credentials/desk.ts';
import { helperCommand } from '../credentials/program.ts';
import { cloneRepository } from '../git-clone.ts';
import { countWork, credentialEnvironment, findHead, setIdentity, type Git } from '../git.ts';
import { endProcesses, findProcesses, MARK } from '../processes.ts';
import type { Work } from '../protocol.ts';
import { toFailure } from '../failure.ts';
import { saveWork } from '../saving.ts';
import type { Users } from '../users.ts';
import type { Place, Runtime } from '../runtimes/runtime.ts';
import type { Record } from './record.ts';
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

export async function prepare(tools: Tools, task: Task): Promise<void> {
  const { store, runtime } = tools;
  const { record, signal } = task;
  const { goal, run } = record.now();
  const isNewRun = goal.run > run;
  const isCloned = store.hasCheckout(record.now());
  await record.update({
    phase: 'preparing',
    run: goal.run,
    step: isCloned ? 'start' : 'clone',
    failure: undefined,
    // From here on people change what was saved.
    saved: undefined,
  });
  // After a crash of the agent alone what people left running goes on; only a new run, or a clone by half, ends it.
  if (isNewRun || !isCloned) await endEverything(tools, record.now());
  signal.throwIfAborted();
  await tools.users.prepare(goal.id);
  await openCredentials(tools, record);
  if (!isCloned) await clone(tools, task);
  await record.update({ step: 'build' });
  await runtime.prepare(placeOf(tools, record.now()), {
    signal,
    log: (line) => tools.log(goal.id, 'build', line),
  });
  await record.update({ step: 'start' });
  // The work is counted later: nobody waits for that to open a terminal.
  await record.update({
    commit: await findCommit(tools, record.now(), signal),
    phase: 'running',
    step: undefined,
  });
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

async function clone(tools: Tools, { record, signal }: Task): Promise<void> {
  const { store, log } = tools;
  const { goal } = record.now();
  const git = gitOf(tools, record.now(), signal);
  const into = await store.startClone(record.now());
  const onLine = throttleProgress((line) => log(goal.id, 'clone', line));
  const { ref, commit, identity, credentials } = goal;
  await cloneRepository({ ...git, ref, commit, isGuarded: credentials === 'sam', into, onLine });
  if (identity) await setIdentity(git, into, identity);
  // Before the folder has its final name: a checkout whose base is unknown would count as unpushed.
  await record.update({ base: await findHead(git, into), origin: goal.repository });
  await store.finishClone(record.now());
}

export async function stop(tools: Tools, { record, signal }: Task): Promise<void> {
  await record.update({ phase: 'stopping', run: record.now().goal.run, step: undefined, failure: undefined });
  await endEverything(tools, record.now());
  await record.update({ ...(await inspect(tools, record.now(), signal)), phase: 'stopped' });
}

/** Goes on to `deleting`, or says which work stands in the way; it leaves everything as it is, unless it saves. */
export async function check(tools: Tools, { record, signal }: Task): Promise<void> {
  const before = record.now();
  await record.update({ step: 'check' });
  const found = await findWork(tools, before, signal);
  const isFree = found.work !== undefined && isNothing(found.work);
  if (before.goal.save && found.work && isSaveable(found.work))
    return save(tools, { record, signal }, found.work);
  if (isFree) await record.update({ phase: 'deleting', step: undefined, work: found.work });
  else await record.update({ step: before.step, ...refusal(found) });
}

const isSaveable = ({ changed, unpushed }: Work): boolean => changed + unpushed > 0;

/**
 * Stops it, so that nothing changes any more, and pushes what may be pushed. It says what that is and what is left, and
 * deletes nothing: that is for the bot to say once it has written down where the work is. Told again after a crash it
 * does all of it again.
 */
async function save(tools: Tools, { record, signal }: Task, seen: Work): Promise<void> {
  const { goal, base } = record.now();
  await record.update({ phase: 'stopping', run: goal.run, step: 'saving', failure: undefined, work: seen });
  await endEverything(tools, record.now());
  const found = await findWork(tools, record.now(), signal);
  const stopped = { phase: 'stopped', step: undefined } as const;
  if (found.work === undefined) return record.update({ ...stopped, ...refusal(found) });
  if (isNothing(found.work)) return record.update({ phase: 'deleting', step: undefined, work: found.work });
  const { store } = tools;
  const scratch = await store.startSaving(record.now());
  await openCredentials(tools, record);
  const git = gitOf(tools, record.now(), signal);
  const { id, name } = goal;
  try {
    const checkout = store.checkout(record.now());
    const { saved, left } = await saveWork({ ...git, id, name, checkout, base, scratch }, found.work);
    await record.update({ ...stopped, work: found.work, refused: left, saved });
  } catch (error) {
    signal.throwIfAborted();
    tools.log(id, 'saving', messageOf(error));
    await record.update({ ...stopped, ...refusal(found), failure: toFailure(error) });
  }
}

const messageOf = (error: unknown): string =>
  error instanceof Error
    ? [error.message, error.cause instanceof Error ? error.cause.message : ''].join(' ').trim()
    : String(error);

export async function remove(tools: Tools, { record, signal }: Task): Promise<void> {
  const { goal } = record.now();
  await record.update({ phase: 'deleting', step: undefined, failure: undefined });
  await endEverything(tools, record.now());
  if (!goal.force) {
    // Somebody may have typed on between the look and the end of the sessions.
    const found = await findWork(tools, record.now(), signal);
    if (found.work === undefined || !isNothing(found.work)) {
      await record.update({ phase: 'stopped', ...refusal(found) });
      return;
    }
  }
  // A state file that is written late would bring the folder back.
  await record.retire();
  await tools.credentials.close(tools.store.socket(goal.id));
  await tools.users.end(goal.id);
  await tools.store.remove(goal.id);
  await tools.users.remove(goal.id);
  await record.update({ phase: 'deleted' });
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

function findCommit(tools: Tools, workspace: Workspace, signal: AbortSignal): Promise<string | undefined> {
  return findHead(gitOf(tools, workspace, signal), tools.store.checkout(workspace));
}

interface Found {
  /** Undefined: git cannot say. */
  work: Work | undefined;
  commit?: string | undefined;
}

async function findWork(tools: Tools, workspace: Workspace, signal: AbortSignal): Promise<Found> {
  const { store } = tools;
  const { base } = workspace;
  const git = gitOf(tools, workspace, signal);
  const dir = store.checkout(workspace);
  try {
    const beside = (await store.listBeside(workspace)).length;
    const names = store.hasCheckout(workspace) ? await readdir(dir) : [];
    // Without its .git nothing tells work from what was cloned: every file counts.
    if (!names.includes('.git'))
      return { work: { changed: 0, untracked: names.length + beside, unpushed: 0 } };
    const [work, commit] = await Promise.all([countWork(git, dir, base), findHead(git, dir)]);
    return { work: { ...work, untracked: work.untracked + beside }, commit };
  } catch {
    signal.throwIfAborted();
    return { work: undefined };
  }
}

function refusal({ work }: Found): Partial<Workspace> {
  if (work !== undefined) return { refused: work, work };
  return {
    refused: { changed: 0, untracked: 0, unpushed: 0 },
    saved: undefined,
    failure: {
      class: 'internal',
      message:
        'Git could not say whether work would be lost, so nothing was deleted. `/sam rm --force` deletes it all the same.',
    },
  };
}

function isNothing({ changed, untracked, unpushed }: Work): boolean {
  return changed + untracked + unpushed === 0;
}

async function endEverything(tools: Tools, workspace: Workspace): Promise<void> {
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

/** Lets through one line of a progress meter a second, and every other line. */
export function throttleProgress(
  write: (line: string) => void,
  now = () => performance.now(),
): (line: string) => void {
  let lastAt = -Infinity;
  return (line) => {
    const isMeter = /\d+%/.test(line) && !/done\.?$/.test(line);
    if (isMeter && now() - lastAt < 1_000) return;
    if (isMeter) lastAt = now();
    write(line);
  };
}
