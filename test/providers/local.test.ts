// The local provider, over real processes and folders.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  chown,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { inspect } from 'node:util';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createProvider, isProviderName } from '../../bot/providers/index.ts';
import { toFault } from '../../bot/providers/local/errors.ts';
import { identify, listProcesses } from '../../bot/providers/local/processes.ts';
import type { LocalOptions } from '../../bot/providers/local/local.ts';
import type { ServerOrder } from '../../bot/providers/provider.ts';
import { anOrder, describeProvider, errorOf } from './contract.ts';
import {
  BOT_ENV,
  createPlace,
  isAlive,
  pidOf,
  pidsThatMention,
  readJson,
  type LocalPlace,
} from './local-place.ts';

const isLinux = process.platform === 'linux';
const patience = { timeout: 20_000, interval: 10 };

// Real processes on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

describeProvider('local', async () => {
  const place = await createPlace();
  return { ...place, provider: place.open('ours'), stranger: place.open('theirs') };
});

const places: LocalPlace[] = [];
afterEach(async () => {
  for (const place of places.splice(0)) await place.close();
});

async function aPlace(...options: Parameters<typeof createPlace>) {
  const place = await createPlace(...options);
  places.push(place);
  return place;
}

describe('the agent of a local node', () => {
  test('sees of the bot what is on the list, what it needs to call, and nothing else', async () => {
    const place = await aPlace();
    const order = anOrder();
    await place.open('ours').create(order);
    const env = await environmentOf(place, order);
    // macOS adds this one to every process.
    delete env['__CF_USER_TEXT_ENCODING'];
    expect(env).toEqual({
      PATH: expect.stringContaining('/usr/bin'),
      HOME: BOT_ENV.HOME,
      LANG: BOT_ENV.LANG,
      TERM: BOT_ENV.TERM,
      DOCKER_HOST: BOT_ENV.DOCKER_HOST,
      https_proxy: BOT_ENV.https_proxy,
      NODE_EXTRA_CA_CERTS: BOT_ENV.NODE_EXTRA_CA_CERTS,
      TZ: BOT_ENV.TZ,
      SAM_URL: order.boot.url,
      SAM_NODE: order.node,
      SAM_SERVER: order.name,
      SAM_INSTALLATION: 'ours',
      SAM_DIR: join(place.folderOf(order), 'data'),
      SAM_BOOTSTRAP_TOKEN: order.boot.bootstrapToken,
      pid: expect.any(Number),
    });
    expect(env['PATH']?.split(':')).toContain(dirname(process.execPath));
  });

  test('gets the folders that npm put into the PATH for its scripts taken out of it', async () => {
    const place = await aPlace();
    const order = anOrder();
    const given = { PATH: '/srv/sam/node_modules/.bin:/usr/bin:/lib/node-gyp-bin' };
    await place.open('ours', { env: given }).create(order);
    const env = await environmentOf(place, order);
    expect(env['PATH']).toBe(`/usr/bin:${dirname(process.execPath)}`);
  });

  test('gets no variable that the bot does not have, but for a PATH with its own Node', async () => {
    const place = await aPlace();
    const order = anOrder();
    await place.open('ours', { env: {} }).create(order);
    const env = await environmentOf(place, order);
    expect(env['PATH']).toBe(dirname(process.execPath));
    expect(Object.keys(env)).not.toContain('HOME');
  });

  test('has a folder that only its user reads, and its bootstrap token lies in no file', async () => {
    const place = await aPlace({ agent: 'setInterval(() => undefined, 1_000)' });
    const order = anOrder();
    await place.open('ours').create(order);
    const folder = place.folderOf(order);
    for (const path of [dirname(folder), folder, join(folder, 'data')])
      expect((await stat(path)).mode & 0o777).toBe(0o700);
    for (const name of ['server.json', 'process.json', 'agent.log']) {
      expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
      expect(await readFile(join(folder, name), 'utf8')).not.toContain('canary');
    }
    expect((await readdir(folder)).sort()).toEqual(['agent.log', 'data', 'process.json', 'server.json']);
  });

  test('lives on when the bot is killed, and is found again by the next one', async () => {
    const place = await aPlace();
    const order = anOrder();
    const bot = await startBot(place, order);
    bot.go();
    await bot.created;
    const pid = await pidOf(place.folderOf(order));
    await bot.kill();
    const next = place.open('ours');
    expect(await next.find(order.name)).toMatchObject({
      status: 'running',
      labels: { 'sam-node': order.node },
    });
    expect(await next.list()).toHaveLength(1);
    expect(await pidOf(place.folderOf(order))).toBe(pid);
  });

  test('is off when it was killed, and starts again with its files and without a bootstrap token', async () => {
    const place = await aPlace();
    const provider = place.open('ours');
    const order = anOrder();
    const server = await provider.create(order);
    const first = await environmentOf(place, order);
    await writeFile(join(place.folderOf(order), 'data', 'key'), 'kept');
    await place.turnOff(server);
    await rm(join(place.folderOf(order), 'data', 'env.json'));
    await Promise.all([provider.start(server), provider.start(server)]);
    expect(await provider.find(order.name)).toMatchObject({ id: server.id, status: 'running' });
    const second = await environmentOf(place, order);
    const { SAM_BOOTSTRAP_TOKEN: _, pid: __, ...rest } = first;
    expect(second).toEqual({ ...rest, pid: expect.any(Number) });
    expect(await readFile(join(place.folderOf(order), 'data', 'key'), 'utf8')).toBe('kept');
    expect(await pidsThatMention(`SAM_SERVER=${order.name}`)).toEqual([Number(second['pid'])]);
  });

  test('is not taken for a stranger that has its number now, and the stranger lives', async () => {
    const place = await aPlace();
    const provider = place.open('ours');
    const order = anOrder();
    const server = await provider.create(order);
    await place.turnOff(server);
    const stranger = await aProcess(place, {});
    await writeFile(
      join(place.folderOf(order), 'process.json'),
      JSON.stringify({ pid: stranger, birth: 'long ago' }),
    );
    expect(await provider.find(order.name)).toMatchObject({ status: 'off' });
    await provider.remove(server);
    expect(await provider.find(order.name)).toBeUndefined();
    expect(await identify(stranger)).toBeDefined();
  });
});

