// The agent as one archive for one processor: its Node, its pty module, its programs. The same sources and packages give
// the same bytes. Knows no bot and no command line.
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { bundleAgent, type Bundle } from './bundle-agent.ts';
import { findPackage, versionOf } from './packages.ts';
import { tar, type Entry } from './tar.ts';

const ROOT = join(import.meta.dirname, '..');
/** What makes containers. */
const CONTAINERS = '@devcontainers/cli';
/** Where the header of gzip (RFC 1952) says which system packed it. */
const GZIP_SYSTEM = 9;
const UNIX = 3;

export const ARCHES = ['x64', 'arm64'] as const;
export type Arch = (typeof ARCHES)[number];

export interface Artifact {
  os: 'linux';
  arch: Arch;
  /** Beside the manifest. */
  file: string;
  /** Of the file, in hexadecimal digits. */
  sha256: string;
  /** Of the file, in bytes. */
  size: number;
}

/** `manifest.json`: what the bot serves. */
export interface Manifest {
  /** The package's, and a hash of all that is in the archives: each change is a version of its own. */
  version: string;
  artifacts: Artifact[];
}

/** Writes `sam-agent-linux-<arch>.tar.gz` for each, then `manifest.json`, into `outDir`. */
export async function buildArtifacts(outDir: string, arches: readonly Arch[] = ARCHES): Promise<Manifest> {
  await mkdir(outDir, { recursive: true });
  const bundle = await bundleAgent();
  const contents = await Promise.all(arches.map((arch) => collect(arch, bundle, join(outDir, 'packages'))));
  const version = `${await versionOf(ROOT)}+${hashEntries(contents.flat())}`;
  const artifacts: Artifact[] = [];
  // One after the other: an archive is 130 MB before it is packed.
  for (const [index, arch] of arches.entries())
    artifacts.push(await pack(outDir, arch, [...(contents[index] ?? []), text('VERSION', `${version}\n`)]));
  const manifest = { version, artifacts };
  await replace(join(outDir, 'manifest.json'), Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`));
  return manifest;
}

async function collect(arch: Arch, bundle: Bundle, cache: string): Promise<Entry[]> {
  const node = await findPackage(`node-linux-${arch}`, cache);
  const pty = `@lydell/node-pty-linux-${arch}`;
  return [
    { path: 'bin/node', isExecutable: true, content: await readFile(join(node, 'bin/node')) },
    {
      path: 'sam-agent',
      isExecutable: true,
      content: await readFile(join(import.meta.dirname, 'sam-agent.sh')),
    },
    ...[...bundle.files].map(([name, content]) => file(`lib/${name}`, content)),
    text('lib/package.json', '{ "type": "module" }\n'),
    ...(await collectFolder(await findPackage(pty, cache), `lib/node_modules/${pty}`)),
    ...(await collectFolder(await findPackage('node-pty', cache), 'lib/node_modules/node-pty')),
    // A program of its own, with all that it needs in it.
    ...(await collectFolder(await findPackage(CONTAINERS, cache), `lib/node_modules/${CONTAINERS}`)),
    file('default/Dockerfile', await readFile(join(ROOT, 'agent/runtimes/default/Dockerfile'))),
    ...(await collectLicenses([...bundle.packages, CONTAINERS], cache)),
    file('licenses/node', await readFile(join(node, 'LICENSE'))),
  ];
}

const file = (path: string, content: Buffer): Entry => ({ path, isExecutable: false, content });
const text = (path: string, content: string): Entry => file(path, Buffer.from(content));

/** Without what only people and compilers read, but with the licence. */
async function collectFolder(folder: string, path: string): Promise<Entry[]> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = names.filter((one) => one.isFile() && !/\.(md|d\.ts|map)$/.test(one.name));
  return Promise.all(
    files.map(async ({ parentPath, name }) => {
      const whole = join(parentPath, name);
      return file(`${path}${whole.slice(folder.length)}`, await readFile(whole));
    }),
  );
}

async function collectLicenses(packages: string[], cache: string): Promise<Entry[]> {
  const found = packages.map(async (name) => {
    const folder = await findPackage(name, cache);
    const [license] = (await readdir(folder)).filter((one) => /^licen[cs]e/i.test(one)).toSorted();
    // Where a package brings no text, it says in its description what holds.
    return file(`licenses/${name}`, await readFile(join(folder, license ?? 'package.json')));
  });
  return Promise.all(found);
}

function hashEntries(entries: Entry[]): string {
  const hash = createHash('sha256');
  const lines = entries.map(
    ({ path, isExecutable, content }) => `${path} ${isExecutable} ${sha256(content)}\n`,
  );
  for (const line of lines.toSorted()) hash.update(line);
  return hash.digest('hex').slice(0, 12);
}

const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex');

async function pack(outDir: string, arch: Arch, entries: Entry[]): Promise<Artifact> {
  const name = `sam-agent-linux-${arch}.tar.gz`;
  const packed = await promisify(gzip)(tar(entries), { level: 6 });
  packed[GZIP_SYSTEM] = UNIX;
  await replace(join(outDir, name), packed);
  return { os: 'linux', arch, file: name, sha256: sha256(packed), size: packed.length };
}

/** A bot may read it at this moment. */
async function replace(path: string, content: Buffer): Promise<void> {
  await writeFile(`${path}.tmp`, content);
  await rename(`${path}.tmp`, path);
}
