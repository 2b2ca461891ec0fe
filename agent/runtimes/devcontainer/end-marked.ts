// A program of its own, inside a container: ends whatever carries a variable, and all that this started, politely first. It imports
// nothing of ours. `end-marked.ts NAME=VALUE GRACE_MS`; it fails with how many live on.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 50;
const KILL_MS = 4_000;
/** Who starts children faster than they are frozen is not held by more. */
const FREEZE_PASSES = 20;

interface Process {
  pid: number;
  parent: number;
  session: number;
  /** A number that comes again belongs to another process. */
  key: string;
}

const [, , mark = '', grace = '0'] = process.argv;
/** Whoever was found once is still meant when nothing else tells. */
const known = new Set<string>();
let sessions = new Set<number>();

/** The marked ones, their descendants, and all of the sessions that one of them leads or led. */
function find(): number[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => readStat(name) ?? []);
  const found = new Set(all.filter((one) => known.has(one.key) || isMarked(one)).map(({ pid }) => pid));
  for (let size = -1; size !== found.size;) {
    size = found.size;
    for (const { pid, parent, session } of all)
      if (found.has(parent) || found.has(session) || sessions.has(session)) found.add(pid);
  }
  const own = all.filter(({ pid }) => found.has(pid));
  for (const { key } of own) known.add(key);
  const isLed = ({ session }: Process) => found.has(session) || sessions.has(session);
  sessions = new Set(own.filter(isLed).map(({ session }) => session));
  return own.map(({ pid }) => pid);
}

const isMarked = ({ pid }: Process): boolean =>
  `\0${as(pid, () => read(String(pid), 'environ'))}`.includes(`\0${mark}\0`);

/** In a container root may end everybody's programs, but look at their environment only as they do. */
function as<Value>(pid: number, look: () => Value): Value {
  const status = read(String(pid), 'status');
  const [uid = 0, gid = 0] = ['Uid', 'Gid'].map((name) =>
    Number(new RegExp(`^${name}:\\t(\\d+)`, 'm').exec(status)?.[1] ?? 0),
  );
  if (process.getuid?.() !== 0 || (uid === 0 && gid === 0)) return look();
  try {
    process.setegid?.(gid);
    process.seteuid?.(uid);
    return look();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
  }
}

function readStat(pid: string): Process | undefined {
  const stat = read(pid, 'stat');
  // From the third field on; the second, the name, may hold anything.
  const [state = 'X', parent, , session, ...more] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // A zombie holds nothing but its number.
  if (stat === '' || state === 'Z' || state === 'X') return undefined;
  return {
    pid: Number(pid),
    parent: Number(parent),
    session: Number(session),
    key: `${pid} ${more[15] ?? ''}`,
  };
}

function read(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}

function signal(pids: Iterable<number>, names: NodeJS.Signals[]): void {
  for (const pid of pids)
    try {
      for (const name of names) process.kill(pid, name);
    } catch {
      // It ended in between; the next look tells.
    }
}

/** They stand still before they are killed: what is frozen starts no other one. */
function kill(): void {
  const frozen = new Set<number>();
  for (let pass = 0, size = -1; pass < FREEZE_PASSES && size !== frozen.size; pass++) {
    size = frozen.size;
    const fresh = find().filter((pid) => !frozen.has(pid));
    signal(fresh, ['SIGSTOP']);
    for (const pid of fresh) frozen.add(pid);
  }
  signal(find(), ['SIGKILL']);
}

/** How many live on. */
async function end(graceMs: number): Promise<number> {
  const startedAt = performance.now();
  const asked = new Set<number>();
  let isKilled = false;
  for (; ; await delay(POLL_MS)) {
    const left = find();
    const spentMs = performance.now() - startedAt;
    // A look misses who is born and gone meanwhile: only what was killed is over.
    if ((left.length === 0 && isKilled) || spentMs > graceMs + KILL_MS) return left.length;
    if (left.length === 0 || spentMs >= graceMs) {
      isKilled = true;
      kill();
      continue;
    }
    // SIGCONT: a stopped process does not hear the others before it.
    signal(
      left.filter((pid) => !asked.has(pid)),
      ['SIGHUP', 'SIGTERM', 'SIGCONT'],
    );
    for (const pid of left) asked.add(pid);
  }
}

process.exitCode = Math.min(await end(Number(grace)), 125);
