// One command line of a task, from its beginning to its one end: run by the workspace's shell, heard, and ended with all that it started
// where somebody, time or the workspace says so. Knows no queue and no bot.
import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { describeError, type Log } from '../log.ts';
import type { CommandExit, DesiredTurn, TurnFailure, TurnHappening } from '../protocol.ts';
import { redact } from '../redact.ts';
import { signalGroup } from '../system/processes.ts';
import type { CodingPlace } from './coder.ts';
import type { Journal } from './journal.ts';
import { createOutput, type Output } from './output.ts';
import type { Times, Turn } from './turn.ts';

export interface RunOptions {
  desired: DesiredTurn;
  place: CodingPlace;
  /** Whether the workspace still runs. */
  isRunning: () => boolean;
  journal: Journal;
  times: Pick<Times, 'joinMs' | 'minuteMs'>;
  log: Log;
}

/** Why it is ended before its end. */
type Stop = 'cancelled' | 'turn-late' | 'interrupted';
type Ended = Extract<TurnHappening, { kind: 'ended' }>;

/** For what it left in the background, which may hold its output open. */
const LEFT_MS = 300;
const MAX_LEFT_MS = 5_000;
/** Who writes faster waits: there are others on the node. */
const BYTES_AT_ONCE = 8 << 20;
const PACE_MS = 100;
const MAX_SAID = 500;
// In the order in which it was written.
const TOGETHER = 'exec "$@" 2>&1';

/** Also of an earlier life of this program. */
export const markOfRun = ({ task, turn }: Pick<DesiredTurn, 'task' | 'turn'>): string => `${task}/${turn}`;

export function startRun(options: RunOptions): Turn {
  const { desired, times } = options;
  const stopping = Promise.withResolvers<Stop>();
  const timer = setTimeout(() => stopping.resolve('turn-late'), desired.minutes * times.minuteMs).unref();
  return {
    change(next) {
      if (next.desired === 'cancelled') stopping.resolve('cancelled');
    },
    interrupt: () => stopping.resolve('interrupted'),
    ended: work(options, stopping.promise).finally(() => clearTimeout(timer)),
  };
}

async function work(options: RunOptions, stopped: Promise<Stop>): Promise<void> {
  const { desired, place, journal, times } = options;
  const tell = (happening: TurnHappening) => journal.note(desired.turn, happening);
  tell({ kind: 'started' });
  const output = createOutput({ dir: place.folder, tell, joinMs: times.joinMs });
  // On the disk first: what is killed from here on is not begun a second time.
  const early = await Promise.race([journal.settle(), stopped]);
  const following = early === undefined ? follow(options, output, stopped) : Promise.resolve(endOf(early));
  const { exit, ...ending } = await following.catch((error: unknown): Ending =>
    fail('coding-agent-broken', redact(describeError(error)).slice(0, MAX_SAID)),
  );
  const { last, ...amount } = output.end();
  tell({ kind: 'ended', ...ending, answer: last, exit: { ...exit, ...amount } });
  // The bot has heard of it before anything of the next turn.
  await journal.settle();
}

type Ending = Pick<Ended, 'outcome' | 'failure'> & {
  exit?: Pick<CommandExit, 'code' | 'signal'> | undefined;
};

const fail = (code: TurnFailure, said?: string): Pick<Ended, 'outcome' | 'failure'> => ({
  outcome: 'failed',
  failure: { code, ...(said !== undefined && { said }) },
});

const endOf = (why: Stop): Ending => (why === 'cancelled' ? { outcome: 'cancelled' } : fail(why));

async function follow(options: RunOptions, output: Output, stopped: Promise<Stop>): Promise<Ending> {
  const { desired, place, isRunning, log } = options;
  const mark = markOfRun(desired);
  const { file, args, env, cwd } = place.command(desired.prompt, mark);
  // A process group of its own: a terminal's Ctrl-C is not for it.
  const how = { env, cwd, stdio: 'pipe', detached: true } as const;
  const child = spawn('/bin/sh', ['-c', TOGETHER, 'sam', file, ...args], how);
  const ended = hear(child, output);
  const why = await Promise.race([ended.then(() => undefined), stopped]);
  if (why !== undefined) {
    const end = () =>
      place
        .endCommand(mark)
        .catch((error: unknown) =>
          log.error('a command could not be ended', { error: describeError(error) }),
        );
    await end();
    if (child.pid !== undefined) signalGroup(child.pid, 'SIGKILL');
    // It may have been on its way in when the first look was over.
    await end();
    // What hangs in the kernel is not waited for.
    await Promise.race([ended, delay(MAX_LEFT_MS, undefined, { ref: false })]);
    return endOf(why);
  }
  // The workspace's end ends it too, a moment before anybody says so.
  if (!isRunning()) return fail('interrupted');
  const { exitCode, signalCode } = child;
  return {
    outcome: 'done',
    exit: exitCode === null ? { signal: signalCode ?? 'unknown' } : { code: exitCode },
  };
}

/** Resolves when it has ended, and what it wrote is there. Rejects where it could not be started. */
function hear(child: ChildProcess, output: Output): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const { stdin, stdout } = child;
  stdin?.on('error', () => {}).end();
  stdout?.on('error', () => {});
  const pace = createPace(child);
  let quiet: NodeJS.Timeout | undefined;
  stdout?.on('data', (bytes: Buffer) => {
    output.add(bytes);
    quiet?.refresh();
    pace(bytes.length);
  });
  const leave = () => {
    for (const pipe of child.stdio) pipe?.destroy();
    resolve();
  };
  child.once('error', reject).once('close', leave);
  child.once('exit', () => {
    quiet = setTimeout(leave, LEFT_MS);
    setTimeout(leave, MAX_LEFT_MS).unref();
  });
  return promise.finally(() => clearTimeout(quiet));
}

function createPace({ stdout }: ChildProcess): (bytes: number) => void {
  let since = performance.now();
  let spent = 0;
  return (bytes) => {
    const now = performance.now();
    if (now - since > PACE_MS) [since, spent] = [now, 0];
    spent += bytes;
    if (spent < BYTES_AT_ONCE) return;
    stdout?.pause();
    setTimeout(() => stdout?.resume(), PACE_MS).unref();
  };
}
