// One Postgres for the whole test run, with a migrated template database; gone afterwards, whatever the tests did.
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import postgres from 'postgres';
import type { TestProject } from 'vitest/node';
import { startEmbedded } from '../bot/database/embedded.ts';
import { migrate } from '../bot/database/migrate.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Of the database `postgres`, as superuser; the template is `sam_template`. */
    postgresUrl: string;
  }
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'sam-test-'));
  const server = await startEmbedded({ dataDir, durable: false });
  const teardown = async () => {
    await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  };
  try {
    await createTemplate(server.url);
  } catch (error) {
    await teardown();
    throw error;
  }
  project.provide('postgresUrl', server.url);
  return teardown;
}

async function createTemplate(url: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  await sql`create database sam_template`;
  await sql.end();
  const template = new URL(url);
  template.pathname = '/sam_template';
  if (existsSync('migrations')) await migrate(template.href, 'migrations');
}
