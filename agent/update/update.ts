// The agent replaces itself: fetches what the bot has, unpacks it beside itself, and ends at a moment that disturbs no user;
// its supervisor starts the new one. Knows no session and no connection.
import { setTimeout as delay } from 'node:timers/promises';
import { backoffMs } from '../bot-link/backoff.ts';
import type { Tasks } from '../coding/tasks.ts';
import { describeError, type Log } from '../log.ts';
import type { Outbox } from '../bot-link/outbox.ts';
import type { WorkspaceReport } from '../protocol.ts';
import type { Workspaces } from '../workspaces/table.ts';
import {
  confirmStart,
  fetchArtifact,
  findInstalled,
  findPrevious,
  hasFailed,
  switchTo,
  type Installed,
} from './artifact.ts';

/** Then it goes all the same: an agent may be too old to be safe. */
const MAX_DELAY_MS = 24 * 3600_000;
/** Before it goes back: while a bot is replaced, the old and the new one may answer by turns. */
const BACK_MS = 3600_000;
const LOOK_EVERY_MS = 5_000;
const RETRY = { firstMs: 5_000, maxMs: 10 * 60_000 };

export interface UpdaterOptions {
  /** Undefined: the agent runs from its sources, and is left as it is. */
  installed: Installed | undefined;
  samUrl: string;
  reports: () => WorkspaceReport[];
  /** A coding agent works on a prompt. */
  isWorking: () => boolean;
  /** The link leads to the new version: end soon. Called once. `isLate`: no moment was quiet, for as long as it may wait. */
  onReplaced: (version: string, isLate: boolean) => void;
  log: Log;
  signal: AbortSignal;
  /** For tests; in ms. */
  timing?: Partial<Timing>;
}

interface Timing {
  latestMs: number;
  backMs: number;
  lookEveryMs: number;
  retry: { firstMs: number; maxMs: number };
}

export interface Updater {
  /** The bot has this version. Repeatable; the last one counts. */
  offer: (version: string) => void;
}

export function createUpdater(options: UpdaterOptions): Updater {
  const { installed, signal, log } = options;
  const timing = {
    latestMs: MAX_DELAY_MS,
    backMs: BACK_MS,
    lookEveryMs: LOOK_EVERY_MS,
    retry: RETRY,
    ...options.timing,
  };
  let wanted: string | undefined;
  return {
    offer(version) {
      if (installed === undefined || version === wanted) return;
      wanted = version;
      if (version === installed.version) return;
      if (hasFailed(installed, version))
        return log.error('the bot offers a version that failed to start here; this one goes on', { version });
      log.info('the bot has another version', { version });
      replace({ ...options, installed, timing }, version, () => wanted !== version).catch(
        (error: unknown) => {
          if (!signal.aborted) log.error('the update broke', { version, error: describeError(error) });
        },
      );
    },
  };
}

type Replace = Omit<UpdaterOptions, 'timing' | 'installed'> & { installed: Installed; timing: Timing };

/** `isOver`: a later offer took its place. */
async function replace(options: Replace, version: string, isOver: () => boolean): Promise<void> {
  const { installed, timing, signal, log, onReplaced } = options;
  if (`agent-${version}` === findPrevious(installed)) {
    log.info('it is the version before this one: that has time', { version });
    await delay(timing.backMs, undefined, { signal });
  }
  for (let attempt = 0; ; attempt++) {
    if (isOver()) return;
    try {
      await fetchArtifact({ ...options, root: installed.root, version });
      break;
    } catch (error) {
      signal.throwIfAborted();
      log.warn('the new version could not be fetched; trying again', {
        version,
        error: describeError(error),
      });
      await delay(backoffMs(attempt, timing.retry.firstMs, timing.retry.maxMs), undefined, { signal });
    }
  }
  log.info('the new version is there, and waits for a quiet moment', { version });
  const isLate = await waitForQuiet(options);
  if (isOver()) return;
  if (isLate) log.warn('no moment was quiet; it becomes the new version all the same', { version });
  await switchTo(installed, version);
  onReplaced(version, isLate);
}

/** True: it waited as long as it may. */
async function waitForQuiet({ timing, signal, reports, isWorking }: Replace): Promise<boolean> {
  const startedAt = performance.now();
  for (; ; await delay(timing.lookEveryMs, undefined, { signal })) {
    if (!isWorking() && isQuiet(reports())) return false;
    if (performance.now() - startedAt >= timing.latestMs) return true;
  }
}

/** A restart begins anew what is being done. Sessions go on: who has one sees it come back within seconds. */
export const isQuiet = (reports: WorkspaceReport[]): boolean =>
  reports.every(
    ({ phase }) => phase === 'running' || phase === 'stopped' || phase === 'failed' || phase === 'deleted',
  );

/** For the bot to store what people shall read of the change; it may be away. */
const LAST_WORDS_MS = 5_000;

export interface Life {
  log: Log;
  signal: AbortSignal;
  /** Ends cleanly, so that another version is started. */
  restart: () => void;
}

interface Parts {
  outbox: Outbox;
  workspaces: Workspaces;
  tasks: Pick<Tasks, 'isWorking'>;
}

/** `confirm`: this version works; repeatable. */
export function createUpdates(
  samUrl: string,
  life: Life,
  { outbox, workspaces, tasks }: Parts,
): { updater: Updater; confirm: () => void } {
  const { log } = life;
  const installed = findInstalled(process.env);
  const updater = createUpdater({
    ...life,
    installed,
    samUrl,
    reports: () => workspaces.reports(),
    isWorking: tasks.isWorking,
    onReplaced(version, isLate) {
      const why = isLate ? ', for no moment of the last day was quiet' : '';
      log.info('the agent ends, and its next version begins', { version });
      for (const { id } of workspaces.reports())
        outbox.log(id, 'agent', `The node's agent becomes ${version}${why}: sessions go on, and files stay.`);
      // The lines are nowhere but in this process.
      void outbox.settle(LAST_WORDS_MS).then(life.restart);
    },
  });
  const confirm = () => {
    if (installed)
      confirmStart(installed, findPrevious(installed)).catch((error: unknown) =>
        log.warn('old versions stay', { error: describeError(error) }),
      );
  };
  return { updater, confirm };
}
