// The local provider, over real processes and folders.
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { providers, traitsIn } from '../../bot/providers/index.ts';
import { toFault } from '../../bot/providers/local/calls.ts';
import { identify, listProcesses } from '../../bot/providers/local/processes.ts';
import { anOrder, describeProvider, errorOf } from './contract.ts';
import { BOT_ENV, createPlace, pidOf, pidsThatMention } from './local-place.ts';
import { aPlace, environmentOf, aProcess } from './local-place.ts';
import { startBot } from './local-bot.ts';

describeProvider('local', async () => {
  const place = await createPlace();
  return { ...place, provider: place.open('ours'), stranger: place.open('theirs'), hasAccount: false };
});

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
  const { dataDir } = await aPlace();
  const surroundings = { installation: 'ours', timeoutMs: 1_000, url: 'http://sam.test', dataDir, env: {} };
  const edgeNetworks = async () => [];
  const provider = await providers['local']!.open(undefined, {
    ...surroundings,
    agentCommand: ['node'],
    network: { proxy: undefined, direct: [], authorities: [] },
    edgeNetworks,
  });
  expect(provider.name).toBe('local');
  expect(traitsIn(providers)('local').terminal).toBe('pipe');
  // A row's word is no property of an object.
  expect(traitsIn(providers)('toString').terminal).toBe('tls');
});
