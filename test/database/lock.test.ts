// One bot per DATA_DIR.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { lockDataDir } from '../../bot/database/lock.ts';
import { launch } from './launch.ts';

const url = 'http://localhost:3000';

async function newDataDir(): Promise<string> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'sam-lock-'));
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
  return dataDir;
}

test('a second bot is refused, and told where the first one runs', async () => {
  const dataDir = await newDataDir();
  const bot = launch('lock', [dataDir, 'http://localhost:4711']);
  expect(await bot.next()).toEqual({ locked: true });
  await expect(lockDataDir(dataDir, { url })).rejects.toMatchObject({
    name: 'StartError',
    message:
      `Another Sam is already using ${dataDir}: it runs at http://localhost:4711 (process ${bot.pid}).\n` +
      `Use that one, stop it with \`kill ${bot.pid}\`, or set DATA_DIR to another folder.`,
  });
});

test('a refused bot hears the address that the first one learned after its start', async () => {
  const dataDir = await newDataDir();
  const lock = await lockDataDir(dataDir, { url });
  await lock.update('http://localhost:50123');
  expect((await launch('lock', [dataDir, url]).next()).error).toContain(
    'it runs at http://localhost:50123 (',
  );
  await lock.release();
});

test('a folder that is not there yet is made, and a released one is free', async () => {
  const dataDir = path.join(await newDataDir(), 'not/yet');
  const first = await lockDataDir(dataDir, { url });
  await first.release();
  const second = await lockDataDir(dataDir, { url });
  await first.release(); // Repeated: takes nothing from the second.
  await expect(lockDataDir(dataDir, { url })).rejects.toThrow('Another Sam');
  await second.release();
  expect(await readdir(dataDir)).toEqual([]);
});

test('a data folder that cannot be made is told with the way out', async () => {
  const file = path.join(await newDataDir(), 'file');
  await writeFile(file, '');
  await expect(lockDataDir(path.join(file, 'data'), { url })).rejects.toMatchObject({
    name: 'StartError',
    message: expect.stringContaining('set DATA_DIR to another one') as string,
  });
});

test('the lock of a bot that was killed is taken over', async () => {
  const dataDir = await newDataDir();
  const bot = launch('lock', [dataDir, url]);
  await bot.next();
  await bot.kill();
  const lock = await lockDataDir(dataDir, { url });
  expect(await readdir(dataDir)).toEqual(['sam.lock']);
  await lock.release();
});

test('a living process that was given the pid of a dead bot holds no lock', async () => {
  const dataDir = await newDataDir();
  const lock = await lockDataDir(dataDir, { url });
  const file = path.join(dataDir, 'sam.lock');
  const holder = JSON.parse(await readFile(file, 'utf8')) as { born: string };
  await writeFile(file, JSON.stringify({ ...holder, born: `${holder.born}0` })); // Same pid, other birth.
  await expect(lockDataDir(dataDir, { url })).resolves.toBeDefined();
  await lock.release();
});

test('a lock file that a power cut left empty is taken over', async () => {
  const dataDir = await newDataDir();
  await writeFile(path.join(dataDir, 'sam.lock'), '');
  const lock = await lockDataDir(dataDir, { url });
  await expect(lockDataDir(dataDir, { url })).rejects.toThrow('Another Sam');
  await lock.release();
});

test('of twenty that see the same dead lock at once, exactly one takes it', async () => {
  for (let round = 0; round < 10; round += 1) {
    const dataDir = await newDataDir();
    const dead = { token: `dead-${round}`, pid: 1, born: 'long ago', url };
    await writeFile(path.join(dataDir, 'sam.lock'), JSON.stringify(dead));
    const attempts = await Promise.allSettled(
      Array.from({ length: 20 }, () => lockDataDir(dataDir, { url })),
    );
    expect(attempts.filter(({ status }) => status === 'fulfilled').length).toBe(1);
    expect(await readdir(dataDir)).toEqual(['sam.lock']);
  }
});

test('of three processes that see the same dead lock at once, exactly one takes it', async () => {
  const dataDir = await newDataDir();
  const dead = { token: 'dead', pid: 1, born: 'long ago', url };
  await writeFile(path.join(dataDir, 'sam.lock'), JSON.stringify(dead));
  const bots = [1, 2, 3].map(() => launch('lock', [dataDir, url]));
  const answers = await Promise.all(bots.map((bot) => bot.next()));
  expect(answers.filter((answer) => answer['locked']).length).toBe(1);
  expect(answers.filter(({ error }) => error?.startsWith('Another Sam')).length).toBe(2);
});
