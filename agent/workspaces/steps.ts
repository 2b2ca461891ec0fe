// The steps of one workspace's life: made ready, stopped; work looked for, saved, and all of it deleted. Knows not what is wanted: the worker decides.
import { answerQuestions } from '../coding/claude.ts';
import { cloneRepository, findTags } from '../git/clone.ts';
import { findHead, setIdentity } from '../git/git.ts';
import {
  endEverything,
  findCommit,
  gitOf,
  inspect,
  isTrusted,
  openCredentials,
  openReach,
  reachOf,
  runtimeOf,
  specOf,
  type Task,
  type Tools,
  findWork,
  type Found,
} from './tools.ts';
import type { DotfilesFailure, PrepareStep, Work } from '../protocol.ts';
import { chooseRuntime } from '../runtimes/index.ts';
import type { Waiting } from '../runtimes/runtime.ts';
import type { WorkspaceState } from './state.ts';
import { installDotfiles } from './dotfiles.ts';
import { toFailure } from '../failure.ts';
import { saveWork } from '../git/saving.ts';
import type { Workspace } from './workspace.ts';

export async function prepare(tools: Tools, task: Task): Promise<void> {
  const { store } = tools;
  const { state, signal } = task;
  const { desired, run, phase } = state.now();
  const isNewRun = desired.run > run;
  const isCloned = store.hasCheckout(state.now());
  const clock = createStepClock();
  await state.update({
    phase: 'preparing',
    run: desired.run,
    step: clock.enter(isCloned ? 'start' : 'clone'),
    failure: undefined,
    // From here on people change what was saved.
    saved: undefined,
    isEmpty: undefined,
    ...(isNewRun && { prepared: withoutDotfiles(state.now()) }),
  });
  await chooseFor(tools, state, isCloned);
  // After a crash of the agent alone what people left running goes on; only a new run, or a clone by half, ends it.
  if (isNewRun || !isCloned) await endEverything(tools, state.now());
  signal.throwIfAborted();
  await tools.users.prepare(desired.id);
  await openCredentials(tools, state);
  if (!isCloned) await clone(tools, task);
  if (state.now().prepared === undefined) await chooseAnew(tools, task, waitingFor(tools, task, clock));
  await openReach(tools, state);
  // Whoever starts what was stopped finds it as it was, unless they ask for another one.
  const mayRebuild = (isNewRun && phase !== 'stopped') || isAnotherWanted(state.now());
  const failure = await makeEnvironment(tools, task, { clock, mayRebuild });
  // The work is counted later: a terminal opens without waiting for it.
  await state.update({
    commit: await findCommit(tools, state.now(), signal),
    phase: 'running',
    step: undefined,
    attempt: undefined,
    steps: clock.end(),
    failure,
  });
}

/** For life, and before anything of it is there. What has a checkout and no choice is of a version that knew only one. */
async function chooseFor(tools: Tools, state: WorkspaceState, isCloned: boolean): Promise<void> {
  if (state.now().runtime !== undefined) return;
  await state.update({ runtime: isCloned ? 'host' : await chooseRuntime(tools.runtimes) });
}

/** Now that its files can be looked at, and before anything of it runs. */
async function chooseAnew(tools: Tools, { state }: Task, waiting: Waiting): Promise<void> {
  const workspace = state.now();
  const isRight = await runtimeOf(tools, workspace).fits(specOf(tools, workspace), waiting);
  if (!isRight) await state.update({ runtime: 'host' });
}

const waitingFor = (tools: Tools, { state, signal }: Task, clock: StepClock): Waiting => ({
  signal,
  log: (line) => tools.log(state.now().desired.id, state.now().step ?? 'create', line),
  enter(step, attempt) {
    // Should the disk not take it, the next writing says so.
    state.update({ step: clock.enter(step), attempt }).catch(() => undefined);
  },
});

/** What an older agent prepared does not say what was wanted: it stays. */
const isAnotherWanted = ({ desired: { configuration }, prepared }: Workspace): boolean =>
  configuration !== undefined && prepared?.wanted !== undefined && prepared.wanted !== configuration;