describe('a bot whose address changed', () => {
  test('finds its server off, and a start has the agent call the new address from the same folder', async () => {
    const place = await aPlace();
    const order = anOrder();
    const server = await place.open('ours', { url: order.boot.url }).create(order);
    const before = await pidOf(place.folderOf(order));
    const moved = place.open('ours', { url: 'http://127.0.0.1:2' });
    expect(await moved.find(order.name)).toMatchObject({ id: server.id, status: 'off' });
    await moved.start(server);
    expect(await moved.find(order.name)).toMatchObject({ id: server.id, status: 'running' });
    const after = await pidOf(place.folderOf(order));
    expect(await pidsThatMention(`SAM_SERVER=${order.name}`)).toEqual([after]);
    expect(after).not.toBe(before);
    expect(await pidsThatMention('SAM_URL=http://127.0.0.1:2')).toContain(after);
  });
});

describe('a bot that ended in the middle', () => {
  test('of writing the folder leaves nothing that anyone sees, and the list tidies it up in time', async () => {
    const place = await aPlace({ timeoutMs: 20_000 });
    const provider = place.open('ours');
    const nodes = join(place.dataDir, 'nodes');
    for (const name of ['.new-young1', '.new-older1']) await mkdir(join(nodes, name), { recursive: true });
    await writeFile(join(nodes, '.new-older1', '.server.json.half'), '{');
    await utimes(join(nodes, '.new-older1'), 0, 0);
    expect(await provider.list()).toEqual([]);
    expect(await readdir(nodes)).toEqual(['.new-young1']);
  });

  test('before it started the agent leaves no server, and its name is free', async () => {
    const place = await aPlace();
    const provider = place.open('ours');
    const order = anOrder();
    await leaveWithoutAgent(place, order, { pid: 2 ** 22, birth: 'ended' });
    expect(await provider.find(order.name)).toBeUndefined();
    const server = await provider.create(order);
    expect(await provider.list()).toMatchObject([{ id: server.id, status: 'running' }]);
    expect((await environmentOf(place, order))['SAM_BOOTSTRAP_TOKEN']).toBe(order.boot.bootstrapToken);
  });

  test('before it started the agent leaves a folder that the list takes away', async () => {
    const place = await aPlace();
    const order = anOrder();
    await leaveWithoutAgent(place, order, { pid: 2 ** 22, birth: 'ended' });
    expect(await place.open('theirs').list()).toEqual([]);
    expect(await readdir(join(place.dataDir, 'nodes'))).toEqual([order.name]);
    expect(await place.open('ours').list()).toEqual([]);
    expect(await readdir(join(place.dataDir, 'nodes'))).toEqual([]);
  });

  test('is told from one that is still at it: that server is starting', async () => {
    const place = await aPlace();
    const provider = place.open('ours');
    const order = anOrder();
    await leaveWithoutAgent(place, order, (await identify(process.pid))!);
    expect(await provider.find(order.name)).toMatchObject({ status: 'starting' });
    expect(await provider.list()).toMatchObject([{ name: order.name, status: 'starting' }]);
    expect(await errorOf(provider.create(order))).toMatchObject({ retryable: true });
  });

  test.runIf(isLinux)(
    'before it wrote down which process the agent is: it is found, and only once',
    async () => {
      const place = await aPlace();
      const provider = place.open('ours');
      const order = anOrder();
      await leaveWithoutAgent(place, order, { pid: 2 ** 22, birth: 'ended' });
      const server = await provider.create(order);
      const pid = await pidOf(place.folderOf(order));
      await rm(join(place.folderOf(order), 'process.json'));
      const record = join(place.folderOf(order), 'server.json');
      await writeFile(
        record,
        JSON.stringify({ ...(await readJson<object>(record)), creator: { pid: 1, birth: '' } }),
      );
      expect(await provider.find(order.name)).toMatchObject({ id: server.id, status: 'running' });
      expect(await pidOf(place.folderOf(order))).toBe(pid);
      expect(await errorOf(provider.create(order))).toMatchObject({ retryable: true });
      expect(await pidsThatMention(`SAM_SERVER=${order.name}`)).toEqual([pid]);
    },
  );

  test.runIf(isLinux)('of a start leaves an agent that the next start finds', async () => {
    const place = await aPlace();
    const provider = place.open('ours');
    const order = anOrder();
    const server = await provider.create(order);
    const record = join(place.folderOf(order), 'process.json');
    const { pid } = await readJson<{ pid: number }>(record);
    await writeFile(record, JSON.stringify({ pid: 2 ** 22, birth: 'the one before' }));
    await provider.start(server);
    expect(await pidOf(place.folderOf(order))).toBe(pid);
    expect(await pidsThatMention(`SAM_SERVER=${order.name}`)).toEqual([pid]);
  });

  test.runIf(isLinux)('and whose agent lost its folder: a removal still ends that', async () => {
    const place = await aPlace();
    const provider = place.open('ours');
    const order = anOrder();
    const server = await provider.create(order);
    await environmentOf(place, order);
    await rename(place.folderOf(order), join(place.dataDir, 'elsewhere'));
    await provider.remove(server);
    expect(await pidsThatMention(`SAM_SERVER=${order.name}`)).toEqual([]);
  });

  test('of a removal leaves a server that is being removed, and the list goes on with that', async () => {
    const place = await aPlace();
    const provider = place.open('ours');
    const nodes = join(place.dataDir, 'nodes');
    const order = anOrder();
    const { id } = await leaveWithoutAgent(place, order, { pid: 2 ** 22, birth: 'ended' });
    await rename(join(nodes, order.name), join(nodes, `.removing-${order.name}.${id}`));
    await mkdir(join(nodes, '.removing-vm-x.only-the-folder'));
    expect(await provider.find(order.name)).toMatchObject({ id, status: 'removing' });
    expect(await errorOf(provider.create(order))).toMatchObject({ retryable: true });
    expect(await place.open('theirs').list()).toEqual([]);
    expect(await provider.list()).toMatchObject([{ id, status: 'removing' }]);
    await expect.poll(() => readdir(nodes), patience).toEqual([]);
    expect(await provider.find(order.name)).toBeUndefined();
  });

  test('of a removal leaves one that the next removal ends', async () => {
    const place = await aPlace();
    const provider = place.open('ours');
    const nodes = join(place.dataDir, 'nodes');
    const order = anOrder();
    const { id } = await leaveWithoutAgent(place, order, { pid: 2 ** 22, birth: 'ended' });
    await rename(join(nodes, order.name), join(nodes, `.removing-${order.name}.${id}`));
    await provider.remove((await provider.find(order.name))!);
    await expect.poll(() => readdir(nodes), patience).toEqual([]);
  });

  test.runIf(isLinux)(
    'at any moment of a create leaves a server with its one agent, or nothing',
    async () => {
      const place = await aPlace();
      const provider = place.open('ours');
      const seen = new Set<string>();
      for (let round = 0; round < 10; round += 1) {
        const order = anOrder();
        const bot = await startBot(place, order);
        bot.go();
        // Spread over a create, however long it takes on this machine: by what can be seen of it.
        await reaches(place, order, round % 5, bot);
        await bot.kill();
        const agree = async () => {
          const status = (await provider.find(order.name))?.status ?? 'nothing';
          const agents = (await pidsThatMention(`SAM_SERVER=${order.name}`)).length;
          return `${status}, ${agents} agents`;
        };
        await expect.poll(agree, patience).toMatch(/^(nothing, 0|running, 1) agents$/);
        seen.add(await agree());
      }
      for (const server of await provider.list()) await provider.remove(server);
      await expect.poll(() => provider.list(), patience).toEqual([]);
      expect(await pidsThatMention(place.dataDir)).toEqual([]);
      const left = await readdir(join(place.dataDir, 'nodes'));
      expect(left.filter((entry) => !entry.startsWith('.new-'))).toEqual([]);
      expect([...seen]).toContain('running, 1 agents');
    },
  );
});

