// A unix user for each workspace, so that one cannot read another's files, nor the agent's, which is root. Knows no git and
// no terminal.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { WorkspaceError } from '../failure.ts';
import { codeOf } from './files.ts';
import { giveFolder } from './ownership.ts';
import { run } from './run.ts';

export interface User {
  name: string;
  uid: number;
  gid: number;
  /** Its own, 0700; lies in the workspace's folder and goes with it. */
  home: string;
}

export interface Users {
  /** Undefined: programs of this workspace run as the agent's own user. */
  find: (workspace: string) => User | undefined;
  /** Makes the user, and its workspace's folder, which is there, its own. Repeatable. Throws `WorkspaceError`. */
  prepare: (workspace: string) => Promise<void>;
  /** Ends every process of the user, whatever it made of itself. Repeatable. */
  end: (workspace: string) => Promise<void>;
  /** Also forgets the user and what lies of it in the folders that are everybody's. Its own files are gone. Repeatable. */
  remove: (workspace: string) => Promise<void>;
}

export const HOME_FOLDER = '.home';
const COMMANDS_TIMEOUT_MS = 30_000;
const ENV = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
/** Somebody else may be changing the users at this moment. */
const LOCKED_TRIES = 20;
const LOCKED_WAIT_MS = 500;
const KILL_TIMEOUT_MS = 10_000;
const KILL_LOOK_MS = 20;
/** Somebody may put things there faster than they are put aside. */
const HOME_TRIES = 3;
/** Far from those of people, and from those that containers are given (login.defs). */
const UIDS = [
  '--key',
  'UID_MIN=20000',
  '--key',
  'UID_MAX=29999',
  '--key',
  'GID_MIN=20000',
  '--key',
  'GID_MAX=29999',
];
const EVERYBODYS = ['/tmp', '/var/tmp', '/dev/shm'];

/** Everything runs as the agent's own user. */
export const ownUser: Users = {
  find: () => undefined,
  prepare: () => Promise.resolve(),
  end: () => Promise.resolve(),
  remove: () => Promise.resolve(),
};

/** `dir`: where the agent keeps `workspaces/<id>`. */
export function createUsers(dir: string): Users {
  const folderOf = (workspace: string) => join(dir, 'workspaces', workspace);
  const find = (workspace: string) => findUser(nameOf(workspace), folderOf(workspace));
  return {
    find,
    async prepare(workspace) {
      const folder = folderOf(workspace);
      const user = find(workspace) ?? (await add(nameOf(workspace), folder));
      // One may go through them, and not look.
      for (const path of [dir, join(dir, 'workspaces')]) await chmod(path, 0o711);
      await giveFolder(folder, user);
      await prepareHome(user);
    },
    async end(workspace) {
      const user = find(workspace);
      if (user) await endProcessesOf(user);
    },
    async remove(workspace) {
      const user = find(workspace);
      if (!user) return;
      await endProcessesOf(user);
      // The next user may get the same number.
      await run('find', [...EVERYBODYS, '-xdev', '-uid', String(user.uid), '-delete'], {
        env: ENV,
        timeoutMs: COMMANDS_TIMEOUT_MS,
      });
      await change('userdel', [user.name]);
    },
  };
}

/** It lies in a folder that is the user's, so it may be anything by now: what is no folder is put aside. */
async function prepareHome(user: User): Promise<void> {
  const { home } = user;
  for (let attempt = 1; ; attempt++) {
    await mkdir(home, { mode: 0o700 }).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error;
    });
    try {
      return await giveFolder(home, user);
    } catch (error) {
      if (attempt === HOME_TRIES || !['ENOTDIR', 'ELOOP'].includes(codeOf(error) ?? '')) throw error;
      await rename(home, `${home}-${randomBytes(3).toString('hex')}`);
    }
  }
}

/** `sam-` and the workspace's own twelve characters: the same for ever, and found again without being kept. */
const nameOf = (workspace: string): string => workspace.replace(/^ws-/, 'sam-');

function findUser(name: string, folder: string): User | undefined {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((one) => one.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  if (uid === undefined || gid === undefined) return undefined;
  return { name, uid: Number(uid), gid: Number(gid), home: join(folder, HOME_FOLDER) };
}

async function add(name: string, folder: string): Promise<User> {
  const home = join(folder, HOME_FOLDER);
  const wanted = ['--user-group', '--no-create-home', '--home-dir', home, '--shell', '/bin/bash'];
  await change('useradd', [...UIDS, ...wanted, name]);
  const user = findUser(name, folder);
  if (!user) throw cannot('useradd', 'the user is not there afterwards');
  return user;
}

/** Whoever changes users locks the same files, these two programs among them. */
async function change(program: 'useradd' | 'userdel', args: string[]): Promise<void> {
  if (process.getuid?.() !== 0) throw cannot(program, 'the agent is not root');
  for (let attempt = 1; ; attempt++) {
    const { code, stderr, startError } = await run(program, args, {
      env: ENV,
      timeoutMs: COMMANDS_TIMEOUT_MS,
    });
    if (code === 0) return;
    if (attempt === LOCKED_TRIES || !/lock/.test(stderr))
      throw cannot(program, stderr.trim() || (startError ?? ''));
    await delay(LOCKED_WAIT_MS);
  }
}

function cannot(program: string, why: string): WorkspaceError {
  return new WorkspaceError({ class: 'internal', code: 'no-user', details: { program, said: why } });
}

/** By its number alone: no environment and no parent hides a process from that. What starts meanwhile is met again. */
async function endProcessesOf({ uid, name }: User): Promise<void> {
  for (const startedAt = performance.now(); ; await delay(KILL_LOOK_MS)) {
    const left = await findProcessesOf(uid);
    if (left.length === 0) return;
    if (performance.now() - startedAt > KILL_TIMEOUT_MS)
      throw cannot('kill', `${left.length} processes of ${name} live on`);
    for (const pid of left) kill(pid);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended in between.
  }
}

/** Also those that are another user for a moment; not zombies, which their parents bury. */
export async function findProcessesOf(uid: number): Promise<number[]> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    names.map(async (name) => {
      const status = await readFile(`/proc/${name}/status`, 'latin1').catch(() => '');
      const [, uids = ''] = /^Uid:\s+(.*)$/m.exec(status) ?? [];
      const isLiving = !/^State:\s+[ZX]/m.test(status);
      return isLiving && uids.split(/\s+/).includes(String(uid)) ? [Number(name)] : [];
    }),
  );
  return found.flat();
}

interface Command {
  file: string;
  args: string[];
}

// The terminal goes to the user as well, so that programs may open it by its name. Groups and capabilities of root stay behind.
const BECOME =
  'chown "$1" /proc/self/fd/0; uid=$1 gid=$2; shift 2; exec setpriv --reuid "$uid" --regid "$gid" --clear-groups --inh-caps=-all -- "$@"';

/** What starts `command` on a terminal as this user. */
export function becoming(user: User | undefined, { file, args }: Command): Command {
  if (!user) return { file, args };
  return { file: '/bin/sh', args: ['-c', BECOME, 'sam', String(user.uid), String(user.gid), file, ...args] };
}
