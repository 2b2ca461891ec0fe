// How a command line runs in a container: what starts it by the login shell there, without a terminal, and what ends it with all that
// it started. Knows no turn.
import { COMMAND_MARK, ProfileError, type WorkspaceSpec } from '../runtime.ts';
import type { Engine } from './engine.ts';
import { LOGIN, POSIX, REACH, trustingGit, type Place } from './session.ts';
import type { SpawnSpec } from '../../sessions/pty.ts';

const END_TIMEOUT_MS = 10_000;

const run = (setUp: string): string => `${LOGIN}
case $SHELL in ${POSIX}) ;; *) SHELL=/bin/sh ;; esac
exec "$SHELL" -lc '${setUp}
eval "$1"' "$SHELL" "$1"`;

// The program that it was entered by goes alone, and the engine lets live what it started.
const END = `mark=$1 sessions=
session() { line=$(cat "$1/stat" 2>/dev/null); set -- \${line##*) }; [ "$1" = Z ] || echo "$4"; }
look() {
  found=
  for one in /proc/[0-9]*; do
    tr '\\0' '\\n' 2>/dev/null <"$one/environ" | grep -qxF "$mark" || continue
    found="$found \${one#/proc/}" led=$(session "$one")
    [ "\${led:-0}" -gt 1 ] && sessions="$sessions $led "
  done
  for one in /proc/[0-9]*; do
    led=$(session "$one")
    case $sessions in *" \${led:-none} "*) found="$found \${one#/proc/}" ;; esac
  done
}
look
for signal in TERM TERM KILL KILL KILL; do
  [ -n "$found" ] || exit 0
  kill -$signal $found 2>/dev/null
  sleep 1
  look
done`;

export function chooseCommand(
  engine: Engine,
  workspace: WorkspaceSpec,
  place: Place | undefined,
  line: string,
  mark: string,
): SpawnSpec {
  if (place === undefined) throw new ProfileError('not-running', 'Its container does not run.');
  const variables = {
    LANG: 'C.UTF-8',
    TERM: 'dumb',
    SAM_WORKSPACE_NAME: workspace.name,
    ...place.env,
    [COMMAND_MARK]: mark,
  };
  const own = trustingGit(workspace.env);
  const env = [
    // By their names alone: all users of the node may read a command, and one of them is a token.
    ...Object.keys(own).filter((name) => !(name in variables)),
    ...Object.entries(variables).map(([name, value]) => `${name}=${value}`),
  ].flatMap((one) => ['--env', one]);
  const where = ['--user', place.user, '--workdir', place.folder];
  const script = run(workspace.isTrusted === true && place.hasReach === true ? REACH : '');
  return {
    file: engine.program,
    args: ['exec', ...where, ...env, place.container, '/bin/sh', '-c', script, 'sam', line],
    env: { ...own, ...engine.env },
    cwd: '/',
  };
}

export async function endCommand(engine: Engine, place: Place | undefined, mark: string): Promise<void> {
  if (place === undefined) return;
  const script = ['/bin/sh', '-c', END, 'sam', `${COMMAND_MARK}=${mark}`];
  // As root: whoever became another user on the way is meant too.
  await engine.run(['exec', '--user', 'root', place.container, ...script], { timeoutMs: END_TIMEOUT_MS });
}
