// The half of a bot that acts, over a fake Hetzner and a fake Cloudflare that both remember; agents play their part by the
// store alone. A bot can be killed: nothing of it is heard any more, but what it had sent still arrives.
import pino from 'pino';
import type { WorkspaceReport } from '../../agent/protocol.ts';
import { desiredOf } from '../../bot/nodes/desired.ts';
import { connect, type Database } from '../../bot/database/connect.ts';
import { users } from '../../bot/database/schema.ts';
import { createCloudflareRanges } from '../../bot/dns/cloudflare/ranges.ts';
import { createCloudflareDns } from '../../bot/dns/cloudflare/cloudflare.ts';
import { messageOf } from '../../bot/errors.ts';
import { newUserId } from '../../bot/ids.ts';
import { bootData } from '../../bot/providers/boot/cloud-init.ts';
import { createHetzner } from '../../bot/providers/hetzner/hetzner.ts';
import { createLoop } from '../../bot/jobs/loop.ts';
import { nodeSource } from '../../bot/workspaces/reconcile-node.ts';
import { workspaceSource, type Reconciler } from '../../bot/workspaces/reconcile-workspace.ts';
import { createAccountProof } from '../../bot/workspaces/sweeps/sweeps.ts';
import { createSweeper } from '../../bot/jobs/sweeper.ts';
import { createSweeps } from '../../bot/workspaces/sweeps/sweeps.ts';
import { timingFrom } from '../../bot/workspaces/timing.ts';
import { startFakeCloudflare, type FakeCloudflare } from '../fakes/cloudflare/cloudflare.ts';
import { startFakeHetzner, type FakeHetzner } from '../fakes/hetzner/hetzner.ts';
import { settingsIn } from '../hetzner/machines.ts';
import { freshDatabase } from '../postgres.ts';
import { runLine } from '../workspaces/world.ts';
import { saveHeartbeats, saveHello } from '../../bot/workspaces/store/node-changes.ts';
import { workspacesOn } from '../../bot/workspaces/store/nodes.ts';
import { sweepBook } from '../../bot/workspaces/store/sweeps.ts';
import { saveReport } from '../../bot/workspaces/store/workspace-changes.ts';
import { NO_LIMITS } from '../workspaces/rows.ts';

export const DOMAIN = 'nodes.sam.example';
export const OURS = 'ours';
/** Calls get 0.7 s, absence is believed after 2.8 s, unknown things go after 14 s. */
const BASE_MS = 700;

const LIMITS = {
  ...NO_LIMITS,
  idleTimeoutMs: 0,
  deleteStoppedAfterMs: 0,
  nodeWarmMs: 200,
  workspacesPerNode: 2,
};

export interface Bot {
  /** As kill -9 and some time: its leases are over. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

export interface CloudWorld extends AsyncDisposable {
  hetzner: FakeHetzner;
  cloudflare: FakeCloudflare;
  database: Database;
  /** What the bots logged as an error. */
  errors: string[];
  addUser: (name: string) => Promise<string>;
  /** What a person says. */
  say: (owner: string, line: string, repository?: string) => Promise<string>;
  startBot: () => Promise<Bot>;
}

export async function createCloudWorld(): Promise<CloudWorld> {
  await using ending = new AsyncDisposableStack();
  const fresh = await freshDatabase();
  ending.defer(() => fresh.drop());
  const database = await connect(fresh.url);
  ending.defer(() => database.close());
  const hetzner = await startFakeHetzner({ perHour: 1_000_000, maxServers: 100 });
  ending.defer(() => hetzner.close());
  const cloudflare = await startFakeCloudflare();
  ending.defer(() => cloudflare.close());
  const errors: string[] = [];
  const agents = createAgents(database, hetzner);
  ending.defer(() => agents.stop());
  const rest = ending.move();
  return {
    hetzner,
    cloudflare,
    database,
    errors,
    async addUser(name) {
      const id = newUserId();
      await database.db.insert(users).values({ id, name });
      return id;
    },
    async say(owner, line, label) {
      const repository = label ? { url: `https://github.com/${label}`, label } : undefined;
      return (await runLine(database, LIMITS, owner, line, repository)).text;
    },
    startBot: () => startBot({ url: fresh.url, database, hetzner, cloudflare, errors }),
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  };
}

