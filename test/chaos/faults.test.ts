// Every call to Hetzner and Cloudflare goes wrong in every way, while people come and go and the bot is killed at random:
// nothing is leaked, doubled, missing, or taken from somebody else. `FAULTS=300` for more, `SEED=…` for the same again.
import { expect, test } from 'vitest';
import type { FakeServer, Fault, Trap } from '../fakes/server.ts';
import { until } from '../until.ts';
import { createCloudWorld, DOMAIN, OURS, type Bot, type CloudWorld } from './cloud-world.ts';
import { createDice, type Dice } from './dice.ts';

const FAULTS = Number(process.env['FAULTS'] ?? 60);
/** Faults after which the world is looked at. */
const ROUND = 12;
const QUIET_MS = 90_000;
const REPOSITORIES = ['acme/one', 'acme/two', 'acme/three'];

const said = (status: number, code: string, headers: Record<string, string> = {}): Fault => ({
  status,
  body: { error: { code, message: 'no' }, success: false, errors: [{ code: 1, message: 'no' }] },
  headers,
});

const ALWAYS: [string, Fault][] = [
  ['429', said(429, 'rate_limit_exceeded', { 'retry-after': '1' })],
  ['500', said(500, 'server_error')],
  ['502', '502'],
  ['502 after it was done', '502 after'],
  ['no answer', 'no answer'],
  ['no answer after it was done', 'no answer after'],
  ['done when nobody waits any more', 'too late'],
  ['a broken connection', 'reset'],
  ['a broken connection after it was done', 'reset after'],
  ['half an answer', 'half an answer after'],
];
const AT_HETZNER: [string, Fault][] = [
  ['locked', said(423, 'locked')],
  ['a conflict', said(409, 'conflict')],
];

interface Call {
  where: 'hetzner' | 'cloudflare';
  method: string;
  path: RegExp;
  faults: [string, Fault][];
}

const at = (where: Call['where'], method: string, path: RegExp, more: [string, Fault][] = []): Call => ({
  where,
  method,
  path,
  faults: [...ALWAYS, ...more],
});
const NO_ROOM: [string, Fault] = ['no capacity', said(412, 'resource_unavailable')];

const CALLS: Call[] = [
  at('hetzner', 'GET', /\/servers$/, AT_HETZNER),
  at('hetzner', 'POST', /\/servers$/, [...AT_HETZNER, NO_ROOM]),
  at('hetzner', 'GET', /\/servers\/\d+$/, AT_HETZNER),
  at('hetzner', 'DELETE', /\/servers\/\d+$/, AT_HETZNER),
  at('hetzner', 'POST', /poweron$/, AT_HETZNER),
  at('hetzner', 'GET', /\/firewalls$/, AT_HETZNER),
  at('hetzner', 'POST', /\/firewalls/, AT_HETZNER),
  at('cloudflare', 'GET', /\/dns_records$/),
  at('cloudflare', 'POST', /\/dns_records$/),
  at('cloudflare', 'GET', /\/dns_records\/\w+$/),
  at('cloudflare', 'DELETE', /\/dns_records\/\w+$/),
  at('cloudflare', 'GET', /\/ips$/),
];

