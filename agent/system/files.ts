// Small files that survive a crash: written whole, or not at all. Knows no format but JSON.
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { findStart } from './processes.ts';

const MAX_BYTES = 4 << 20;

/** Replaces `path` in one step and makes its folder; readable by this user alone. */
export function writeJson(path: string, value: unknown): Promise<void> {
  return writeText(path, `${JSON.stringify(value, null, 2)}\n`);
}

/** The same of any text. */
export async function writeText(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/**
 * The parsed file, or undefined if there is none. Throws on anything else: for what is no file of the agent's own user, for
 * a link, and for more than 4 MiB. Never blocks, whatever lies there.
 */
export async function findJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readOwn(path));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new Error(`read ${path}`, { cause: error });
  }
}

async function readOwn(path: string): Promise<string> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const found = await file.stat();
    if (!found.isFile() || found.size > MAX_BYTES) throw new Error('it is not a small file');
    if (found.uid !== process.getuid?.()) throw new Error('it belongs to somebody else');
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

/** `ENOENT` and the like, of whatever was thrown. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

const holder = z.object({ pid: z.number().int().positive(), started: z.string() });

/** Throws if another living process holds the folder. A dead one's file counts for nothing, even if its pid came again. */
export async function lockFolder(dir: string): Promise<void> {
  const path = join(dir, 'agent.pid');
  const held = holder.safeParse(await findJson(path).catch(() => undefined)).data;
  if (held !== undefined && held.pid !== process.pid && (await findStart(held.pid)) === held.started) {
    throw new Error(`start: another agent (process ${held.pid}) works in ${dir}`);
  }
  await writeJson(path, { pid: process.pid, started: (await findStart(process.pid)) ?? '' });
}
