// The runtime without a container: sessions are processes of the agent's own user. Knows no git.
import { accessSync, constants, statSync } from 'node:fs';
import { basename, delimiter, isAbsolute, join } from 'node:path';
import { findAccount, passedFrom } from '../system/environment.ts';
import { MARK } from '../system/processes.ts';
import { becoming } from '../system/users.ts';
import { ProfileError, type Command, type Place, type Runtime } from './runtime.ts';

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Shells that take a command as `-lc`, and its arguments behind it, as POSIX has it. */
const POSIX_SHELLS = new Set(['sh', 'bash', 'dash', 'zsh', 'ksh']);

export function createHostRuntime(env: NodeJS.ProcessEnv): Runtime {
  return {
    prepare: () => Promise.resolve(),
    end: () => Promise.resolve(),
    shell: (place, profile) => chooseCommand(place, profile, env),
  };
}

function chooseCommand(place: Place, profile: string | undefined, agentEnv: NodeJS.ProcessEnv): Command {
  const shell = findShell();
  const env = sessionEnvironment(place, agentEnv, shell);
  const cwd = place.dir;
  switch (profile ?? 'shell') {
    case 'shell':
      return { ...becoming(place.user, { file: shell, args: ['-l'] }), env, cwd };
    case 'claude':
      return { ...becoming(place.user, runInLoginShell(shell, getClaude(env))), env, cwd };
    default:
      throw new ProfileError('unknown-profile', 'There is no such profile. Open a `shell` or `claude`.');
  }
}

/** Through a login shell, so that the user's own PATH is there for the tools that the program calls. */
function runInLoginShell(shell: string, file: string): Pick<Command, 'file' | 'args'> {
  const posix = POSIX_SHELLS.has(basename(shell)) ? shell : '/bin/sh';
  return { file: posix, args: ['-lc', 'exec "$0"', file] };
}

function sessionEnvironment(
  place: Place,
  agentEnv: NodeJS.ProcessEnv,
  shell: string,
): Record<string, string> {
  const node = agentEnv['SAM_NODE'];
  const { name, home } = place.user ?? findAccount(agentEnv);
  return {
    HOME: home,
    PATH: DEFAULT_PATH,
    LANG: 'C.UTF-8',
    ...passedFrom(agentEnv, { isOther: place.user !== undefined }),
    // It marks every process that is to go with the node.
    ...(node !== undefined && { SAM_NODE: node }),
    USER: name,
    LOGNAME: name,
    SHELL: shell,
    // What draws is xterm.js, whatever terminal the agent was started from.
    TERM: 'xterm-256color',
    COLORTERM: 'truecolor',
    [MARK]: place.id,
    SAM_WORKSPACE_NAME: place.name,
    ...place.env,
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
