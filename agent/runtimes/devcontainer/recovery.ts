// A place to mend what could not be made: the repository, the log and a shell, in what is left of the container or in one of
// the default image. Knows no reason.
import { basename } from 'node:path';
import type { Preparing, WorkspaceSpec } from '../runtime.ts';
import { labelsOf, ROLE_LABEL, type Containers } from './containers.ts';
import type { Container } from './engine.ts';
import { keptLogOf } from './kept-log.ts';
import type { Place } from './session.ts';

const MAKE_TIMEOUT_MS = 5 * 60_000;
/** Where the log lies in it. */
const LOG_FOLDER = '/var/log/sam';
const ROLE = 'recovery';
const WAIT = 'trap "exit 0" TERM; while :; do sleep 86400 & wait $!; done';

/** `left`: where the dev container program left one that runs. Undefined: there is no image to make one from. */
export async function recover(
  containers: Containers,
  workspace: WorkspaceSpec,
  preparing: Preparing,
  left: Place | undefined,
): Promise<Place | undefined> {
  const there = left && (await isRunning(containers, workspace, left.container)) ? left : undefined;
  const place = there ?? (await make(containers, workspace, preparing));
  if (place === undefined) return undefined;
  const { engine, dir } = containers;
  // As well as may be: what is in the way of it is not what is to be mended.
  await engine.run(['exec', '--user', 'root', place.container, 'mkdir', '-p', LOG_FOLDER]);
  await engine.run(['cp', keptLogOf(dir, workspace.id), `${place.container}:${LOG_FOLDER}/build.log`]);
  return place;
}

async function isRunning(containers: Containers, { id }: WorkspaceSpec, container: string): Promise<boolean> {
  const found = await containers.engine.find(labelsOf(containers, id));
  return found.some((one) => one.id === container && one.isRunning);
}

async function make(
  containers: Containers,
  workspace: WorkspaceSpec,
  preparing: Preparing,
): Promise<Place | undefined> {
  const { engine } = containers;
  const there = await findRecovery(containers, workspace);
  if (there !== undefined) return start(containers, workspace, there);
  const image = await containers.image.prepare(preparing, MAKE_TIMEOUT_MS).catch(() => undefined);
  preparing.signal.throwIfAborted();
  if (image === undefined) return undefined;
  preparing.enter('create');
  const labels = { ...labelsOf(containers, workspace.id), [ROLE_LABEL]: ROLE };
  const outcome = await engine.run([
    'run',
    '--detach',
    '--init',
    ...Object.entries(labels).flatMap(([name, value]) => ['--label', `${name}=${value}`]),
    '--mount',
    `type=bind,source=${workspace.dir},target=${folderOf(workspace)}`,
    // Whoever owns the files: it is there to mend them.
    '--user',
    'root',
    '--workdir',
    folderOf(workspace),
    '--entrypoint',
    '/bin/sh',
    image,
    '-c',
    WAIT,
  ]);
  return outcome.code === 0 ? placeIn(workspace, outcome.stdout.trim()) : undefined;
}

async function findRecovery(containers: Containers, { id }: WorkspaceSpec): Promise<Container | undefined> {
  const [found] = await containers.engine.find({ ...labelsOf(containers, id), [ROLE_LABEL]: ROLE });
  return found;
}

async function start(
  { engine }: Containers,
  workspace: WorkspaceSpec,
  { id, isRunning: runs }: Container,
): Promise<Place | undefined> {
  if (!runs && (await engine.run(['start', id])).code !== 0) return undefined;
  return placeIn(workspace, id);
}

const folderOf = ({ dir }: WorkspaceSpec): string => `/workspaces/${basename(dir)}`;

const placeIn = (workspace: WorkspaceSpec, container: string): Place => ({
  container,
  user: 'root',
  folder: folderOf(workspace),
  env: {},
});

/** After a restart of the agent: the one that was made before, if it is still there. */
export async function goOnRecovering(
  containers: Containers,
  workspace: WorkspaceSpec,
): Promise<Place | undefined> {
  const found = await findRecovery(containers, workspace);
  return found && start(containers, workspace, found);
}
