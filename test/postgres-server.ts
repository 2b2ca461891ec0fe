// One Postgres for the whole test run, with a migrated template database; gone afterwards, whatever the tests did.
import { existsSync, rmSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import postgres from 'postgres';
import type { TestProject } from 'vitest/node';
import { startEmbedded } from '../bot/database/embedded/embedded.ts';
import { lockDataDir } from '../bot/database/lock.ts';
import { migrate } from '../bot/database/connect.ts';
import { birthOf } from '../bot/database/embedded/processes.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Of the database `postgres`, as superuser; the template is `sam_template`. */
    postgresUrl: string;
  }
}

const PREFIX = 'sam-test-';

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  await sweep();
  const dataDir = await mkdtemp(path.join(tmpdir(), PREFIX));
  const lock = await lockDataDir(dataDir, { url: 'a test run' });
  const server = await startEmbedded({ dataDir, durable: false });
  const abandon = (): void => abandonServer(server.pid, dataDir);
  process.once('exit', abandon);
  const teardown = async () => {
    process.off('exit', abandon);
    await server.stop();
    await lock.release();
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

/** For an interrupted run, which ends without a teardown and waits for no promise. */
function abandonServer(pid: number, dataDir: string): void {
  process.kill(pid, 'SIGQUIT');
  const giveUpAt = Date.now() + 5000;
  while (birthOf(pid) && Date.now() < giveUpAt)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
  rmSync(dataDir, { recursive: true, force: true });
}

/** Stops and removes what earlier runs left that were killed with -9: their locks are dead. */
async function sweep(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const dataDir = path.join(tmpdir(), name);
    if (!name.startsWith(PREFIX) || !existsSync(path.join(dataDir, 'sam.lock'))) continue;
    const lock = await lockDataDir(dataDir, { url: 'a sweep' }).catch(() => undefined);
    if (!lock) continue;
    const isUp = existsSync(path.join(dataDir, 'postgres/data/postmaster.pid'));
    if (isUp) await (await startEmbedded({ dataDir, durable: false })).stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function createTemplate(url: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  await sql`create database sam_template`;
  await sql.end();
  const template = new URL(url);
  template.pathname = '/sam_template';
  if (existsSync('migrations')) await migrate(template.href, 'migrations');
}
