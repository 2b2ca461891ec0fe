// One coding agent's process in a workspace: started on pipes, bounded in what it may say, ended with all that it started. Knows no
// task and no turn.
import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { redact } from '../redact.ts';
import { endPrograms } from '../system/ending.ts';
import { traceMarked } from '../system/processes.ts';
import type { SpawnSpec } from '../sessions/pty.ts';
import { connectAcp, type Acp, type AcpOptions } from './acp.ts';

/** Marks what a coding agent started, and by inheritance its children. */
const MARK = 'SAM_CODING';
const MAX_SAID = 2_000;
/** It may say so much at once, and so much more a second: no turn needs that. */
const BURST_BYTES = 32 << 20;
const BYTES_PER_SECOND = 1 << 20;
const CLOSE_MS = 5_000;
const GRACE_MS = 500;
/** For what it said last. */
const LEFT_MS = 300;

export interface CodingProcess {
  acp: Acp;
  /** Aborts when it is gone, or said too much. */
  signal: AbortSignal;
  /** The last of its standard error, without secrets; of one that is about to go with its last words. */
  said: () => Promise<string>;
  /** A turn begins: what it said before does not count. */
  begin: () => void;
  /** Asks it to go; what it left in the background goes on. Resolves when it is gone. */
  close: () => Promise<void>;
  /** Ends it, and everything that it started. */
  end: () => Promise<void>;
}

export interface StartOptions extends Pick<AcpOptions, 'onUpdate' | 'onPermission'> {
  spec: SpawnSpec;
  /** Ends it where it runs, and everything that it started. */
  endAll: () => Promise<void>;
  /** What is started here only leads to where it runs: a signal does not come through. */
  isElsewhere: boolean;
}

/** What it and its children carry in their environment. */
export const markOf = (workspace: string): Record<string, string> => ({ [MARK]: workspace });

export function startProcess({ spec, endAll, isElsewhere, ...listening }: StartOptions): CodingProcess {
  const { file, args, env, cwd } = spec;
  // A process group of its own: a terminal's Ctrl-C is not for it.
  const child = spawn(file, args, { env, cwd, stdio: 'pipe', detached: true });
  const gone = new AbortController();
  const budget = createBudget(() => {
    gone.abort();
    signal(child, 'SIGKILL');
  });
  const stderr = keepLast(child, budget.spend);
  child.stdin.on('error', () => {});
  child.stdout.on('error', () => {});
  const acp = connectAcp({ ...listening, input: child.stdout, output: child.stdin, onBytes: budget.spend });
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const leave = () => {
    acp.close();
    gone.abort();
    resolve();
  };
  child.once('error', leave).once('close', leave);
  // What it left in the background may hold its pipes.
  child.once('exit', () => setTimeout(leave, LEFT_MS).unref());
  return {
    acp,
    signal: gone.signal,
    async said() {
      await Promise.race([closed, delay(LEFT_MS, undefined, { ref: false })]);
      return stderr();
    },
    begin: budget.renew,
    async close() {
      child.stdin.end();
      if (!isElsewhere) signal(child, 'SIGTERM');
      const insist = async () => {
        if (isElsewhere) await endAll().catch(() => undefined);
        signal(child, 'SIGKILL');
      };
      const timer = setTimeout(() => void insist(), CLOSE_MS);
      await closed;
      clearTimeout(timer);
      for (const pipe of child.stdio) pipe?.destroy();
    },
    async end() {
      try {
        await endAll();
      } finally {
        signal(child, 'SIGKILL');
        await closed;
        for (const pipe of child.stdio) pipe?.destroy();
      }
    },
  };
}

/** Where a coding agent's processes are, and whose. */
interface Whereabouts {
  uid?: number | undefined;
  endMarked?: ((mark: string) => Promise<void>) | undefined;
}

/** Whatever a coding agent started in this workspace, also in an earlier life of this program. Rejects where it is known to live on. */
export async function endCoding(workspace: string, { uid, endMarked }: Whereabouts = {}): Promise<void> {
  if (endMarked) return endMarked(`${MARK}=${workspace}`);
  // Before anything is asked to go: a child that cleaned its environment is known by its parent alone.
  const programs = await traceMarked(`${MARK}=${workspace}`, { uid });
  await endPrograms([programs], { graceMs: GRACE_MS });
}

function signal(child: ChildProcess, name: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, name);
  } catch {
    // It is gone.
  }
}

interface Budget {
  spend: (bytes: number) => void;
  renew: () => void;
}

function createBudget(onSpent: () => void): Budget {
  let spent = 0;
  let since = performance.now();
  return {
    renew() {
      spent = 0;
      since = performance.now();
    },
    spend(bytes: number) {
      spent += bytes;
      const allowed = BURST_BYTES + ((performance.now() - since) / 1_000) * BYTES_PER_SECOND;
      if (spent > allowed) onSpent();
    },
  };
}

function keepLast(child: ChildProcess, spend: (bytes: number) => void): () => string {
  let last = '';
  child.stderr
    ?.on('error', () => {})
    .setEncoding('utf8')
    .on('data', (text: string) => {
      spend(text.length);
      last = (last + text).slice(-2 * MAX_SAID);
    });
  // What is known by its beginning is not cut before it is found.
  return () => redact(last).slice(-MAX_SAID).trim();
}
