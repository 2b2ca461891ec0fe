// Removes folders in which somebody else may be at work: whatever they put there meanwhile, nothing outside is touched.
// Knows no workspace.
import { chmod, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { WorkspaceError } from '../failure.ts';
import { run } from './run.ts';

/** Some have a million files. */
const TIMEOUT_MS = 30 * 60_000;
const TRIES = 5;
const RETRY_MS = 50;

/**
 * The folder, or the file or link that lies there instead; nothing there is fine. Throws `WorkspaceError` for what belongs
 * to others.
 *
 * By `rm`, not by Node's: that one walks by names, and where a folder becomes a link on its way it deletes what the link
 * leads to, with the rights of root. `rm` walks by open folders.
 */
export async function removeTree(path: string): Promise<void> {
  let said = '';
  for (let attempt = 1; attempt <= TRIES; attempt++) {
    const outcome = await run('rm', ['-rf', '--', path], {
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C' },
      timeoutMs: TIMEOUT_MS,
    });
    if (outcome.code === 0) return;
    said = outcome.stderr.trim() || (outcome.startError ?? 'no answer in time');
    // Caches of some tools are folders without the right to write: ours all the same. Nobody denies root anything.
    if (isDenied(said) && process.getuid?.() !== 0) await allowWriting(path);
    await delay(RETRY_MS);
  }
  const error = new Error(`remove ${path}: ${said.slice(-2_000)}`);
  throw isDenied(said) ? belongsToOthers(path, error) : error;
}

const isDenied = (said: string): boolean => /Permission denied|Operation not permitted/.test(said);

async function allowWriting(path: string): Promise<void> {
  await chmod(path, 0o700).catch(() => undefined);
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await allowWriting(join(path, entry.name));
}

const belongsToOthers = (path: string, cause: unknown): WorkspaceError =>
  new WorkspaceError({ class: 'configuration', code: 'foreign-files', details: { path } }, { cause });