test(`${FAULTS} faults of clouds, and kills`, { timeout: FAULTS * 10_000 + 4 * QUIET_MS }, async () => {
  await using world = await createCloudWorld();
  const dice = createDice();
  console.log(`seed ${dice.seed}`);
  const foreign = addForeign(world);
  const people = [await world.addUser('ada'), await world.addUser('bob')];
  const plan = shuffled(
    CALLS.flatMap((call) => call.faults.map(([name, fault]) => ({ ...call, name, fault }))),
    dice,
  );
  let bot = await world.startBot();
  let sprung = 0;
  let kills = 0;
  let round: string[] = [];
  const kinds = new Set<string>();
  for (let number = 1; number <= FAULTS; number += 1) {
    const { where, method, path, name, fault } = plan[number % plan.length]!;
    const fake: FakeServer = world[where];
    fake.fail({ method, path, fault });
    round.push(kindOf({ method, path, fault }));
    await act(world, people, dice);
    await pause(dice.between(0, 400));
    if (dice.next() < 0.3) {
      kills += 1;
      await bot.kill();
      bot = await world.startBot();
    }
    if (number % ROUND > 0 && number < FAULTS) continue;
    await expectWorld(
      world,
      people,
      `fault ${number} (${method} ${path.source}: ${name}), seed ${dice.seed}`,
    );
    const left = clearTraps(world);
    sprung += round.length - left.length;
    for (const kind of round) if (!left.includes(kind)) kinds.add(kind);
    round = [];
  }
  console.log(
    `${FAULTS} faults, ${sprung} of them hit a call (${kinds.size} of ${plan.length} kinds), ${kills} kills`,
  );
  expect(sprung).toBeGreaterThan(FAULTS / 4);
  await endAll(world, people, bot);
  expect(foreign()).toEqual([]);
  expect(world.hetzner.complaints).toEqual([]);
  // That a sweep could not go through is said, and comes of the faults.
  expect(world.errors.filter((line) => !line.includes('a sweep failed'))).toEqual([]);
});

/** A call and what goes wrong with it. */
const kindOf = ({ method, path, fault }: Trap): string =>
  `${method} ${path?.source} ${typeof fault === 'string' ? fault : fault.status}`;

