// The steps of one workspace's life: made ready, stopped. Knows no goal: the worker decides.
import { cloneRepository, findTags } from '../git/clone.ts';
import { findHead, setIdentity } from '../git/git.ts';
import { throttleProgress } from './progress.ts';
import { endEverything, gitOf, openCredentials, placeOf, type Task, type Tools } from './tools.ts';
import { findCommit, inspect } from './work.ts';

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
  const [base, tags] = await Promise.all([findHead(git, into), findTags(git, into)]);
  await record.update({ base, tags, origin: goal.repository });
  await store.finishClone(record.now());
}

export async function stop(tools: Tools, { record, signal }: Task): Promise<void> {
  await record.update({ phase: 'stopping', run: record.now().goal.run, step: undefined, failure: undefined });
  await endEverything(tools, record.now());
  await record.update({ ...(await inspect(tools, record.now(), signal)), phase: 'stopped' });
}
