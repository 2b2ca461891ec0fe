// Artifacts for tests: built once for a test file, unpacked where a test wants them.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { buildArtifacts, type Arch, type Manifest } from '../../tools/agent-artifact.ts';

export const ARCH = process.arch as Arch;

/** A folder with a build for this machine. */
export async function build(): Promise<{ folder: string; archive: string; manifest: Manifest }> {
  const folder = mkdtempSync(join(tmpdir(), 'sam-artifact-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const manifest = await buildArtifacts(folder, [ARCH]);
  return { folder, archive: join(folder, manifest.artifacts[0]!.file), manifest };
}

/** As a machine has it: `root/agent-<version>`. */
export function unpack(archive: string, into: string): string {
  mkdirSync(into, { recursive: true });
  execFileSync('tar', ['-xzf', archive, '-C', into]);
  return into;
}
