// Ends what was started in a container without a terminal, by its mark, and all that this started: with the program that the node has mounted
// there, else with the shell that is there. Knows no turn.
import { setTimeout as delay } from 'node:timers/promises';
import type { Outcome } from '../../system/run.ts';
import { COMMAND_MARK } from '../runtime.ts';
import type { Engine } from './engine.ts';
import { findKit } from './kit.ts';
import type { Place } from './session.ts';

/** For what may be done at once, and what has a moment to end by itself. */
const TIMEOUT_MS = 20_000;
/** Before a command line that is asked to go is killed. */
const COMMAND_GRACE_MS = 2_000;
const LOOK_TIMEOUT_MS = 10_000;
const ROUND_MS = 700;
const ROUNDS = ['TERM', 'TERM', 'KILL', 'KILL', 'KILL'];

const NOTHING_RUNS = /is not running|No such container/i;

const runsNothing = ({ code, stderr }: Outcome): boolean => code !== 0 && NOTHING_RUNS.test(stderr);

/**
 * As root: whoever became another user on the way is meant too. Where root is not what it is elsewhere, as its user. Rejects where
 * something lives on.
 */
export async function endMarked(
  engine: Engine,
  { container, user }: Place,
  mark: string,
  graceMs: number,
): Promise<void> {
  const kit = findKit();
  if (kit === undefined) return;
  let said = '';
  for (const one of ['root', user]) {
    const words = ['exec', '--user', one, '--env', 'NODE_OPTIONS=', container, ...kit.endMarked];
    const outcome = await engine.run([...words, mark, String(graceMs)], { timeoutMs: TIMEOUT_MS });
    if (outcome.code === 0 || runsNothing(outcome)) return;
    said = outcome.stderr.trim().slice(-500) || `${outcome.code}`;
  }
  throw new Error(`what it started could not be ended: ${said}`);
}

/** The program that it was entered by goes alone, and the engine lets live what it started. Rejects where something lives on. */
export async function endCommand(engine: Engine, place: Place | undefined, mark: string): Promise<void> {
  if (place === undefined) return;
  const marked = `${COMMAND_MARK}=${mark}`;
  await (place.hasReach === true
    ? endMarked(engine, place, marked, COMMAND_GRACE_MS)
    : endByShell(engine, place, marked));
}

// What carries the mark, and all of the sessions that one of them is or was in.
const LOOK = `mark=$1; shift; sessions=" $* " found=
session() { line=$(cat "$1/stat" 2>/dev/null); set -- \${line##*) }; [ "$1" = Z ] || echo "$4"; }
for one in /proc/[0-9]*; do
  tr '\\0' '\\n' 2>/dev/null <"$one/environ" | grep -qxF "$mark" || continue
  found="$found \${one#/proc/}" led=$(session "$one")
  [ "\${led:-0}" -gt 1 ] && sessions="$sessions$led "
done
for one in /proc/[0-9]*; do
  led=$(session "$one")
  case $sessions in *" \${led:-none} "*) found="$found \${one#/proc/}" ;; esac
done
echo "$found"; echo "$sessions"`;

const SIGNAL = 'signal=$1; shift; kill -"$signal" "$@" 2>/dev/null; exit 0';

/**
 * In a container root may end everybody's programs, but look at nobody's environment but its own: each looks, and each ends what
 * it may.
 */
async function endByShell(engine: Engine, { container, user }: Place, mark: string): Promise<void> {
  const everybody = [...new Set([user, 'root'])];
  const exec = (script: string, words: string[]): Promise<Outcome[]> =>
    Promise.all(
      everybody.map((one) =>
        engine.run(['exec', '--user', one, container, '/bin/sh', '-c', script, 'sam', ...words], {
          timeoutMs: LOOK_TIMEOUT_MS,
        }),
      ),
    );
  let sessions: string[] = [];
  const look = async (): Promise<string[]> => {
    const looks = await exec(LOOK, [mark, ...sessions]);
    const [own] = looks;
    if (own && runsNothing(own)) return [];
    // Not every image has a root.
    if (own?.code !== 0)
      throw new Error(`what it started could not be looked for: ${own?.stderr.trim().slice(-500)}`);
    const lists = looks.map(({ stdout }) =>
      stdout.split('\n').map((line) => line.split(' ').filter(Boolean)),
    );
    sessions = [...new Set(lists.flatMap(([, led = []]) => led))];
    return [...new Set(lists.flatMap(([found = []]) => found))];
  };
  for (const signal of ROUNDS) {
    const found = await look();
    if (found.length === 0) return;
    await exec(SIGNAL, [signal, ...found]);
    await delay(ROUND_MS);
  }
  const left = await look();
  if (left.length > 0) throw new Error(`${left.length} programs could not be ended`);
}
