// The tester: a whole bot in this process, over a fresh database, with real nodes. One says a line and reads the answer.
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino, type Logger } from 'pino';
import { afterAll } from 'vitest';
import { createLink } from '../../bot/access/links.ts';
import { startBot, type Bot, type BotOptions } from '../../bot/bot.ts';
import { createPlainScreen } from '../../bot/chat/console/screen.ts';
import type { FrontEntry, Screen } from '../../bot/chat/front.ts';
import { commands as builtInCommands } from '../../bot/commands/index.ts';
import type { Command } from '../../bot/commands/context.ts';
import { fronts as builtInFronts } from '../../bot/fronts.ts';
import { parseConfig } from '../../bot/config.ts';
import { connect, type Database } from '../../bot/database/connect.ts';
import type { User } from '../../bot/database/schema.ts';
import { bundlePage } from '../../bot/http/page-bundle.ts';
import { builtIn as builtInForges, type ForgeEntry } from '../../bot/forges/index.ts';
import { providers as builtIn } from '../../bot/providers/index.ts';
import type { ProviderTable } from '../../bot/providers/provider.ts';
import { createPlace, type Place } from './place.ts';
import { createStable } from './stable.ts';
import { PATIENCE_MS, until } from '../until.ts';
import { meetPerson } from '../../bot/access/store/people.ts';

export interface Sam extends AsyncDisposable {
  place: Place;
  bot: Bot;
  /** Says a line at the console, waits until it is answered and done, and gives what stayed on the screen. */
  say(line: string): Promise<string>;
  /** Says it and goes on; the promise is `say`'s. */
  begin(line: string): Promise<string>;
  /** The lines that told how far it was, in order, without repeats. */
  progress(): string[];
  /** What was shown and not read by `say`: what Sam says by itself. */
  heard(): string;
  /** All that was ever shown, word for word. */
  shown(): string;
  /** The newest link that was shown. */
  link(): string;
  /** A link of another person: into a workspace that is made theirs, or into somebody else's. */
  linkFor(login: string, workspace: string): Promise<string>;
  /** Makes the workspace somebody else's. */
  give(workspace: string, login: string): Promise<void>;
  /** Waits until nothing is left to do: all requests ended and shown, all rows where they should be. */
  settle(deadlineMs?: number): Promise<void>;
  /** A workspace's row, by name. */
  row(name: string): Promise<Row>;
  /** Ends the bot and starts it anew on the same place, with what `env` changes from then on. */
  restart(env?: NodeJS.ProcessEnv): Promise<void>;
}

export interface Row {
  id: string;
  phase: string;
  desired: string;
  nodeId: string | null;
  checkout: string;
}

export interface SamOptions {
  /** Beside what the place says. */
  env?: NodeJS.ProcessEnv;
  place?: Place;
  /** Where the bot's log goes. */
  log?: Logger;
  providers?: ProviderTable;
  /** Its table of forges; without it the one that it has. */
  forges?: readonly ForgeEntry[] | undefined;
  fronts?: readonly FrontEntry[];
  commands?: readonly Command[];
}

type Tables = Required<Pick<BotOptions, 'providers' | 'forges' | 'fronts' | 'commands'>>;

/** Everything of it is gone after the test, or the test fails. */
export async function startSam({
  env = {},
  place: given,
  log = createLog(),
  providers = builtIn,
  forges = builtInForges,
  fronts = builtInFronts,
  commands = builtInCommands,
}: SamOptions = {}): Promise<Sam> {
  const place = given ?? (await createPlace());
  const asked = { ...place.env, ...env };
  const tables: Tables = { providers, forges, fronts, commands };
  const recorder = createRecorder();
  const stable = createStable(place.root);
  let bot = await start(place, asked, recorder.screen, log, tables);
  const database = await connect(place.databaseUrl);
  const say = async (line: string): Promise<string> => {
    await bot.console.say(line);
    return stable(recorder.read());
  };
  return {
    place,
    get bot() {
      return bot;
    },
    say,
    begin: say,
    progress: () => recorder.progress.map(stable),
    heard: () => stable(recorder.read()),
    shown: () => recorder.shown(),
    link: () => recorder.link(),
    linkFor: (login, workspace) => linkFor(database, bot.url, login, workspace),
    give: (workspace, login) => give(database, workspace, login),
    settle: (deadlineMs) => settle(database, deadlineMs),
    row: (name) => rowOf(database, place, name),
    async restart(changed = {}) {
      Object.assign(asked, changed);
      const { port } = new URL(bot.url);
      await bot.stop();
      // At the address where its nodes look for it.
      bot = await start(place, { ...asked, PORT: port }, recorder.screen, log, tables);
    },
    async [Symbol.asyncDispose]() {
      await bot.stop();
      await database.close();
      if (!given) await place[Symbol.asyncDispose]();
    },
  };
}

