// Makes the page's files from its sources, once per change, and says with which headers they are served. Serves nothing.
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';

export interface PageAsset {
  body: Buffer;
  /** `content-type`. */
  type: string;
  /** Its name carries a hash of it: it never changes. */
  immutable: boolean;
  /** The same body for clients that accept `br`; absent where it would not be smaller. */
  brotli?: Buffer;
}

export interface PageFiles {
  /** `GET /w/:workspace`: the same bytes for everyone. */
  html: string;
  /** The headers of that page. `nodeOrigins`: where terminals are, as `wss://host` or `wss://*.domain`. */
  headers: (nodeOrigins: string[]) => Record<string, string>;
  /** By path: `/assets/main-ABC.js`. */
  assets: Map<string, PageAsset>;
}

interface StoredAsset {
  path: string;
  file: string;
  type: string;
  immutable: boolean;
  brotli: boolean;
}

const SOURCES = path.join(import.meta.dirname, '../../web-terminal');
const LIST = 'page.json';
const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webmanifest': 'application/manifest+json',
};

/**
 * The page's files, made with esbuild into a folder of `outDir` that is named after a hash of all inputs; when that folder is
 * there, they are only read. Safe to run twice at once. Throws with esbuild's message when a source is broken.
 */
export async function bundlePage(outDir: string): Promise<PageFiles> {
  const folder = path.join(outDir, await hashInputs());
  const current = await readBundle(folder);
  if (current) return current;
  await mkdir(outDir, { recursive: true });
  const making = await mkdtemp(path.join(outDir, 'making-'));
  await writeBundle(making, await build());
  await rename(making, folder).catch(() => rm(making, { recursive: true, force: true })); // another start was first
  await removeOthers(outDir, path.basename(folder));
  const made = await readBundle(folder);
  if (!made) throw new Error(`page: ${folder} cannot be read after it was written`);
  return made;
}

function createPageHeaders(nodeOrigins: string[]): Record<string, string> {
  const policy = {
    'default-src': "'none'",
    'script-src': "'self'",
    'style-src': "'self'",
    'connect-src': ["'self'", ...nodeOrigins].join(' '),
    'img-src': "'self'",
    'font-src': "'self'",
    'manifest-src': "'self'",
    'worker-src': "'self'",
    'base-uri': "'none'",
    'form-action': "'none'",
    'frame-ancestors': "'none'",
    'require-trusted-types-for': "'script'",
    'trusted-types': 'sam-shell',
  };
  return {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': Object.entries(policy)
      .map(([name, value]) => `${name} ${value}`)
      .join('; '),
    'cross-origin-opener-policy': 'same-origin',
    'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
  };
}

