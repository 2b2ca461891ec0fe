// Artifacts for tests: built once for a test file, unpacked where a test wants them.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { buildArtifacts, type Arch, type Manifest } from '../../tools/agent-artifact.ts';

export const ARCH = process.arch as Arch;

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder with a build for this machine. */
export async function build(): Promise<{ folder: string; archive: string; manifest: Manifest }> {
  const folder = mkdtempSync(join(tmpdir(), 'sam-artifact-'));
  folders.push(folder);
  const manifest = await buildArtifacts(folder, [ARCH]);
  return { folder, archive: join(folder, manifest.artifacts[0]!.file), manifest };
}

/** As a machine has it: `root/agent-<version>`. */
export function unpack(archive: string, into: string): string {
  mkdirSync(into, { recursive: true });
  execFileSync('tar', ['-xzf', archive, '-C', into]);
  return into;
}

/** The same agent under another version, or one that ends at once, as a bot that was updated has it. Replaces the build. */
export function republish(folder: string, version: string, { isBroken = false } = {}): void {
  const { artifacts } = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as Manifest;
  const file = artifacts[0]!.file;
  const work = unpack(join(folder, file), mkdtempSync(join(folder, 'work-')));
  writeFileSync(join(work, 'VERSION'), `${version}\n`);
  if (isBroken) writeFileSync(join(work, 'lib/main.js'), 'process.exit(1);\n');
  execFileSync('tar', ['-I', 'gzip -1', '-cf', join(folder, file), '-C', work, '.']);
  rmSync(work, { recursive: true, force: true });
  const bytes = readFileSync(join(folder, file));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const artifact = { os: 'linux', arch: ARCH, file, sha256, size: bytes.length };
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify({ version, artifacts: [artifact] }));
}
