// `npm start`: the command line around one bot. Reads the environment, owns the terminal, decides the exit code.
import { existsSync, mkdirSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { destination, pino, type Logger } from 'pino';
import { startBot, VERSION, type Bot } from './bot.ts';
import { answerAtOnce, joinWords } from './command-line.ts';
import { createLiveScreen, createPlainScreen } from './chat/console/screen.ts';
import type { FrontState, Screen } from './chat/front.ts';
import { parseConfig, type Config } from './config.ts';
import { describeDatabaseCrash } from './database/connect.ts';
import { messageOf, StartError } from './errors.ts';
import { randomBase32 } from './ids.ts';
import { entryOf, providers } from './providers/index.ts';

const REPEAT_MS = 1_000;
const FAREWELL = 'Sam ends. Workspaces go on without it; the next `npm start` finds them again.';

async function main(words: string[]): Promise<void> {
  const told = answerAtOnce(words, VERSION);
  if (told !== undefined) return void process.stdout.write(`${told}\n`);
  // What the environment says already stays as it is.
  if (existsSync('.env')) process.loadEnvFile('.env');
  // npm changes into the package's folder; what a person types is relative to where they are.
  const cwd = process.env['INIT_CWD'] ?? process.cwd();
  const config = parseConfig(process.env, process.cwd());
  const line = joinWords(words);
  const log = createLog(config, line !== '' || process.stdin.isTTY);
  let reader: Interface | undefined;
  const screen = process.stdout.isTTY
    ? createLiveScreen(process.stdout, () => reader)
    : createPlainScreen(process.stdout);
  dieOnBugs(log);
  const bot = await startBot({ config, screen, log, login: findLogin(), cwd, env: process.env });
  endOnSignals(bot, log, () => {
    if (!process.stdin.isTTY) return;
    // The prompt goes first: nothing is drawn around it any more.
    const left = reader;
    reader = undefined;
    try {
      left?.close();
      screen.print(FAREWELL);
    } catch (error) {
      if (!isLostTerminal(error)) throw error;
    }
  });
  screen.print(banner(bot, config));
  if (line !== '') await runLine(bot, line);
  if (!process.stdin.isTTY) return;
  reader = createInterface({ input: process.stdin, output: process.stdout, prompt: 'sam> ' });
  readLines(reader, bot, screen);
}

/** Not every user of a container has a name. */
function findLogin(): string {
  try {
    return userInfo().username;
  } catch {
    return process.env['USER'] ?? 'you';
  }
}

/** The line given on the command line. One that fails leaves nothing half-made behind and ends the bot with code 1. */
async function runLine(bot: Bot, line: string): Promise<void> {
  if (process.stdin.isTTY) return void (await bot.console.say(line));
  const ending = await bot.console.say(line, 'once');
  if (ending.ok) return;
  // Only what this line made: a workspace that was there before holds somebody's work.
  if (ending.workspace && ending.isNew) await bot.console.say(`rm ${ending.workspace} --force`, 'quietly');
  await bot.discardIdleNodes();
  await bot.stop();
  process.exit(1);
}

function readLines(reader: Interface, bot: Bot, screen: Screen): void {
  let isOpen = true;
  reader.on('line', (line) => {
    screen.typed(line);
    if (line.trim() === '') return reader.prompt();
    if (/^(exit|quit)$/i.test(line.trim())) return void process.emit('SIGTERM');
    bot.console.say(line).then(
      () => isOpen && reader.prompt(),
      (error: unknown) => screen.print(`That could not be written down: ${messageOf(error)}`),
    );
  });
  // In a terminal Ctrl-C reaches readline, not the process; the end of the input means the same.
  reader.on('SIGINT', () => process.emit('SIGINT'));
  reader.on('close', () => {
    isOpen = false;
    process.emit('SIGTERM');
  });
  reader.prompt();
}

function banner(bot: Bot, config: Config): string {
  const database = config.databaseUrl
    ? 'Postgres at DATABASE_URL'
    : `embedded Postgres in ${join(config.dataDir, 'postgres')}`;
  return [
    `Sam ${VERSION} at ${bot.url}`,
    `  database  ${database}`,
    `  machines  ${machinesLine(bot, config)}`,
    ...frontLines(bot.fronts),
  ].join('\n');
}

function machinesLine({ fronts }: Bot, { machines: { provider, settings }, dns }: Config): string {
  const entry = entryOf(providers, provider);
  const { traits } = entry;
  const others = fronts.filter(({ isForOthers }) => isForOthers);
  const isShared = traits.sharesHost && others.some(({ isOn }) => isOn);
  const titles = others.map(({ title }) => title).join(' or ');
  return [
    `${provider}: ${entry.describe(settings)}`,
    traits.terminal === 'tls' && dns ? `, named vm-….${dns.domain}` : '',
    isShared ? `; whoever may use the ${titles} front can read the keys of this bot` : '',
  ].join('');
}

function frontLines(fronts: readonly FrontState[]): string[] {
  const on = fronts
    .filter(({ isOn }) => isOn)
    .map(({ title, details }) => `${title} on${details ? ` (${details})` : ''}`);
  const off = fronts.filter(({ isOn }) => !isOn).map(({ title }) => title);
  return [
    `  fronts    ${[...on, ...(off.length > 0 ? [`${off.join(' and ')} off (README: fronts)`] : [])].join(' · ')}`,
    ...fronts.flatMap(({ title, setUpUrl }) => (setUpUrl ? [`  set up    ${title}: ${setUpUrl}`] : [])),
  ];
}

/** With a person at the terminal the log goes to a file, else to standard error, one JSON object a line. */
function createLog(config: Config, isForPerson: boolean): Logger {
  const options = { level: config.logLevel, base: null, serializers: { err: describeError } };
  if (!isForPerson) return pino(options, destination({ dest: 2, sync: true }));
  try {
    mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
    return pino(options, destination({ dest: join(config.dataDir, 'bot.log'), sync: true }));
  } catch {
    // The start is about to say what is wrong with that folder.
    return pino({ level: 'silent' });
  }
}

/** Enough to find the place; a driver's error would bring its whole statement three times. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error);
  const frames = (error.stack ?? '')
    .split('\n')
    .filter((row) => row.startsWith('    at '))
    .slice(0, 6)
    .map((row) => row.trim());
  const cause = error.cause === undefined ? {} : { cause: describeError(error.cause) };
  return { type: error.name, message: messageOf(error).slice(0, 500), frames, ...cause };
}

/** Crash only: what nobody caught ends the process, and whoever supervises it starts it again. */
function dieOnBugs(log: Logger): void {
  const die = (error: unknown): void => {
    if (isLostTerminal(error)) return void process.emit('SIGHUP');
    const ref = randomBase32(6);
    log.fatal({ err: error, ref }, 'the process ends');
    const crash = error instanceof StartError ? error.message : describeDatabaseCrash(error);
    process.stderr.write(
      `${crash ?? `Something broke on our side (ref ${ref}); the log has the reason. Start Sam again: \`npm start\`.`}\n`,
    );
    process.exit(1);
  };
  process.on('uncaughtException', die);
  process.on('unhandledRejection', die);
}

/** Somebody closed it: readline throws, and with it nothing else is wrong. */
const isLostTerminal = (error: unknown): boolean =>
  process.stdin.isTTY && error instanceof Error && /^(setRawMode|read|write) EIO$/.test(error.message);

/** npm delivers a Ctrl-C twice, so repeats within a second are one; a later one does not wait any longer. */
function endOnSignals(bot: Bot, log: Logger, sayGoodbye: () => void): void {
  let firstAt: number | undefined;
  const end = (signal: string): void => {
    if (firstAt !== undefined) {
      // Only a person is impatient: a terminal that goes says so in several ways.
      if (signal === 'SIGINT' && Date.now() - firstAt > REPEAT_MS) process.exit(130);
      return;
    }
    firstAt = Date.now();
    log.info({ signal }, 'ending');
    sayGoodbye();
    bot.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, 'the end was not clean');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', () => end('SIGTERM'));
  process.on('SIGINT', () => end('SIGINT'));
  // Somebody closed the terminal: nobody reads on, and the database must not be left alone.
  process.on('SIGHUP', () => end('SIGHUP'));
  if (process.stdin.isTTY)
    for (const output of [process.stdout, process.stderr]) output.on('error', () => {});
}

if (import.meta.main)
  await main(process.argv.slice(2)).catch((error: unknown) => {
    const ref = randomBase32(6);
    const text =
      error instanceof StartError ? error.message : `Sam could not start (ref ${ref}): ${messageOf(error)}`;
    process.stderr.write(`${text}\n`);
    process.exit(1);
  });
