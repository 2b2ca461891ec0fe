// The agent as a download: its version, its archives, the script that installs it. Open to everyone: there is nothing
// secret in it. Knows no node and no row.
import { createReadStream } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { StartError } from '../errors.ts';
import { fail, sendJson, type Route } from '../http/routes.ts';

const artifactShape = z.object({
  os: z.literal('linux'),
  arch: z.enum(['x64', 'arm64']),
  file: z.string().regex(/^[a-z0-9-]+\.tar\.gz$/),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  size: z.number().int().positive(),
});
const manifestShape = z.object({
  version: z.string().regex(/^[0-9A-Za-z.+-]{1,64}$/),
  artifacts: z.array(artifactShape),
});
type Manifest = z.infer<typeof manifestShape>;
type Artifact = Manifest['artifacts'][number];

const INSTALL_SCRIPT = join(import.meta.dirname, 'install.sh');

export interface ArtifactOptions {
  /** What `npm run build` made: `manifest.json`, and the archives that it names. It may appear or change at any time. */
  folder: string;
  /** The bot as nodes reach it. */
  baseUrl: string;
}

/** Asked anew each time; undefined: nothing is built, so agents stay as they are. Throws if the manifest is broken. */
export async function findAgentVersion(folder: string): Promise<string | undefined> {
  return (await findManifest(folder))?.version;
}

/** Machines fetch it when they boot: without one each would be paid for in vain. Throws StartError. */
/** `place`: as people call where such machines are. */
export async function requireArtifact(folder: string, place: string, arch: Artifact['arch']): Promise<void> {
  const manifest = await findManifest(folder);
  if (!manifest?.artifacts.some((artifact) => artifact.arch === arch))
    throw new StartError(
      `There is no agent for machines at ${place} (linux, ${arch}) yet, and they cannot do without.\n` +
        'Build it once, and after every update of Sam: `npm run build`. Then start again.',
    );
}

export function artifactRoutes(options: ArtifactOptions): Route[] {
  const get = (name: string, handle: Route['handle']): Route => ({
    method: 'GET',
    path: `/api/agent/${name}`,
    handle,
  });
  return [
    get('version', (_req, res) => sayVersion(options, res)),
    get('download', (req, res) => sendArtifact(options, req, res)),
    get('install-script', (_req, res) => sendScript(options, res)),
  ];
}

async function findManifest(folder: string): Promise<Manifest | undefined> {
  const text = await readFile(join(folder, 'manifest.json'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  return text === undefined ? undefined : manifestShape.parse(JSON.parse(text));
}

async function sayVersion({ folder }: ArtifactOptions, res: ServerResponse): Promise<void> {
  const manifest = await findManifest(folder);
  if (!manifest) return notBuilt(res, 'an agent');
  const artifacts = manifest.artifacts.map(({ os, arch, sha256, size }) => ({ os, arch, sha256, size }));
  sendJson(res, 200, { version: manifest.version, artifacts });
}

function notBuilt(res: ServerResponse, what: string): void {
  fail(
    res,
    404,
    'not-built',
    `This bot has not built ${what} yet. Run \`npm run build\` where the bot lies.`,
  );
}

const queryShape = z.object({ os: z.literal('linux'), arch: z.enum(['x64', 'arm64']) });

async function sendArtifact(
  { folder }: ArtifactOptions,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const { searchParams } = new URL(req.url ?? '', 'http://localhost');
  const query = queryShape.safeParse(Object.fromEntries(searchParams)).data;
  if (!query)
    return fail(res, 400, 'bad-request', 'Ask with `?os=linux&arch=x64` or `?os=linux&arch=arm64`.');
  const artifact = (await findManifest(folder))?.artifacts.find(({ arch }) => arch === query.arch);
  if (!artifact) return notBuilt(res, `an agent for ${query.arch}`);
  const path = join(folder, artifact.file);
  const size = await stat(path).then(
    (file) => file.size,
    () => undefined,
  );
  // Between the two files of a build that is just being written.
  if (size !== artifact.size) return notBuilt(res, `this agent for ${query.arch} to its end`);
  await sendFile(path, artifact, req, res);
}

async function sendFile(
  path: string,
  { sha256, size, file }: Artifact,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const etag = `"${sha256}"`;
  const headers = {
    etag,
    'accept-ranges': 'bytes',
    'cache-control': 'no-cache',
    'x-content-type-options': 'nosniff',
  };
  if (names(req.headers['if-none-match'], etag)) return void res.writeHead(304, headers).end();
  const isSame = req.headers['if-range'] === undefined || req.headers['if-range'] === etag;
  const range = isSame ? readRange(req.headers.range, size) : undefined;
  if (range === 'beyond') {
    const outside = { ...headers, 'content-range': `bytes */${size}` };
    return fail(
      res.setHeaders(new Map(Object.entries(outside))),
      416,
      'bad-range',
      `The file has ${size} bytes.`,
    );
  }
  const { first, last } = range ?? { first: 0, last: size - 1 };
  res.writeHead(range ? 206 : 200, {
    ...headers,
    'content-type': 'application/gzip',
    'content-length': last - first + 1,
    'content-disposition': `attachment; filename="${file}"`,
    ...(range && { 'content-range': `bytes ${first}-${last}/${size}` }),
  });
  if (req.method === 'HEAD') return void res.end();
  await stream(path, { first, last }, res);
}

async function stream(path: string, { first, last }: { first: number; last: number }, res: ServerResponse) {
  // Opened before it is read: a build that replaces the file changes nothing for those who are reading.
  const handle = await open(path);
  try {
    const source = createReadStream('', { fd: handle, start: first, end: last, autoClose: false });
    await pipeline(source, res);
  } catch (error) {
    // Who went away comes back and asks for the rest.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  } finally {
    await handle.close();
  }
}

const names = (header: string | undefined, etag: string): boolean =>
  header?.split(',').some((one) => ['*', etag, `W/${etag}`].includes(one.trim())) ?? false;

/** The address of the bot is an origin, so it needs no quotes inside the script's. */
async function sendScript({ baseUrl }: ArtifactOptions, res: ServerResponse): Promise<void> {
  const script = await readFile(INSTALL_SCRIPT, 'utf8');
  const body = script.replaceAll('@SAM_URL@', () => new URL(baseUrl).origin);
  res
    .writeHead(200, {
      'content-type': 'text/x-shellscript; charset=utf-8',
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    })
    .end(res.req.method === 'HEAD' ? undefined : body);
}

/** Both ends are bytes that are part of it. */
export interface Range {
  first: number;
  last: number;
}

/**
 * The part of `size` bytes that is asked for; `beyond` if there is no such part. Undefined for no header, another unit,
 * several ranges, or what nobody can read: then the whole is the answer.
 */
export function readRange(header: string | undefined, size: number): Range | 'beyond' | undefined {
  const [, from = '', to = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '') ?? [];
  if (from === '' && to === '') return undefined;
  if (from === '')
    return Number(to) === 0 ? 'beyond' : { first: Math.max(0, size - Number(to)), last: size - 1 };
  const first = Number(from);
  const last = to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (to !== '' && Number(to) < first) return undefined;
  return first >= size ? 'beyond' : { first, last };
}
