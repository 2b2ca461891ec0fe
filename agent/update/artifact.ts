// The artifacts of the agent on disk: which one this is, another one fetched whole or not at all, the link that says which is
// to run. Knows not when.
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { z } from 'zod';
import { run } from '../system/run.ts';

const ANSWER_TIMEOUT_MS = 15_000;
const DOWNLOAD_TIMEOUT_MS = 15 * 60_000;
const UNPACK_TIMEOUT_MS = 5 * 60_000;

/** What the start script reads (tools/sam-agent.sh). */
const STARTS = '.starts';
const PREVIOUS = '.previous';
const FAILED = '.failed';

/** An artifact on disk: `root/agent-<version>`, with the link `root/agent` to the one that is to run. */
export interface Installed {
  version: string;
  /** Absolute, with all links followed. */
  folder: string;
  root: string;
}

/** Of the sources; an artifact says its own. */
export const VERSION = '0.1.0';

/** What the start script says; undefined when the agent runs from its sources. */
export function findInstalled(env: NodeJS.ProcessEnv): Installed | undefined {
  const folder = env['SAM_PACKAGE'];
  if (!folder) return undefined;
  const version = readFileSync(join(folder, 'VERSION'), 'utf8').trim();
  return { version, folder, root: dirname(folder) };
}

/** The folder of the version before this one; empty: there was none, or the agent runs from its sources. */
export function findPrevious(installed: Installed | undefined): string {
  try {
    return installed ? readFileSync(join(installed.folder, '.previous'), 'utf8').trim() : '';
  } catch {
    return '';
  }
}

/** This version failed to start here. */
export const hasFailed = ({ root }: Installed, version: string): boolean =>
  existsSync(join(root, `agent-${version}`, FAILED));

export interface Fetch {
  samUrl: string;
  /** Gets `agent-<version>`. */
  root: string;
  version: string;
  signal: AbortSignal;
}

const offerShape = z.object({
  version: z.string().regex(/^[0-9A-Za-z.+-]{1,64}$/),
  artifacts: z.array(
    z.object({
      os: z.string(),
      arch: z.string(),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
      size: z.number(),
    }),
  ),
});

/** Repeatable: what is there already is not fetched again, and half a download goes on. Throws if anything is not right. */
export async function fetchArtifact(wanted: Fetch): Promise<void> {
  const { root, version, signal } = wanted;
  const offer = offerShape.parse(await (await ask(wanted, '/api/agent/version', ANSWER_TIMEOUT_MS)).json());
  // It becomes the name of a folder, so the answer's shape counts for it as well.
  if (offer.version !== version) throw new Error(`update: the bot has ${offer.version} by now`);
  const folder = join(root, `agent-${version}`);
  if (existsSync(join(folder, 'sam-agent'))) return;
  const artifact = offer.artifacts.find(({ os, arch }) => os === process.platform && arch === process.arch);
  if (!artifact) throw new Error(`update: the bot has no agent for ${process.platform} on ${process.arch}`);
  const archive = join(root, `agent-${artifact.sha256}.part`);
  await download(wanted, archive, artifact.size);
  if ((await hashOf(archive)) !== artifact.sha256) {
    await rm(archive, { force: true });
    throw new Error('update: what came is not what was announced');
  }
  await unpack(archive, folder, signal);
  await rm(archive, { force: true });
}

async function ask(
  { samUrl, signal }: Fetch,
  path: string,
  timeoutMs: number,
  headers: Record<string, string> = {},
): Promise<Response> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const response = await fetch(`${samUrl}${path}`, { headers, signal: limit, redirect: 'error' });
  if (!response.ok) throw new Error(`update: ${path}: the bot answered ${response.status}`);
  return response;
}

async function download(wanted: Fetch, archive: string, size: number): Promise<void> {
  let have = await stat(archive).then(
    (file) => file.size,
    () => 0,
  );
  if (have >= size) await rm(archive, { force: true });
  if (have >= size) have = 0;
  const path = `/api/agent/download?os=${process.platform}&arch=${process.arch}`;
  const headers: Record<string, string> = have > 0 ? { range: `bytes=${have}-` } : {};
  const { status, body } = await ask(wanted, path, DOWNLOAD_TIMEOUT_MS, headers);
  if (!body) throw new Error('update: the bot sent nothing');
  await pipeline(
    Readable.fromWeb(body as ReadableStream),
    createWriteStream(archive, { flags: status === 206 ? 'a' : 'w' }),
  );
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

async function unpack(archive: string, folder: string, signal: AbortSignal): Promise<void> {
  const making = `${folder}.new`;
  await rm(making, { recursive: true, force: true });
  await mkdir(making);
  const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' };
  const outcome = await run('tar', ['-xzf', archive, '-C', making, '--no-same-owner'], {
    env,
    timeoutMs: UNPACK_TIMEOUT_MS,
    signal,
  });
  if (outcome.code !== 0) throw new Error(`update: unpack: ${outcome.stderr.trim() || outcome.startError}`);
  await rm(folder, { recursive: true, force: true });
  await rename(making, folder);
}

/** In one step: at every moment the link leads to a whole agent. */
export async function switchTo(installed: Installed, version: string): Promise<void> {
  const { root } = installed;
  const name = `agent-${version}`;
  await rm(join(root, name, STARTS), { force: true });
  await writeFile(join(root, name, PREVIOUS), basename(installed.folder));
  const link = join(root, `.${name}.link`);
  await rm(link, { force: true });
  await symlink(name, link);
  await rename(link, join(root, 'agent'));
}

/** It works: its starts count no longer, and of the versions before it only the last stays. Repeatable. */
export async function confirmStart({ root, folder }: Installed, previous: string): Promise<void> {
  await rm(join(folder, STARTS), { force: true });
  const own = folder.slice(root.length + 1);
  const others = (await readdir(root)).filter((name) => name.startsWith('agent-'));
  for (const name of others) {
    // A failed one says so, for as long as its folder is there.
    const isKept = name === own || name === previous || existsSync(join(root, name, FAILED));
    if (!isKept) await rm(join(root, name), { recursive: true, force: true });
  }
}