describe('removing a local node', () => {
  test.runIf(isLinux)(
    'leaves no process: not the deaf, not the daemons, not those without a mark',
    async () => {
      const place = await aPlace({ agent: FAMILY, timeoutMs: 16_000 });
      const provider = place.open('ours');
      const [order, other] = [anOrder(), anOrder()];
      const server = await provider.create(order);
      await provider.create(other);
      const family = await familyOf(place, order);
      const others = await familyOf(place, other);
      await provider.remove(server);
      expect(family.filter(isAlive)).toEqual([]);
      expect(others.filter(isAlive)).toEqual(others);
      expect(await pidsThatMention(place.folderOf(order))).toEqual([]);
      expect(await readdir(join(place.dataDir, 'nodes'))).toEqual([other.name]);
    },
  );

  test.runIf(isLinux)('ends the daemons of an agent that is dead, which are no agent', async () => {
    const place = await aPlace({ agent: FAMILY, timeoutMs: 16_000 });
    const provider = place.open('ours');
    const order = anOrder();
    const server = await provider.create(order);
    const { daemon } = await pidsOf(place, order);
    await place.turnOff(server);
    expect(isAlive(daemon)).toBe(true);
    expect(await provider.find(order.name)).toMatchObject({ status: 'off' });
    await provider.remove(server);
    expect(isAlive(daemon)).toBe(false);
  });

  test.runIf(isLinux)('ends what has the mark of its node, and spares other installations', async () => {
    const place = await aPlace();
    const provider = place.open('ours');
    const order = anOrder();
    const server = await provider.create(order);
    const marked = await aProcess(place, { SAM_NODE: order.node });
    const theirs = await aProcess(place, { SAM_SERVER: order.name, SAM_INSTALLATION: 'theirs' });
    const similar = await aProcess(place, { SAM_SERVER: `${order.name}-2`, SAM_INSTALLATION: 'ours' });
    await provider.remove(server);
    expect([marked, theirs, similar].map(isAlive)).toEqual([false, true, true]);
  });

  test('deletes what was made read-only', async () => {
    const place = await aPlace();
    const order = anOrder();
    // A test that runs as root would be let in anywhere: the bot of this one is an ordinary user.
    const bot = await startBot(place, order, { asNobody: true, removes: true });
    bot.go();
    await bot.created;
    const cache = join(place.folderOf(order), 'data', 'cache', 'module');
    await mkdir(cache, { recursive: true });
    await writeFile(join(cache, 'file'), 'content', { mode: 0o400 });
    for (const folder of [cache, dirname(cache)]) {
      if (process.getuid?.() === 0) await chown(folder, NOBODY, NOBODY);
      await chmod(folder, 0o500);
    }
    bot.go();
    await bot.removed;
    expect(await readdir(join(place.dataDir, 'nodes'))).toEqual([]);
  });
});

