// A process of its own for the tests of this folder: does one thing, prints one line of JSON, lives until it is killed.
import { setTimeout as delay } from 'node:timers/promises';
import { connect, describeDatabaseCrash } from '../../bot/database/connect.ts';
import { startEmbedded } from '../../bot/database/embedded/embedded.ts';
import { lockDataDir } from '../../bot/database/lock.ts';
import { migrate } from '../../bot/database/connect.ts';

const [task = '', ...args] = process.argv.slice(2);
const [first = '', second = ''] = args;

const tasks: Record<string, () => Promise<unknown>> = {
  embedded: async () => startEmbedded({ dataDir: first, durable: false }),
  lock: async () => lockDataDir(first, { url: second }).then(() => ({ locked: true })),
  migrate: async () => migrate(first, second),
  suffer: async () => suffer(first),
  strand: async () => strand(first),
};

/** Transactions without a pause, and notes what the killing of the database does to them. Prints `ready` before. */
async function suffer(url: string): Promise<{ described: string[]; unknown: string[] }> {
  const database = await connect(url);
  const described = new Set<string>();
  const unknown: string[] = [];
  let endAt = Date.now() + 20_000;
  const note = (error: unknown): void => {
    if (described.size + unknown.length === 0) endAt = Date.now() + 1000;
    const text = describeDatabaseCrash(error);
    if (text) described.add(text);
    else unknown.push(String((error as Error).stack));
  };
  process.on('uncaughtException', note);
  process.on('unhandledRejection', note);
  const ask = async (): Promise<void> => {
    while (Date.now() < endAt) await database.sql.begin((tx) => tx`select pg_sleep(0.001)`).catch(note);
  };
  print({ ready: true });
  const asking = Promise.all(Array.from({ length: 8 }, ask));
  while (Date.now() < endAt) await Promise.race([asking, delay(50)]);
  return { described: [...described], unknown };
}

/** A transaction that goes on after its connection was cut: the driver then throws outside of every promise. */
async function strand(url: string): Promise<{ message: string; described: string | undefined }> {
  const { sql } = await connect(url);
  const { promise: uncaught, resolve } = Promise.withResolvers<Error>();
  process.on('uncaughtException', resolve);
  const transaction = sql.begin(async (tx) => {
    await sql`select pg_terminate_backend(${(await tx`select pg_backend_pid() as pid`)[0]?.['pid']})`;
    await transaction.catch(() => {});
    await tx`select 1`;
  });
  transaction.catch(() => {});
  const error = await uncaught;
  return { message: error.message, described: describeDatabaseCrash(error) };
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value ?? {})}\n`);
}

process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
try {
  print(await tasks[task]?.());
} catch (error) {
  print({ error: (error as Error).message });
}