/** Made once for all tests of a file. */
const page = mkdtempSync(join(tmpdir(), 'sam-story-page-'));
afterAll(() => rmSync(page, { recursive: true, force: true }));

async function start(
  { cwd, dataDir }: Place,
  env: NodeJS.ProcessEnv,
  screen: Screen,
  log: Logger,
  tables: Tables,
): Promise<Bot> {
  await bundlePage(page);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  cpSync(page, join(dataDir, 'page'), { recursive: true });
  const config = parseConfig(env, cwd, tables.providers);
  return startBot({ config, screen, log, login: 'ada', cwd, env, ...tables });
}

/** `LOG_LEVEL=debug` shows what the bot thinks. */
const createLog = (): Logger => pino({ level: process.env['LOG_LEVEL'] ?? 'silent' });

interface Recorder {
  screen: Screen;
  /** What stayed on the screen since the last `read`. */
  read(): string;
  progress: string[];
  shown(): string;
  link(): string;
}

/** The console of a pipe; progress is kept apart, because how many steps one sees is a matter of luck. */
function createRecorder(): Recorder {
  const progress: string[] = [];
  let text = '';
  let all = '';
  const plain = createPlainScreen({
    write: (piece) => {
      text += piece;
      all += piece;
    },
  });
  return {
    progress,
    screen: {
      ...plain,
      show(id, lines, line) {
        const before = text;
        plain.show(id, lines, line);
        text = before;
        if (line && progress.at(-1) !== line) progress.push(line);
      },
    },
    read() {
      const read = text;
      text = '';
      return read.trimEnd();
    },
    shown: () => all,
    link() {
      const link = all.match(/^http\S+\/w\/\S+$/gm)?.at(-1);
      if (!link) throw new Error(`no link was shown:\n${all}`);
      return link;
    },
  };
}

// --- other people -------------------------------------------------------------------------------------------------

const meet = ({ db }: Database, login: string): Promise<User> =>
  meetPerson(db, { source: 'test', externalId: login, login });

async function linkFor(database: Database, url: string, login: string, name: string): Promise<string> {
  const { id: user } = await meet(database, login);
  const [row] = await database.sql<{ id: string; access: number }[]>`
    select id, access from workspaces where name = ${name} and desired <> 'deleted'`;
  if (!row) throw new Error(`there is no workspace ${name}`);
  return createLink(database.db, url, { workspace: row.id, user, access: row.access });
}

async function give(database: Database, name: string, login: string): Promise<void> {
  const { id } = await meet(database, login);
  await database.sql`update workspaces set owner = ${id} where name = ${name} and desired <> 'deleted'`;
}

// --- what the rows say --------------------------------------------------------------------------------------------

async function rowOf({ sql }: Database, { dataDir }: Place, name: string): Promise<Row> {
  const [row] = await sql<{ id: string; phase: string; desired: string; nodeId: string | null }[]>`
    select id, phase, desired, node_id as "nodeId" from workspaces
     where name = ${name} order by created_at desc limit 1`;
  if (!row) throw new Error(`there is no workspace ${name}`);
  const server = `vm-${row.nodeId?.slice(3)}`;
  return { ...row, checkout: `${dataDir}/nodes/${server}/data/workspaces/${row.id}` };
}

/** What is still to be done, one phrase each; empty: nothing. */
export async function findUnsettled(sql: Database['sql']): Promise<string[]> {
  const rows = await sql<{ what: string }[]>`
    select 'delivery ' || delivery_id || ' not ended' as what from deliveries where ended_at is null
    union all select 'delivery ' || delivery_id || ' not shown' from deliveries
     where ended_at is not null and answered_at is null
    union all select 'card of ' || subject from cards where want_version <> sent_version
    union all select 'command ' || verb || ' of ' || workspace_id || ' is running' from commands where status = 'running'
    union all select id || ' is ' || phase || ', wanted ' || desired from workspaces
     where phase <> desired and phase <> 'failed'
    union all select id || ' is ' || phase || ', wanted ' || desired from nodes
     where (desired = 'deleted' and phase <> 'deleted') or phase in ('creating', 'booting', 'deleting', 'failed')
    union all select id || ' is due' from workspaces where next_at <= clock_timestamp() or lease_token is not null
    union all select id || ' is due' from nodes where next_at <= clock_timestamp() or lease_token is not null`;
  return rows.map(({ what }) => what);
}

async function settle({ sql }: Database, deadlineMs = PATIENCE_MS): Promise<void> {
  let left: string[] = [];
  await until(async () => (left = await findUnsettled(sql)).length === 0, deadlineMs).catch(() => {
    throw new Error(`not settled after ${deadlineMs} ms: ${left.join('; ')}`);
  });
}
