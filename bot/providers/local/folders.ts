// What a local server leaves on the disk: its folder, its two records, and how that goes. Knows no process.
//
//   <nodes>/.new-XXXXXX          being written; nobody's yet. Renamed to
//   <nodes>/<name>               server.json (always), process.json (an agent was started), agent.log, data/
//   <nodes>/.removing-<name>.<id>  no process left; being deleted, server.json last
import { randomUUID } from 'node:crypto';
import { chmod, lstat, mkdir, mkdtemp, open, readdir, readFile, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/** What may once have been labels: whether they are all there, and whose, is asked by those who act on them. */
const marks = z.object({
  'managed-by': z.string().optional(),
  'sam-installation': z.string().optional(),
  'sam-node': z.string().optional(),
  'sam-owner': z.string().optional(),
});
export type Marks = z.infer<typeof marks>;

const identity = z.object({ pid: z.int().positive(), birth: z.string() });

/** The order without its bootstrap token: that goes to the agent and nowhere else. */
const serverRecord = z.object({
  id: z.string(),
  name: z.string(),
  size: z.enum(['small', 'medium', 'large']),
  createdAt: z.coerce.date(),
  labels: marks,
  boot: z.object({ url: z.string(), node: z.string() }),
  /** The bot that made it: if that ended before the agent started, nobody will go on with it. */
  creator: identity,
});
export type ServerRecord = z.infer<typeof serverRecord>;

const SERVER = 'server.json';
const PROCESS = 'process.json';
const STAGED = '.new-';
const REMOVING = '.removing-';

export const dataOf = (folder: string): string => join(folder, 'data');
export const logOf = (folder: string): string => join(folder, 'agent.log');

/** A server that a crash leaves half-made is not there at all: the folder gets its name when it is complete. */
export async function stageFolder(nodesDir: string, record: ServerRecord): Promise<string> {
  await mkdir(nodesDir, { recursive: true, mode: 0o700 });
  const staged = await mkdtemp(join(nodesDir, STAGED));
  try {
    await mkdir(dataOf(staged), { mode: 0o700 });
    await writeRecord(staged, SERVER, record);
    return staged;
  } catch (error) {
    await tryTo(() => deleteTree(staged));
    throw error;
  }
}

/** False when the name is taken: a rename never replaces a folder that has something in it. */
export async function publishFolder(staged: string, folder: string): Promise<boolean> {
  try {
    await rename(staged, folder);
    return true;
  } catch (error) {
    await tryTo(() => deleteTree(staged));
    if (['ENOTEMPTY', 'EEXIST'].includes(codeOf(error) ?? '')) return false;
    throw error;
  }
}

export const readServer = (folder: string) => readRecord(folder, SERVER, serverRecord);
export const readProcess = (folder: string) => readRecord(folder, PROCESS, identity);

/** The address that its agent is to call from its next start on. */
export const writeServer = (folder: string, record: ServerRecord): Promise<void> =>
  writeRecord(folder, SERVER, record);

export function writeProcess(folder: string, { pid, birth }: z.infer<typeof identity>): Promise<void> {
  return writeRecord(folder, PROCESS, { pid, birth });
}

/** From here on the name is free, and only deletion follows. Gives the folder's new place. */
export async function retireFolder(folder: string, { name, id }: ServerRecord): Promise<string> {
  const retired = join(folder, '..', `${REMOVING}${name}.${id}`);
  await rename(folder, retired).catch(ignoreAbsent);
  return retired;
}

/** The record goes last, so that a half-deleted folder still says whose it is. Repeatable. */
export async function deleteFolder(folder: string): Promise<void> {
  for (const entry of await entriesOf(folder)) if (entry !== SERVER) await deleteTree(join(folder, entry));
  await deleteTree(folder);
}

/** Paths: of servers by name, and of those that are being deleted (of one name, if given). */
export async function listFolders(nodesDir: string, name?: string) {
  const entries = await entriesOf(nodesDir);
  const prefix = name === undefined ? REMOVING : `${REMOVING}${name}.`;
  const paths = (wanted: string[]) => wanted.map((entry) => join(nodesDir, entry));
  return {
    named: paths(entries.filter((entry) => !entry.startsWith('.'))),
    retired: paths(entries.filter((entry) => entry.startsWith(prefix))),
  };
}

/** Deletes what creates that died left behind: folders that never got a name, older than `ageMs`. */
export async function deleteStaged(nodesDir: string, ageMs: number): Promise<void> {
  for (const entry of await entriesOf(nodesDir)) {
    if (!entry.startsWith(STAGED)) continue;
    const stat = await lstat(join(nodesDir, entry)).catch(ignoreAbsent);
    if (stat && stat.mtimeMs < Date.now() - ageMs) await deleteTree(join(nodesDir, entry));
  }
}

/** The last trace of a removal that ended between the record and its folder: nobody's, and empty. */
export const deleteEmpty = (folder: string): Promise<void> => tryTo(() => rmdir(folder));

/** Also what was made read-only: package managers do that to whole caches. */
async function deleteTree(path: string): Promise<void> {
  const remove = () => rm(path, { recursive: true, force: true, maxRetries: 3 });
  try {
    await remove();
  } catch (error) {
    if (!['EACCES', 'EPERM'].includes(codeOf(error) ?? '')) throw error;
    await makeWritable(path);
    await remove();
  }
}

/** Folders only, and never through a link: deleting a file asks for a right on its folder. */
async function makeWritable(folder: string): Promise<void> {
  if (!(await lstat(folder)).isDirectory()) return;
  await chmod(folder, 0o700);
  for (const entry of await readdir(folder, { withFileTypes: true }))
    if (entry.isDirectory()) await makeWritable(join(folder, entry.name));
}

async function readRecord<T>(folder: string, name: string, shape: z.ZodType<T>): Promise<T | undefined> {
  const text = await readFile(join(folder, name), 'utf8').catch(ignoreAbsent);
  if (text === undefined) return undefined;
  try {
    return shape.parse(JSON.parse(text));
  } catch (error) {
    throw Object.assign(new Error('not a record', { cause: error }), {
      code: BROKEN,
      path: join(folder, name),
    });
  }
}

/** The code of the error for a record that is there and makes no sense. */
export const BROKEN = 'SAM_BROKEN_RECORD';

/** Whole or not at all, also when the machine loses its power. */
async function writeRecord(folder: string, name: string, record: unknown): Promise<void> {
  const half = join(folder, `.${name}.${randomUUID()}`);
  try {
    const file = await open(half, 'wx', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(record, undefined, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(half, join(folder, name));
  } catch (error) {
    await tryTo(() => rm(half, { force: true }));
    throw error;
  }
}

async function entriesOf(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(ignoreAbsent)) ?? [];
}

function ignoreAbsent(error: unknown): undefined {
  // ENOTDIR: a file where a folder would be is no server either.
  if (['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) return undefined;
  throw error;
}

/** For what follows a failure that says more than its own would. */
async function tryTo(work: () => Promise<unknown>): Promise<void> {
  await work().catch(() => undefined);
}

/** `ENOSPC` and the like, of whatever was thrown. */
export function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
