// Runs test/database/child.ts, so that a test can kill it, or run two at once.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

type Line = Record<string, unknown> & { error?: string };
export type Launched = {
  pid: number;
  /** The next line that it prints. */
  next(): Promise<Line>;
  /** kill -9, and wait until it is gone. */
  kill(): Promise<void>;
};

/** `prefix` is a command that runs another one, like setpriv. The child is killed at the end of the test. */
export function launch(
  task: string,
  args: string[],
  { prefix = [], env = {} }: { prefix?: string[]; env?: NodeJS.ProcessEnv } = {},
): Launched {
  const child = fileURLToPath(new URL('./child.ts', import.meta.url));
  const [command = '', ...words] = [...prefix, process.execPath, child, task, ...args];
  const launched = spawn(command, words, {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  const exit = once(launched, 'exit');
  const lines = createInterface({ input: launched.stdout })[Symbol.asyncIterator]();
  const kill = async () => {
    launched.kill('SIGKILL');
    await exit;
  };
  onTestFinished(kill);
  return {
    pid: launched.pid ?? 0,
    async next() {
      const { value, done } = (await lines.next()) as { value: string; done: boolean };
      if (done) throw new Error(`the child ended without a word`);
      return JSON.parse(value) as Line;
    },
    kill,
  };
}
