// The runtime without a container: sessions are processes of the node, of the workspace's user or the agent's. Knows no git.
import { accessSync, constants, statSync } from 'node:fs';
import { basename, delimiter, isAbsolute, join } from 'node:path';
import { FOR_FOREIGN_CODE } from '../coding/claude.ts';
import type { CodingPrograms } from '../coding/programs.ts';
import type { SpawnSpec } from '../sessions/pty.ts';
import { describeError } from '../log.ts';
import { findAccount, passedFrom } from '../system/environment.ts';
import { endPrograms, type Programs } from '../system/ending.ts';
import { createGroups } from '../system/groups.ts';
import { closeToNeighbours } from '../system/neighbours.ts';
import { MARK, traceMarked, tracePrograms } from '../system/processes.ts';
import { becoming, type Users } from '../system/users.ts';
import { createNodePorts, type Holder } from './ports.ts';
import { PROGRAMS_VARIABLE, PROMPT_MARKS } from './prompt-marks.ts';
import { COMMAND_MARK, ProfileError, type NodeCommand, type Runtime, type WorkspaceSpec } from './runtime.ts';

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Shells that take a command as `-lc`, and its arguments behind it, as POSIX has it. */
const POSIX_SHELLS = new Set(['sh', 'bash', 'dash', 'zsh', 'ksh']);

export interface HostOptions {
  /** The agent's own. */
  env: NodeJS.ProcessEnv;
  users: Users;
  programs?: CodingPrograms;
}

export function createHostRuntime({ env, users, programs }: HostOptions): Runtime {
  const groups = createGroups();
  /** Where the workspace has a user, its number says all: a mark is a word that anybody may write. */
  const findPrograms = async (id: string): Promise<Programs[]> => [
    groups.programs(id),
    users.programs(id) ?? (await tracePrograms(id)),
  ];
  const ports = createNodePorts();
  const holderOf = holding(findPrograms);
  const start = (workspace: WorkspaceSpec, { env: added, ...command }: NodeCommand): SpawnSpec => {
    const variables = { ...findEnvironment(workspace, env, programs), ...added };
    const doors = groups.doors(workspace.id);
    const where = { cwd: workspace.dir, doors };
    return { ...becoming(workspace.user, withCores(command), where), env: variables };
  };
  return {
    isAvailable: () => Promise.resolve(true),
    fits: () => Promise.resolve(true),
    async prepare({ id, user }, { log }) {
      groups.doors(id);
      const group = groups.place(id);
      if (user && group) await keepApart({ uid: user.uid, ...group }, log);
      return { environment: {} };
    },
    start: () => Promise.resolve(),
    folder: ({ dir }) => dir,
    session(workspace, profile) {
      const { env: variables, cwd, ...command } = chooseCommand(workspace, profile, env, programs);
      const doors = groups.doors(workspace.id);
      return { ...becoming(workspace.user, withCores(command), { cwd, doors }), env: variables };
    },
    program: start,
    pipe: (workspace, script, words) =>
      start(workspace, { file: '/bin/sh', args: ['-c', script, 'sam', ...words], env: {} }),
    command(workspace, line, mark) {
      const shell = { file: findPosixShell(), args: ['-lc', line] };
      // Nobody sees a screen: what draws on one would fill pages.
      return start(workspace, { ...shell, env: { TERM: 'dumb', COLORTERM: '', [COMMAND_MARK]: mark } });
    },
    async endCommand({ user }, mark) {
      const left = await endPrograms([await traceMarked(`${COMMAND_MARK}=${mark}`, { uid: user?.uid })]);
      if (left > 0) throw new Error(`${left} programs could not be ended`);
    },
    connect: (workspace, port) => ports.connect(workspace.id, port, holderOf(workspace)),
    ports: (workspace) => ports.list(workspace.id, holderOf(workspace)).catch(() => []),
    limits: (id) => groups.limits(id),
    async stop({ id }, endSessions) {
      // Now, while parents live: a child that cleaned its environment is known by its parent alone.
      const programs = await findPrograms(id);
      // Together: a daemon that holds on to a terminal would keep its session from ending.
      await Promise.all([endSessions(), endPrograms(programs)]);
      // What the last ones started on their way out.
      const left = await endPrograms(programs, { graceMs: 0, killMs: 1_000 });
      groups.remove(id);
      return left;
    },
    remove: () => Promise.resolve(),
    warm: () => Promise.resolve(),
    sweep: () => Promise.resolve([]),
  };
}

const keepApart = (
  one: Parameters<typeof closeToNeighbours>[0],
  log: (line: string) => void,
): Promise<void> =>
  closeToNeighbours(one).catch((error: unknown) =>
    log(`Other workspaces on this node reach the ports that this one listens on: ${describeError(error)}`),
  );

/** Whose listeners are a workspace's. */
const holding =
  (findPrograms: (id: string) => Promise<Programs[]>) =>
  ({ id, user }: WorkspaceSpec): Holder => ({
    uid: user?.uid,
    findPids: async () => findAll(await findPrograms(id)),
  });

const findAll = async (programs: Programs[]): Promise<number[]> =>
  (await Promise.all(programs.map((one) => one.find()))).flat();

