// A unix user for each workspace, so that one cannot read another's files, nor the agent's, which is root. Knows no git and
// no terminal.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { chmod, mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { WorkspaceError } from '../failure.ts';
import { endPrograms, sendSignals, type Programs } from './ending.ts';
import { codeOf } from './files.ts';
import { giveFolder } from './ownership.ts';
import { isOfUser, listPids, readStat } from './processes.ts';
import { ENTER, run } from './run.ts';

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
  /** Every process of the user, real or effective, whatever it made of itself; undefined: it has no user of its own. */
  programs: (workspace: string) => Programs | undefined;
  /** Ends them, forgets the user and what lies of it in the folders that are everybody's. Its own files are gone. Repeatable. */
  remove: (workspace: string) => Promise<void>;
}

export const HOME_FOLDER = '.home';
const COMMANDS_TIMEOUT_MS = 30_000;
const ENV = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
/** Another program may be changing the users at this moment. */
const LOCKED_TRIES = 20;
const LOCKED_WAIT_MS = 500;
const KILL_TIMEOUT_MS = 2_000;
/** The user may put things there faster than they are put aside. */
const HOME_TRIES = 3;
/** Far from those of people, and from those that containers are given (login.defs). */
export const FIRST_UID = 20_000;
export const LAST_UID = 29_999;
const UIDS = [
  `UID_MIN=${FIRST_UID}`,
  `UID_MAX=${LAST_UID}`,
  `GID_MIN=${FIRST_UID}`,
  `GID_MAX=${LAST_UID}`,
].flatMap((one) => ['--key', one]);
const EVERYBODYS = ['/tmp', '/var/tmp', '/dev/shm'];

/** Everything runs as the agent's own user. */
export const ownUser: Users = {
  find: () => undefined,
  prepare: () => Promise.resolve(),
  programs: () => undefined,
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
    programs(workspace) {
      const user = find(workspace);
      return user && programsOf(user);
    },
    async remove(workspace) {
      const user = find(workspace);
      if (!user) return;
      // One that hangs in the kernel keeps its user: another workspace must not get the same number.
      if ((await endPrograms([programsOf(user)], { graceMs: 0 })) > 0) return;
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

/** All programs that change users lock the same files, these two among them. */
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

/** By its number alone: no environment and no parent hides a process from that. */
const programsOf = (user: User): Programs => ({
  find: () => Promise.resolve(findProcessesOf(user.uid)),
  async kill() {
    await killAs(user);
    // Who has its number for a moment only, and where nothing more could be started.
    for (const pid of findProcessesOf(user.uid)) sendSignals(pid, ['SIGKILL']);
  },
});

// The kernel ends all that this user may signal in one go, whoever starts children meanwhile; and until it is that user, nobody of it
// can stop the one who asks for it.
const KILL =
  'const [uid, gid] = process.argv.slice(1).map(Number); process.setgroups([]); process.setgid(gid); process.setuid(uid); process.kill(-1, "SIGKILL");';

async function killAs({ uid, gid }: User): Promise<void> {
  if (uid === 0) throw new Error('kill: root is no user of a workspace');
  await run(process.execPath, ['-e', KILL, String(uid), String(gid)], {
    cwd: '/',
    env: ENV,
    timeoutMs: KILL_TIMEOUT_MS,
  });
}

/** Also those that are another user for a moment; not zombies, which their parents bury. */
export const findProcessesOf = (uid: number): number[] =>
  listPids().filter((pid) => isOfUser(pid, uid) && readStat(pid) !== undefined);

interface Command {
  file: string;
  args: string[];
}

// The terminal goes to the user as well, so that programs may open it by its name. Groups and capabilities of root stay behind.
const BECOME = `chown "$1" /proc/self/fd/0; uid=$1 gid=$2; shift 2
exec setpriv --reuid "$uid" --regid "$gid" --clear-groups --inh-caps=-all -- "$@"`;
const JOIN =
  'doors=$1; shift; while [ "$doors" -gt 0 ]; do { echo 0 >"$1"; } 2>/dev/null; shift; doors=$((doors - 1)); done; exec "$@"';

/** What starts `command` on a terminal, in this folder: as this user, who goes there by itself, and from behind the doors of a control group. */
export function becoming(
  user: User | undefined,
  { file, args }: Command,
  { cwd, doors }: { cwd: string; doors: string[] },
): Command & { cwd: string } {
  const become = user
    ? sh(BECOME, String(user.uid), String(user.gid), '/bin/sh', '-c', ENTER, 'sam', cwd, file, ...args)
    : { file, args };
  const join =
    doors.length === 0 ? become : sh(JOIN, String(doors.length), ...doors, become.file, ...become.args);
  return { ...join, cwd: user ? '/' : cwd };
}

const sh = (script: string, ...args: string[]): Command => ({
  file: '/bin/sh',
  args: ['-c', script, 'sam', ...args],
});
