// A place to mend what could not be made: the repository, the log and a shell, in what is left of the container or in one of
// the default image. Knows no reason.
import { basename } from 'node:path';
import { z } from 'zod';
import type { Preparing, WorkspaceSpec } from '../runtime.ts';
import { labelsOf, ROLE_LABEL, type Containers } from './containers.ts';
import type { Container } from './engine.ts';
import { keptLogOf } from './kept-log.ts';
import { limitOptions, limitsOf } from './limits.ts';
import { hasReach, mountOption, prepareMounts } from './reach.ts';
import type { Place } from './session.ts';

const MAKE_TIMEOUT_MS = 5 * 60_000;
/** Where the log lies in it. */
const LOG_FOLDER = '/var/log/sam';
const ROLE = 'recovery';
const WAIT = 'trap "exit 0" TERM; while :; do sleep 86400 & wait $!; done';

/** `left`: the container that the dev container program left. Undefined: there is no image to make one from. */
export async function recover(
  containers: Containers,
  workspace: WorkspaceSpec,
  preparing: Preparing,
  left: string | undefined,
): Promise<Place | undefined> {
  const place =
    (left && (await enterLeft(containers, workspace, left))) ||
    (await make(containers, workspace, preparing));
  if (place === undefined) return undefined;
  const { engine, dir } = containers;
  // As well as may be: what is in the way of it is not what is to be mended.
  await engine.run(['exec', '--user', 'root', place.container, 'mkdir', '-p', LOG_FOLDER]);
  await engine.run(['cp', keptLogOf(dir, workspace.id), `${place.container}:${LOG_FOLDER}/build.log`]);
  return place;
}

/** What did not go as it should is mended best where it was to be done, if that runs. */
async function enterLeft(
  containers: Containers,
  workspace: WorkspaceSpec,
  left: string,
): Promise<Place | undefined> {
  const all = await containers.engine.find(labelsOf(containers, workspace.id));
  const found = all.find(({ id, isRunning }) => id === left && isRunning);
  if (found === undefined) return undefined;
  const { target = '/' } = found.binds.find(({ source }) => source === workspace.dir) ?? {};
  const user = userOf(found);
  const { code } = await containers.engine.run(['exec', '--user', user, left, '/bin/sh', '-c', 'exit 0']);
  const place = { container: left, user: code === 0 ? user : 'root', folder: target, env: {} };
  return { ...place, hasReach: hasReach(found) };
}

const metadata = z.array(z.looseObject({ remoteUser: z.string().exactOptional() }));

/** As the configuration has it: the dev container program writes it down at the container. */
function userOf({ labels, user }: Container): string {
  try {
    const all = metadata.parse(JSON.parse(labels['devcontainer.metadata'] ?? '[]'));
    return all.findLast(({ remoteUser }) => remoteUser !== undefined)?.remoteUser ?? (user || 'root');
  } catch {
    return user || 'root';
  }
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
  const mounts = await prepareMounts(containers, workspace);
  const outcome = await engine.run([
    'run',
    '--detach',
    '--init',
    ...limitOptions(workspace.size),
    ...Object.entries(labels).flatMap(([name, value]) => ['--label', `${name}=${value}`]),
    '--mount',
    `type=bind,source=${workspace.dir},target=${folderOf(workspace)}`,
    ...mounts.flatMap((mount) => ['--mount', mountOption(mount)]),
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
  if (outcome.code !== 0) return undefined;
  return placeIn(workspace, outcome.stdout.trim(), mounts.length > 0);
}

async function findRecovery(containers: Containers, { id }: WorkspaceSpec): Promise<Container | undefined> {
  const [found] = await containers.engine.find({ ...labelsOf(containers, id), [ROLE_LABEL]: ROLE });
  return found;
}

async function start(
  { engine }: Containers,
  workspace: WorkspaceSpec,
  found: Container,
): Promise<Place | undefined> {
  const { id, isRunning: runs } = found;
  if (!runs && (await engine.run(['start', id])).code !== 0) return undefined;
  return placeIn(workspace, id, hasReach(found));
}

const folderOf = ({ dir }: WorkspaceSpec): string => `/workspaces/${basename(dir)}`;

const placeIn = (workspace: WorkspaceSpec, container: string, isReached: boolean): Place => ({
  container,
  user: 'root',
  folder: folderOf(workspace),
  env: {},
  hasReach: isReached,
  limits: limitsOf(workspace.size),
});

/** After a restart of the agent: the one that was made before, if it is still there. */
export async function goOnRecovering(
  containers: Containers,
  workspace: WorkspaceSpec,
): Promise<Place | undefined> {
  const found = await findRecovery(containers, workspace);
  return found && start(containers, workspace, found);
}
