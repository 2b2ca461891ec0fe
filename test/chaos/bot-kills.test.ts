// kill -9 of the bot at random moments of `up`, `stop` and `rm`. Afterwards the world is as it was last asked for.
// `KILLS=300` for more, `SEED=…` for the same choices again.
import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { connect, type Database } from '../../bot/database/connect.ts';
import { endLeases } from '../../bot/database/claims.ts';
import { listProcesses } from '../../bot/providers/local/processes.ts';
import { findFreePort } from '../free-port.ts';
import { createPlace, type Place } from '../testers/place.ts';
import { spawnSam, type Spawned } from '../testers/spawned-sam.ts';
import { until } from '../until.ts';
import { createDice, type Dice } from './dice.ts';
import { storeDelivery } from '../../bot/chat/store/deliveries.ts';

const KILLS = Number(process.env['KILLS'] ?? 15);
/** Kills after which everything is deleted. */
const ROUND = 5;
const QUIET_MS = 150_000;
const THREAD = 'console:chaos';
const REPOSITORIES = ['one', 'two'] as const;

test(
  `${KILLS} kills of the bot while people come and go: nothing is lost, doubled or stuck`,
  { timeout: QUIET_MS + 60_000 + KILLS * 10_000 },
  async () => {
    await using place = await createPlace();
    const people = createPeople(await connect(place.databaseUrl), place);
    await using _end = { [Symbol.asyncDispose]: () => people.database.close() };
    const dice = createDice();
    for (const name of REPOSITORIES) place.repository(name);
    const env = { PORT: String(await findFreePort()), NODE_WARM: '0', SAM_DEADLINE_BASE: '6s' };
    const start = (): Spawned => spawnSam([], { place, env });
    for (let kill = 1; kill <= KILLS; kill += 1) {
      await liveAndDie(start(), people, dice, kill === 1);
      if (kill % ROUND === 0 && kill < KILLS) await endRound(start(), people, place);
    }
    await using last = start();
    await last.url();
    for (const line of ['up ./one', 'up ./two', 'rm two --force']) await people.say(line);
    const quietMs = await waitUntilQuiet(people.database);
    const counts = await count(people.database);
    console.log(`seed ${dice.seed}: ${KILLS} kills, ${JSON.stringify(counts)}, quiet after ${quietMs} ms`);
    await expectWorld(place, people.database, ['one']);
    expect(counts['accepted']).toBe(people.said.size);
    expect(await last.stop()).toBe(0);
  },
);

/** All is deleted, so that the next round begins with a new machine. */
async function endRound(bot: Spawned, people: People, place: Place): Promise<void> {
  await using calm = bot;
  await calm.url();
  for (const name of REPOSITORIES) await people.say(`rm ${name} --force`);
  await waitUntilQuiet(people.database);
  await expectWorld(place, people.database, []);
  await calm.kill();
}

interface People {
  database: Database;
  /** The ids of all that was accepted. */
  said: Set<string>;
  /** Stores the line as the console does; again with the same id, as somebody does who got no answer. */
  say(line: string): Promise<void>;
}

function createPeople(database: Database, { cwd }: Place): People {
  const said = new Set<string>();
  return {
    database,
    said,
    async say(line) {
      const deliveryId = randomUUID();
      const delivery = {
        source: 'console' as const,
        deliveryId,
        thread: THREAD,
        event: 'line',
        payload: { line, cwd },
      };
      expect(await storeDelivery(database.db, delivery)).toBe(true);
      expect(await storeDelivery(database.db, delivery)).toBe(false);
      said.add(deliveryId);
    },
  };
}

/** One life of the bot: some lines at random moments, and the end at another. */
async function liveAndDie(bot: Spawned, people: People, dice: Dice, isFirst: boolean): Promise<void> {
  await using dying = bot;
  // Some die while they start.
  if (isFirst || dice.next() < 0.8) await dying.url();
  const lines = dice.between(1, 3);
  for (let line = 0; line < lines; line += 1) {
    await people.say(chooseLine(dice));
    await delay(dice.between(0, 700));
  }
  await dying.kill();
  expect(await dying.exit).toBe('SIGKILL');
  // As the start does where the database is the bot's own: the next life works at once on what this one had in its hands.
  await endLeases(people.database);
}

