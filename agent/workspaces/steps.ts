// The steps of one workspace's life: made ready, stopped. Knows not what is wanted: the worker decides.
import { cloneRepository, findTags } from '../git/clone.ts';
import { findHead, setIdentity } from '../git/git.ts';
import {
  endEverything,
  findCommit,
  gitOf,
  inspect,
  openCredentials,
  runtimeOf,
  specOf,
  type Task,
  type Tools,
} from './tools.ts';

export async function prepare(tools: Tools, task: Task): Promise<void> {
  const { store } = tools;
  const { state, signal } = task;
  const { desired, run } = state.now();
  const isNewRun = desired.run > run;
  const isCloned = store.hasCheckout(state.now());
  await state.update({
    phase: 'preparing',
    run: desired.run,
    step: isCloned ? 'start' : 'clone',
    failure: undefined,
    // From here on people change what was saved.
    saved: undefined,
  });
  // After a crash of the agent alone what people left running goes on; only a new run, or a clone by half, ends it.
  if (isNewRun || !isCloned) await endEverything(tools, state.now());
  signal.throwIfAborted();
  await tools.users.prepare(desired.id);
  await openCredentials(tools, state);
  if (!isCloned) await clone(tools, task);
  await state.update({ step: 'build' });
  const runtime = runtimeOf(tools, state.now());
  await runtime.prepare(specOf(tools, state.now()), {
    signal,
    log: (line) => tools.log(desired.id, 'build', line),
  });
  await state.update({ step: 'start' });
  await runtime.start(specOf(tools, state.now()));
  // The work is counted later: a terminal opens without waiting for it.
  await state.update({
    commit: await findCommit(tools, state.now(), signal),
    phase: 'running',
    step: undefined,
  });
}

async function clone(tools: Tools, { state, signal }: Task): Promise<void> {
  const { store, log } = tools;
  const { desired } = state.now();
  const git = gitOf(tools, state.now(), signal);
  const into = await store.startClone(state.now());
  const onLine = throttleProgress((line) => log(desired.id, 'clone', line));
  const { ref, commit, identity, credentials } = desired;
  await cloneRepository({ ...git, ref, commit, isGuarded: credentials === 'sam', into, onLine });
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
