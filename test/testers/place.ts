// A place for one Sam: folders, a database, repositories to clone. At its end nothing of it may be left: it looks.
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import postgres from 'postgres';
import { isAlive, pidsThatMention } from '../providers/local-place.ts';
import { freshDatabase } from '../postgres.ts';
import { until } from '../until.ts';
import { createLocal } from '../../bot/providers/local/local.ts';

export interface Place extends AsyncDisposable {
  root: string;
  dataDir: string;
  /** Where the person is: relative paths start here. */
  cwd: string;
  databaseUrl: string;
  /** What a bot is told: this place's folders and database, any free port. */
  env: NodeJS.ProcessEnv;
  /** Makes a repository with a commit and gives its path; `files` by path, none: no commit. */
  repository(name: string, files?: Record<string, string>): string;
  /** Does that when nothing runs here any more. */
  defer(work: () => void): void;
  /** For short questions to the database. */
  sql: postgres.Sql;
  /** Of living processes that have this place in their environment or command. */
  processes(): Promise<number[]>;
  /** Of those the agents: what they start for a moment comes and goes. */
  agents(): Promise<number[]>;
}

const KEY = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });

export async function createPlace(): Promise<Place> {
  const root = mkdtempSync(join(tmpdir(), 'sam-story-'));
  const [dataDir = '', cwd = '', home = ''] = ['data', 'code', 'home'].map((name) => join(root, name));
  for (const folder of [cwd, home]) mkdirSync(folder);
  const database = await freshDatabase();
  const sql = postgres(database.url, {
    max: 2,
    onnotice: () => {},
    connection: { application_name: 'test' },
  });
  const deferred: (() => void)[] = [];
  return {
    root,
    dataDir,
    cwd,
    defer: (work) => void deferred.push(work),
    databaseUrl: database.url,
    env: {
      PATH: process.env['PATH'],
      HOME: home,
      LANG: 'C.UTF-8',
      PORT: '0',
      DATA_DIR: dataDir,
      DATABASE_URL: database.url,
      JWT_PRIVATE_KEY: KEY.toString(),
      // Whatever this machine has.
      RUNTIME: 'host',
      // Nothing is fetched that a test did not ask for.
      NPM_REGISTRY: 'http://127.0.0.1:9/no-registry',
    },
    sql,
    repository: (name, files = { 'README.md': `# ${name}\n` }) => makeRepository(join(cwd, name), files),
    processes: () => pidsThatMention(root),
    agents: async () =>
      (await pidsThatMention(root)).filter((pid) => commandOf(pid).includes('agent/main.ts')),
    async [Symbol.asyncDispose]() {
      const complaints = [await endServers(dataDir), await endRest(root), await endConnections(sql)];
      for (const work of deferred) work();
      await sql.end();
      await database.drop();
      rmSync(root, { recursive: true, force: true });
      const said = complaints.filter(Boolean).join('; ');
      if (said) throw new Error(`something was left behind: ${said}`);
    },
  };
}

/** As the bot would: local nodes outlive it, and only the provider knows all of them. */
async function endServers(dataDir: string): Promise<string> {
  const left: number[] = [];
  for (const installation of await findInstallations(join(dataDir, 'nodes'))) {
    const provider = createLocal({
      installation,
      timeoutMs: 30_000,
      dataDir,
      agent: { command: [] },
      env: {},
    });
    for (const server of await provider.list()) await provider.remove(server);
    await until(async () => (await provider.list()).length === 0);
    left.push(...(await pidsThatMention(`SAM_INSTALLATION=${installation}`)));
  }
  return left.length > 0 ? `processes of its agents: ${left.join(', ')}` : '';
}

async function findInstallations(nodes: string): Promise<Set<string>> {
  const found = new Set<string>();
  for (const name of await readdir(nodes).catch(() => [])) {
    const text = await readFile(join(nodes, name, 'server.json'), 'utf8').catch(() => '{}');
    const { labels } = JSON.parse(text) as { labels?: Record<string, string> };
    if (labels?.['sam-installation']) found.add(labels['sam-installation']);
  }
  return found;
}

/** What an agent asked of git a moment before its end has its answer a moment after it. */
async function endRest(root: string): Promise<string> {
  await until(async () => (await pidsThatMention(root)).length === 0, 5_000).catch(() => undefined);
  const left = await pidsThatMention(root);
  const commands = left.map((pid) => `${pid} ${commandOf(pid)}`);
  for (const pid of left) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  await until(async () => (await pidsThatMention(root)).length === 0);
  return commands.length > 0 ? `processes: ${commands.join(', ')}` : '';
}

/** Postgres notices the end of a killed client after a moment. */
async function endConnections(sql: postgres.Sql): Promise<string> {
  const count = async (): Promise<number> => {
    const [row] = await sql<{ count: number }[]>`
      select count(*)::int as count from pg_stat_activity
       where datname = current_database() and application_name <> 'test'`;
    return row?.count ?? 0;
  };
  return until(async () => (await count()) === 0, 5_000).then(
    () => '',
    async () => `${await count()} database connections`,
  );
}

/** Empty of one that has ended since it was seen. */
function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim().slice(0, 200);
  } catch {
    return '';
  }
}

/** The same files give the same commit, whoever makes them and when. */
function makeRepository(folder: string, files: Record<string, string>): string {
  mkdirSync(folder, { recursive: true });
  git(folder, 'init', '-q', '-b', 'main');
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  if (Object.keys(files).length > 0) {
    git(folder, 'add', '-A');
    git(folder, 'commit', '-q', '-m', 'first');
  }
  return folder;
}

export function git(folder: string, ...args: string[]): string {
  const who = { name: 'Ada', email: 'ada@example.com', date: '2026-01-02T03:04:05Z' };
  return execFileSync('git', ['-C', folder, ...args], {
    encoding: 'utf8',
    env: {
      PATH: process.env['PATH'],
      HOME: folder,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_AUTHOR_NAME: who.name,
      GIT_AUTHOR_EMAIL: who.email,
      GIT_AUTHOR_DATE: who.date,
      GIT_COMMITTER_NAME: who.name,
      GIT_COMMITTER_EMAIL: who.email,
      GIT_COMMITTER_DATE: who.date,
    },
  }).trim();
}
