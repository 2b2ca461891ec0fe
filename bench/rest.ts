// What people's programs wait for at 200 requests a second, beside a bare server of the same machine that asks the same Postgres once.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { giveSecret, insertToken } from '../bot/access/people/personal-tokens-store.ts';
import { meetPerson } from '../bot/access/store/people.ts';
import { connect } from '../bot/database/connect.ts';
import { workspaces } from '../bot/database/schema.ts';
import type { Executor } from '../bot/database/types.ts';
import { startEmbedded } from '../bot/database/embedded/embedded.ts';
import { newWorkspaceId } from '../bot/ids.ts';
import { append } from '../bot/workspaces/store/events.ts';
import { openScene, type Scene } from './scene.ts';

const A_SECOND = Number(process.env['A_SECOND'] ?? 200);
const SECONDS = Number(process.env['SECONDS'] ?? 10);
/** Each may ask 600 times a minute. */
const PEOPLE = 50;
const ROUNDS = Number(process.env['ROUNDS'] ?? 5);

interface Way {
  origin: string;
  /** In turn. */
  asked: { path: string; headers: Record<string, string> }[];
}

export async function benchRest(): Promise<void> {
  const scene = await openScene();
  // The bot's own, which is up.
  const postgres = await startEmbedded({ dataDir: scene.dataDir });
  const bare = fork(join(import.meta.dirname, 'rest-side.ts'), [postgres.url]);
  try {
    const sam = await prepare(scene, postgres.url);
    await compare({ bare: await wayTo(bare), sam });
  } finally {
    bare.kill();
    await scene.close();
  }
}

async function wayTo(child: ChildProcess): Promise<Way> {
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  return { origin: `http://127.0.0.1:${port}`, asked: [{ path: '/', headers: {} }] };
}

/** What some ask of a workspace of their own, each with a token: the row, the list, and its story. */
async function prepare({ github: { world } }: Scene, databaseUrl: string): Promise<Way> {
  const origin = new URL(world.app.webhookUrl ?? '').origin;
  const database = await connect(databaseUrl);
  const asked: Way['asked'] = [];
  for (let count = 0; count < PEOPLE; count++) {
    const owner = await meetPerson(database.db, {
      source: 'github',
      externalId: `${9_000 + count}`,
      login: `p${count}`,
    });
    const { id } = await insertToken(database.db, owner.id, {
      name: 'bench',
      scope: 'write',
      lifeMs: 3_600_000,
    });
    const headers = { authorization: `Bearer ${await giveSecret(database.db, id)}` };
    const one = `/api/workspaces/${await insertStopped(database.db, owner.id)}`;
    asked.push(...[one, '/api/workspaces', `${one}/events`].map((path) => ({ path, headers })));
  }
  await database.close();
  return { origin, asked };
}

/** Nobody works on it: it costs what a look costs, and nothing else. */
async function insertStopped(db: Executor, owner: string): Promise<string> {
  const id = newWorkspaceId();
  const repository = 'https://github.com/acme/api';
  const row = { id, key: id, owner, name: 'api-1', repository, size: 'medium' } as const;
  await db.insert(workspaces).values({ ...row, phase: 'stopped', desired: 'stopped' });
  for (let count = 0; count < 20; count++) await append(db, id, 1, 'phase', { phase: 'stopped' });
  return id;
}

async function compare(ways: { bare: Way; sam: Way }): Promise<void> {
  const times = { bare: [] as number[], sam: [] as number[] };
  await Promise.all([askOn(ways.bare), askOn(ways.sam)]);
  for (let round = 0; round < ROUNDS; round++) {
    const order = round % 2 === 0 ? (['bare', 'sam'] as const) : (['sam', 'bare'] as const);
    for (const name of order) times[name].push(...(await askOn(ways[name])));
  }
  for (const share of [0.5, 0.99]) {
    const [bare, sam] = [at(times.bare, share), at(times.sam, share)];
    console.log(
      `${A_SECOND} requests a second, ${ROUNDS} rounds of ${SECONDS} s, p${share * 100}: bare ${bare.toFixed(2)} ms, Sam ${sam.toFixed(2)} ms, ${(sam / bare).toFixed(2)} x`,
    );
  }
}

const at = (values: number[], share: number): number =>
  values.toSorted((one, other) => one - other)[Math.floor(values.length * share)] ?? 0;

/** In ms, from when each was due: one that waits for those before it has waited, too. */
async function askOn({ origin, asked }: Way): Promise<number[]> {
  const agent = new Agent({ keepAlive: true });
  const startedAt = performance.now();
  const answers: Promise<number>[] = [];
  for (let count = 0; count < A_SECOND * SECONDS; count++) {
    const dueAt = startedAt + (count * 1_000) / A_SECOND;
    const early = dueAt - performance.now();
    if (early > 1) await new Promise((resolve) => void setTimeout(resolve, early));
    const { path = '/', headers = {} } = asked[count % asked.length] ?? {};
    answers.push(ask(`${origin}${path}`, headers, agent, dueAt));
  }
  const times = await Promise.all(answers);
  agent.destroy();
  return times;
}

async function ask(
  url: string,
  headers: Record<string, string>,
  agent: Agent,
  dueAt: number,
): Promise<number> {
  const asking = request(url, { headers, agent });
  asking.end();
  const [answer] = (await once(asking, 'response')) as [IncomingMessage];
  if (answer.statusCode !== 200) throw new Error(`the answer was ${answer.statusCode}`);
  answer.resume();
  await once(answer, 'end');
  return performance.now() - dueAt;
}
