// How the tests run: real Postgres, started once; each file takes a fresh copy of the database (test/postgres.ts); in an order that
// each commit has its own of, so that no test comes to need another.
import { execFileSync } from 'node:child_process';
import { defineConfig } from 'vitest/config';
import { PATIENCE_MS } from './test/until.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/machines/**'],
    globalSetup: ['test/postgres-server.ts'],
    setupFiles: ['test/properties.ts'],
    sequence: { shuffle: true, seed: seedOf() },
    pool: 'forks',
    maxWorkers: 2,
    // Longer than any wait within a test, so that the wait says what did not come.
    testTimeout: 2 * PATIENCE_MS,
    hookTimeout: 2 * PATIENCE_MS,
    expect: { poll: { timeout: PATIENCE_MS } },
  },
});

/** Of the commit; the same without one. It is printed with the tests, and `--sequence.seed` gives another. */
function seedOf(): number {
  try {
    const commit = execFileSync('git', ['rev-parse', 'HEAD'], {
      cwd: import.meta.dirname,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return Number.parseInt(commit.toString().slice(0, 7), 16);
  } catch {
    return 1;
  }
}