/** What to answer to `GET` of an asset, or undefined when there is none of that path. `accept`: its `accept-encoding`. */
export function answerAsset(
  files: PageFiles,
  assetPath: string,
  accept = '',
): { headers: Record<string, string>; body: Buffer } | undefined {
  const asset = files.assets.get(assetPath);
  if (!asset) return undefined;
  const brotli = /\bbr\b/.test(accept) ? asset.brotli : undefined;
  return {
    body: brotli ?? asset.body,
    headers: {
      'content-type': asset.type,
      'cache-control': asset.immutable ? 'public, max-age=31536000, immutable' : 'no-cache',
      'x-content-type-options': 'nosniff',
      vary: 'accept-encoding',
      // The worker answers with it where the page would be.
      ...(assetPath.endsWith('.html') && {
        'content-security-policy':
          "default-src 'none'; script-src 'self'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      }),
      ...(brotli && { 'content-encoding': 'br' }),
      ...(assetPath.endsWith('/service-worker.js') && { 'service-worker-allowed': '/w/' }),
    },
  };
}

async function hashInputs(): Promise<string> {
  const require = createRequire(import.meta.url);
  const addons = ['fit', 'search', 'web-links'].map((name) => `@xterm/addon-${name}`);
  const packages = ['@xterm/xterm', ...addons, 'esbuild'];
  const own = (await readdir(SOURCES, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .toSorted();
  const files = [
    ...own,
    import.meta.filename,
    path.join(SOURCES, '../agent/protocol.ts'),
    path.join(SOURCES, '../agent/widths.ts'),
    ...packages.map((name) => require.resolve(`${name}/package.json`)),
  ];
  const hash = createHash('sha256');
  for (const body of await Promise.all(files.map((file) => readFile(file)))) hash.update(hashOf(body));
  return hash
    .update(own.map((file) => path.relative(SOURCES, file)).join())
    .digest('hex')
    .slice(0, 16);
}

const hashOf = (body: string | Uint8Array) => createHash('sha256').update(body).digest('hex').slice(0, 10);

let building = 0;

/** esbuild runs as a process of its own, which ends with the last who needs it. */
async function build(): Promise<Map<string, Uint8Array>> {
  building++;
  try {
    return await makeFiles();
  } finally {
    building--;
    if (building === 0) await (await import('esbuild')).stop();
  }
}

/** Everything the page is made of, by path; `/index.html` is the page itself. */
async function makeFiles(): Promise<Map<string, Uint8Array>> {
  const made = new Map<string, Uint8Array>();
  const names = new Map<string, string>(); // what the sources call it -> the path with its hash
  const keep = (name: string, body: Uint8Array) => {
    const { name: stem, ext } = path.parse(name);
    const hashed = `/assets/${stem}-${hashOf(body)}${ext}`;
    made.set(hashed, body);
    names.set(`/assets/${name}`, hashed);
  };
  for (const name of await readdir(path.join(SOURCES, 'icons')))
    keep(name, await readFile(path.join(SOURCES, 'icons', name)));
  keep('main.js', await bundle('main.ts'));
  keep('style.css', await bundle('style.css'));
  keep('offline.js', await bundle('offline/offline.ts'));
  const fill = async (name: string) =>
    [...names].reduce((text, [from, to]) => text.replaceAll(`"${from}"`, `"${to}"`), await readText(name));
  made.set('/assets/manifest.webmanifest', Buffer.from(await fill('manifest.webmanifest')));
  keep('offline.html', Buffer.from(await fill('offline/offline.html')));
  const shell = [...made.keys()].filter((name) => /\.(js|css|html)$/.test(name));
  made.set(
    '/assets/service-worker.js',
    await bundle('offline/service-worker.ts', {
      SHELL: JSON.stringify(shell),
      SHELL_VERSION: JSON.stringify(hashOf(shell.join())),
      OFFLINE: JSON.stringify(names.get('/assets/offline.html')),
      ICON: JSON.stringify(names.get('/assets/icon-192.png')),
    }),
  );
  made.set('/index.html', Buffer.from(await fill('index.html')));
  return made;
}

async function bundle(entry: string, define: Record<string, string> = {}): Promise<Uint8Array> {
  const { build: esbuild } = await import('esbuild'); // only when there is something to do: it takes a while to load
  const { outputFiles } = await esbuild({
    entryPoints: [path.join(SOURCES, entry)],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: ['chrome111', 'firefox115', 'safari16.4'],
    legalComments: 'none',
    logLevel: 'silent',
    define,
  });
  const output = outputFiles[0];
  if (!output) throw new Error(`page: esbuild made nothing of ${entry}`);
  return output.contents;
}

const readText = (name: string) => readFile(path.join(SOURCES, name), 'utf8');

async function writeBundle(folder: string, made: Map<string, Uint8Array>): Promise<void> {
  const list: StoredAsset[] = [];
  for (const [at, body] of made) {
    const file = path.basename(at);
    await writeFile(path.join(folder, file), body);
    if (at === '/index.html') continue;
    const brotli = brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } });
    const isSmaller = brotli.length < body.length * 0.9;
    if (isSmaller) await writeFile(path.join(folder, `${file}.br`), brotli);
    const type = types[path.extname(file)] ?? 'application/octet-stream';
    list.push({ path: at, file, type, immutable: /-[0-9a-f]{10}\.\w+$/.test(file), brotli: isSmaller });
  }
  await writeFile(path.join(folder, LIST), JSON.stringify(list)); // last: its presence says that all the others are there
}

async function readBundle(folder: string): Promise<PageFiles | undefined> {
  const list = await readFile(path.join(folder, LIST), 'utf8').catch(() => undefined);
  if (list === undefined) return undefined;
  const read = (name: string) => readFile(path.join(folder, name));
  const assets = await Promise.all(
    (JSON.parse(list) as StoredAsset[]).map(async ({ path: at, file, type, immutable, brotli }) => {
      const asset: PageAsset = { body: await read(file), type, immutable };
      if (brotli) asset.brotli = await read(`${file}.br`);
      return [at, asset] as const;
    }),
  );
  return { html: (await read('index.html')).toString(), headers: createPageHeaders, assets: new Map(assets) };
}

async function removeOthers(outDir: string, keep: string): Promise<void> {
  const old = (await readdir(outDir)).filter((name) => name !== keep && /^[0-9a-f]{16}$/.test(name));
  await Promise.all(old.map((name) => rm(path.join(outDir, name), { recursive: true, force: true })));
}
