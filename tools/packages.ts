// Files of packages in the lockfile, also of those for another processor than this one: these are fetched, and checked
// against the lockfile. Knows no agent.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const ROOT = join(import.meta.dirname, '..');
const run = promisify(execFile);

interface Locked {
  version: string;
  integrity: string;
}

/** The folder of a package as the lockfile names it. What is not installed is unpacked into `cache`. */
export async function findPackage(name: string, cache: string): Promise<string> {
  const { version, integrity } = await readLock(name);
  const installed = join(ROOT, 'node_modules', name);
  if (existsSync(installed) && (await versionOf(installed)) === version) return installed;
  const folder = join(cache, `${name.replaceAll(/[^a-z0-9-]/g, '-')}-${version}`);
  if (!existsSync(folder)) await fetchPackage(`${name}@${version}`, integrity, folder);
  return folder;
}

async function readLock(name: string): Promise<Locked> {
  const lock = JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, Locked>;
  };
  const locked = lock.packages[`node_modules/${name}`];
  if (!locked) throw new Error(`package-lock.json does not name ${name}`);
  return locked;
}

export async function versionOf(folder: string): Promise<string> {
  return (JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { version: string }).version;
}

/** All or nothing: the folder gets its name when everything is in it. */
async function fetchPackage(spec: string, integrity: string, folder: string): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  const making = await mkdtemp(`${folder}.`);
  try {
    const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', making, spec], {
      cwd: making,
      maxBuffer: 64 << 20,
    });
    const [{ filename } = { filename: '' }] = JSON.parse(stdout) as { filename: string }[];
    const archive = join(making, filename);
    checkIntegrity(spec, await readFile(archive), integrity);
    await run('tar', ['-xzf', archive, '-C', making]);
    await rename(join(making, 'package'), folder);
  } finally {
    await rm(making, { recursive: true, force: true });
  }
}

/** Throws unless the bytes are those that the lockfile means (`sha512-…`, as npm writes it). */
export function checkIntegrity(spec: string, archive: Buffer, integrity: string): void {
  const [algorithm = '', wanted] = integrity.split('-');
  const found = createHash(algorithm).update(archive).digest('base64');
  if (found !== wanted) throw new Error(`${spec}: what came is not what package-lock.json names`);
}
