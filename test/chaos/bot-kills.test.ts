// kill -9 of the bot at random moments of `up`, `stop` and `rm`. Afterwards the world is as it was last asked for.
// `KILLS=300` for more, `SEED=…` for the same choices again.
import { randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { storeDelivery } from '../../bot/chat/store.ts';
import { connect, type Database } from '../../bot/database/connect.ts';
import { listProcesses, hasVariable } from '../../bot/providers/local-processes.ts';
import { findFreePort } from '../free-port.ts';
import { createPlace, type Place } from '../place.ts';
import { spawnSam, type Spawned } from '../spawn-sam.ts';
import { until } from '../until.ts';
import { createDice, type Dice } from './dice.ts';

const KILLS = Number(process.env['KILLS'] ?? 15);
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
    const env = { PORT: String(await findFreePort()), NODE_WARM: '0', SAM_DEADLINE_BASE: '12s' };
    const start = (): Spawned => spawnSam([], { place, env });
    for (let kill = 1; kill <= KILLS; kill += 1) await liveAndDie(start(), people, dice, kill === 1);
    await using last = start();
    await last.url();
    const killedAt = performance.now();
    await people.say('up ./one');
    await people.say('up ./two');
    await people.say('rm two --force');
    await waitUntilQuiet(people.database);
    const quietMs = Math.round(performance.now() - killedAt);
    const counts = await count(people.database);
    console.log(`seed ${dice.seed}: ${KILLS} kills, ${JSON.stringify(counts)}, quiet after ${quietMs} ms`);
    await expectOneOfEach(place, people.database);
    expect(counts['accepted']).toBe(people.said.size);
    expect(await last.stop()).toBe(0);
  },
);

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
}

function chooseLine(dice: Dice): string {
  const name = dice.pick(REPOSITORIES);
  const roll = dice.next();
  if (roll < 0.55) return `up ./${name}`;
  if (roll < 0.7) return `stop ${name}`;
  return `rm ${name}${roll < 0.9 ? ' --force' : ''}`;
}

/** Nothing to do, and so for a while. */
async function waitUntilQuiet(database: Database): Promise<void> {
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

/** `one` was wanted last and `two` was not: rows, servers, processes and files all say so. */
async function expectOneOfEach(place: Place, { sql }: Database): Promise<void> {
  const workspaces = await sql<{ id: string; name: string; phase: string; nodeId: string }[]>`
    select id, name, phase, node_id as "nodeId" from workspaces where phase <> 'deleted'`;
  expect([...workspaces]).toEqual([expect.objectContaining({ name: 'one', phase: 'running' })]);
  const nodes = await sql<
    { id: string; phase: string }[]
  >`select id, phase from nodes where phase <> 'deleted'`;
  expect([...nodes]).toEqual([{ id: workspaces[0]?.nodeId, phase: 'ready' }]);
  const server = `vm-${nodes[0]?.id.slice(3)}`;
  await until(() => readdirSync(join(place.dataDir, 'nodes')).length === 1).catch(() => undefined);
  expect(readdirSync(join(place.dataDir, 'nodes'))).toEqual([server]);
  const folder = join(place.dataDir, 'nodes', server, 'data/workspaces');
  expect(readdirSync(folder).filter((name) => name.startsWith('ws-'))).toEqual([workspaces[0]?.id]);
  const [installation] = await sql<
    { value: string }[]
  >`select value from settings where name = 'installation'`;
  const agents = (await listProcesses()).filter(
    (one) =>
      hasVariable(one, 'SAM_INSTALLATION', installation?.value ?? '') &&
      one.command.some((word) => word.endsWith('agent/main.ts')),
  );
  expect(agents.map((agent) => agent.environment.match(/SAM_SERVER=([^\0]+)/)?.[1])).toEqual([server]);
  const doubled = await sql`
    select command_id from deliveries where command_id is not null group by command_id having count(*) > 1
    union all select id from commands where id not in (select command_id from deliveries where command_id is not null)`;
  expect([...doubled]).toEqual([]);
}
