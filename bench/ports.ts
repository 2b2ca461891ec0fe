// What the way through Sam costs beside a direct connection to a program: bytes a second, and the time to the first byte.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate } from '../bot/database/connect.ts';
import { startEmbedded } from '../bot/database/embedded/embedded.ts';

const REQUESTS = Number(process.env['REQUESTS'] ?? 400);
const MEGABYTES = Number(process.env['MEGABYTES'] ?? 256);
const ROUNDS = Number(process.env['ROUNDS'] ?? 7);
const BOT_PORT = Number(process.env['BOT_PORT'] ?? 4_999);

interface Way {
  port: number;
  headers: Record<string, string>;
}

const children: ChildProcess[] = [];

async function start<Said>(...words: string[]): Promise<{ child: ChildProcess; said: Said }> {
  const child = fork(join(import.meta.dirname, 'ports-side.ts'), words);
  children.push(child);
  const [said] = (await once(child, 'message')) as [Said];
  return { child, said };
}

export async function benchPorts(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'sam-bench-'));
  const database = await startEmbedded({ dataDir });
  try {
    await migrate(database.url, join(import.meta.dirname, '../migrations'));
    const baseUrl = `http://localhost:${BOT_PORT}`;
    const { said: program } = await start<{ port: number }>('program');
    const bot = await start<{ host: string; cookie: string }>(
      'bot',
      baseUrl,
      database.url,
      String(program.port),
    );
    const { said: agent } = await start<{ port: number }>('agent', `http://localhost:${BOT_PORT}`);
    const ready = once(bot.child, 'message');
    bot.child.send(agent.port);
    await ready;
    const direct: Way = { port: program.port, headers: {} };
    const through: Way = { port: BOT_PORT, headers: bot.said };
    await measureFirstBytes(direct, through);
    await measureBytes(direct, through);
  } finally {
    for (const child of children) child.kill();
    await database.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

const connections = new Agent({ keepAlive: true });

/** In ms: until the first byte of the answer's body is here, and until the last one is. */
async function ask({ port, headers }: Way, bytes: number): Promise<{ first: number; last: number }> {
  const startedAt = performance.now();
  const asking = request({ host: '127.0.0.1', port, path: `/${bytes}`, headers, agent: connections });
  asking.end();
  const [answer] = (await once(asking, 'response')) as [IncomingMessage];
  if (answer.statusCode !== 200) throw new Error(`the answer was ${answer.statusCode}`);
  const ended = once(answer, 'end');
  await once(answer, 'data');
  const first = performance.now() - startedAt;
  answer.resume();
  await ended;
  return { first, last: performance.now() - startedAt };
}

const at = (values: number[], share: number): number =>
  values.toSorted((one, other) => one - other)[Math.floor(values.length * share)] ?? 0;

/** In turn, so that whatever else the machine does is the same for both; the first ones warm up. */
async function measureFirstBytes(direct: Way, through: Way): Promise<void> {
  const times = { direct: [] as number[], through: [] as number[] };
  for (let count = -50; count < REQUESTS; count++) {
    const pair = [await ask(direct, 100), await ask(through, 100)] as const;
    if (count < 0) continue;
    times.direct.push(pair[0].first);
    times.through.push(pair[1].first);
  }
  for (const share of [0.5, 0.95]) {
    const [one, other] = [at(times.direct, share), at(times.through, share)];
    console.log(
      `first byte, ${REQUESTS} requests, p${share * 100}: direct ${one.toFixed(2)} ms, through Sam ${other.toFixed(2)} ms, added ${(other - one).toFixed(2)} ms${share === 0.5 ? ' (goal: at most 5 ms)' : ''}`,
    );
  }
}

async function measureBytes(direct: Way, through: Way): Promise<void> {
  const ratios: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const one = MEGABYTES / ((await ask(direct, MEGABYTES << 20)).last / 1_000);
    const other = MEGABYTES / ((await ask(through, MEGABYTES << 20)).last / 1_000);
    ratios.push(other / one);
    console.log(
      `${MEGABYTES} MB: direct ${one.toFixed(0)} MB/s, through Sam ${other.toFixed(0)} MB/s, ${(other / one).toFixed(2)} of it`,
    );
  }
  console.log(`beside a direct connection, median: ${at(ratios, 0.5).toFixed(2)} (goal: at least 0.5)`);
}
