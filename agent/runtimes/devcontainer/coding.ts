// Coding agents in a container: how a program of the node's enters it on pipes, which Claude Code it is to speak for, and how all that it
// started there is ended. Knows no turn and no terminal.
import { join, relative } from 'node:path';
import type { CodingPrograms } from '../../coding/programs.ts';
import type { SpawnSpec } from '../../sessions/pty.ts';
import type { NodeCommand, Runtime, WorkspaceSpec } from '../runtime.ts';
import { findKind } from './claude.ts';
import { chooseCommand, endCommand } from './command.ts';
import type { Containers } from './containers.ts';
import { findKit, PROGRAMS } from './kit.ts';
import { LOGIN, POSIX, REACH, trustingGit, type Place } from './session.ts';

/** For what may be done at once, and what has a moment to end by itself. */
const END_TIMEOUT_MS = 20_000;
const GRACE_MS = 500;

// In a login shell, as people's programs are. Its scripts have neither the pipe that is read nor the one that is written.
const ENTER = `exec 3<&0 4>&1 </dev/null >&2
${LOGIN}
case $SHELL in ${POSIX}) ;; *) SHELL=/bin/sh ;; esac
exec "$SHELL" -lc '${REACH}
exec "$@" <&3 >&4 3<&- 4>&-' sam "$@"`;

/** What works in containers without a terminal: coding agents, and command lines. */
export const enterContainers = (
  containers: Containers,
  places: ReadonlyMap<string, Place>,
): Pick<Runtime, 'program' | 'codingPrograms' | 'endMarked' | 'command' | 'endCommand'> => ({
  program: (workspace, command) => enterOnPipes(containers, workspace, places.get(workspace.id), command),
  async codingPrograms(id) {
    const place = places.get(id);
    return place && findCodingPrograms(containers, place);
  },
  async endMarked(id, mark) {
    const place = places.get(id);
    if (place) await endMarked(containers, place, mark);
  },
  command: (workspace, line, mark) =>
    chooseCommand(containers.engine, workspace, places.get(workspace.id), line, mark),
  endCommand: ({ id }, mark) => endCommand(containers.engine, places.get(id), mark),
});

/** Undefined: what the node has is not mounted there. */
function enterOnPipes(
  { engine, dir }: Containers,
  workspace: WorkspaceSpec,
  place: Place | undefined,
  { file, args, env }: NodeCommand,
): SpawnSpec | undefined {
  const kit = findKit();
  if (kit === undefined || place?.hasReach !== true || workspace.isTrusted !== true) return undefined;
  const seen = (word: string) => whereInside(join(dir, 'programs'), word);
  const words = [...(file === process.execPath ? kit.node : [seen(file)]), ...args.map(seen)];
  const variables = {
    ...trustingGit(workspace.env),
    LANG: 'C.UTF-8',
    SAM_WORKSPACE_NAME: workspace.name,
    ...Object.fromEntries(Object.entries(env).map(([name, value]) => [name, seen(value)])),
  };
  const named = [
    ...Object.entries(place.env).map(([name, value]) => `${name}=${value}`),
    // By their names alone: all users of the node may read a command, and one of them is a token.
    ...Object.keys(variables),
  ].flatMap((one) => ['--env', one]);
  const where = ['--user', place.user, '--workdir', place.folder];
  return {
    file: engine.program,
    args: [
      'exec',
      '--interactive',
      ...where,
      ...named,
      place.container,
      '/bin/sh',
      '-c',
      ENTER,
      'sam',
      ...words,
    ],
    env: { ...variables, ...engine.env },
    cwd: '/',
  };
}

const whereInside = (programs: string, word: string): string =>
  word.startsWith(`${programs}/`) ? join(PROGRAMS, relative(programs, word)) : word;

/** Undefined: there is no Claude Code for its C library. */
async function findCodingPrograms(
  { engine, programs, muslPrograms }: Containers,
  { container }: Place,
): Promise<CodingPrograms | undefined> {
  const found = { glibc: programs, musl: muslPrograms }[await findKind(engine, container)];
  if (found === undefined || programs === undefined) return undefined;
  // It runs on the node's own Node wherever it is, and two would fetch it into one folder.
  const { findAdapter } = programs;
  return { ...found, findAdapter, why: async () => (await found.why()) || programs.why() };
}

/**
 * As root: whoever became another user on the way is meant too. Where root is not what it is elsewhere, as its user. Throws where
 * something lives on.
 */
async function endMarked({ engine }: Containers, { container, user }: Place, mark: string): Promise<void> {
  const kit = findKit();
  if (kit === undefined) return;
  let said = '';
  for (const one of ['root', user]) {
    const words = ['exec', '--user', one, '--env', 'NODE_OPTIONS=', container, ...kit.endMarked];
    const outcome = await engine.run([...words, mark, String(GRACE_MS)], { timeoutMs: END_TIMEOUT_MS });
    if (outcome.code === 0 || NOTHING_RUNS.test(outcome.stderr)) return;
    said = outcome.stderr.trim().slice(-500) || `${outcome.code}`;
  }
  throw new Error(`what it started could not be ended: ${said}`);
}

const NOTHING_RUNS = /is not running|No such container/i;
