// kill -9 of the bot, of the agent on the node and of its coding agent, at random moments of many prompts. Each prompt is answered
// once or said to have failed once, in the order in which they came, and no coding agent hears one twice.
// `PROMPTS=500` for more, `SEED=…` for the same choices again.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { connect, type Database } from '../../bot/database/connect.ts';
import { endLeases } from '../../bot/database/claims.ts';
import { listProcesses } from '../../bot/providers/local/processes.ts';
import type { FakeGitHub, Thread } from '../fakes/github/github.ts';
import { findFreePort } from '../free-port.ts';
import { leaveKey } from '../tasks/conversation.ts';
import { envFor, isSettled, startFake } from '../testers/github.ts';
import { createPlace, type Place } from '../testers/place.ts';
import { spawnSam, type Spawned } from '../testers/spawned-sam.ts';
import { until } from '../until.ts';
import { createDice, type Dice } from './dice.ts';

const PROMPTS = Number(process.env['PROMPTS'] ?? 15);
/** Threads in which people ask, each with a workspace, all on one node. */
const THREADS = 3;
/** More of one thread than may wait are no prompts. */
const MAX_OPEN = 8;
/** The coding agent that does what its prompts say, where the node has its adapter. */
const SCRIPT = join(import.meta.dirname, '../fakes/coding-agent.mjs');

test(
  `${PROMPTS} prompts, and kills of all that works on them: each is answered once or has failed once, in order`,
  { timeout: 120_000 + PROMPTS * 6_000 },
  async () => {
    await using world = await createWorld();
    const startedAt = performance.now();
    const dice = createDice();
    const asked = new Map<number, string>();
    const [kills] = await Promise.all([
      killAround(world, dice, () => asked.size >= PROMPTS),
      askAround(world, dice, asked),
    ]);
    await world.bot.url();
    while ((await countOpen(world)) > 0) await waitForProgress(world, () => false);
    await until(() => isSettled(world.place));
    const counts = await expectAnswers(world, asked);
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    console.log(
      `seed ${dice.seed}: ${PROMPTS} prompts in ${seconds} s, kills ${JSON.stringify(kills)}, ${JSON.stringify(counts)}`,
    );
  },
);

async function askAround(world: World, dice: Dice, asked: Map<number, string>): Promise<void> {
  while (asked.size < PROMPTS) {
    const pull = dice.pick(world.pulls);
    if ((await countOpen(world, pull)) >= MAX_OPEN) await waitForProgress(world, () => false);
    if ((await countOpen(world, pull)) >= MAX_OPEN) continue;
    const number = asked.size + 1;
    await comment(world, pull, `/sam ask ${promptOf(number, world.log, dice)}`);
    asked.set(number, threadOf(pull));
    await delay(dice.between(0, 1_500));
  }
}

// --- the world ----------------------------------------------------------------------------------------------------

interface World extends AsyncDisposable {
  github: FakeGitHub;
  place: Place;
  database: Database;
  pulls: Thread[];
  /** What coding agents were told to work on, a line a prompt. */
  log: string;
  /** The newest life of the bot. */
  bot: Spawned;
  start(): Spawned;
}

async function createWorld(): Promise<World> {
  const github = await startFake();
  const place = await createPlace();
  const database = await connect(place.databaseUrl);
  for (const login of ['ada', 'bob']) github.addUser(login);
  await github.addRepository('acme/api', { files: { 'README.md': '# api\n' } });
  github.addCollaborator('acme/api', 'ada', 'admin');
  github.addCollaborator('acme/api', 'bob', 'write');
  github.install('acme', {});
  const unlimited = ['COMMANDS_PER_HOUR', 'ASKS_PER_HOUR', 'WORKSPACES_PER_USER'].map((name) => [
    `MAX_${name}`,
    '0',
  ]);
  const port = await findFreePort();
  const env = {
    ...envFor(github),
    ...Object.fromEntries(unlimited),
    PORT: String(port),
    NODE_WARM: '0',
  };
  const start = (): Spawned => spawnSam([], { place, env });
  const world: World = {
    github,
    place,
    database,
    pulls: [],
    log: join(place.root, 'asked'),
    bot: start(),
    start,
    async [Symbol.asyncDispose]() {
      await world.bot.kill();
      await database.close();
      await place[Symbol.asyncDispose]();
      await github.stop();
    },
  };
  await world.bot.url();
  github.world.app.webhookUrl = `http://127.0.0.1:${port}/api/github/webhooks`;
  await leaveKey({ github, place }, 'bob');
  for (let count = 1; count <= THREADS; count += 1)
    world.pulls.push(await github.addPullRequest('acme/api', { by: 'bob', branch: `topic-${count}` }));
  for (const pull of world.pulls) await comment(world, pull, '/sam up');
  await until(() => isSettled(place));
  bringCodingAgent(place);
  return world;
}

