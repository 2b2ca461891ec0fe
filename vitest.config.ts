// How the tests run: real Postgres, started once; each file takes a fresh copy of the database (test/postgres.ts).
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/machines/**'],
    globalSetup: ['test/postgres-server.ts'],
    setupFiles: ['test/properties.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
