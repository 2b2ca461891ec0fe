// A data folder with a stand-in for the agent, for tests of the local provider. What is left at the end is ended.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { createLocal, type LocalOptions } from '../../bot/providers/local/local.ts';
import type { Server } from '../../bot/providers/provider.ts';

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
      await expect.poll(async () => (await ours.find(server.name))?.status, { timeout: 20_000 }).toBe('off');
    },
    async close() {
      for (const pid of await pidsThatMention(dataDir)) process.kill(pid, 'SIGKILL');
      await expect.poll(() => pidsThatMention(dataDir), { timeout: 20_000 }).toEqual([]);
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