/** Mostly about one of them, and as often an end as a beginning: so that machines come and go too. */
function chooseLine(dice: Dice): string {
  const name = dice.next() < 0.8 ? 'one' : 'two';
  const roll = dice.next();
  if (roll < 0.45) return `up ./${name}`;
  if (roll < 0.55) return `stop ${name}`;
  return `rm ${name}${roll < 0.9 ? ' --force' : ''}`;
}

/** Nothing to do, and so for a while. Gives how long that took, in ms. */
async function waitUntilQuiet(database: Database): Promise<number> {
  const startedAt = performance.now();
  let left: string[] = [];
  let since = performance.now();
  const isQuiet = async (): Promise<boolean> => {
    left = await findWork(database);
    if (left.length > 0) since = performance.now();
    return performance.now() - since > 1_500;
  };
  await until(isQuiet, QUIET_MS).catch(() => {
    throw new Error(`not quiet after ${QUIET_MS} ms: ${left.join('; ')}`);
  });
  return Math.round(since - startedAt);
}

async function findWork({ sql }: Database): Promise<string[]> {
  const rows = await sql<{ what: string }[]>`
    select 'delivery ' || (payload->>'line') || ' has not ended' as what from deliveries where ended_at is null
    union all select 'command ' || line || ' of ' || workspace_id || ' runs' from commands where status = 'running'
    union all select id || ' is ' || phase || ', wanted ' || desired from workspaces where phase <> desired
    union all select id || ' is ' || phase || ', wanted ' || desired from nodes
     where phase not in ('deleted', 'ready') or (desired = 'deleted' and phase <> 'deleted')
        or (phase = 'ready' and not exists (
          select 1 from workspaces where node_id = nodes.id and phase <> 'deleted'))`;
  return rows.map(({ what }) => what);
}

async function count({ sql }: Database): Promise<Record<string, number>> {
  const [row] = await sql<Record<string, number>[]>`
    select (select count(*)::int from deliveries) as accepted,
           (select count(*)::int from deliveries where answer->>'ok' = 'false') as refused,
           (select count(*)::int from commands) as commands,
           (select count(*)::int from commands where status = 'superseded') as superseded,
           (select count(*)::int from workspaces) as workspaces,
           (select count(*)::int from nodes) as nodes`;
  return row ?? {};
}

/** These are wanted and no other: rows, servers, processes and files all say so. */
async function expectWorld(place: Place, { sql }: Database, wanted: string[]): Promise<void> {
  const workspaces = await sql<{ id: string; name: string; phase: string; nodeId: string }[]>`
    select id, name, phase, node_id as "nodeId" from workspaces where phase <> 'deleted'`;
  expect(workspaces.map(({ name, phase }) => `${name} ${phase}`)).toEqual(
    wanted.map((name) => `${name} running`),
  );
  const nodes = await sql<
    { id: string; phase: string }[]
  >`select id, phase from nodes where phase <> 'deleted'`;
  expect(nodes.map(({ id, phase }) => `${id} ${phase}`)).toEqual(
    [...new Set(workspaces.map(({ nodeId }) => nodeId))].map((id) => `${id} ready`),
  );
  const servers = nodes.map(({ id }) => `vm-${id.slice(3)}`);
  const folder = join(place.dataDir, 'nodes');
  // None was ever made: all bots died before that.
  const made = existsSync(folder) ? readdirSync(folder) : [];
  // What a create was writing when it died is nobody's yet, and goes when it is old (test/providers/local-crash.test.ts).
  const named = made.filter((name) => !name.startsWith('.new-'));
  expect(named.toSorted()).toEqual(servers);
  const checkouts = servers.flatMap((server) => readdirSync(join(folder, server, 'data/workspaces')));
  expect(checkouts.filter((name) => name.startsWith('ws-'))).toEqual(workspaces.map(({ id }) => id));
  expect(await findAgents(place)).toEqual(servers);
  const doubled = await sql`
    select command_id from deliveries where command_id is not null group by command_id having count(*) > 1
    union all select id from commands where id not in (select command_id from deliveries where command_id is not null)`;
  expect([...doubled]).toEqual([]);
}

/** The servers whose agents are alive here, by their processes. */
async function findAgents({ dataDir }: Place): Promise<string[]> {
  const agents = (await listProcesses()).filter(
    (one) =>
      one.environment.includes(`SAM_DIR=${dataDir}/`) &&
      one.command.some((word) => word.endsWith('agent/main.ts')),
  );
  return agents.map((agent) => /SAM_SERVER=([^\0]+)/.exec(agent.environment)?.[1] ?? '?');
}