/** What stands in the way of the right one, where sessions can be opened all the same. */
async function makeEnvironment(
  tools: Tools,
  task: Task,
  { clock, mayRebuild }: { clock: StepClock; mayRebuild: boolean },
): Promise<Workspace['failure']> {
  const { state } = task;
  const runtime = runtimeOf(tools, state.now());
  const { configuration: wanted = null } = state.now().desired;
  const before = state.now().prepared;
  const { failure, ...prepared } = await runtime.prepare(specOf(tools, state.now()), {
    ...waitingFor(tools, task, clock),
    before,
    mayRebuild,
  });
  await state.update({ prepared: { ...prepared, wanted }, step: clock.enter('start'), attempt: undefined });
  await tools.models.prepare(state.now().desired);
  await runtime.start(specOf(tools, state.now()));
  await greetClaude(tools, task);
  if (failure === undefined) await addDotfiles(tools, task, before?.environment.dotfiles);
  return failure;
}

/** What became of them is said of the run that it was in: a new one tries again. */
function withoutDotfiles({ prepared }: Workspace): Workspace['prepared'] {
  if (!prepared) return undefined;
  const { dotfiles: _, ...environment } = prepared.environment;
  return { ...prepared, environment };
}

/**
 * Into a home that is the workspace's own: on the host there may be none. `failed`: they did in this very run, before the agent
 * ended; terminals do not wait for the same once more.
 */
async function addDotfiles(
  tools: Tools,
  { state, signal }: Task,
  failed: DotfilesFailure | undefined,
): Promise<void> {
  const { prepared, desired } = state.now();
  const runtime = runtimeOf(tools, state.now());
  const spec = specOf(tools, state.now());
  const isAtHome = state.now().runtime === 'devcontainer' || spec.user !== undefined;
  if (desired.dotfiles === undefined || !prepared || !isAtHome || !isTrusted(state.now())) return;
  const log = (line: string) => tools.log(desired.id, 'dotfiles', line);
  const dotfiles =
    failed ?? (await installDotfiles({ runtime, spec, repository: desired.dotfiles, signal, log }));
  if (dotfiles)
    await state.update({ prepared: { ...prepared, environment: { ...prepared.environment, dotfiles } } });
}

type StepClock = ReturnType<typeof createStepClock>;

/** How long each step takes, in whole ms; one that comes again goes on. */
export function createStepClock(now = () => performance.now()) {
  const spent = new Map<PrepareStep, number>();
  let current: { step: PrepareStep; since: number } | undefined;
  const close = () => {
    if (current) spent.set(current.step, (spent.get(current.step) ?? 0) + now() - current.since);
  };
  return {
    enter(step: PrepareStep): PrepareStep {
      close();
      current = { step, since: now() };
      return step;
    },
    end() {
      close();
      current = undefined;
      return [...spent].map(([step, ms]) => ({ step, ms: Math.round(ms) }));
    },
  };
}

/** Without it people answer the questions themselves: no reason not to start. */
async function greetClaude(tools: Tools, { state, signal }: Task): Promise<void> {
  const { store, users, log } = tools;
  const { desired } = state.now();
  const reach = reachOf(tools, state.now());
  if (reach === null || (reach && !isTrusted(state.now()))) return;
  const isWritten = await answerQuestions({
    folder: reach?.claude ?? store.claude(desired.id),
    checkout: runtimeOf(tools, state.now()).folder(specOf(tools, state.now())),
    isTrusted: isTrusted(state.now()),
    user: users.find(desired.id),
    signal,
    run: reach?.run,
  });
  if (!isWritten)
    log(desired.id, 'start', 'What Claude Code asks at its first start could not be answered for you.');
}

async function clone(tools: Tools, { state, signal }: Task): Promise<void> {
  const { store, log } = tools;
  const { desired } = state.now();
  const git = gitOf(tools, state.now(), signal);
  const into = await store.startClone(state.now());
  const onLine = throttleProgress((line) => log(desired.id, 'clone', line));
  const { ref, commit, identity, credentials } = desired;
  // What came from a fork goes to nobody else, and gets nothing of what others have; nor does what is cloned where something of the
  // workspace has run, which may be there still.
  const isFresh = isTrusted(state.now()) && state.now().prepared === undefined;
  const mirror = isFresh ? tools.mirrors.of(desired.repository, desired.id) : undefined;
  await cloneRepository({ ...git, ref, commit, isGuarded: credentials === 'sam', mirror, into, onLine });
  if (identity) await setIdentity(git, into, identity);
  // Before the folder has its final name: a checkout whose base is unknown would count as unpushed.
  const [base, tags] = await Promise.all([findHead(git, into), findTags(git, into)]);
  await state.update({ base, tags, origin: desired.repository });
  await store.finishClone(state.now());
}