describe('when this machine does not go along, the local provider', () => {
  test('says that the program of the agent is missing, for good, and leaves nothing behind', async () => {
    const place = await aPlace();
    const provider = place.open('ours', { agent: { command: ['/nowhere/node', 'agent.ts'] } });
    const error = await errorOf(provider.create(anOrder()));
    expect(error.message).toBe("local: create: the agent's program is not there: /nowhere/node.");
    expect(error.retryable).toBe(false);
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain('canary');
    expect(await provider.list()).toEqual([]);
    expect(await readdir(join(place.dataDir, 'nodes'))).toEqual([]);
  });

  test('says which record is damaged, and does not call that absence', async () => {
    const place = await aPlace();
    const provider = place.open('ours');
    const order = anOrder();
    await provider.create(order);
    await writeFile(join(place.folderOf(order), 'server.json'), '{');
    for (const call of [() => provider.find(order.name), () => provider.list(), () => provider.create(order)])
      expect(await errorOf(call())).toMatchObject({
        retryable: true,
        message: expect.stringContaining(join(order.name, 'server.json')),
      });
  });

  test('takes no name that leads out of its folder', async () => {
    const place = await aPlace();
    const provider = place.open('ours');
    for (const name of ['../../etc', '.new-x', '', 'A', 'a/b']) {
      expect(await errorOf(provider.find(name))).toMatchObject({ retryable: false, operation: 'find' });
      expect(await errorOf(provider.create(anOrder({ name })))).toMatchObject({ retryable: false });
    }
  });

  test('ends each call in its time, also when the disk does not answer', async () => {
    const place = await aPlace();
    const order = anOrder();
    await mkdir(place.folderOf(order), { recursive: true });
    const record = join(place.folderOf(order), 'server.json');
    execFileSync('mkfifo', [record]);
    const error = await errorOf(place.open('ours', { timeoutMs: 50 }).find(order.name));
    expect(error).toMatchObject({ retryable: true, message: 'local: find: no answer within 50 ms.' });
    // Lets go who still reads.
    await writeFile(record, '{}');
  });

  test.each([
    ['ENOSPC', true, 'the disk is full. Free some space on the disk of DATA_DIR.'],
    ['EACCES', false, 'no permission for /data. It must belong to the user that the bot runs as.'],
    ['EROFS', false, '/data is on a disk that is mounted read-only.'],
    ['EAGAIN', true, 'this machine has no room for another process or open file (EAGAIN).'],
    ['EIO', true, 'write failed for /data (EIO).'],
  ])('explains %s', (code, retryable, message) => {
    const error = Object.assign(new Error('low level'), { code, path: '/data', syscall: 'write' });
    expect(toFault('create', error)).toMatchObject({ retryable, message: `local: create: ${message}` });
    // Whoever looks or removes goes on until it knows.
    expect(toFault('remove', error)).toMatchObject({ retryable: true });
  });
});

