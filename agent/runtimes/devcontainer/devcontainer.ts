// The runtime of containers: a workspace's programs run in one that its repository describes, else in the default image. Knows no
// terminal and no git.
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WorkspaceError } from '../../failure.ts';
import { describeError } from '../../log.ts';
import {
  PortError,
  type Prepared,
  type Preparing,
  type Runtime,
  type RuntimeOptions,
  type Waiting,
  type WorkspaceSpec,
} from '../runtime.ts';
import { bringClaude } from './claude.ts';
import { enterContainers } from './coding.ts';
import { chooseConfiguration, findConfigurations, fingerprint, readConfiguration } from './configuration.ts';
import { labelsOf, ROLE_LABEL, type Containers } from './containers.ts';
import { findDefaultImage } from './default-image.ts';
import { createEngine, engineUnavailable } from './engine.ts';
import { keptFolder, openKeptLog } from './kept-log.ts';
import { goOnRecovering, recover } from './recovery.ts';
import { removeAll, removeOld, removeRecovery, sweepContainers } from './removal.ts';
import { chooseSession, hangUp, type Place } from './session.ts';
import { canReach, createReaches, hasReach } from './reach.ts';
import { bringUp, UpError, type Up } from './up.ts';

const DEADLINE_MS = 20 * 60_000;
const RETRY_MS = 3_000;
const GRACE_MS = 10 * 60_000;
const WARM_AGAIN_MS = 10 * 60_000;

export function createDevcontainerRuntime(
  options: RuntimeOptions &
    Partial<Pick<Containers, 'deadlineMs' | 'retryMs' | 'graceMs'>> & { comingFile?: string },
): Runtime {
  const engine = createEngine(options.env, options.comingFile);
  const image = findDefaultImage({ ...options, engine });
  const times = { deadlineMs: DEADLINE_MS, retryMs: RETRY_MS, graceMs: GRACE_MS };
  const containers: Containers = { ...times, ...options, engine, image };
  /** Where sessions begin, by workspace. */
  const places = new Map<string, Place>();
  const reaches = createReaches(containers);
  const warming = createWarming();
  const isWanted = () => options.settings().runtime !== 'host';
  return {
    isAvailable: async () => isWanted() && (engine.isComing() || (await engine.isThere())),
    fits: async (workspace, waiting) =>
      (await wantsContainer(containers, workspace)) && hasEngine(containers, waiting),
    async warm() {
      if (isWanted() && (await engine.isThere())) await warming(containers);
    },
    async prepare(workspace, preparing) {
      const { place, ...prepared } = await prepare(containers, workspace, preparing);
      places.set(workspace.id, place);
      return prepared;
    },
    async start(workspace) {
      const place = places.get(workspace.id);
      if (place && workspace.isTrusted === true) await reaches.open(workspace, place);
    },
    folder: ({ id, dir }) => places.get(id)?.folder ?? dir,
    reach: (id) => reaches.find(id, places.get(id)),
    session(workspace, profile) {
      const place = places.get(workspace.id);
      if (profile === 'claude' && place?.hasReach === true)
        void bringClaude(engine, place.container, containers);
      return chooseSession(engine, workspace, place, profile);
    },
    hangUp({ id }, mark) {
      const place = places.get(id);
      if (place) void hangUp(engine, place, mark);
    },
    ...enterContainers(containers, places),
    connect: ({ id }, port) => reaches.ports(id)?.connect(port) ?? Promise.reject(new PortError('no-way')),
    ports: ({ id }) => Promise.resolve(reaches.ports(id)?.list() ?? []),
    limits: (id) => places.get(id)?.limits,
    async stop({ id }, endSessions) {
      reaches.close(id);
      // Together: a program that holds on to a terminal would keep its session from ending.
      await Promise.all([endSessions(), stopAll(containers, id)]);
      return 0;
    },
    async remove({ id }) {
      places.delete(id);
      if (!(await hasNone(containers, id))) await removeAll(containers, id);
    },
    sweep: (isKnown) => sweepContainers(containers, isKnown),
  };
}

/** Nobody waits for an image that only Sam thought of: once it is there it is better than the node. */
const wantsContainer = async ({ settings, image }: Containers, { dir, configuration }: WorkspaceSpec) =>
  configuration !== undefined ||
  settings().defaultImage !== undefined ||
  (await findConfigurations(dir)).length > 0 ||
  image.isThere();

/** Whether one that was to come is there now; one that went away is for `prepare` to say. */
async function hasEngine(
  { engine, deadlineMs: timeoutMs }: Containers,
  { signal, enter, log }: Waiting,
): Promise<boolean> {
  const onWait = () => {
    enter('create');
    log('This machine is new: its container engine is still being installed.');
  };
  if (!(await engine.untilCome({ signal, timeoutMs, onWait })) || (await engine.isThere())) return true;
  log('No container engine could be installed on this machine: it runs on the host.');
  return false;
}

async function stopAll(containers: Containers, id: string): Promise<void> {
  if (await hasNone(containers, id)) return;
  await containers.engine.stop(await containers.engine.find(labelsOf(containers, id)));
}

/** Whoever never began to make one has none, though no engine says so: on a new machine it is still to come, and may never. */
const hasNone = async ({ engine, dir }: Containers, id: string): Promise<boolean> =>
  !existsSync(keptFolder(dir, id)) && !(await engine.isThere());

