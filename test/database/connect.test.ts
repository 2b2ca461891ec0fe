// The connection to the database, and what people read when there is none.
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pgTable, timestamp } from 'drizzle-orm/pg-core';
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from 'vitest';
import { connect, describeDatabaseCrash, type Database } from '../../bot/database/connect.ts';
import { startEmbedded } from '../../bot/database/embedded/embedded.ts';
import { freshDatabase, type FreshDatabase } from '../postgres.ts';
import { until } from '../until.ts';
import { launch } from './launch.ts';

let fresh: FreshDatabase;
let database: Database;
beforeAll(async () => {
  fresh = await freshDatabase();
  database = await connect(fresh.url);
});
afterAll(async () => {
  await database.close();
  await fresh.drop();
});

const failure = (url: string, deadlineMs = 20_000) =>
  connect(url, { deadlineMs }).then(
    () => expect.unreachable(),
    (error: Error) => error,
  );

test('timestamps are Dates, in raw SQL and in the query builder, both ways', async () => {
  const { sql, db } = database;
  const visits = pgTable('visits', { at: timestamp({ withTimezone: true }).notNull() });
  await sql`create table visits (at timestamptz not null)`;
  const at = new Date('2026-03-01T12:00:00.123Z');
  await sql`insert into visits values (${at})`;
  await db.insert(visits).values({ at });
  expect([...(await sql`select at from visits`)]).toEqual([{ at }, { at }]);
  expect(await db.select().from(visits)).toEqual([{ at }, { at }]);
});

test('the database sees who is connected', async () => {
  expect([...(await database.sql`select current_setting('application_name') as name`)]).toEqual([
    { name: 'sam' },
  ]);
});

test('someone who listens hears again after the connection broke, and is told to catch up', async () => {
  const heard: string[] = [];
  let listens = 0;
  await database.listen(
    'wake',
    (payload) => heard.push(payload),
    () => (listens += 1),
  );
  expect(listens).toBe(1);
  await database.sql`select pg_notify('wake', 'before')`;
  await until(() => heard.length === 1);
  await database.sql`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and query ilike 'listen%'`;
  await until(() => listens === 2);
  await database.sql`select pg_notify('wake', 'after')`;
  await until(() => heard.length === 2);
  expect(heard).toEqual(['before', 'after']);
});

test('where nothing listens, the message names host and port and what to do, and no password', async () => {
  const { message, name } = await failure('postgres://sam:hunter2@127.0.0.1:1/sam');
  expect(name).toBe('StartError');
  expect(message).toContain('No connection to the database at 127.0.0.1:1: connect ECONNREFUSED');
  expect(message).toContain('`pg_isready -h 127.0.0.1 -p 1`');
  expect(message).not.toContain('hunter2');
});

test('a wrong password and a database that is missing have their own next steps', async () => {
  const wrong = new URL(inject('postgresUrl'));
  wrong.password = 'hunter2';
  const refused = await failure(wrong.href);
  expect(refused.message).toContain(
    'password authentication failed for user "sam"\nCheck user and password in DATABASE_URL.',
  );
  expect(refused.message).not.toContain('hunter2');
  const missing = new URL(inject('postgresUrl'));
  missing.pathname = '/nowhere';
  expect((await failure(missing.href)).message).toContain(
    `\`createdb -h 127.0.0.1 -p ${missing.port} -U sam nowhere\``,
  );
});

test('something that is no Postgres and hangs up is given up on', async () => {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const { message } = await failure(`postgres://sam:x@127.0.0.1:${port}/sam`, 200);
  expect(message).toContain(`at 127.0.0.1:${port}: no answer within 0.2 s`);
});

test.each(['postgres://sam:hun/ter2@localhost/sam', 'postgres://sam:1#ter2@localhost/sam', 'ter2'])(
  'an address that is no URL (%s) is not repeated, since it may hold a password',
  async (url) => {
    const { message, cause } = await failure(url);
    expect(message).toContain('postgres://user:password@host:5432/database');
    expect(`${message} ${String(cause)}`).not.toContain('ter2');
  },
);

test('every error of a database that is killed under load is told as a lost connection', async () => {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'sam-connect-'));
  const server = await startEmbedded({ dataDir, durable: false });
  onTestFinished(async () => {
    await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  });
  const sufferer = launch('suffer', [server.url]);
  expect(await sufferer.next()).toEqual({ ready: true });
  process.kill(server.pid, 'SIGQUIT');
  const { described, unknown } = await sufferer.next();
  expect(unknown).toEqual([]);
  expect(described).not.toEqual([]);
});

test('what the driver throws outside of every promise is told as a lost connection', async () => {
  const { message, described } = await launch('strand', [fresh.url]).next();
  expect(message).toBe("Cannot read properties of null (reading 'write')");
  expect(described).toContain(`The connection to the database broke (${String(message)})`);
});

test('so is a query after the end, in the wrapping of the query builder too', async () => {
  const ended = await connect(fresh.url);
  await ended.close();
  const error = await ended.db.execute('select 1').catch((reason: Error) => reason);
  expect(describeDatabaseCrash(error)).toContain('(CONNECTION_ENDED)');
});

test('everyday errors are not told as a lost connection', async () => {
  const refused = await fetch('http://127.0.0.1:1').catch((error: Error) => error);
  const broken = await database.sql`select 1 / 0`.catch((error: Error) => error);
  for (const error of [refused, broken, new TypeError('of ours'), 'a string', undefined]) {
    expect(describeDatabaseCrash(error)).toBeUndefined();
  }
});
