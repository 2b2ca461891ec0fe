// What the system says about a process. Pids are given away again, so a pid alone proves nothing; knows no Postgres.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * When the process was born, as text that only compares equal for the same process: a pid used again, or the same pid
 * after a reboot, differs. Undefined when it is gone or a zombie.
 */
export function birthOf(pid: number): string | undefined {
  if (process.platform !== 'linux') return ask(pid, 'lstart');
  const stat = read(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The second field is the program's name in parentheses and may hold anything, blanks and parentheses too.
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (state === 'Z' || state === 'X') return undefined;
  const ticksSinceBoot = fields[18];
  return `${read('/proc/sys/kernel/random/boot_id')?.trim()} ${ticksSinceBoot}`;
}

/** The command line, its words joined by blanks. Undefined when the process is gone or a zombie. */
export function commandOf(pid: number): string | undefined {
  if (process.platform !== 'linux') return ask(pid, 'command');
  return read(`/proc/${pid}/cmdline`)?.replaceAll('\0', ' ').trim() || undefined;
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function ask(pid: number, column: string): string | undefined {
  try {
    return (
      execFileSync('ps', ['-o', `${column}=`, '-p', String(pid)], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim() || undefined
    );
  } catch {
    return undefined; // ps ends with 1 when there is no such process.
  }
}
