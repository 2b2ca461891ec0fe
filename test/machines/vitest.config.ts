// `npm run test:machines`: tests that boot machines. They need root and Debian; where they cannot run they are left out, and say so; under CI they fail.
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { PATIENCE_MS } from '../until.ts';

export default defineConfig({
  test: {
    root: join(import.meta.dirname, '../..'),
    include: ['test/machines/**/*.test.ts'],
    globalSetup: ['test/postgres-server.ts', 'test/machines/disk.ts'],
    setupFiles: ['test/properties.ts'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: PATIENCE_MS } },
  },
});
