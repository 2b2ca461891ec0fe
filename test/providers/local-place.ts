// A data folder with a stand-in for the agent, for tests of the local provider. What is left at the end is ended.
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile, mkdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { expect, afterEach } from 'vitest';
import { createLocal, type LocalOptions } from '../../bot/providers/local/local.ts';
import type { Server, ServerOrder } from '../../bot/providers/provider.ts';
import { anOrder } from './contract.ts';

/** Says what it was given, and stays. */
const AGENT = `
import { renameSync, writeFileSync } from 'node:fs';
const file = process.env.SAM_DIR + '/env.json';
writeFileSync(file + '.half', JSON.stringify({ ...process.env, pid: process.pid }));
renameSync(file + '.half', file);
setInterval(() => undefined, 1_000);
`;

/** What the bot has and no agent may see. */
export const BOT_ENV = {
  PATH: process.env['PATH'],
  HOME: '/home/somebody',
  LANG: 'C.UTF-8',
  TERM: 'xterm',
  DOCKER_HOST: 'unix:///run/user/1000/docker.sock',
  https_proxy: 'http://proxy.test:3128',
  NODE_EXTRA_CA_CERTS: '/etc/ssl/ours.pem',
  TZ: 'Europe/Berlin',
  WEBHOOK_SECRET: 'canary-webhook',
  HCLOUD_TOKEN: 'canary-hcloud',
  ENCRYPTION_KEY: 'canary-key',
  DATABASE_URL: 'postgres://canary',
  NODE_OPTIONS: '--no-warnings',
  LD_PRELOAD: '',
};

export async function createPlace({ agent = AGENT, timeoutMs = 20_000 } = {}) {
  const dataDir = await mkdtemp(join(tmpdir(), 'sam-local-'));
  const script = join(dataDir, 'agent.mjs');
  await writeFile(script, agent);
  const options = (installation: string, changes: Partial<LocalOptions> = {}): LocalOptions => ({
    dataDir,
    installation,
    agent: { command: [process.execPath, script] },
    env: BOT_ENV,
    timeoutMs,
    ...changes,
  });
  const open = (installation: string, changes?: Partial<LocalOptions>) =>
    createLocal(options(installation, changes));
  const folderOf = ({ name }: { name: string }) => join(dataDir, 'nodes', name);
  return {
    dataDir,
    script,
    options,
    open,
    folderOf,
    secrets: Object.values(BOT_ENV).filter((value) => value?.includes('canary')) as string[],
    async turnOff(server: Server) {
      process.kill(await pidOf(folderOf(server)), 'SIGKILL');
      const ours = open(server.labels['sam-installation']);
      await expect.poll(async () => (await ours.find(server.name))?.status).toBe('off');
    },
    async close() {
      for (const pid of await pidsThatMention(dataDir)) process.kill(pid, 'SIGKILL');
      await expect.poll(() => pidsThatMention(dataDir)).toEqual([]);
      await rm(dataDir, { recursive: true });
    },
  };
}
export type LocalPlace = Awaited<ReturnType<typeof createPlace>>;

export async function pidOf(folder: string): Promise<number> {
  return (await readJson<{ pid: number }>(join(folder, 'process.json'))).pid;
}

export async function readJson<T>(file: string): Promise<T> {
  return JSON.parse(await readFile(file, 'utf8')) as T;
}

/** Of living processes with this text in their environment or command, by our own look. */
export async function pidsThatMention(text: string): Promise<number[]> {
  if (process.platform !== 'linux') return pidsInPs(text);
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  return pids.filter((pid) => pid !== process.pid && isAlive(pid) && mentions(pid, text));
}

function mentions(pid: number, text: string): boolean {
  return ['environ', 'cmdline'].some((file) => read(`/proc/${pid}/${file}`).includes(text));
}

function pidsInPs(text: string): number[] {
  const lines = execFileSync('ps', ['-axwwE', '-o', 'pid=,stat=,command='], { encoding: 'utf8' }).split('\n');
  const own = (line: string) => line.trim().startsWith(`${process.pid} `);
  return lines
    .filter((line) => line.includes(text) && !own(line) && !/^\s*\d+\s+Z/.test(line))
    .map((line) => Number.parseInt(line, 10));
}

/** A zombie has ended. Linux only. */
export function isAlive(pid: number): boolean {
  return !['', 'Z', 'X'].includes(/\) (\S)/.exec(read(`/proc/${pid}/stat`))?.[1] ?? '');
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

export const isLinux = process.platform === 'linux';
export const patience = { interval: 10 };

const places: LocalPlace[] = [];
afterEach(async () => {
  for (const place of places.splice(0)) await place.close();
});

export async function aPlace(...options: Parameters<typeof createPlace>) {
  const place = await createPlace(...options);
  places.push(place);
  return place;
}

export async function environmentOf(place: LocalPlace, order: ServerOrder): Promise<NodeJS.Dict<string>> {
  const file = join(place.folderOf(order), 'data', 'env.json');
  await expect.poll(() => stat(file).catch(() => undefined), patience).toBeDefined();
  return readJson(file);
}

/** Some process of ours with these variables; it ends with the place. */
export async function aProcess(place: LocalPlace, env: NodeJS.ProcessEnv): Promise<number> {
  const args = ['-e', 'setInterval(() => undefined, 1_000)', place.dataDir];
  const child = spawn(process.execPath, args, { env, stdio: 'ignore', detached: true });
  await once(child, 'spawn');
  child.unref();
  return child.pid!;
}

/** What a bot leaves that ended between writing the folder and starting the agent. */
export async function leaveWithoutAgent(
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
