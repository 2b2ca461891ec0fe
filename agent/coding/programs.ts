// Claude Code as the node has it: brought once, from the registry of npm, whole and as it was when this version was made, or not at
// all. Knows no workspace.
import { createHash } from 'node:crypto';
import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { describeError, type Log } from '../log.ts';
import { run } from '../system/run.ts';

const VERSION = '2.1.332';
const PACKAGE = 'claude-code';
const DOWNLOAD_TIMEOUT_MS = 30 * 60_000;
const UNPACK_TIMEOUT_MS = 5 * 60_000;
/** A registry that was silent is not asked again at once. */
const RETRY_MS = 60_000;

/** What the registry says of the packages of that version, each one program. */
const INTEGRITY: Record<string, string> = {
  'linux-x64': 'f4JWhzwYutJIHScC7/dYOPX6s28tt7ZADhsOi8zwOHq5fFPEuUeChh2NMfinSg0GrUckYxaeebC4h0DqiKzLcw==',
  'linux-arm64': 'BlHNEtK38KBPWU31F4lUSS9sHclCyfWbThT1CErvxxH8+XcljYLZlQwdyXBkTD62rw1TgfE1u1a+quMWS0NSJg==',
  'linux-x64-musl':
    'QoQzwipnqRAdBKDAJNJ2Qvl37G6x8nCugfOQa+nuMcGIRgGEOLeWoq3pTLMQRScL37estAQBGH9ygR3WFVbIfw==',
  'linux-arm64-musl':
    'jdjkkJLfAQ9M1HbT05tZHQpGNZUEPUebYwW/xpiMypZddB0lNlHlB9mXfOVV/UUPO0JCghj1NSQjxhhJc4L4CA==',
};

export interface CodingPrograms {
  /** A folder for the end of a PATH. */
  bin: string;
  /** Where it is, or will be; undefined: there is none for this system, or nobody has said yet where it comes from. */
  claude: () => { file: string; failure: string; isThere: boolean } | undefined;
  /** Goes and gets it, unless it is there or on its way. `failure` holds why not. Never rejects. */
  bring: () => Promise<void>;
  /** The same, unless the machine has one of its own. */
  bringIfMissing: () => Promise<void>;
  /** The bot said where packages are. */
  serve: (registry: string) => void;
}

export interface CodingOptions {
  /** Others than the agent's user may go through it. */
  dir: string;
  log: Log;
  /** The agent's own. */
  env: NodeJS.ProcessEnv;
  /** As `findTarget` has it. */
  target?: string;
}

const MUSL = '-musl';

/** For containers whose C library is musl, on a node where it is glibc. */
export const MUSL_TARGET = `linux-${process.arch}${MUSL}`;

/** `linux-x64` and the like; of a system whose C library is not glibc with `-musl`. */
function findTarget(): string {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  const isMusl = process.platform === 'linux' && header.glibcVersionRuntime === undefined;
  return `${process.platform}-${process.arch}${isMusl ? MUSL : ''}`;
}

export function createCodingPrograms({
  dir,
  log,
  env,
  target = findTarget(),
}: CodingOptions): CodingPrograms {
  const root = join(dir, 'programs');
  const kind = target.endsWith(MUSL) ? MUSL : '';
  const folder = join(root, `${PACKAGE}-${VERSION}${kind}`);
  const [bin, file, failure] = [join(root, `bin${kind}`), join(folder, 'claude'), `${folder}.failed`];
  const integrity = INTEGRITY[target];
  let registry: string | undefined;
  let bringing: Promise<void> | undefined;
  let failedAt = -Infinity;
  const get = async () => {
    if (integrity === undefined || registry === undefined || existsSync(file)) return;
    if (performance.now() - failedAt < RETRY_MS) return;
    await rm(failure, { force: true });
    try {
      const name = `${PACKAGE}-${target}`;
      await fetchProgram({
        url: `${registry}/@anthropic-ai/${name}/-/${name}-${VERSION}.tgz`,
        root,
        folder,
        integrity,
      });
      await link(bin, file);
      log.info('Claude Code is on this node', { version: VERSION });
    } catch (error) {
      failedAt = performance.now();
      log.warn('Claude Code could not be brought to this node', { error: describeError(error) });
      await writeFile(failure, `${describeError(error)}\n`, { mode: 0o644 }).catch(() => undefined);
    }
  };
  const bring = () => (bringing ??= get().finally(() => (bringing = undefined)));
  return {
    bin,
    claude() {
      const isThere = existsSync(file);
      const canCome = integrity !== undefined && registry !== undefined;
      return isThere || canCome ? { file, failure, isThere } : undefined;
    },
    bring,
    bringIfMissing: async () => {
      const isThere = (env['PATH'] ?? '').split(delimiter).some((one) => existsSync(join(one, 'claude')));
      if (!isThere) await bring();
    },
    serve: (from) => void (registry = from),
  };
}

interface Wanted {
  url: string;
  root: string;
  folder: string;
  integrity: string;
}

async function fetchProgram({ url, root, folder, integrity }: Wanted): Promise<void> {
  await mkdir(root, { recursive: true, mode: 0o755 });
  const [archive, making] = [`${folder}.part`, `${folder}.new`];
  try {
    const hash = await download(url, archive);
    if (hash !== integrity) throw new Error('what came is not what was asked for');
    await rm(making, { recursive: true, force: true });
    await mkdir(making, { mode: 0o755 });
    const words = [
      '-xzf',
      archive,
      '-C',
      making,
      '--no-same-owner',
      '--strip-components=1',
      'package/claude',
    ];
    const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' };
    const { code, stderr } = await run('tar', words, { env, timeoutMs: UNPACK_TIMEOUT_MS });
    if (code !== 0) throw new Error(`it could not be unpacked: ${stderr.trim()}`);
    await rm(folder, { recursive: true, force: true });
    await rename(making, folder);
  } finally {
    await rm(archive, { force: true });
    await rm(making, { recursive: true, force: true });
  }
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

/** In one step: at every moment the name leads to a whole program, of this version or the one before. */
async function link(bin: string, file: string): Promise<void> {
  await mkdir(bin, { recursive: true, mode: 0o755 });
  const made = join(bin, '.claude');
  await rm(made, { force: true });
  await symlink(file, made);
  await rename(made, join(bin, 'claude'));
}
