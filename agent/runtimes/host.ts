// The runtime without a container: sessions are processes of the node, of the workspace's user or the agent's. Knows no git.
import { accessSync, constants, statSync } from 'node:fs';
import { basename, delimiter, isAbsolute, join } from 'node:path';
import type { SpawnSpec } from '../sessions/pty.ts';
import { findAccount, passedFrom } from '../system/environment.ts';
import { endPrograms, type Programs } from '../system/ending.ts';
import { createGroups } from '../system/ending.ts';
import { MARK, tracePrograms } from '../system/processes.ts';
import { becoming, type Users } from '../system/users.ts';
import { ProfileError, type Runtime, type WorkspaceSpec } from './runtime.ts';

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Shells that take a command as `-lc`, and its arguments behind it, as POSIX has it. */
const POSIX_SHELLS = new Set(['sh', 'bash', 'dash', 'zsh', 'ksh']);

export function createHostRuntime({ env, users }: { env: NodeJS.ProcessEnv; users: Users }): Runtime {
  const groups = createGroups();
  /** Where the workspace has a user, its number says all: a mark is a word that anybody may write. */
  const findPrograms = async (id: string): Promise<Programs[]> => [
    groups.programs(id),
    users.programs(id) ?? (await tracePrograms(id)),
  ];
  return {
    isAvailable: () => Promise.resolve(true),
    prepare: () => Promise.resolve({ environment: {} }),
    start: () => Promise.resolve(),
    session(workspace, profile) {
      const { env: variables, cwd, ...command } = chooseCommand(workspace, profile, env);
      const door = groups.door(workspace.id);
      return { ...becoming(workspace.user, command, { cwd, door }), env: variables };
    },
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
    async remove({ id }) {
      await users.remove(id);
    },
    warm: () => Promise.resolve(),
    sweep: () => Promise.resolve([]),
  };
}

function chooseCommand(
  workspace: WorkspaceSpec,
  profile: string | undefined,
  agentEnv: NodeJS.ProcessEnv,
): SpawnSpec {
  const shell = findShell();
  const env = sessionEnvironment(workspace, agentEnv, shell);
  const cwd = workspace.dir;
  switch (profile ?? 'shell') {
    case 'shell':
      return { file: shell, args: ['-l'], env, cwd };
    case 'claude':
      return { ...runInLoginShell(shell, getClaude(env)), env, cwd };
    default:
      throw new ProfileError('unknown-profile', 'There is no such profile. Open a `shell` or `claude`.');
  }
}

/** Through a login shell, so that the user's own PATH is there for the tools that the program calls. */
function runInLoginShell(shell: string, file: string): Pick<SpawnSpec, 'file' | 'args'> {
  const posix = POSIX_SHELLS.has(basename(shell)) ? shell : '/bin/sh';
  return { file: posix, args: ['-lc', 'exec "$0"', file] };
}

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

function getClaude(env: Record<string, string>): string {
  const home = env['HOME'] ?? '/';
  const folders = [
    ...(env['PATH'] ?? '').split(delimiter),
    join(home, '.local/bin'),
    join(home, '.claude/local'),
  ];
  const found = folders
    .map((folder) => join(folder, 'claude'))
    .find((file) => isAbsolute(file) && isExecutable(file));
  if (found !== undefined) return found;
  throw new ProfileError(
    'not-installed',
    'Claude Code is not installed on this node. Open a shell and run `npm install -g @anthropic-ai/claude-code`.',
  );
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
