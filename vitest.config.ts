// How the tests run: real Postgres, started once; each file takes a fresh copy of the database (test/postgres.ts).
import { defineConfig } from 'vitest/config';
import { PATIENCE_MS } from './test/until.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/machines/**'],
    globalSetup: ['test/postgres-server.ts'],
    setupFiles: ['test/properties.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // Longer than any wait within a test, so that the wait says what did not come.
    testTimeout: 2 * PATIENCE_MS,
    hookTimeout: 2 * PATIENCE_MS,
    expect: { poll: { timeout: PATIENCE_MS } },
  },
});