test('where there is no /proc, a process is known again by what `ps` says', async () => {
  const find = async () => (await listProcesses('darwin')).find(({ pid }) => pid === process.pid);
  const first = await find();
  expect(first).toMatchObject({ parent: process.ppid, birth: expect.stringMatching(/\d:\d\d.*\d{4}$/) });
  // On Linux, where only this test uses it, ps counts from a boot time that moves with the clock.
  const [one, other] = [first, await find()].map((found) => Date.parse(found?.birth ?? ''));
  expect(Math.abs(one! - other!)).toBeLessThanOrEqual(2_000);
});

test('the table knows the local provider by its name', async () => {
  const place = await aPlace();
  const { installation, timeoutMs, ...local } = place.options('ours');
  expect((await createProvider('local', { installation, timeoutMs, local })).name).toBe('local');
  expect(isProviderName('local')).toBe(true);
  expect(isProviderName('toString')).toBe(false);
});

/** An agent with a deaf child without a mark, and a deaf daemon: in a session of its own, its parent gone. */
const FAMILY = `
import { execFileSync, spawn } from 'node:child_process';
const dir = process.env.SAM_DIR;
const stay = \`process.on('SIGTERM', () => undefined);
  require('fs').writeFileSync(process.argv[1], String(process.pid));
  setInterval(() => undefined, 1000);\`;
const fork = \`require('child_process')
  .spawn(process.execPath, ['-e', process.argv[1], process.argv[2]], { detached: true, stdio: 'ignore' }).unref();\`;
spawn(process.execPath, ['-e', stay, dir + '/child.pid'], { env: {}, stdio: 'ignore' });
spawn(process.execPath, ['-e', fork, stay, dir + '/daemon.pid'], { stdio: 'ignore' });
setInterval(() => undefined, 1_000);
`;

