// A process of its own for the tests of this folder: does one thing, prints one line of JSON, lives until it is killed.
import { setTimeout as delay } from 'node:timers/promises';
import { connect, describeDatabaseCrash } from '../../bot/database/connect.ts';
import { startEmbedded } from '../../bot/database/embedded.ts';
import { lockDataDir } from '../../bot/database/lock.ts';
import { migrate } from '../../bot/database/migrate.ts';

const [task = '', ...args] = process.argv.slice(2);
const [first = '', second = ''] = args;

const tasks: Record<string, () => Promise<unknown>> = {
  embedded: async () => startEmbedded({ dataDir: first, durable: false }),
  lock: async () => lockDataDir(first, { url: second }).then(() => ({ locked: true })),
  migrate: async () => migrate(first, second),
  suffer: async () => suffer(first),
};

/** Queries without a pause, and notes what happens when the database goes away. Prints `ready` before. */
async function suffer(url: string): Promise<{ described: number; unknown: string[] }> {
  const database = await connect(url);
  let described = 0;
  const unknown: string[] = [];
  let isBroken = false;
  const note = (error: unknown): void => {
    isBroken = true;
    if (describeDatabaseCrash(error)) described += 1;
    else unknown.push(String((error as Error).stack));
  };
  process.on('uncaughtException', note);
  process.on('unhandledRejection', note);
  const ask = async (): Promise<void> => {
    while (!isBroken) await database.sql`select pg_sleep(0.001)`.catch(note);
  };
  print({ ready: true });
  await Promise.race([Promise.all(Array.from({ length: 8 }, ask)), delay(20_000)]);
  await delay(300); // What the driver throws outside of promises comes a few ticks later.
  return { described, unknown };
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
