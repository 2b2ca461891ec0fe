// Where a text is left behind: in files, in environments. A test that finds a secret nowhere shows that the same search finds
// what is there. Knows no secret.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** The files below `folder` that hold it, binary ones too. `more`: of grep. */
export function findFiles(text: string, folder: string, ...more: string[]): string[] {
  const { stdout, error } = spawnSync('grep', ['-rlaF', ...more, '-e', text, folder], { encoding: 'utf8' });
  if (error) throw error;
  return stdout.split('\n').filter(Boolean);
}

/** Those processes that have it in their environment; one that has ended has none. */
export function findEnvironments(text: string, pids: number[]): number[] {
  return pids.filter((pid) => readEnvironment(pid).includes(text));
}

function readEnvironment(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    return '';
  }
}
