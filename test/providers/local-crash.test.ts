// The local provider after a bot that ended in the middle: no node twice, none that nobody finds.
import { mkdir, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { identify } from '../../bot/providers/local/processes.ts';
import type { ServerOrder } from '../../bot/providers/provider.ts';
import { anOrder, errorOf } from './contract.ts';
import {
  pidOf,
  pidsThatMention,
  readJson,
  type LocalPlace,
  aPlace,
  leaveWithoutAgent,
  environmentOf,
  isLinux,
  patience,
} from './local-place.ts';
import { startBot, type Bot } from './local-bot.ts';

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
