// What the gateway to models adds beside a direct connection: time to the first byte, and CPU for what is streamed.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { Cost } from './gateway-side.ts';

const REQUESTS = Number(process.env['REQUESTS'] ?? 600);
const MEGABYTES = Number(process.env['MEGABYTES'] ?? 256);
const ROUNDS = Number(process.env['ROUNDS'] ?? 5);

interface Side {
  child: ChildProcess;
  port: number;
  token: string;
}

export async function benchGateway(): Promise<void> {
  const model = await startSide();
  const gateway = await startSide(`http://127.0.0.1:${model.port}`);
  try {
    await measureFirstBytes(model, gateway);
    await measureStreams(model, gateway);
  } finally {
    for (const { child } of [model, gateway]) child.kill();
  }
}

async function startSide(...words: string[]): Promise<Side> {
  const child = fork(join(import.meta.dirname, 'gateway-side.ts'), words);
  const [{ port, token = '' }] = (await once(child, 'message')) as [{ port: number; token?: string }];
  return { child, port, token };
}

const agent = new Agent({ keepAlive: true });

/** In ms, until the first byte of the answer's body is here; the rest is read and thrown away. */
async function ask({ port, token }: Side, bytes: number): Promise<number> {
  const startedAt = performance.now();
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const path = `/v1/messages?beta=${bytes}`;
  const asking = request({ host: '127.0.0.1', port, method: 'POST', path, headers, agent });
  asking.end(BODY);
  const [answer] = (await once(asking, 'response')) as [IncomingMessage];
  const ended = once(answer, 'end');
  await once(answer, 'data');
  const firstAt = performance.now();
  await ended;
  return firstAt - startedAt;
}

/** About what Claude Code sends. */
const BODY = JSON.stringify({ stream: true, messages: [{ role: 'user', content: 'x'.repeat(50_000) }] });

async function measureFirstBytes(model: Side, gateway: Side): Promise<void> {
  const times: { direct: number[]; through: number[] } = { direct: [], through: [] };
  // In turn, so that whatever else the machine does is the same for both; the first ones warm up.
  for (let count = -100; count < REQUESTS; count++) {
    const pair = [await ask(model, 0), await ask(gateway, 0)] as const;
    if (count < 0) continue;
    times.direct.push(pair[0]);
    times.through.push(pair[1]);
  }
  const [p50, p95] = [0.5, 0.95].map((share) => {
    const [direct, through] = [at(times.direct, share), at(times.through, share)];
    return `direct ${direct.toFixed(2)} ms, gateway ${through.toFixed(2)} ms, added ${(through - direct).toFixed(2)} ms`;
  });
  console.log(
    `first byte, ${REQUESTS} requests of ${BODY.length} bytes, p50: ${p50} (goal: at most 2 ms added)`,
  );
  console.log(`                                          p95: ${p95}`);
}

const at = (values: number[], share: number): number =>
  values.toSorted((one, other) => one - other)[Math.floor(values.length * share)] ?? 0;

/** In ms for each MB: of all processes that take part, and of the gateway's own among them. */
async function measureStreams(model: Side, gateway: Side): Promise<void> {
  const ratios: { own: number; all: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const direct = await measure([model], model);
    const before = await readCost(gateway);
    const through = await measure([model, gateway], gateway);
    const own = ((await readCost(gateway)).cpu - before.cpu) / 1_000 / MEGABYTES;
    ratios.push({ own: own / direct, all: through / direct });
    console.log(
      `streaming ${MEGABYTES} MB, CPU: both sides of a direct connection ${direct.toFixed(2)} ms/MB, the gateway ${own.toFixed(2)} ms/MB, all three ${through.toFixed(2)} ms/MB`,
    );
  }
  const [own, all] = [ratios.map((one) => one.own), ratios.map((one) => one.all)];
  console.log(
    `beside a direct connection, median: the gateway itself ${at(own, 0.5).toFixed(2)} x, all together ${at(all, 0.5).toFixed(2)} x (goal: at most 1.5 x)`,
  );
}

async function measure(sides: Side[], to: Side): Promise<number> {
  const read = async () => {
    const others = await Promise.all(sides.map(readCost));
    const { user, system } = process.cpuUsage();
    return others.reduce((sum, { cpu }) => sum + cpu, user + system);
  };
  const before = await read();
  await ask(to, MEGABYTES << 20);
  return ((await read()) - before) / 1_000 / MEGABYTES;
}

async function readCost({ child }: Side): Promise<Cost> {
  const answer = once(child, 'message') as Promise<[Cost]>;
  child.send('cost');
  return (await answer)[0];
}
