// Brings one workspace to the newest goal, one step at a time; the same worker for its whole life. Knows no socket.
import { describeError, type Log } from '../log.ts';
import { toFailure } from '../failure.ts';
import type { DesiredWorkspace } from '../protocol.ts';
import { createQuiet } from './debounce.ts';
import { createRecord, type Record } from './state.ts';
import { check, remove } from './deleting.ts';
import { prepare, stop } from './steps.ts';
import type { Tools } from './tools.ts';
import { inspect } from './work.ts';
import { isSuperseded, nextStep, withGoal, type Step, type Workspace } from './workspace.ts';

export interface Worker {
  workspace: () => Workspace;
  /** The bot asked for this; returns at once. */
  want: (goal: DesiredWorkspace) => void;
  /** Tickets with a lower `access` are worth nothing from now on. */
  raiseAccess: (access: number) => void;
  /** Somebody typed, at this time. */
  noteInput: (at: number) => void;
  /** The work may have changed; it is counted once this has been quiet for a while. */
  noteChange: () => void;
  /** Ends what is being done; the state on disk says where it stood. */
  close: () => Promise<void>;
}

export interface WorkerOptions {
  workspace: Workspace;
  tools: Tools;
  /** Something that the bot should hear changed. */
  onChange: (workspace: Workspace) => void;
  log: Log;
}

interface Job {
  record: Record;
  tools: Tools;
  log: Log;
  closing: AbortSignal;
  doing?: { step: Step; run: number; abort: AbortController } | undefined;
}

const SAY_INPUT_EVERY_MS = 5_000;

const STEPS = { prepare, stop, check, delete: remove } satisfies { [step in Step]: unknown };

/** Starts to work at once. */
export function createWorker({ workspace, tools, onChange, log }: WorkerOptions): Worker {
  const closing = new AbortController();
  const record = createRecord(workspace, tools.store, onChange);
  const job: Job = { record, tools, log, closing: closing.signal };
  const quiet = createQuiet(() => logErrors(job, 'counting work', countWork(job)));
  let working: Promise<void> | undefined;
  let saidInputAt = 0;
  const wake = () => {
    working ??= work(job).finally(() => {
      working = undefined;
      if (findStep(job) !== undefined) wake();
    });
  };
  const note = (change: Partial<Workspace>) => {
    logErrors(job, 'saving the state', record.update(change));
    wake();
  };
  note({});
  return {
    workspace: record.now,
    want(goal) {
      const next = withGoal(record.now(), goal);
      if (job.doing && isSuperseded(job.doing.step, job.doing.run, next)) job.doing.abort.abort();
      note(next);
    },
    raiseAccess: (access) => note({ goal: { ...record.now().goal, access } }),
    noteInput(at) {
      record.remember({ activityAt: Math.max(at, record.now().activityAt ?? 0) });
      // Not for each key; the last one is told when the work is counted after it.
      if (at - saidInputAt >= SAY_INPUT_EVERY_MS) {
        saidInputAt = at;
        onChange(record.now());
      }
      quiet.note();
    },
    noteChange: quiet.note,
    async close() {
      closing.abort();
      quiet.close();
      await working;
      await record.settle();
    },
  };
}

function findStep({ record, closing }: Job): Step | undefined {
  return closing.aborted ? undefined : nextStep(record.now());
}

async function work(job: Job): Promise<void> {
  for (let step = findStep(job); step !== undefined; step = findStep(job)) {
    await perform(job, step);
    if (step === 'prepare') logErrors(job, 'counting work', countWork(job));
  }
}

/** Never rejects: what goes wrong becomes the workspace's failure. */
async function perform(job: Job, step: Step): Promise<void> {
  const { record, tools, closing } = job;
  const abort = new AbortController();
  const signal = AbortSignal.any([abort.signal, closing]);
  job.doing = { step, run: record.now().goal.run, abort };
  try {
    await STEPS[step](tools, { record, signal });
  } catch (error) {
    // Ended on purpose: the next step, or the next life, goes on from here.
    if (!signal.aborted) await fail(job, step, error);
  } finally {
    job.doing = undefined;
  }
}

async function fail({ record, log }: Job, step: Step, error: unknown): Promise<void> {
  const workspace = record.now().goal.id;
  const cause = error instanceof Error && error.cause !== undefined ? describeError(error.cause) : undefined;
  log.error('a step failed', { workspace, step, error: describeError(error), cause });
  record.revive();
  const failed = record.update({
    phase: 'failed',
    step: undefined,
    failure: toFailure(error),
    isGivenUp: true,
  });
  // On a full disk even this cannot be written; then the failure stands in memory, which is what the bot is told.
  await failed.catch((unsaved: unknown) =>
    log.error('a failure was not saved', { workspace, error: describeError(unsaved) }),
  );
}

/** For people to see; not while a step is at work, which does it itself where it matters. */
async function countWork(job: Job): Promise<void> {
  const { record, tools, closing } = job;
  const isIdle = () => record.now().phase === 'running' && job.doing === undefined && !closing.aborted;
  if (!isIdle()) return;
  const found = await inspect(tools, record.now(), closing);
  if (isIdle()) await record.update(found);
}

function logErrors({ log, record, closing }: Job, what: string, promise: Promise<unknown>): void {
  promise.catch((error: unknown) => {
    if (!closing.aborted)
      log.error(`${what} broke`, { workspace: record.now().goal.id, error: describeError(error) });
  });
}
