// One bot per DATA_DIR: a lock file that says who holds it. Knows processes and files, no database.
import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf, StartError } from '../errors.ts';
import { birthOf } from './embedded/processes.ts';

type Holder = { token: string; pid: number; born: string; url: string };

export type DataDirLock = {
  /** Tells whoever comes second where this bot really runs (its port is known only once it listens). */
  update(url: string): Promise<void>;
  /** Repeatable. A process that dies without it leaves a lock that the next one recognises as stale. */
  release(): Promise<void>;
};

/**
 * Makes this process the only bot of `dataDir`, which is created when missing. Throws a StartError that says where the
 * first one runs. Processes are compared by pid and birth, so this guards one host (and, in containers, one container).
 */
export async function lockDataDir(dataDir: string, { url }: { url: string }): Promise<DataDirLock> {
  const file = path.join(dataDir, 'sam.lock');
  const me = describeMe(url);
  const other = await enter(dataDir, file, me);
  if (other) throw new StartError(refusal(dataDir, other));
  const isMine = async () => (await readHolder(file))?.token === me.token;
  return {
    async update(newUrl) {
      me.url = newUrl;
      if (await isMine()) await replace(file, me);
    },
    async release() {
      if (await isMine()) await rm(file, { force: true });
    },
  };
}

async function enter(dataDir: string, file: string, me: Holder): Promise<Holder | undefined> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    return await take(file, me);
  } catch (cause) {
    const next = 'Make that folder writable, or set DATA_DIR to another one.';
    throw new StartError(`Sam cannot write in ${path.resolve(dataDir)}: ${messageOf(cause)}\n${next}`, {
      cause,
    });
  }
}

/** Runs `work` while no other process, nor another call in this one, is inside with the same file. Waits its turn. */
export async function inTurn<T>(file: string, deadlineMs: number, work: () => Promise<T>): Promise<T> {
  const me = describeMe('');
  const giveUpAt = Date.now() + deadlineMs;
  for (let other = await take(file, me); other; other = await take(file, me)) {
    if (Date.now() > giveUpAt) throw new StartError(`Process ${other.pid} has held ${file} for too long.`);
    await delay(25);
  }
  try {
    return await work();
  } finally {
    await rm(file, { force: true });
  }
}

function describeMe(url: string): Holder {
  return { token: randomUUID(), pid: process.pid, born: birthOf(process.pid) ?? '', url };
}

function refusal(dataDir: string, { pid, url }: Holder): string {
  return (
    `Another Sam is already using ${path.resolve(dataDir)}: it runs at ${url} (process ${pid}).\n` +
    `Use that one, stop it with \`kill ${pid}\`, or set DATA_DIR to another folder.`
  );
}

/**
 * Takes the lock and returns undefined, or returns the living holder. To take over from a dead one, a process must
 * first hold `<file>.<token of the dead one>`: so two that saw the same corpse cannot throw each other's lock away.
 */
async function take(file: string, me: Holder): Promise<Holder | undefined> {
  for (;;) {
    if (await create(file, me)) return undefined;
    const holder = await readHolder(file);
    if (!holder) continue;
    if (isAlive(holder)) return holder;
    const guard = `${file}.${holder.token}`;
    const rival = await take(guard, me);
    if (rival) return rival;
    const isStillDead = (await readHolder(file))?.token === holder.token;
    if (isStillDead) await replace(file, me);
    await rm(guard, { force: true });
    if (isStillDead) return undefined;
  }
}

function isAlive({ pid, born }: Holder): boolean {
  const birth = birthOf(pid);
  return birth !== undefined && birth === born;
}

/** Undefined: there is no such file. One that a power cut left unreadable counts as a dead holder's. */
async function readHolder(file: string): Promise<Holder | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Holder;
  } catch {
    return { token: 'unreadable', pid: 0, born: '', url: '' };
  }
}

/** False if the file exists. It appears with its content, since link() is atomic and writing is not. */
async function create(file: string, holder: Holder): Promise<boolean> {
  const draft = await writeDraft(file, holder);
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

async function replace(file: string, holder: Holder): Promise<void> {
  await rename(await writeDraft(file, holder), file);
}

async function writeDraft(file: string, holder: Holder): Promise<string> {
  const draft = `${file}-${randomUUID()}`;
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(JSON.stringify(holder));
    await handle.sync();
  } finally {
    await handle.close();
  }
  return draft;
}