/** As if the node had fetched it. */
function bringCodingAgent({ dataDir, root }: Place): void {
  const [node = ''] = readdirSync(join(dataDir, 'nodes')).filter((name) => name.startsWith('vm-'));
  const programs = join(dataDir, 'nodes', node, 'data/programs');
  const source = readFileSync(join(import.meta.dirname, '../../agent/coding/programs.ts'), 'utf8');
  const versionOf = (name: string) => new RegExp(`const ${name} = '([^']+)'`).exec(source)?.[1] ?? '';
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(programs, path)), { recursive: true });
    writeFileSync(join(programs, path), text, { mode: 0o755 });
  };
  write(`claude-code-${versionOf('VERSION')}/claude`, '');
  const adapter = `claude-agent-acp-${versionOf('ADAPTER_VERSION')}/node_modules/@agentclientprotocol/claude-agent-acp`;
  write(`${adapter}/package.json`, '{"type":"module"}');
  const words = JSON.stringify([join(root, 'conversations')]);
  write(
    `${adapter}/dist/index.js`,
    `process.argv.push(...${words});\nawait import(${JSON.stringify(SCRIPT)});\n`,
  );
}

const threadOf = ({ repository, number }: Thread): string =>
  `${repository.owner.login}/${repository.name}#${number}`;

/** As GitHub and whoever looks after its deliveries do: until somebody is there who takes it. */
async function comment({ github }: World, pull: Thread, text: string): Promise<void> {
  let delivery: Awaited<ReturnType<FakeGitHub['redeliver']>> = await github.comment(pull, 'bob', text);
  const isTaken = () => delivery.answer !== undefined && delivery.answer.status < 300;
  await until(async () => {
    if (!isTaken()) delivery = await github.redeliver(delivery);
    return isTaken();
  });
}

/** What a coding agent does for it takes a while, and its first word to the log. */
const promptOf = (number: number, log: string, dice: Dice): string =>
  [
    `run echo ${number} >>${log}`,
    `say I look at ${number}.`,
    `tool npm test ${number}`,
    `run sleep 0.${dice.between(0, 4)}`,
    `write made-${number}.txt ${number}`,
    `answer The answer to ${number}.`,
  ].join('\n');

async function countOpen({ database: { sql } }: World, pull?: Thread): Promise<number> {
  const thread = pull ? threadOf(pull) : null;
  const [row] = await sql<{ count: number }[]>`
    select count(*)::int as count from task_turns join tasks on tasks.id = task_id
     where ended_at is null and (${thread}::text is null or tasks.thread = ${thread})`;
  return row?.count ?? 0;
}

// --- kills --------------------------------------------------------------------------------------------------------

type Kills = Record<'bot' | 'agent' | 'adapter', number>;

async function killAround(world: World, dice: Dice, isOver: () => boolean): Promise<Kills> {
  const kills: Kills = { bot: 0, agent: 0, adapter: 0 };
  for (;;) {
    await delay(dice.between(100, 1_500));
    if (isOver()) return kills;
    // What is killed again and again before anything comes of it shows nothing, however patient one is.
    if (dice.next() < 0.7) await waitForProgress(world, isOver);
    const roll = dice.next();
    if (roll < 0.5) {
      await killBot(world, dice);
      kills.bot += 1;
    } else {
      const what = roll < 0.65 ? 'agent' : 'adapter';
      kills[what] += await killProcess(world.place, what);
    }
  }
}

