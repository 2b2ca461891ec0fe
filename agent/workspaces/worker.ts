// Brings one workspace to what is newly desired, one step at a time; the same worker for its whole life. Knows no socket.
import { describeError, type Log } from '../log.ts';
import { toFailure } from '../failure.ts';
import type { DesiredWorkspace } from '../protocol.ts';
import { addUsage, type Tokens } from '../models/usage.ts';
import { createWorkspaceState, type WorkspaceState } from './state.ts';
import { check, remove } from './steps.ts';
import { prepare, stop } from './steps.ts';
import { hasNothing, inspect, type Tools } from './tools.ts';
import { isSuperseded, nextStep, withDesired, type Step, type Workspace } from './workspace.ts';

export interface Worker {
  workspace: () => Workspace;
  /** The bot asked for this; returns at once. */
  want: (desired: DesiredWorkspace) => void;
  /** Tickets with a lower `access` are worth nothing from now on. */
  raiseAccess: (access: number) => void;
  /** A user typed, at this time. */
  noteInput: (at: number) => void;
  /** A model has answered in it: what that cost. */
  noteUsage: (tokens: Tokens) => void;
  /** The work may have changed; it is counted once this has been quiet for a while. */
  noteChange: () => void;
  /** Ends what is being done; the state on disk says where it stood, and what was typed and used last. Never rejects. */
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
  state: WorkspaceState;
  tools: Tools;
  log: Log;
  closing: AbortSignal;
  doing?: { step: Step; run: number; abort: AbortController } | undefined;
}

const REPORT_INPUT_EVERY_MS = 5_000;
const DEBOUNCE_MS = 3_000;
const MAX_DEBOUNCE_MS = 60_000;

const STEPS = { prepare, stop, check, delete: remove } satisfies { [step in Step]: unknown };

/** Starts to work at once. */
export function createWorker({ workspace, tools, onChange, log }: WorkerOptions): Worker {
  const closing = new AbortController();
  const state = createWorkspaceState(workspace, tools.store, onChange);
  const job: Job = { state, tools, log, closing: closing.signal };
  const telling = debounce(() => logErrors(job, 'saving the usage', state.update({})));
  const counting = debounce(() => logErrors(job, 'counting work', countWork(job)));
  let working: Promise<void> | undefined;
  let reportedInputAt = 0;
  const wake = () => {
    working ??= work(job).finally(() => {
      working = undefined;
      if (findStep(job) !== undefined) wake();
    });
  };
  const note = (change: Partial<Workspace>) => {
    logErrors(job, 'saving the state', state.update(change));
    wake();
  };
  note({});
  return {
    workspace: state.now,
    want(desired) {
      const next = withDesired(state.now(), desired);
      if (job.doing && isSuperseded(job.doing.step, job.doing.run, next)) job.doing.abort.abort();
      note(next);
    },
    raiseAccess: (access) => note({ desired: { ...state.now().desired, access } }),
    noteInput(at) {
      state.remember({ activityAt: Math.max(at, state.now().activityAt ?? 0) });
      // Not for each key; the last one is told when the work is counted after it.
      if (at - reportedInputAt >= REPORT_INPUT_EVERY_MS) {
        reportedInputAt = at;
        onChange(state.now());
      }
      counting.note();
    },
    noteUsage(tokens) {
      state.remember({ usage: addUsage(state.now().usage, tokens) });
      telling.note();
    },
    noteChange: counting.note,
    async close() {
      closing.abort();
      counting.close();
      telling.close();
      await working;
      await state.update({}).catch((error: unknown) => {
        log.error('the last state was not saved', {
          workspace: workspace.desired.id,
          error: describeError(error),
        });
      });
    },
  };
}

function findStep({ state, closing }: Job): Step | undefined {
  return closing.aborted ? undefined : nextStep(state.now());
}

async function work(job: Job): Promise<void> {
  for (let step = findStep(job); step !== undefined; step = findStep(job)) {
    await perform(job, step);
    if (step === 'prepare') logErrors(job, 'counting work', countWork(job));
  }
}

/** Never rejects: what goes wrong becomes the workspace's failure. */
async function perform(job: Job, step: Step): Promise<void> {
  const { state, tools, log, closing } = job;
  const abort = new AbortController();
  const signal = AbortSignal.any([abort.signal, closing]);
  const { phase, run, desired } = state.now();
  job.doing = { step, run: desired.run, abort };
  log.info(`${phase} -> ${desired.desired}`, {
    workspace: desired.id,
    step,
    run: { current: run, target: desired.run },
  });
  try {
    await STEPS[step](tools, { state, signal });
  } catch (error) {
    // Ended on purpose: the next step, or the next life, goes on from here.
    if (!signal.aborted) await fail(job, step, error);
  } finally {
    job.doing = undefined;
  }
}

async function fail({ state, tools, log }: Job, step: Step, error: unknown): Promise<void> {
  const workspace = state.now().desired.id;
  const cause = error instanceof Error && error.cause !== undefined ? describeError(error.cause) : undefined;
  log.error('a step failed', { workspace, step, error: describeError(error), cause });
  state.revive();
  const failed = state.update({
    phase: 'failed',
    step: undefined,
    failure: toFailure(error),
    isGivenUp: true,
    ...(step === 'prepare' && (await hasNothing(tools, state.now())) ? { isEmpty: true as const } : {}),
  });
  // On a full disk even this cannot be written; then the failure stands in memory, which is what the bot is told.
  await failed.catch((unsaved: unknown) =>
    log.error('a failure was not saved', { workspace, error: describeError(unsaved) }),
  );
}

/** For people to see; not while a step is at work, which does it itself where it matters. */
async function countWork(job: Job): Promise<void> {
  const { state, tools, closing } = job;
  const isIdle = () => state.now().phase === 'running' && job.doing === undefined && !closing.aborted;
  if (!isIdle()) return;
  const found = await inspect(tools, state.now(), closing);
  if (isIdle()) await state.update(found);
}

function logErrors({ log, state, closing }: Job, what: string, promise: Promise<unknown>): void {
  promise.catch((error: unknown) => {
    if (!closing.aborted)
      log.error(`${what} broke`, { workspace: state.now().desired.id, error: describeError(error) });
  });
}

interface Debounced {
  note: () => void;
  close: () => void;
}

/** Calls `act` once `note` has not been called for `waitMs`, or when it has been called on and on for `maxMs`. */
export function debounce(act: () => void, { waitMs = DEBOUNCE_MS, maxMs = MAX_DEBOUNCE_MS } = {}): Debounced {
  let timer: NodeJS.Timeout | undefined;
  let since: number | undefined;
  const fire = () => {
    since = undefined;
    act();
  };
  return {
    note() {
      since ??= performance.now();
      const restMs = since + maxMs - performance.now();
      clearTimeout(timer);
      timer = setTimeout(fire, Math.max(0, Math.min(waitMs, restMs)));
    },
    close: () => clearTimeout(timer),
  };
}
