// How a terminal enters a container: the command, its user, folder and environment. Starts nothing itself.
import { ProfileError, type WorkspaceSpec } from '../runtime.ts';
import type { Engine } from './engine.ts';
import type { SpawnSpec } from '../../sessions/pty.ts';

/** Where in a container sessions begin. */
export interface Place {
  container: string;
  user: string;
  folder: string;
  /** What the configuration wants for them, beside what the container has. */
  env: Record<string, string>;
}

// As a login on a terminal does: the shell that the user has there, else one that is there.
const LOGIN = `id=$(id -u 2>/dev/null)
line=$({ getent passwd "$id" || grep "^[^:]*:[^:]*:$id:" /etc/passwd; } 2>/dev/null | head -n 1)
SHELL=\${line##*:}; USER=\${line%%:*}; LOGNAME=$USER
case $SHELL in */nologin | */false) SHELL= ;; esac
for one in "$SHELL" /bin/bash /usr/bin/bash /bin/sh; do [ -x "$one" ] && { SHELL=$one; break; }; done
export SHELL USER LOGNAME; unset id line one`;

const PROFILES: Record<string, string> = {
  shell: `${LOGIN}\nexec "$SHELL" -l`,
  claude: `${LOGIN}\nexec "$SHELL" -lc 'command -v claude >/dev/null || { echo "Claude Code is not installed in this container."; exit 127; }; exec claude'`,
};

export function chooseSession(
  engine: Engine,
  workspace: WorkspaceSpec,
  place: Place | undefined,
  profile = 'shell',
): SpawnSpec {
  const script = PROFILES[profile];
  if (script === undefined)
    throw new ProfileError('unknown-profile', 'There is no such profile. Open a `shell` or `claude`.');
  if (place === undefined) throw new ProfileError('not-running', 'Its container does not run.');
  const variables = {
    LANG: 'C.UTF-8',
    // What draws is xterm.js, whatever terminal the engine thinks of.
    TERM: 'xterm-256color',
    COLORTERM: 'truecolor',
    SAM_WORKSPACE_NAME: workspace.name,
    ...trustingGit(workspace.env),
    ...place.env,
  };
  const env = Object.entries(variables).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
  const where = ['--user', place.user, '--workdir', place.folder];
  return {
    file: engine.program,
    args: ['exec', '--interactive', '--tty', ...where, ...env, place.container, '/bin/sh', '-c', script],
    env: { ...engine.env, TERM: 'xterm-256color' },
    cwd: '/',
  };
}

/** The checkout belongs to another number than the container's user has: git would refuse it. */
export function trustingGit(env: Record<string, string>): Record<string, string> {
  const count = Number(env['GIT_CONFIG_COUNT'] ?? 0);
  return {
    ...env,
    GIT_CONFIG_COUNT: String(count + 1),
    [`GIT_CONFIG_KEY_${count}`]: 'safe.directory',
    [`GIT_CONFIG_VALUE_${count}`]: '*',
  };
}
