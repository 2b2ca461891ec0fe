// The files of the embedded database: its folder, its password, initdb. Knows no running server.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { messageOf, StartError } from '../../errors.ts';
import { lastLines, type Binaries } from './binaries.ts';

export type Cluster = {
  /** Holds everything of ours; `data` in it is what Postgres calls its data directory. */
  home: string;
  data: string;
  password: string;
  durable: boolean;
};

export const USER = 'sam';
const INITDB_MS = 120_000;
const DRAFT = 'new-';
const run = promisify(execFile);

/** `home` exists. Makes the password that the cluster will be, or was, made with. */
export async function openCluster(home: string, durable: boolean): Promise<Cluster> {
  return { home, data: path.join(home, 'data'), password: await keepPassword(home), durable };
}

/** Repeatable. Throws a StartError with what initdb said. */
export async function ensureCreated(cluster: Cluster, binaries: Binaries): Promise<void> {
  await removeDrafts(cluster.home);
  if (!existsSync(cluster.data)) await create(cluster, binaries);
}

/** A StartError: what we wanted, the last lines of what Postgres said, and the next step. */
export function failure(home: string, what: string, said: string): StartError {
  const isFull = /No space left|ENOSPC|quota exceeded/i.test(said);
  const remedy = isFull
    ? `The disk is full: free some space (\`df -h ${home}\`) and start again.`
    : `Mend that and start again, or set DATABASE_URL=postgres://user:password@host:5432/database.`;
  return new StartError(
    `The embedded Postgres in ${home} could not ${what}. It said:\n${lastLines(said, 6)}\n${remedy}`,
  );
}

/** It is written before the cluster is made with it. */
async function keepPassword(home: string): Promise<string> {
  const file = path.join(home, 'password');
  if (existsSync(file)) return readFile(file, 'utf8');
  if (existsSync(path.join(home, 'data'))) {
    throw new StartError(
      `The embedded database has lost its password: ${file} is missing.\nPut it back from a backup.`,
    );
  }
  const password = randomBytes(24).toString('base64url');
  await writeFile(`${file}.new`, password, { mode: 0o600, flush: true });
  await rename(`${file}.new`, file);
  return password;
}

/** initdb writes beside the place and is moved there when complete, so a half-made cluster is never taken for one. */
async function create({ home, data, durable }: Cluster, binaries: Binaries): Promise<void> {
  const draft = path.join(home, `${DRAFT}${randomBytes(4).toString('hex')}`);
  const [command, args] = binaries.command('initdb', [
    '-D',
    draft,
    `--username=${USER}`,
    `--pwfile=${path.join(home, 'password')}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale-provider=builtin',
    '--locale=C.UTF-8',
    '--no-instructions',
    ...(durable ? [] : ['--no-sync']),
  ]);
  try {
    await run(command, args, { env: binaries.env, cwd: home, timeout: INITDB_MS });
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw failure(home, 'create its files', (error as { stderr?: string }).stderr || messageOf(error));
  }
  await rename(draft, data);
}

/** Of a bot that was killed meanwhile; its initdb may still be writing, then the next start removes the rest. */
async function removeDrafts(home: string): Promise<void> {
  const drafts = (await readdir(home)).filter((name) => name.startsWith(DRAFT));
  const removals = drafts.map((name) => rm(path.join(home, name), { recursive: true, force: true }));
  await Promise.allSettled(removals);
}