/** One that is made once is looked for no more; after a failure nobody tries again for a while. */
function createWarming() {
  let made: string | undefined;
  let failedAt = -Infinity;
  const silent = { enter: () => {}, log: () => {}, signal: new AbortController().signal };
  return async ({ image, log, deadlineMs }: Containers): Promise<void> => {
    if (made === image.name() || performance.now() - failedAt < WARM_AGAIN_MS) return;
    try {
      made = await image.prepare(silent, deadlineMs);
    } catch (error) {
      failedAt = performance.now();
      // Whoever needs it tries again, and hears of it.
      log.warn('the default image could not be made ahead', { error: describeError(error) });
    }
  };
}

async function prepare(
  containers: Containers,
  workspace: WorkspaceSpec,
  preparing: Preparing,
): Promise<Prepared & { place: Place }> {
  preparing.enter('create');
  if (!(await containers.engine.isThere())) throw engineUnavailable();
  const { before, mayRebuild } = preparing;
  if (before?.environment.isRecovery === true && !mayRebuild) {
    const place = await goOnRecovering(containers, workspace);
    if (place !== undefined) return { ...before, place };
  }
  const log = await openKeptLog(containers.dir, workspace.id, preparing.log);
  try {
    return await make(containers, workspace, { ...preparing, log: log.write }, log.close);
  } finally {
    await log.close();
  }
}

async function make(
  containers: Containers,
  workspace: WorkspaceSpec,
  preparing: Preparing,
  endLog: () => Promise<void>,
): Promise<Prepared & { place: Place }> {
  let plan: Plan | undefined;
  try {
    plan = await planUp(containers, workspace, preparing);
    const { environment, fingerprint: made, lacksReach } = plan;
    if (environment.change === 'rebuilt')
      preparing.log('Its configuration has changed: the container is made anew.');
    if (lacksReach)
      preparing.log(
        plan.isAnew
          ? 'It was made without what Sam brings into a container: it is made anew.'
          : 'It was made without what Sam brings into a container (Claude Code, git passwords). A restart makes it anew.',
      );
    if (plan.isHalfMade) preparing.log('The container before was not finished: it is made anew.');
    if (plan.isAnew) await removeOld(containers, workspace.id);
    const { place, ports } = await bringUp(containers, workspace, preparing, plan);
    await writeFile(madeFile(containers, workspace), place.container);
    await removeRecovery(containers, workspace.id);
    return { environment: { ...environment, ...(ports.length > 0 && { ports }) }, fingerprint: made, place };
  } catch (error) {
    preparing.signal.throwIfAborted();
    if (!(error instanceof WorkspaceError) || error.failure.code === 'engine-unavailable') throw error;
    preparing.log(`It failed: ${error.message}`);
    await endLog();
    const left = error instanceof UpError ? error.container : undefined;
    const place = await recover(containers, workspace, preparing, left);
    if (place === undefined) throw error;
    const environment = {
      ...(plan?.environment ?? preparing.before?.environment),
      isRecovery: true as const,
    };
    return { environment, failure: error.failure, place };
  }
}

/** The container whose making came to its end. A lifecycle command that was cut off counts as run to the dev container program. */
const madeFile = ({ dir }: Containers, { id }: WorkspaceSpec): string => join(keptFolder(dir, id), 'made');

/** What is going to be made. */
interface Plan extends Up {
  /** What is there goes first. */
  isAnew: boolean;
  /** What is there was made without what the agent would bring, as an earlier version did. */
  lacksReach: boolean;
  /** Nobody saw the end of its making. */
  isHalfMade: boolean;
  environment: Prepared['environment'];
  fingerprint: string | undefined;
}

async function planUp(
  containers: Containers,
  workspace: WorkspaceSpec,
  { before, mayRebuild }: Preparing,
): Promise<Plan> {
  const { image, engine } = containers;
  const { dir, configuration } = workspace;
  const all = await findConfigurations(dir);
  const chosen = chooseConfiguration(all, configuration, before?.environment.configuration);
  const description = chosen && (await readConfiguration(dir, chosen));
  const now = description ? await fingerprint(dir, description) : image.name();
  const hasChanged = before?.fingerprint !== undefined && before.fingerprint !== now;
  const there = await engine.find(labelsOf(containers, workspace.id));
  // A compose project's other services never have it.
  const mains = there.filter(({ labels }) => labels[ROLE_LABEL] === 'main');
  const lacksReach = canReach(workspace, description?.content) && mains.some((one) => !hasReach(one));
  const made = await readFile(madeFile(containers, workspace), 'utf8').catch(() => '');
  const isHalfMade = before === undefined && mains.some(({ id }) => id !== made);
  const isRepaired = before?.environment.isRecovery === true;
  const isAnew = isHalfMade || (mayRebuild && (hasChanged || lacksReach || isRepaired));
  const others = all.filter((one) => one !== chosen).map(({ name }) => name);
  return {
    description,
    isAnew,
    lacksReach,
    isHalfMade,
    environment: {
      ...(chosen && { configuration: chosen.path }),
      ...(others.length > 0 && { others }),
      ...(hasChanged && { change: isAnew ? 'rebuilt' : 'outdated' }),
    },
    // As long as it is not made anew, what it was made from stays what it was.
    fingerprint: hasChanged && !isAnew ? before.fingerprint : now,
  };
}