/** Gives those that nothing had run into. */
function clearTraps({ hetzner, cloudflare }: CloudWorld): string[] {
  const left = [...hetzner.unsprung(), ...cloudflare.unsprung()];
  for (const trap of left) trap.times = 0;
  return left.map(kindOf);
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function shuffled<T>(all: T[], dice: Dice): T[] {
  return all
    .map((one) => ({ one, rank: dice.next() }))
    .toSorted((a, b) => a.rank - b.rank)
    .map(({ one }) => one);
}

/** Something that people, or a power cut, do. */
async function act(
  { say, database, hetzner, cloudflare }: CloudWorld,
  people: string[],
  dice: Dice,
): Promise<void> {
  const who = dice.pick(people);
  const repository = dice.pick(REPOSITORIES);
  const roll = dice.next();
  if (roll < 0.45) return void (await say(who, 'up', repository));
  if (roll < 0.85) {
    const rows = await database.sql<{ name: string }[]>`
      select name from workspaces where owner = ${who} and desired <> 'deleted' order by name`;
    if (rows.length > 0) await say(who, `rm ${dice.pick(rows).name} --force`);
    return;
  }
  if (roll < 0.93) {
    const [one] = hetzner.servers().filter(({ labels }) => labels['sam-installation'] === OURS);
    if (one) hetzner.turnOff(one);
    return;
  }
  // Somebody deletes a record by hand; it is made again.
  const [one] = cloudflare.records().filter(({ comment }) => comment?.includes(`sam-installation=${OURS} `));
  const url = one && `${cloudflare.baseUrl}/zones/${cloudflare.zoneId}/dns_records/${one.id}`;
  if (url)
    await fetch(url, { method: 'DELETE', headers: { authorization: `Bearer ${cloudflare.token}` } }).catch(
      () => undefined,
    );
}

// --- what the world should be -------------------------------------------------------------------------------------

/** Servers and records of others: another installation of Sam, and people. The function says what became of them. */
function addForeign({ hetzner, cloudflare }: CloudWorld): () => string[] {
  const order = { server_type: 'cx23', image: 'debian-13', location: 'nbg1' };
  const labels = {
    'managed-by': 'sam',
    'sam-installation': 'theirs',
    'sam-node': 'nd-x',
    'sam-owner': 'us-x',
  };
  hetzner.project.createServer({ ...order, name: 'vm-theirs', labels });
  hetzner.project.createServer({ ...order, name: 'database' });
  const comment = 'managed-by=sam sam-installation=theirs sam-node=nd-x';
  cloudflare.insert({ name: `vm-theirs.${DOMAIN}`, comment });
  cloudflare.insert({ name: `www.${DOMAIN}`, comment: null });
  return () => [
    ...['vm-theirs', 'database'].filter((name) => !hetzner.servers().some((one) => one.name === name)),
    ...['vm-theirs', 'www'].filter(
      (name) => !cloudflare.records().some((one) => one.name === `${name}.${DOMAIN}`),
    ),
  ];
}

/** Waits until rows and clouds agree; what failed is tried again, as people do. */
async function expectWorld(world: CloudWorld, people: string[], when: string): Promise<void> {
  let wrong: string[] = [];
  let triedAt = Date.now();
  const isRight = async (): Promise<boolean> => {
    wrong = await findWrong(world);
    if (wrong.length > 0 && Date.now() - triedAt > 2_000) {
      triedAt = Date.now();
      await retryAll(world, people);
    }
    return wrong.length === 0;
  };
  await until(isRight, QUIET_MS).catch(() => {
    throw new Error(`after ${when}:\n${wrong.join('\n')}\n${world.errors.slice(-5).join('')}`);
  });
}

async function retryAll({ database, say }: CloudWorld, people: string[]): Promise<void> {
  for (const who of people) {
    const rows = await database.sql<{ name: string }[]>`
      select name from workspaces where owner = ${who} and phase = 'failed' and desired = 'running'`;
    for (const { name } of rows) await say(who, `retry ${name}`).catch(() => '');
  }
}

async function findWrong({ database: { sql }, hetzner, cloudflare }: CloudWorld): Promise<string[]> {
  const rows = await sql<{ what: string }[]>`
    select 'workspace ' || id || ' is ' || phase || ', wanted ' || desired || coalesce(': ' || (last_error->>'message'), '') as what
      from workspaces where phase <> desired
    union all select 'node ' || name || ' is ' || phase || ', wanted ' || desired || coalesce(': ' || (last_error->>'message'), '')
      from nodes where phase not in ('deleted', 'ready') or (desired = 'deleted' and phase <> 'deleted')
        or (phase = 'ready' and not exists (select 1 from workspaces where node_id = nodes.id and phase <> 'deleted'))`;
  const nodes = await sql<{ name: string; address: string }[]>`
    select name, address from nodes where phase <> 'deleted' order by name`;
  const servers = hetzner
    .servers()
    .filter(({ labels }) => labels['sam-installation'] === OURS)
    .map(({ name, ip, status }) => `${name} ${ip} ${status}`)
    .toSorted();
  const records = cloudflare
    .records()
    .filter(({ comment }) => comment?.includes(`sam-installation=${OURS} `))
    .map(({ name, content, proxied }) => `${name} ${content} ${proxied}`)
    .toSorted();
  return [
    ...rows.map(({ what }) => what),
    ...differences(
      'servers',
      servers,
      nodes.map(({ name, address }) => `${name} ${address} running`),
    ),
    ...differences(
      'records',
      records,
      nodes.map(({ name, address }) => `${name}.${DOMAIN} ${address} true`),
    ),
    ...(hetzner.firewalls().length > 1 ? ['there are several firewalls'] : []),
  ];
}

const differences = (what: string, there: string[], wanted: string[]): string[] =>
  JSON.stringify(there) === JSON.stringify(wanted)
    ? []
    : [`${what}: ${there.join(', ') || 'none'}; wanted: ${wanted.join(', ') || 'none'}`];

async function endAll(world: CloudWorld, people: string[], bot: Bot): Promise<void> {
  for (const who of people) {
    const rows = await world.database.sql<{ name: string }[]>`
      select name from workspaces where owner = ${who} and desired <> 'deleted'`;
    for (const { name } of rows) await world.say(who, `rm ${name} --force`);
  }
  await expectWorld(world, people, 'the end');
  expect(world.hetzner.servers()).toHaveLength(2);
  expect(world.cloudflare.records()).toHaveLength(2);
  await bot.stop();
}
