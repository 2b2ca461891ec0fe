// Migrations, by however many at once.
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import postgres, { type Sql } from 'postgres';
import { expect, onTestFinished, test } from 'vitest';
import { renderPlain } from '../../bot/chat/console/render.ts';
import { viewOf } from '../../bot/chat/view.ts';
import { connect } from '../../bot/database/connect.ts';
import { migrate } from '../../bot/database/connect.ts';
import { freshDatabase } from '../postgres.ts';
import { until } from '../until.ts';
import { launch } from './launch.ts';
import { readSubject } from '../../bot/chat/store/subjects.ts';

/** A folder as drizzle-kit writes it: a journal, and one file a migration. */
async function newFolder(migrations: string[]): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'sam-migrations-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await mkdir(path.join(folder, 'meta'));
  const entries = migrations.map((_, idx) => ({
    idx,
    version: '7',
    when: idx + 1,
    tag: `000${idx}_some`,
    breakpoints: true,
  }));
  for (const [idx, text] of migrations.entries())
    await writeFile(path.join(folder, `000${idx}_some.sql`), text);
  const journal = { version: '7', dialect: 'postgresql', entries };
  await writeFile(path.join(folder, 'meta/_journal.json'), JSON.stringify(journal));
  return folder;
}

async function newDatabase(): Promise<{ url: string; sql: Sql }> {
  const fresh = await freshDatabase({ empty: true });
  const sql = postgres(fresh.url, { max: 1, onnotice: () => {} });
  onTestFinished(async () => {
    await sql.end();
    await fresh.drop();
  });
  return { url: fresh.url, sql };
}

const NOTES =
  'create table notes (id int primary key);\n--> statement-breakpoint\ninsert into notes values (1);';

test('migrations are applied once, in order, and a repeated call changes nothing', async () => {
  const { url, sql } = await newDatabase();
  const folder = await newFolder([NOTES, 'insert into notes select max(id) + 1 from notes;']);
  await migrate(url, folder);
  await migrate(url, folder);
  expect([...(await sql`select id from notes order by id`)]).toEqual([{ id: 1 }, { id: 2 }]);
});

test('bots that start at once all come up, and the migrations ran once', async () => {
  const { url, sql } = await newDatabase();
  // Slow, so that the others arrive in the middle of it.
  const folder = await newFolder([`${NOTES}\n--> statement-breakpoint\nselect pg_sleep(0.5);`]);
  const bots = [launch('migrate', [url, folder]), launch('migrate', [url, folder])];
  const here = [migrate(url, folder), migrate(url, folder)];
  expect(await Promise.all(bots.map((bot) => bot.next()))).toEqual([{}, {}]);
  await Promise.all(here);
  expect([...(await sql`select count(*)::int as applied from drizzle.__drizzle_migrations`)]).toEqual([
    { applied: 1 },
  ]);
});

test('a bot killed in the middle of a migration leaves nothing behind, and the next one does it', async () => {
  const { url, sql } = await newDatabase();
  const slow = await newFolder([`${NOTES}\n--> statement-breakpoint\nselect pg_sleep(30);`]);
  const bot = launch('migrate', [url, slow]);
  const isSleeping = async () =>
    (
      await sql`select 1 from pg_stat_activity where datname = current_database() and query like '%pg_sleep(30)%' and pid <> pg_backend_pid()`
    ).length > 0;
  await until(isSleeping);
  await bot.kill();
  // Postgres notices a client that died in the middle of a statement only at its end; do not wait for that here.
  await sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`;
  await migrate(url, await newFolder([NOTES]));
  expect([...(await sql`select id from notes`)]).toEqual([{ id: 1 }]);
});

test('a migration that fails says what Postgres said, and leaves the database as it was', async () => {
  const { url, sql } = await newDatabase();
  const folder = await newFolder([NOTES, 'alter table nonsense add column x int;']);
  await expect(migrate(url, folder)).rejects.toMatchObject({
    name: 'StartError',
    message: expect.stringContaining('relation "nonsense" does not exist') as string,
  });
  expect([...(await sql`select to_regclass('notes') as notes`)]).toEqual([{ notes: null }]);
});

/** Our own migrations, as far as they went with the first `count` of them. */
async function landed(count: number): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'sam-migrations-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await cp('migrations', folder, { recursive: true });
  const journal = path.join(folder, 'meta/_journal.json');
  const { entries, ...rest } = JSON.parse(await readFile(journal, 'utf8')) as { entries: unknown[] };
  await writeFile(journal, JSON.stringify({ ...rest, entries: entries.slice(0, count) }));
  return folder;
}

test('rows that hold finished sentences come up with the bot that keeps codes, and their cards show them', async () => {
  const { url, sql } = await newDatabase();
  await migrate(url, await landed(2));
  await sql`insert into users (id, name) values ('us-1', 'ada')`;
  const failure = { class: 'provider', message: 'The machine is gone: somebody or something deleted it.' };
  await sql`insert into nodes (id, name, owner, provider, size, phase, desired, last_error, boot_failure)
    values ('no-1', 'sam-1', 'us-1', 'local', 'small', 'failed', 'deleted', ${sql.json(failure)}, ${sql.json(failure)})`;
  const rows = [
    { id: 'ws-failed', phase: 'failed', desired: 'running', notice: null, last_error: sql.json(failure) },
    { id: 'ws-stopped', phase: 'stopped', desired: 'stopped', notice: 'It was `idle`.', last_error: null },
    { id: 'ws-quiet', phase: 'running', desired: 'running', notice: null, last_error: null },
  ];
  for (const row of rows)
    await sql`insert into workspaces ${sql({ ...row, key: row.id, name: row.id, owner: 'us-1', node_id: 'no-1', size: 'small', repository: '/srv/api' })}`;
  await sql`update workspaces set reported = ${sql.json({ id: 'ws-failed', phase: 'failed', run: 1, sessions: 0, failure })} where id = 'ws-failed'`;
  await migrate(url, 'migrations');
  const database = await connect(url);
  onTestFinished(() => database.close());
  const card = async (id: string): Promise<string[]> => {
    const [facts] = await readSubject(database.db, id);
    return renderPlain(viewOf({ ...facts!, expiry: undefined, warningMs: 0 }));
  };
  expect(await card('ws-failed')).toEqual([
    '✗ ws-failed: failed',
    '  api · small · ws-failed',
    '  The machine is gone: somebody or something deleted it. (the machine, not your doing)',
    '  Next: retry ws-failed',
  ]);
  expect(await card('ws-stopped')).toContain('  It was `idle`.');
  expect(await card('ws-quiet')).toHaveLength(2);
});