/** One more has ended, or nothing is there to be ended. */
async function waitForProgress(world: World, isOver: () => boolean): Promise<void> {
  const countEnded = async (): Promise<number> => {
    const [row] = await world.database.sql<{ count: number }[]>`
      select count(*)::int as count from task_turns where ended_at is not null`;
    return row?.count ?? 0;
  };
  const before = await countEnded();
  await until(async () => isOver() || (await countOpen(world)) === 0 || (await countEnded()) > before).catch(
    async () => {
      throw new Error(`nothing goes on: ${await describeOpen(world)}`);
    },
  );
}

/** Why nothing ends. */
async function describeOpen({ database: { sql }, bot }: World): Promise<string> {
  const rows = await sql`
    select t.state, t.desired, t.started_at, t.since, t.next_at, w.name, w.phase, w.desired as wanted, w.attempts,
           w.next_at as looked, w.last_error, n.phase as node, n.attempts as tries, n.next_at as node_at,
           n.last_error as why
      from task_turns t join workspaces w on w.id = t.workspace_id left join nodes n on n.id = w.node_id
     where t.ended_at is null order by t.seq`;
  return `${JSON.stringify(rows, undefined, 1)}\n${bot.output()}`;
}

async function killBot(world: World, dice: Dice): Promise<void> {
  await world.bot.kill();
  // As the start does where the database is the bot's own: the next life works at once on what this one had in its hands.
  await endLeases(world.database);
  world.bot = world.start();
  // Some die while they start.
  if (dice.next() < 0.8) await world.bot.url();
}

const IS: Record<'agent' | 'adapter', (command: string[]) => boolean> = {
  agent: (command) => command.some((word) => word.endsWith('agent/main.ts')),
  adapter: (command) => command.some((word) => word.endsWith('claude-agent-acp/dist/index.js')),
};

/** How many: none, where none is there. */
async function killProcess({ dataDir }: Place, what: 'agent' | 'adapter'): Promise<number> {
  const found = (await listProcesses()).filter(
    (one) => `${one.environment}${one.command.join(' ')}`.includes(dataDir) && IS[what](one.command),
  );
  for (const { pid } of found) process.kill(pid, 'SIGKILL');
  return found.length;
}

// --- what came of it ----------------------------------------------------------------------------------------------

interface Row {
  id: string;
  thread: string;
  prompt: string;
  state: string;
  code: string | null;
}

async function expectAnswers(world: World, asked: Map<number, string>): Promise<Record<string, number>> {
  const rows = await world.database.sql<Row[]>`
    select task_id || '/' || turn as id, thread, prompt, state, failure->>'code' as code
      from task_turns join tasks on tasks.id = task_id order by task_turns.seq`;
  const numbers = rows.map(({ prompt }) => Number(/echo (\d+) /.exec(prompt)?.[1]));
  for (const pull of world.pulls) {
    const turns = rows.filter(({ thread }) => thread === threadOf(pull));
    const wanted = [...asked].filter(([, thread]) => thread === threadOf(pull)).map(([number]) => number);
    expect(turns.map((turn) => numbers[rows.indexOf(turn)])).toEqual(wanted);
    const comments = world.github.commentsOn(pull).filter(({ body }) => body.includes('sam:v1 tk-'));
    expect(comments.map(({ body }) => /sam:v1 (\S+)/.exec(body)?.[1])).toEqual(turns.map(({ id }) => id));
    for (const [index, turn] of turns.entries())
      expect(comments[index]?.body).toContain(
        turn.state === 'done' ? `The answer to ${numbers[rows.indexOf(turn)]}.` : 'failed',
      );
  }
  const heard = existsSync(world.log)
    ? readFileSync(world.log, 'utf8').split('\n').filter(Boolean).map(Number)
    : [];
  expect(heard.length).toBe(new Set(heard).size);
  expect(rows.filter(({ state }, index) => state === 'done' && !heard.includes(numbers[index] ?? 0))).toEqual(
    [],
  );
  expect(
    [...new Set(rows.map(({ state }) => state))].filter((state) => !['done', 'failed'].includes(state)),
  ).toEqual([]);
  const counts = Map.groupBy(rows, ({ state, code }) => code ?? state);
  return Object.fromEntries([...counts].map(([code, all]) => [code, all.length]));
}
