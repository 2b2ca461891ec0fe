// Puts `sam-download` where terminals find it. Knows no workspace.
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DOWNLOAD } from './scripts.ts';

const NAME = 'sam-download';

/** Into the folder `bin` of a PATH. Whole at every moment. Repeatable. */
export async function layOutDownload(bin: string): Promise<void> {
  await mkdir(bin, { recursive: true, mode: 0o755 });
  const made = join(bin, `.${NAME}`);
  await writeFile(made, DOWNLOAD, { mode: 0o755 });
  await rename(made, join(bin, NAME));
}