async function startBot(
  world: Pick<CloudWorld, 'database' | 'hetzner' | 'cloudflare' | 'errors'> & { url: string },
): Promise<Bot> {
  const own = await connect(world.url);
  const life = { isDead: false };
  const log = pino({ level: 'error' }, { write: (line) => void (life.isDead || world.errors.push(line)) });
  const db = stopping(own.db, life);
  const clouds = cloudsOf(world, life);
  const reconciler: Reconciler = {
    db,
    baseUrl: 'http://sam.test',
    createBootstrapToken: async () => 'canary-bootstrap-token-0123456789',
    limits: LIMITS,
    timing: {
      ...timingFrom(BASE_MS),
      silenceMs: 5_000,
      bootMs: 20_000,
      deletingMs: 10_000,
      stoppingMs: 10_000,
    },
    log,
    proveAccount: createAccountProof({ db, provider: clouds.provider }),
    ...clouds,
  };
  const loop = createLoop([workspaceSource(reconciler), nodeSource(reconciler)], { log, pollMs: 20 });
  const sweeper = createSweeper(createSweeps(reconciler), { book: sweepBook(db), log });
  loop.start();
  sweeper.start();
  return {
    async kill() {
      life.isDead = true;
      await Promise.all([loop.stop(), sweeper.stop()]);
      await own.close();
      for (const table of ['nodes', 'workspaces', 'sweeps'])
        await world.database
          .sql`update ${world.database.sql(table)} set lease_until = null where lease_until is not null`;
    },
    async stop() {
      await Promise.all([loop.stop(), sweeper.stop()]);
      await own.close();
    },
  };
}

/** What a dead bot does is nothing; what it waits for never comes to it. */
function cloudsOf(
  { hetzner, cloudflare }: Pick<CloudWorld, 'hetzner' | 'cloudflare'>,
  life: { isDead: boolean },
): Pick<Reconciler, 'provider'> & { dns: NonNullable<Reconciler['dns']> } {
  const timeoutMs = BASE_MS;
  const { token, baseUrl, zoneId } = cloudflare;
  const openTo = createCloudflareRanges({ token, baseUrl, timeoutMs: timeoutMs / 4, warn: () => undefined });
  const provider = createHetzner({
    token: hetzner.token,
    endpoint: hetzner.endpoint,
    installation: OURS,
    timeoutMs,
    locations: ['nbg1', 'fsn1'],
    bootData: ({ boot }) => bootData(boot),
    openTo,
  });
  const dns = createCloudflareDns({ token, zoneId, baseUrl, domain: DOMAIN, installation: OURS, timeoutMs });
  return { provider: mortal(provider, life), dns: mortal(dns, life) };
}

/** No further statement of a dead bot begins; a transaction of its ends one way or the other. */
const stopping = <T extends object>(target: T, life: { isDead: boolean }): T =>
  new Proxy(target, {
    get(from, name) {
      if (life.isDead) throw new Error('dead');
      const value: unknown = Reflect.get(from, name);
      return typeof value === 'function' ? (value as () => unknown).bind(from) : value;
    },
  });

function mortal<T extends object>(target: T, life: { isDead: boolean }): T {
  return new Proxy(target, {
    get(from, name, receiver) {
      const value: unknown = Reflect.get(from, name, receiver);
      if (typeof value !== 'function') return value;
      return async (...words: unknown[]) => {
        if (life.isDead) throw new Error('dead');
        return (value as (...all: unknown[]) => unknown)(...words);
      };
    },
  });
}

// --- agents -------------------------------------------------------------------------------------------------------

/** Each running machine's agent says hello, and does at once what it is told. */
function createAgents({ db }: Database, hetzner: FakeHetzner) {
  const known = new Set<number>();
  const run = { isStopped: false, failure: undefined as unknown };
  async function live(id: number, node: string): Promise<void> {
    if (!known.has(id)) {
      if (!(await saveHello(db, node, { version: 'fake', terminalPort: null }))) return;
      known.add(id);
    }
    await saveHeartbeats(db, [node]);
    for (const row of await workspacesOn(db, node)) {
      const goal = desiredOf(row);
      if (!goal) continue;
      const report: WorkspaceReport = { id: row.id, run: goal.run, phase: goal.desired, sessions: 0 };
      await saveReport(db, node, report, { at: null, everyMs: 1 });
    }
  }
  async function loop(): Promise<void> {
    while (!run.isStopped) {
      for (const { id, status, userData, labels } of hetzner.servers())
        if (status === 'running' && labels['managed-by'] === 'sam' && userData)
          await live(id, settingsIn(userData)['SAM_NODE'] ?? '');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  const ended = loop().catch((error: unknown) => {
    console.error(`the agents ended: ${messageOf(error)}`);
  });
  return {
    async stop() {
      run.isStopped = true;
      await ended;
    },
  };
}
