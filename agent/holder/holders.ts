// The holders of this node: found again, started, and let go when nobody needs them. Knows no session's workspace.
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, lstat, mkdir, open as openFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeError, type Log } from '../log.ts';
import { MARK } from '../system/processes.ts';
import { connectTo } from '../system/sockets.ts';
import type { Ptys } from '../sessions/pty.ts';
import type { KeptSession } from '../sessions/workspace-sessions.ts';
import { createLink, type Connect, type Link } from './link.ts';

const { O_CREAT, O_NOFOLLOW, O_TRUNC, O_WRONLY } = constants;
const HOLDER = fileURLToPath(new URL('./holder.ts', import.meta.url));
const START_MS = 15_000;
/** Without a session: the next one begins sooner while it is there. */
const IDLE_MS = 60_000;
/** By these a node's processes are known when it is removed. It gets nothing else of the agent's environment. */
const MARKS = ['SAM_NODE', 'SAM_SERVER', 'SAM_INSTALLATION', MARK];

export interface Holders extends Ptys {
  /** What goes on from the agent's life before. Once, before anything is opened; never rejects. */
  find: () => Promise<KeptSession[]>;
  /** Sessions go on without this agent. */
  leave: () => void;
}

export interface HoldersOptions {
  /** Where the agent keeps its things. */
  dir: string;
  /** The agent's own. */
  env: NodeJS.ProcessEnv;
  log: Log;
  /** For tests. */
  idleMs?: number;
}

interface State extends HoldersOptions {
  folder: string;
  /** Those that are there, or on their way. */
  links: Set<Link>;
  /** Which of them new sessions go to. */
  current: Link | undefined;
  idle: NodeJS.Timeout | undefined;
}

export function createHolders(options: HoldersOptions): Holders {
  const folder = join(options.dir, 'holder');
  const state: State = { ...options, folder, links: new Set(), current: undefined, idle: undefined };
  return {
    find: () => find(state),
    open: (opening) => findCurrent(state).open(opening),
    warm() {
      findCurrent(state);
      rest(state);
    },
    leave() {
      clearTimeout(state.idle);
      for (const link of state.links) link.leave();
    },
  };
}

async function find(state: State): Promise<KeptSession[]> {
  const names = await readdir(state.folder).catch(() => []);
  const sockets = names.filter((name) => name.endsWith('.sock')).map((name) => join(state.folder, name));
  const kept = await Promise.all(
    sockets.map(async (socket) => {
      const link = begin(state, (onBytes) => connectTo(socket, onBytes));
      try {
        return await link.found;
      } catch (error) {
        state.log.warn('a holder of terminals is of no use any more', { error: describeError(error) });
        letGo(state, link);
        await rm(socket, { force: true });
        return [];
      }
    }),
  );
  [state.current] = state.links;
  rest(state);
  return kept.flat();
}

function begin(state: State, connect: Connect): Link {
  const link = createLink(connect, {
    onEmpty: () => rest(state),
    onGone: () => forget(state, link),
  });
  state.links.add(link);
  return link;
}

/** Nothing is opened there any more. */
function forget(state: State, link: Link): void {
  state.links.delete(link);
  if (state.current === link) state.current = undefined;
}

function letGo(state: State, link: Link): void {
  forget(state, link);
  link.leave();
}

/** Where there is none one is started. */
function findCurrent(state: State): Link {
  if (state.current) return state.current;
  const link = begin(state, async (onBytes) => connectTo(await start(state), onBytes));
  link.found.catch((error: unknown) =>
    state.log.error('no holder of terminals could be started', { error: describeError(error) }),
  );
  return (state.current = link);
}

/** One that holds nothing goes after a while: it ends when it is left. */
function rest(state: State): void {
  clearTimeout(state.idle);
  state.idle = setTimeout(() => {
    for (const link of state.links) if (link.count() === 0) letGo(state, link);
  }, state.idleMs ?? IDLE_MS).unref();
}

/** Where it listens. */
async function start({ folder, env }: State): Promise<string> {
  await prepareFolder(folder);
  const path = join(folder, `${randomBytes(6).toString('hex')}.sock`);
  const errors = await openFile(join(folder, 'errors.log'), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600);
  try {
    const child = spawn(process.execPath, [HOLDER, path], {
      // In a session of its own, and in no folder of anybody's: nothing that ends the agent ends it.
      detached: true,
      cwd: '/',
      env: Object.fromEntries(MARKS.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]))),
      stdio: ['ignore', 'pipe', errors.fd],
    });
    child.unref();
    await hearReady(child);
    return path;
  } finally {
    await errors.close();
  }
}

async function hearReady(child: ChildProcess): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const deadline = setTimeout(() => {
    child.kill('SIGKILL');
    reject(new Error('it says nothing'));
  }, START_MS);
  child.once('error', reject).once('exit', (code) => reject(new Error(`it ended with ${code}`)));
  child.stdout?.once('data', resolve);
  try {
    await promise;
  } finally {
    clearTimeout(deadline);
    child.removeAllListeners();
    child.on('error', () => {});
    child.stdout?.destroy();
  }
}

/** The agent's own alone: whoever gets in may type into everybody's terminals. */
async function prepareFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  const { uid } = await lstat(folder);
  if (uid !== process.getuid?.()) throw new Error(`${folder} belongs to somebody else`);
}
