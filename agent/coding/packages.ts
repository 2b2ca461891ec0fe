// Packages of the registry of npm on this node: brought once, whole and as they were when this version was made, or not at all. Knows
// no coding agent and no workspace.
import { createHash } from 'node:crypto';
import { createWriteStream, existsSync, rmSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { describeError, type Log } from '../log.ts';
import { run } from '../system/run.ts';

const DOWNLOAD_TIMEOUT_MS = 30 * 60_000;
const UNPACK_TIMEOUT_MS = 5 * 60_000;
/** A registry that was silent is not asked again at once. */
const RETRY_MS = 60_000;

export interface Package {
  /** As the registry has it. */
  name: string;
  version: string;
  /** Base64 of the SHA-512 of its archive. */
  integrity: string;
  /** Where in the folder it goes; empty: it is the folder. */
  into: string;
  /** What of it is needed; absent: all. */
  only?: string[];
  /** What is otherwise in a file of it here. */
  mends?: { file: string; all: Mend[] };
}

/** What is there exactly once, and what stands there instead. */
export type Mend = [from: string, to: string];

export interface BundleOptions {
  /** Where it goes: others than the agent's user may go through it. */
  folder: string;
  /** For people and the log. */
  name: string;
  packages: Package[];
  /** What is there when all is, in the folder. */
  file: string;
  /** Where packages come from; undefined: nobody has said so yet. */
  registry: () => string | undefined;
  /** It is there, whether it has just come or was there before. Repeatable. */
  onThere: () => Promise<void>;
  log: Log;
}

export interface PackageBundle {
  /** Absolute; there or not. */
  file: string;
  /** A file that says why it could not be brought. */
  failure: string;
  isThere: () => boolean;
  /**
   * Goes and gets it, unless it is there or on its way. `failure` is there if that went wrong, with the reason where the disk takes
   * one. Never rejects.
   */
  bring: () => Promise<void>;
  /** Why it is not there, as far as somebody knows. */
  why: () => Promise<string>;
}

export function createBundle(options: BundleOptions): PackageBundle {
  const { folder, name, packages, registry, onThere, log } = options;
  const [file, failure] = [join(folder, options.file), `${folder}.failed`];
  let bringing: Promise<void> | undefined;
  let failedAt = -Infinity;
  const isThere = () => existsSync(file);
  const get = async () => {
    const from = registry();
    if (from === undefined && !isThere()) return;
    if (performance.now() - failedAt < RETRY_MS) return;
    try {
      // Before anybody looks at it: who asks now waits for what comes of it now.
      rmSync(failure, { force: true });
      if (from !== undefined && !isThere()) {
        await fetchAll(from, folder, packages);
        log.info(`${name} is on this node`, { version: packages[0]?.version });
      }
      await onThere();
    } catch (error) {
      failedAt = performance.now();
      log.warn(`${name} could not be brought to this node`, { error: describeError(error) });
      await writeFile(failure, `${describeError(error)}\n`, { mode: 0o644 }).catch(() => undefined);
    }
  };
  return {
    file,
    failure,
    isThere,
    bring: () => (bringing ??= get().finally(() => (bringing = undefined))),
    why: async () => (await readFile(failure, 'utf8').catch(() => '')).trim(),
  };
}

async function fetchAll(registry: string, folder: string, packages: Package[]): Promise<void> {
  await mkdir(join(folder, '..'), { recursive: true, mode: 0o755 });
  const [archive, making] = [`${folder}.part`, `${folder}.new`];
  try {
    await rm(making, { recursive: true, force: true });
    for (const one of packages) {
      const plain = one.name.split('/').at(-1) ?? '';
      const hash = await download(`${registry}/${one.name}/-/${plain}-${one.version}.tgz`, archive);
      if (hash !== one.integrity) throw new Error('what came is not what was asked for');
      await unpack(archive, join(making, one.into), one.only);
      if (one.mends) await mend(join(making, one.into, one.mends.file), one.mends.all);
    }
    await rm(folder, { recursive: true, force: true });
    await rename(making, folder);
  } finally {
    await rm(archive, { force: true });
    await rm(making, { recursive: true, force: true });
  }
}

/** Whole or not at all: it is the file that this was made for. */
async function mend(file: string, mends: Mend[]): Promise<void> {
  let text = await readFile(file, 'utf8');
  for (const [from, to] of mends) {
    const [before, after, ...more] = text.split(from);
    if (before === undefined || after === undefined || more.length > 0)
      throw new Error('what came cannot be mended');
    text = `${before}${to}${after}`;
  }
  await writeFile(file, text);
}

async function unpack(archive: string, into: string, only: string[] = []): Promise<void> {
  await mkdir(into, { recursive: true, mode: 0o755 });
  // Archives of the registry have one folder, whose name says nothing.
  const words = ['-xzf', archive, '-C', into, '--no-same-owner', '--strip-components=1'];
  const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' };
  const what = only.map((name) => `package/${name}`);
  const { code, stderr } = await run('tar', [...words, ...what], { env, timeoutMs: UNPACK_TIMEOUT_MS });
  if (code !== 0) throw new Error(`it could not be unpacked: ${stderr.trim()}`);
}

/** Base64 of its SHA-512. */
async function download(url: string, archive: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS) });
  if (!response.ok || !response.body) throw new Error(`the registry answered ${response.status}`);
  const hash = createHash('sha512');
  await pipeline(
    Readable.fromWeb(response.body as ReadableStream),
    async function* measure(pieces: AsyncIterable<Buffer>) {
      for await (const piece of pieces) {
        hash.update(piece);
        yield piece;
      }
    },
    createWriteStream(archive),
  );
  return hash.digest('base64');
}

/** What other versions of the agent have brought: nothing leads there any more. */
export async function removeOthers(root: string, name: string, version: string): Promise<void> {
  for (const entry of await readdir(root))
    if (entry.startsWith(`${name}-`) && !entry.startsWith(`${name}-${version}`))
      await rm(join(root, entry), { recursive: true, force: true });
}