function chooseCommand(
  workspace: WorkspaceSpec,
  profile: string | undefined,
  agentEnv: NodeJS.ProcessEnv,
  programs: CodingPrograms | undefined,
): SpawnSpec {
  const env = findEnvironment(workspace, agentEnv, programs);
  const shell = findShell();
  const cwd = workspace.dir;
  switch (profile ?? 'shell') {
    case 'shell': {
      const where = programs ? { [PROGRAMS_VARIABLE]: programs.bin } : {};
      return { file: shell, args: ['-l'], env: { ...PROMPT_MARKS, ...where, ...env }, cwd };
    }
    case 'claude':
      return {
        ...runInLoginShell(shell, [
          ...getClaude(env, programs),
          ...(workspace.isTrusted === true ? [] : FOR_FOREIGN_CODE),
        ]),
        env,
        cwd,
      };
    default:
      throw new ProfileError('unknown-profile', 'There is no such profile. Open a `shell` or `claude`.');
  }
}

function findEnvironment(
  workspace: WorkspaceSpec,
  agentEnv: NodeJS.ProcessEnv,
  programs: CodingPrograms | undefined,
): Record<string, string> {
  const env = sessionEnvironment(workspace, agentEnv, findShell());
  // Behind what the person has by the same name.
  if (programs) env['PATH'] = `${env['PATH']}${delimiter}${programs.bin}`;
  return env;
}

/** The agent's own cores are empty, for it holds keys; those of a person's programs are as everywhere. */
const CORES = '{ echo 0x33 >/proc/self/coredump_filter; } 2>/dev/null; exec "$@"';

const withCores = ({ file, args }: Pick<SpawnSpec, 'file' | 'args'>): Pick<SpawnSpec, 'file' | 'args'> => ({
  file: '/bin/sh',
  args: ['-c', CORES, 'sam', file, ...args],
});

/** Through a login shell, so that the user's own PATH is there for the tools that the program calls. */
function runInLoginShell(shell: string, words: string[]): Pick<SpawnSpec, 'file' | 'args'> {
  return { file: asPosix(shell), args: ['-lc', 'exec "$0" "$@"', ...words] };
}

const asPosix = (shell: string): string => (POSIX_SHELLS.has(basename(shell)) ? shell : '/bin/sh');

const findPosixShell = (): string => asPosix(findShell());

function sessionEnvironment(
  workspace: WorkspaceSpec,
  agentEnv: NodeJS.ProcessEnv,
  shell: string,
): Record<string, string> {
  const node = agentEnv['SAM_NODE'];
  const { name, home } = workspace.user ?? findAccount(agentEnv);
  return {
    HOME: home,
    PATH: DEFAULT_PATH,
    LANG: 'C.UTF-8',
    ...passedFrom(agentEnv, { isOther: workspace.user !== undefined }),
    // It marks every process that is to go with the node.
    ...(node !== undefined && { SAM_NODE: node }),
    USER: name,
    LOGNAME: name,
    SHELL: shell,
    // What draws is xterm.js, whatever terminal the agent was started from.
    TERM: 'xterm-256color',
    COLORTERM: 'truecolor',
    [MARK]: workspace.id,
    SAM_WORKSPACE_NAME: workspace.name,
    ...workspace.env,
  };
}

/** The user's shell as the system has it, else bash, else sh. */
function findShell(): string {
  const own = findAccount().shell;
  const isUsable = isAbsolute(own) && isExecutable(own) && !/\/(nologin|false|true|sync)$/.test(own);
  return (
    [isUsable ? own : '', '/bin/bash', '/usr/bin/bash'].find((file) => file !== '' && isExecutable(file)) ??
    '/bin/sh'
  );
}

/** Waits for what is on its way, longer than that may take, and says so: nobody looks at an empty terminal. */
const WAIT = `file=$1 failed=$2
shift 2
echo 'Claude Code comes to this node for the first time: about 190 MB, once.'
tries=0
while [ ! -x "$file" ] && [ ! -e "$failed" ] && [ $tries -lt 2400 ]; do sleep 1; tries=$((tries + 1)); done
[ -x "$file" ] && exec "$file" "$@"
echo 'It could not be brought here:' && { cat -- "$failed" 2>/dev/null || echo 'nobody said why.'; }
echo 'Open this again in a minute, or install it in a shell: npm install -g @anthropic-ai/claude-code'
exit 1`;

/** The node's own, else one that the person has, else the node's as soon as it is there. */
function getClaude(env: Record<string, string>, programs: CodingPrograms | undefined): string[] {
  const own = programs?.claude();
  // It is on a PATH, too, as soon as this has been seen to.
  if (own?.isThere) void programs?.bring();
  if (own?.isThere) return [own.file];
  const found = findClaude(env);
  if (found !== undefined) return [found];
  if (own === undefined || programs === undefined)
    throw new ProfileError(
      'not-installed',
      'Claude Code is not installed on this node. Open a shell and run `npm install -g @anthropic-ai/claude-code`.',
    );
  void programs.bring();
  return ['/bin/sh', '-c', WAIT, 'sam', own.file, own.failure];
}

function findClaude(env: Record<string, string>): string | undefined {
  const home = env['HOME'] ?? '/';
  const folders = [
    ...(env['PATH'] ?? '').split(delimiter),
    join(home, '.local/bin'),
    join(home, '.claude/local'),
  ];
  return folders
    .map((folder) => join(folder, 'claude'))
    .find((file) => isAbsolute(file) && isExecutable(file));
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
