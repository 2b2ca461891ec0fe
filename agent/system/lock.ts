// One agent per folder: `agent.pid` says which process it is. Knows nothing of what an agent does.
import { join } from 'node:path';
import { z } from 'zod';
import { findJson, writeJson } from './files.ts';
import { findStart } from './processes.ts';

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
