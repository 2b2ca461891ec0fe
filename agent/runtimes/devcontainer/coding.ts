// Coding agents and command lines in a container: how a program of the node's enters it on pipes, which Claude Code it is to speak for, and
// how a line runs by the login shell there. Knows no turn and no terminal.
import { join, relative } from 'node:path';
import type { CodingPrograms } from '../../coding/programs.ts';
import type { SpawnSpec } from '../../sessions/pty.ts';
import {
  COMMAND_MARK,
  ProfileError,
  type NodeCommand,
  type Runtime,
  type WorkspaceSpec,
} from '../runtime.ts';
import { findKind } from './claude.ts';
import type { Containers } from './containers.ts';
import { endCommand, endMarked } from './ending.ts';
import type { Engine } from './engine.ts';
import { findKit, PROGRAMS } from './kit.ts';
import { enter, POSIX_LOGIN, setUpOf, trustingGit, type Place } from './session.ts';

/** Before a coding agent that is asked to go is killed. */
const GRACE_MS = 500;

// In a login shell, as people's programs are. Its scripts have neither the pipe that is read nor the one that is written.
const runOnPipes = (setUp: string): string => `exec 3<&0 4>&1 </dev/null >&2
${POSIX_LOGIN}
exec "$SHELL" -lc '${setUp}
exec "$@" <&3 >&4 3<&- 4>&-' sam "$@"`;

const runLine = (setUp: string): string => `${POSIX_LOGIN}
exec "$SHELL" -lc '${setUp}
eval "$1"' "$SHELL" "$1"`;

/** What works in containers without a terminal: coding agents, and command lines. */
export const enterContainers = (
  containers: Containers,
  places: ReadonlyMap<string, Place>,
): Pick<Runtime, 'program' | 'pipe' | 'codingPrograms' | 'endMarked' | 'command' | 'endCommand'> => ({
  program: (workspace, command) => enterOnPipes(containers, workspace, places.get(workspace.id), command),
  pipe: (workspace, script, words) =>
    enterByShell(containers.engine, workspace, places.get(workspace.id), script, words),
  async codingPrograms(id) {
    const place = places.get(id);
    return place && findCodingPrograms(containers, place);
  },
  async endMarked(id, mark) {
    const place = places.get(id);
    if (place) await endMarked(containers.engine, place, mark, GRACE_MS);
  },
  command: (workspace, line, mark) =>
    chooseCommand(containers.engine, workspace, places.get(workspace.id), line, mark),
  endCommand: ({ id }, mark) => endCommand(containers.engine, places.get(id), mark),
});

/** Undefined: what the node has is not mounted there. Throws `ProfileError` where it has nothing. */
function enterOnPipes(
  { engine, dir }: Containers,
  workspace: WorkspaceSpec,
  place: Place | undefined,
  { file, args, env }: NodeCommand,
): SpawnSpec | undefined {
  const kit = findKit();
  if (kit === undefined)
    throw new ProfileError(
      'not-installed',
      'nothing of a machine that does not run Linux runs in a container',
    );
  if (place?.hasReach !== true || workspace.isTrusted !== true) return undefined;
  const seen = (word: string) => whereInside(join(dir, 'programs'), word);
  const words = [...(file === process.execPath ? kit.node : [seen(file)]), ...args.map(seen)];
  const { words: where, env: kept } = enter(workspace, place, {
    own: {
      // Of two that say the same, a terminal's is the container's, and a coding agent's the node's.
      ...trustingGit(workspace.env),
      ...Object.fromEntries(Object.entries(env).map(([name, value]) => [name, seen(value)])),
    },
  });
  const script = runOnPipes(setUpOf(workspace, place));
  return {
    file: engine.program,
    args: ['exec', '--interactive', ...where, '/bin/sh', '-c', script, 'sam', ...words],
    env: { ...kept, ...engine.env },
    cwd: '/',
  };
}

const whereInside = (programs: string, word: string): string =>
  word.startsWith(`${programs}/`) ? join(PROGRAMS, relative(programs, word)) : word;

function enterByShell(
  engine: Engine,
  workspace: WorkspaceSpec,
  place: Place | undefined,
  script: string,
  words: string[],
): SpawnSpec {
  if (place === undefined) throw new ProfileError('not-running', 'Its container does not run.');
  const { words: where, env } = enter(workspace, place, {});
  return {
    file: engine.program,
    args: ['exec', '--interactive', ...where, '/bin/sh', '-c', script, 'sam', ...words],
    env: { ...env, ...engine.env },
    cwd: '/',
  };
}

function chooseCommand(
  engine: Engine,
  workspace: WorkspaceSpec,
  place: Place | undefined,
  line: string,
  mark: string,
): SpawnSpec {
  if (place === undefined) throw new ProfileError('not-running', 'Its container does not run.');
  const own = { [COMMAND_MARK]: mark };
  const { words, env } = enter(workspace, place, { screen: { TERM: 'dumb' }, own });
  const script = runLine(setUpOf(workspace, place));
  return {
    file: engine.program,
    args: ['exec', ...words, '/bin/sh', '-c', script, 'sam', line],
    env: { ...env, ...engine.env },
    cwd: '/',
  };
}

/** Undefined: there is no Claude Code for its C library. */
async function findCodingPrograms(
  { engine, programs, muslPrograms }: Containers,
  { container }: Place,
): Promise<CodingPrograms | undefined> {
  const found = { glibc: programs, musl: muslPrograms }[await findKind(engine, container)];
  if (found === undefined || programs === undefined) return undefined;
  // It runs on the node's own Node wherever it is, and two would fetch it into one folder.
  const { findAdapter, codex } = programs;
  return { ...found, findAdapter, codex, why: async () => (await found.why()) || programs.why() };
}