export async function stop(tools: Tools, { state, signal }: Task): Promise<void> {
  await state.update({
    phase: 'stopping',
    run: state.now().desired.run,
    step: undefined,
    failure: undefined,
  });
  await endEverything(tools, state.now());
  await state.update({ ...(await inspect(tools, state.now(), signal)), phase: 'stopped' });
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

/** Goes on to `deleting`, or says which work stands in the way; it leaves everything as it is, unless it saves. */
export async function check(tools: Tools, { state, signal }: Task): Promise<void> {
  const before = state.now();
  await state.update({ step: 'check' });
  const found = await findWork(tools, before, signal);
  const isFree = found.work !== undefined && isNothing(found.work);
  if (before.desired.save && found.work && isSaveable(found.work))
    return save(tools, { state, signal }, found.work);
  if (isFree) await state.update({ phase: 'deleting', step: undefined, work: found.work });
  else await state.update({ step: before.step, ...refusal(found) });
}

const isSaveable = ({ changed, unpushed }: Work): boolean => changed + unpushed > 0;

/**
 * Stops it, so that nothing changes any more, and pushes what may be pushed. It says what that is and what is left, and
 * deletes nothing: that is for the bot to say once it has written down where the work is. Told again after a crash it
 * does all of it again.
 */
async function save(tools: Tools, { state, signal }: Task, seen: Work): Promise<void> {
  const { desired, base, tags } = state.now();
  await state.update({ phase: 'stopping', run: desired.run, step: 'saving', failure: undefined, work: seen });
  await endEverything(tools, state.now());
  const found = await findWork(tools, state.now(), signal);
  const stopped = { phase: 'stopped', step: undefined } as const;
  if (found.work === undefined) return state.update({ ...stopped, ...refusal(found) });
  if (isNothing(found.work)) return state.update({ phase: 'deleting', step: undefined, work: found.work });
  const { store } = tools;
  const scratch = await store.startSaving(state.now());
  await openCredentials(tools, state);
  const git = gitOf(tools, state.now(), signal);
  const { id, name } = desired;
  try {
    const checkout = store.checkout(state.now());
    const { saved, left } = await saveWork({ ...git, id, name, checkout, base, tags, scratch }, found.work);
    await state.update({ ...stopped, work: found.work, refused: left, saved });
  } catch (error) {
    signal.throwIfAborted();
    tools.log(id, 'saving', messageOf(error));
    await state.update({ ...stopped, ...refusal(found), failure: toFailure(error) });
  } finally {
    await tools.credentials.close(store.socket(id));
  }
}

const messageOf = (error: unknown): string =>
  error instanceof Error
    ? [error.message, error.cause instanceof Error ? error.cause.message : ''].join(' ').trim()
    : String(error);

export async function remove(tools: Tools, { state, signal }: Task): Promise<void> {
  const { desired } = state.now();
  await state.update({ phase: 'deleting', step: undefined, failure: undefined });
  await endEverything(tools, state.now());
  if (!desired.force) {
    // A user may have typed on between the look and the end of the sessions.
    const found = await findWork(tools, state.now(), signal);
    if (found.work === undefined || !isNothing(found.work)) {
      await state.update({ phase: 'stopped', ...refusal(found) });
      return;
    }
  }
  // A state file that is written late would bring the folder back.
  await state.retire();
  const spec = specOf(tools, state.now());
  await tools.store.remove(desired.id);
  await runtimeOf(tools, state.now()).remove(spec);
  await tools.users.remove(desired.id);
  await tools.mirrors.release(desired.id);
  await state.update({ phase: 'deleted' });
}

function refusal({ work }: Found): Partial<Workspace> {
  if (work !== undefined) return { refused: work, work, isEmpty: undefined };
  return {
    refused: { changed: 0, untracked: 0, unpushed: 0 },
    saved: undefined,
    isEmpty: undefined,
    failure: { class: 'internal', code: 'unknown-work', details: {} },
  };
}

function isNothing({ changed, untracked, unpushed }: Work): boolean {
  return changed + untracked + unpushed === 0;
}
