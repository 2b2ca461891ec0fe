// The App that /setup made, kept in one file of DATA_DIR under the names of the environment, which wins over it. Asks nobody.
import { readFileSync } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Env } from '../../environment.ts';
import { messageOf, StartError } from '../../errors.ts';
import { GROUP } from './config.ts';

const SavedApp = z.record(z.enum(GROUP), z.string().min(1));
export type SavedApp = z.infer<typeof SavedApp>;

export const savedAppPath = (dataDir: string): string => join(dataDir, 'github-app.json');

/** `env`, with the saved App where it says nothing of one. Throws StartError for a file that is none of ours. */
export function withSavedApp(env: Env, dataDir: string): Env {
  if (GROUP.some((name) => env[name]?.trim())) return env;
  const path = savedAppPath(dataDir);
  try {
    return { ...env, ...SavedApp.parse(JSON.parse(readFileSync(path, 'utf8'))) };
  } catch (error) {
    // Without the folder, too: it is made later, or somebody else says why that cannot be.
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return env;
    // The parser's message would quote what is in it.
    const why =
      error instanceof SyntaxError || error instanceof z.ZodError
        ? 'is not whole'
        : `cannot be read: ${messageOf(error)}`;
    throw new StartError(
      `Sam cannot start: ${path}, the GitHub App that /setup made, ${why}.\n` +
        `Set ${GROUP.join(', ')} in the environment, or delete the file to do without GitHub.`,
    );
  }
}

/** Whole or not at all, and readable for this user alone. */
export async function saveApp(dataDir: string, app: SavedApp): Promise<void> {
  const path = savedAppPath(dataDir);
  const draft = `${path}.new`;
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await rm(draft, { force: true });
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(`${JSON.stringify(app, null, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
}
