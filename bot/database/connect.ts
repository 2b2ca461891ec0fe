// The connection to Postgres: queries, drizzle, LISTEN, how its loss is told, and its migrations. Knows no table.
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres, { type Sql } from 'postgres';
import { messageOf, StartError } from '../errors.ts';
import { migrate as applyMigrations } from 'drizzle-orm/postgres-js/migrator';

export type Database = {
  /** Raw SQL. Its `timestamptz` are Dates, both ways; JSON is passed as text: `${JSON.stringify(x)}::jsonb`. */
  sql: Sql;
  /** The same connections, for the query builder. */
  db: PostgresJsDatabase;
  /**
   * Resolves once the database listens. `onListen` runs then, and again whenever a lost connection listens anew: what
   * was sent in between is lost, so look for it there. A hint only; polling is the truth.
   */
  listen(channel: string, onPayload: (payload: string) => void, onListen?: () => void): Promise<void>;
  /** Lets running queries end, for 5 s at most. Repeatable. */
  close(): Promise<void>;
};

const CONNECT_SECONDS = 10;
const OLDEST_VERSION = 15;
const TIMESTAMPTZ = 1184;

/** Resolves when the database has answered a query. Throws a StartError that names host and port, never the password. */
export async function connect(url: string, { deadlineMs = 15_000 } = {}): Promise<Database> {
  const sql = open(url);
  const db = drizzle(sql);
  readDates(sql);
  try {
    await checkVersion(sql, deadlineMs);
  } catch (error) {
    await sql.end({ timeout: 0 });
    throw error instanceof StartError ? error : unreachable(sql, error);
  }
  return {
    sql,
    db,
    listen: async (channel, onPayload, onListen) => void (await sql.listen(channel, onPayload, onListen)),
    close: () => sql.end({ timeout: 5 }),
  };
}

/**
 * What to tell when an error that nobody caught came from a lost database connection, else undefined. postgres.js throws
 * some outside of every promise (https://github.com/porsager/postgres/issues/1066), and the connection that did so is of no
 * use any more: log this and end the process with a code other than 0, a new start repairs it.
 */
export function describeDatabaseCrash(error: unknown): string | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (!isLostConnection(cause)) continue;
    const what = (cause as { code?: string }).code ?? cause.message;
    return `The connection to the database broke (${what}). Sam ends here; start it again when the database is up.`;
  }
  return undefined;
}

function open(url: string): Sql {
  // An unescaped / ? or # in a password ends the host part early, and the rest of it would show up in messages.
  const isTorn = /^\w+:\/\/[^/?#]*[/?#].*@/.test(url);
  try {
    if (!isTorn) {
      return postgres(url, {
        max: 10,
        idle_timeout: 300,
        connect_timeout: CONNECT_SECONDS,
        onnotice: () => {},
        connection: { application_name: 'sam' },
      });
    }
  } catch {
    // Falls through: the cause holds the whole URL.
  }
  throw new StartError(
    'DATABASE_URL is no URL of a database.\nIt looks like postgres://user:password@host:5432/database; ' +
      'in a password write / as %2F, ? as %3F, # as %23, @ as %40.',
  );
}

/** drizzle turns both into plain text for every query on these connections. Its own columns take Dates as well. */
function readDates({ options }: Sql): void {
  options.parsers[TIMESTAMPTZ] = (text: string) => new Date(text);
  options.serializers[TIMESTAMPTZ] = (value: unknown) =>
    value instanceof Date ? value.toISOString() : value;
}

async function checkVersion(sql: Sql, deadlineMs: number): Promise<void> {
  const answer = sql<{ version: number }[]>`select current_setting('server_version_num')::int as version`;
  const [row] = await withDeadline(answer, deadlineMs);
  const major = Math.floor((row?.version ?? 0) / 10_000);
  if (major >= OLDEST_VERSION) return;
  throw new StartError(
    `The database at ${placeOf(sql)} is Postgres ${major}, and Sam needs ${OLDEST_VERSION} or newer.\n` +
      'Set DATABASE_URL to a newer one.',
  );
}

/** postgres.js has a limit for the handshake, but tries for ever against a proxy that hangs up or never answers. */
async function withDeadline<T>(query: Promise<T>, deadlineMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${deadlineMs / 1000} s`)), deadlineMs);
  });
  return Promise.race([query, late]).finally(() => clearTimeout(timer));
}

function placeOf({ options }: Sql): string {
  return options.host.map((host, index) => `${host}:${options.port[index]}`).join(', ');
}

function unreachable(sql: Sql, error: unknown): StartError {
  const { user, database, host, port } = sql.options;
  const refusals: Record<string, string> = {
    '28P01': `Check user and password in DATABASE_URL.`,
    '28000': `Check user and password in DATABASE_URL, and the server's pg_hba.conf.`,
    '3D000': `Make it: \`createdb -h ${host[0]} -p ${port[0]} -U ${user} ${database}\`.`,
  };
  const remedy =
    refusals[codeOf(error)] ??
    `Check DATABASE_URL, and whether the server is up: \`pg_isready -h ${host[0]} -p ${port[0]}\`.`;
  return new StartError(`No connection to the database at ${placeOf(sql)}: ${messageOf(error)}\n${remedy}`, {
    cause: error,
  });
}

const codeOf = (error: unknown): string => (error as { code?: string }).code ?? '';

function isLostConnection(error: Error): boolean {
  const code = codeOf(error);
  if (/^CONNECTION_(CLOSED|ENDED|DESTROYED)$/.test(code)) return true;
  // A server that shuts down (57P01), crashed (57P02) or is not up yet (57P03), and the class "connection exception".
  if (error.name === 'PostgresError') return /^(57P0[123]|08...)$/.test(code);
  // The rest may come from any socket, so it must also come from the driver, which notes the query in its errors.
  const isDriver =
    'query' in error || /[\\/]postgres[\\/](cjs[\\/])?src[\\/]|\bnextWrite\b/.test(error.stack ?? '');
  if (!isDriver) return false;
  return error instanceof TypeError || /^(E[A-Z]+|CONNECT_TIMEOUT)$/.test(code);
}

/** Ours alone: any number will do, as long as every bot takes the same one. */
const MIGRATIONS_LOCK = 7_261_401_975;

/**
 * Applies what is missing of drizzle-kit's `folder`, in one transaction; repeatable. A second caller waits and then finds
 * nothing to do. Throws a StartError that names the cause; the database is then as before.
 */
export async function migrate(url: string, folder: string): Promise<void> {
  // One connection that lives as long as this call: the lock belongs to it and ends with it.
  const sql = postgres(url, {
    max: 1,
    idle_timeout: 0,
    max_lifetime: null,
    onnotice: () => {},
    connection: { application_name: 'sam migrate' },
  });
  try {
    await sql`select pg_advisory_lock(${MIGRATIONS_LOCK})`;
    await applyMigrations(drizzle(sql), { migrationsFolder: folder });
  } catch (error) {
    throw new StartError(`The database could not be brought up to date: ${reason(error)}`, { cause: error });
  } finally {
    await sql.end({ timeout: 5 });
  }
}

/** drizzle's error holds the statement, its cause what Postgres said. */
function reason(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause === undefined ? messageOf(error) : `${messageOf(cause)}\n${messageOf(error)}`;
}
