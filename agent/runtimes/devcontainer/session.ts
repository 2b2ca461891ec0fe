// How a terminal enters a container: the command, its user, folder and environment. Starts nothing itself.
import { randomBytes } from 'node:crypto';
import { PROMPT_MARKS } from '../prompt-marks.ts';
import { ProfileError, type WorkspaceSpec } from '../runtime.ts';
import { BIN, WAITS } from './claude.ts';
import type { Engine } from './engine.ts';
import type { Limits } from '../../protocol.ts';
import type { SpawnSpec } from '../../sessions/pty.ts';

/** Where in a container sessions begin. */
export interface Place {
  container: string;
  user: string;
  folder: string;
  /** What the configuration wants for them, beside what the container has. */
  env: Record<string, string>;
  /** Whether what the agent has for its programs is mounted there; absent: nobody has looked. */
  hasReach?: boolean;
  /** What the engine holds the container to. */
  limits?: Limits | undefined;
}

// As a login on a terminal does: the shell that the user has there, else one that is there.
const LOGIN = `id=$(id -u 2>/dev/null)
line=$({ getent passwd "$id" || grep "^[^:]*:[^:]*:$id:" /etc/passwd; } 2>/dev/null | head -n 1)
SHELL=\${line##*:}; USER=\${line%%:*}; LOGNAME=$USER
case $SHELL in */nologin | */false) SHELL= ;; esac
for one in "$SHELL" /bin/bash /usr/bin/bash /bin/sh; do [ -x "$one" ] && { SHELL=$one; break; }; done
export SHELL USER LOGNAME; unset id line one`;

// Behind what is there by the same name; a login shell sets PATH anew. This machine itself is asked without a proxy.
const REACH = `PATH=$PATH:${BIN}; export PATH
[ -z "$http_proxy$https_proxy$HTTP_PROXY$HTTPS_PROXY" ] || {
  no_proxy=127.0.0.1,localhost,\${no_proxy:-$NO_PROXY}; NO_PROXY=$no_proxy; export no_proxy NO_PROXY; }`;

/** Of these it is known that they read such a line. */
const POSIX = '*/sh | */ash | */bash | */dash | */zsh | */ksh';

/** The same, for what has a line to be read. */
export const POSIX_LOGIN = `${LOGIN}
case $SHELL in ${POSIX}) ;; *) SHELL=/bin/sh ;; esac`;

/** What a login does there before anything else, as lines of a shell. */
export const setUpOf = ({ isTrusted }: WorkspaceSpec, { hasReach }: Place): string =>
  isTrusted === true && hasReach === true ? REACH : '';

interface Entering {
  /** What `remoteEnv` may say otherwise. */
  screen?: Record<string, string>;
  /** What nobody says otherwise. */
  own?: Record<string, string>;
}

/** How the engine's client is told where to enter, as whom, and in what environment; and what it has for that in its own. */
export function enter(
  workspace: WorkspaceSpec,
  place: Place,
  { screen = {}, own = {} }: Entering,
): { words: string[]; env: Record<string, string> } {
  const said = { LANG: 'C.UTF-8', ...screen, SAM_WORKSPACE_NAME: workspace.name, ...place.env };
  const shown = Object.entries(said).filter(([name]) => !(name in own));
  const given = Object.entries(trustingGit(workspace.env)).filter(([name]) => !(name in said));
  const env = { ...Object.fromEntries(given), ...own };
  const variables = [
    // By their names alone: all users of the node may read a command, and one of them is a token.
    ...Object.keys(env),
    ...shown.map(([name, value]) => `${name}=${value}`),
  ].flatMap((one) => ['--env', one]);
  const { user, folder, container } = place;
  return { words: ['--user', user, '--workdir', folder, ...variables, container], env };
}

const PROFILES: Record<string, (setUp: string) => string> = {
  shell: (setUp) =>
    setUp === ''
      ? `${LOGIN}\nexec "$SHELL" -l`
      : `${LOGIN}
case $SHELL in ${POSIX}) exec "$SHELL" -lc '${setUp}\nexec "$0" -i' "$SHELL" ;; esac
${setUp}
exec "$SHELL" -l`,
  claude: (setUp) => `${POSIX_LOGIN}
exec "$SHELL" -lc '${setUp}
command -v claude >/dev/null || { echo "Claude Code is not installed in this container."; exit 127; }
${WAITS}=1 exec claude'`,
};

// The engine's client tells the terminal's size once its session runs, tries that for a moment only, and on a busy node never again.
const SIZE = 'SAM_SIZE';
const TELL_SIZE = `${SIZE}=$(stty size 2>/dev/null) exec "$@"`;
const TAKE_SIZE = `[ "$(stty size 2>/dev/null)" != "0 0" ] || stty rows "\${${SIZE}% *}" cols "\${${SIZE}#* }" 2>/dev/null
unset ${SIZE}`;

const MARK = 'SAM_SESSION';

// What the kernel does when a terminal is closed: whoever the session belongs to hears of it, and its leader goes. The program
// that is entered by goes alone, and the engine keeps the terminal open for a shell that nobody will ever see again.
const SESSION = 'session() { line=$(cat "$1/stat" 2>/dev/null); set -- ${line##*) }; echo "$4"; }';

const FIND_LEADER = `${SESSION}
for one in /proc/[0-9]*; do
  tr '\\0' '\\n' 2>/dev/null <"$one/environ" | grep -qxF "$1" || continue
  [ "$(session "$one")" = "\${one#/proc/}" ] && echo "\${one#/proc/}" && exit
done`;

const HANG_UP = `leader=$1
${SESSION}
for one in /proc/[0-9]*; do [ "$(session "$one")" = "$leader" ] && kill -HUP "\${one#/proc/}" 2>/dev/null; done
sleep 2
kill -KILL "$leader" 2>/dev/null
exit 0`;

export function chooseSession(
  engine: Engine,
  workspace: WorkspaceSpec,
  place: Place | undefined,
  profile = 'shell',
): SpawnSpec {
  const write = PROFILES[profile];
  if (write === undefined)
    throw new ProfileError('unknown-profile', 'There is no such profile. Open a `shell` or `claude`.');
  if (place === undefined) throw new ProfileError('not-running', 'Its container does not run.');
  const script = `${TAKE_SIZE}\n${write(setUpOf(workspace, place))}`;
  const mark = randomBytes(9).toString('base64url');
  const { words, env } = enter(workspace, place, {
    // What draws is xterm.js, whatever terminal the engine thinks of.
    screen: { TERM: 'xterm-256color', COLORTERM: 'truecolor', ...(profile === 'shell' && PROMPT_MARKS) },
    own: { [MARK]: mark, [SIZE]: '' },
  });
  const within = ['exec', '--interactive', '--tty', ...words, '/bin/sh', '-c', script];
  return {
    file: '/bin/sh',
    args: ['-c', TELL_SIZE, 'sam', engine.program, ...within],
    env: { ...env, ...engine.env, TERM: 'xterm-256color' },
    cwd: '/',
    mark: `${MARK}=${mark}`,
  };
}

/** Whoever became another user on the way is meant too: that takes root, who may look at nobody's environment there. */
export async function hangUp(engine: Engine, { container, user }: Place, mark: string): Promise<void> {
  const exec = (as: string, script: string, word: string) =>
    engine.run(['exec', '--user', as, container, '/bin/sh', '-c', script, 'sam', word]);
  const { stdout } = await exec(user, FIND_LEADER, mark);
  if (stdout.trim() !== '') await exec('root', HANG_UP, stdout.trim());
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
