// A person's dotfiles in their workspace: cloned and installed there as its user, in a time of their own. What goes wrong with them is
// said, and keeps nobody from working. Knows no bot.
import { run } from '../system/run.ts';
import type { DotfilesFailure } from '../protocol.ts';
import type { Runtime, WorkspaceSpec } from '../runtimes/runtime.ts';

export interface Installing {
  runtime: Pick<Runtime, 'command' | 'endCommand'>;
  spec: WorkspaceSpec;
  /** `https://host/owner/name`: whoever asks may read it, without a password. */
  repository: string;
  signal: AbortSignal;
  log: (line: string) => void;
  /** Tests pass their own. */
  timeoutMs?: number;
}

const TIMEOUT_MS = 3 * 60_000;
const MARK = 'dotfiles';
const NOT_CLONED = 91;
const MAX_LINES = 300;

// Once for each home. The names are those that others look for, too; without any of them what begins with a dot is linked.
const SCRIPT = `there=$HOME/.dotfiles
if [ -e "$there" ]; then
  [ "$(cat "$there/.git/sam-from" 2>/dev/null)" = "$1" ] || { echo "$there is somebody's own: it is left as it is."; exit 0; }
  [ -e "$there/.git/sam-done" ] && exit 0
else
  rm -rf "$there.part"
  env -u GIT_CONFIG_COUNT GIT_TERMINAL_PROMPT=0 GIT_ASKPASS= git clone --quiet --depth 1 -- "$1" "$there.part" || exit ${NOT_CLONED}
  printf '%s' "$1" >"$there.part/.git/sam-from" && mv "$there.part" "$there" || exit ${NOT_CLONED}
fi
cd "$there" || exit 1
for one in install.sh install bootstrap.sh bootstrap script/bootstrap setup.sh setup script/setup; do
  [ -f "$one" ] || continue
  echo "$one:"
  [ -x "$one" ] || chmod +x "$one"
  "./$one" </dev/null || exit
  : >.git/sam-done
  exit 0
done
for one in .[!.]*; do
  case $one in .git | .github | .gitignore | .gitmodules | .gitattributes) continue ;; esac
  if [ -d "$HOME/$one" ] && [ ! -L "$HOME/$one" ]; then echo "$one is a folder there already: it is left as it is."; continue; fi
  ln -sfn "$there/$one" "$HOME/$one" || exit
done
: >.git/sam-done`;

/** Repeatable: what is installed is not installed again. Never rejects for what is wrong with them. */
export async function installDotfiles(installing: Installing): Promise<DotfilesFailure | undefined> {
  const { runtime, spec, repository, signal, log, timeoutMs = TIMEOUT_MS } = installing;
  if (!/^https?:\/\/[^\s'"]+$/.test(repository)) return { code: 'clone-failed' };
  const line = `/bin/sh -c '${SCRIPT.replaceAll("'", String.raw`'\''`)}' sam '${repository}'`;
  let left = MAX_LINES;
  try {
    const { file, args, env, cwd } = runtime.command(spec, line, MARK);
    const { code, isTimeout } = await run('/bin/sh', ['-c', 'exec "$@" 1>&2', 'sam', file, ...args], {
      env,
      cwd,
      signal,
      timeoutMs,
      onLine: (said) => left-- > 0 && log(said),
    });
    if (isTimeout) return { code: 'late' };
    if (code === 0) return undefined;
    return code === NOT_CLONED ? { code: 'clone-failed' } : { code: 'install-failed', exit: code ?? -1 };
  } catch (error) {
    signal.throwIfAborted();
    log(error instanceof Error ? error.message : String(error));
    return { code: 'install-failed', exit: -1 };
  } finally {
    // In a container the end of whoever waits is not the end of what runs.
    await runtime.endCommand(spec, MARK).catch(() => undefined);
  }
}
