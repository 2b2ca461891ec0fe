// A bot of its own that makes and removes one local node, and can be killed at any moment.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LocalOptions } from '../../bot/providers/local/local.ts';
import type { ServerOrder } from '../../bot/providers/provider.ts';
import type { LocalPlace } from './local-place.ts';

const BOT = `
import { once } from 'node:events';
const [module, options, order, removes] = JSON.parse(process.argv[2]);
const { createLocal } = await import(module);
const provider = createLocal(options);
process.stdout.write('ready ');
await once(process.stdin, 'data');
const server = await provider.create(order);
process.stdout.write('created ');
await once(process.stdin, 'data');
if (removes) await provider.remove(server);
process.stdout.write('removed ');
`;

const modulePath = join(import.meta.dirname, '../../bot/providers/local/local.ts');
export const NOBODY = 65_534;

export type Bot = Awaited<ReturnType<typeof startBot>>;

/** A bot that, told to go, creates a server; told again, removes it if it is to; and can be killed at any time. */
export async function startBot(
  place: LocalPlace,
  order: ServerOrder,
  { asNobody = false, removes = false } = {},
) {
  const script = join(place.dataDir, 'bot.mjs');
  await writeFile(script, BOT);
  const isRoot = asNobody && process.getuid?.() === 0;
  if (isRoot) await chown(place.dataDir, NOBODY, NOBODY);
  const input: [string, LocalOptions, ServerOrder, boolean] = [
    modulePath,
    place.options('ours'),
    order,
    removes,
  ];
  const bot = spawn(process.execPath, [script, JSON.stringify(input)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
    ...(isRoot && { uid: NOBODY, gid: NOBODY }),
  });
  const ended = once(bot, 'exit');
  let said = '';
  bot.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const says = async (word: string) => {
    while (!said.includes(word)) {
      await Promise.race([once(bot.stdout, 'data'), ended]);
      if (bot.exitCode !== null && !said.includes(word))
        throw new Error(`the bot ended before it was ${word}`);
      if (bot.signalCode !== null) return;
    }
  };
  await says('ready');
  return {
    go: () => bot.stdin.write('go\n'),
    created: says('created'),
    removed: says('removed'),
    async kill() {
      // With all that shares its group, as a terminal or a supervisor does it.
      process.kill(-bot.pid!, 'SIGKILL');
      await ended;
    },
  };
}
