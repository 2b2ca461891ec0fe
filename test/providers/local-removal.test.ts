// That a removed local node leaves nothing: no process, no file.
import { chmod, chown, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ServerOrder } from '../../bot/providers/provider.ts';
import { anOrder, errorOf } from './contract.ts';
import {
  isAlive,
  pidOf,
  pidsThatMention,
  type LocalPlace,
  isLinux,
  aPlace,
  aProcess,
  patience,
  environmentOf,
  leaveWithoutAgent,
} from './local-place.ts';
import { startBot, NOBODY } from './local-bot.ts';

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

describe('a bot that ended in the middle', () => {
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
