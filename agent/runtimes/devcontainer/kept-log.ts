// What was written while a workspace's container was made, kept on the node for whoever mends it. Redacted, and bounded.
import { mkdir, rm } from 'node:fs/promises';
import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { redact } from '../../redact.ts';

/** Lines that go on to the bot, and bytes that stay here. */
const MAX_LINES = 5_000;
const MAX_BYTES = 8 << 20;

export interface KeptLog {
  write: (line: string) => void;
  /** Resolves when all of it is in the file. */
  close: () => Promise<void>;
}

/** What the runtime keeps of a workspace beside its folder. */
export const keptFolder = (dir: string, workspace: string): string => join(dir, 'environments', workspace);

export const keptLogOf = (dir: string, workspace: string): string =>
  join(keptFolder(dir, workspace), 'build.log');

/** Begins anew: the one before is gone. `tell` hears the first lines of it. */
export async function openKeptLog(
  dir: string,
  workspace: string,
  tell: (line: string) => void,
): Promise<KeptLog> {
  await mkdir(keptFolder(dir, workspace), { recursive: true, mode: 0o700 });
  const path = keptLogOf(dir, workspace);
  await rm(path, { force: true });
  const file = createWriteStream(path, { flags: 'wx', mode: 0o644 });
  // A full disk is told by what could not be made.
  file.on('error', () => {});
  let [lines, bytes] = [0, 0];
  const keep = (line: string) => {
    if (file.writable) file.write(`${line}\n`);
  };
  return {
    write(line) {
      const clean = redact(line);
      bytes += Buffer.byteLength(clean) + 1;
      lines++;
      if (lines < MAX_LINES) tell(clean);
      else if (lines === MAX_LINES) tell('The rest is left out here: it is too long.');
      if (bytes <= MAX_BYTES) keep(clean);
      else if (bytes - Buffer.byteLength(clean) - 1 <= MAX_BYTES)
        keep('The rest is left out: it is too long.');
    },
    async close() {
      if (file.destroyed) return;
      const closed = once(file, 'close').catch(() => undefined);
      file.end();
      await closed;
    },
  };
}
