// A fresh, migrated database for a test file, copied from the template of test/postgres-server.ts.
import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { inject } from 'vitest';

export type FreshDatabase = {
  url: string;
  /** Repeatable; cuts connections that are still open. The end of the test run drops it in any case. */
  drop(): Promise<void>;
};

/** About 50 ms. `empty: true` gives a database without our tables. */
export async function freshDatabase({ empty = false } = {}): Promise<FreshDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await administer(`create database ${name} template ${empty ? 'template0' : 'sam_template'}`);
  const url = new URL(inject('postgresUrl'));
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => administer(`drop database if exists ${name} with (force)`) };
}

async function administer(statement: string): Promise<void> {
  const sql = postgres(inject('postgresUrl'), { max: 1, onnotice: () => {} });
  try {
    await sql.unsafe(statement);
  } finally {
    await sql.end({ timeout: 5 });
  }
}