async function pidsOf(place: LocalPlace, order: ServerOrder) {
  const read = (name: string) => readFile(join(place.folderOf(order), 'data', name), 'utf8').catch(() => '');
  for (const name of ['child.pid', 'daemon.pid'])
    await expect.poll(() => read(name), patience).toMatch(/^\d+$/);
  return { child: Number(await read('child.pid')), daemon: Number(await read('daemon.pid')) };
}

async function familyOf(place: LocalPlace, order: ServerOrder): Promise<number[]> {
  const { child, daemon } = await pidsOf(place, order);
  return [await pidOf(place.folderOf(order)), child, daemon];
}

async function environmentOf(place: LocalPlace, order: ServerOrder): Promise<NodeJS.Dict<string>> {
  const file = join(place.folderOf(order), 'data', 'env.json');
  await expect.poll(() => stat(file).catch(() => undefined), patience).toBeDefined();
  return readJson(file);
}

/** Some process of ours with these variables; it ends with the place. */
async function aProcess(place: LocalPlace, env: NodeJS.ProcessEnv): Promise<number> {
  const args = ['-e', 'setInterval(() => undefined, 1_000)', place.dataDir];
  const child = spawn(process.execPath, args, { env, stdio: 'ignore', detached: true });
  await once(child, 'spawn');
  child.unref();
  return child.pid!;
}

/** What a bot leaves that ended between writing the folder and starting the agent. */
async function leaveWithoutAgent(
  place: LocalPlace,
  order: ServerOrder,
  creator: { pid: number; birth: string },
): Promise<{ id: string }> {
  const provider = place.open('ours');
  const example = await provider.create(anOrder({ owner: order.owner }));
  const record = await readJson<object>(join(place.folderOf(example), 'server.json'));
  await provider.remove(example);
  const folder = place.folderOf(order);
  await mkdir(join(folder, 'data'), { recursive: true });
  const labels = { ...example.labels, 'sam-node': order.node };
  const left = { ...record, id: 'left', name: order.name, labels, creator };
  await writeFile(join(folder, 'server.json'), JSON.stringify(left));
  return left;
}

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
const NOBODY = 65_534;

type Bot = Awaited<ReturnType<typeof startBot>>;

/** A bot that, told to go, creates a server; told again, removes it if it is to; and can be killed at any time. */
async function startBot(place: LocalPlace, order: ServerOrder, { asNobody = false, removes = false } = {}) {
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

/** Waits for a sign that a create has come so far: asked for, writing, named, agent started, done. */
async function reaches(place: LocalPlace, order: ServerOrder, step: number, bot: Bot): Promise<void> {
  const entries = () => readdir(join(place.dataDir, 'nodes')).catch((): string[] => []);
  const signs = [
    () => true,
    async () => (await entries()).some((entry) => entry.startsWith('.new-')),
    async () => (await entries()).includes(order.name),
    async () => (await pidsThatMention(`SAM_SERVER=${order.name}`)).length > 0,
    () => false,
  ];
  let isDone = false;
  const end = () => (isDone = true);
  bot.created.then(end, end);
  // Some signs are short and may be missed: the next one counts as well.
  while (!isDone && !(await signs[step]!())) await nextTurn();
}
