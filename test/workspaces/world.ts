// Two bots' reconcilers over one real database, a fake provider, and agents that play their part by the store alone.
import type { Held } from '../../bot/database/types.ts';
import pino from 'pino';
import type { Logger } from 'pino';
import type { DesiredWorkspace, WorkspaceReport } from '../../agent/protocol.ts';
import { desiredOf } from '../../bot/nodes/desired.ts';
import { atTerminal } from '../../bot/chat/console/render.ts';
import { onGitHub } from '../../bot/chat/github/render.ts';
import type { ParseContext } from '../../bot/commands/parser/parsed.ts';
import { commands } from '../../bot/commands/index.ts';
import { findCommand } from '../../bot/commands/command.ts';
import { parse } from '../../bot/commands/parser/parse.ts';
import { joined, TERMINAL, wordAnswer, wordRefusal } from '../../bot/chat/wording.ts';
import { UserError } from '../../bot/errors.ts';
import type { Outcome } from '../../bot/commands/context.ts';
import type { Repository } from '../../bot/forges/forge.ts';
import type { Heads } from '../../bot/workspaces/fork.ts';
import { connect, type Database } from '../../bot/database/connect.ts';
import { users, type FrontName, type Node, type Workspace } from '../../bot/database/schema.ts';
import { newUserId } from '../../bot/ids.ts';
import { createLoop } from '../../bot/jobs/loop.ts';
import { nodeSource } from '../../bot/workspaces/reconcile-node.ts';
import { workspaceSource, type Limits, type Reconciler } from '../../bot/workspaces/reconcile-workspace.ts';
import { timingFrom } from '../../bot/workspaces/timing.ts';
import { freshDatabase } from '../postgres.ts';
import { until } from '../until.ts';
import { createFakeProvider, type FakeProvider } from './fake-provider.ts';
import { createSweeps } from '../../bot/workspaces/sweeps/sweeps.ts';
import { saveHeartbeats, saveHello } from '../../bot/workspaces/store/node-changes.ts';
import { findNode, listLivingNodes, workspacesOn } from '../../bot/workspaces/store/nodes.ts';
import { saveReport } from '../../bot/workspaces/store/workspace-changes.ts';
import { findWorkspace } from '../../bot/workspaces/store/workspaces.ts';
import { NO_LIMITS } from './rows.ts';

/** Quiet 0.8 s, making 2.4 s. What waits for an agent has more: a busy machine is no silent one. */
export const BASE_MS = 200;

export interface World extends AsyncDisposable {
  /** Of the database. */
  url: string;
  database: Database;
  db: Database['db'];
  sql: Database['sql'];
  provider: FakeProvider;
  reconciler: Reconciler;
  limits: Limits;
  agents: Agents;
  log: Logger;
  /** What was logged as an error: bugs, and a database that did not do as it was asked. */
  errors: string[];
  addUser(name?: string): Promise<string>;
  /** Runs one line as that person, in one transaction, as the inbox does. */
  say(owner: string, line: string, repository?: Repository): Promise<Said>;
  /** `up` for a repository of that name; gives the workspace's id. */
  up(owner: string, label?: string, flags?: string): Promise<string>;
  workspace(id: string): Promise<Workspace>;
  node(id: string): Promise<Node>;
  nodes(): Promise<Node[]>;
  /** Waits until the row is so, and gives it; the deadline's error shows the row. */
  see(id: string, isSo: (row: Workspace) => boolean): Promise<Workspace>;
  seeNode(id: string, isSo: (row: Node) => boolean): Promise<Node>;
  start(): void;
}

export interface WorldOptions {
  limits?: Partial<Limits>;
  bots?: number;
  baseMs?: number;
  silenceMs?: number;
}

/** Nothing runs before `start()`. */
export async function createWorld({
  limits: changed = {},
  bots = 2,
  baseMs = BASE_MS,
  silenceMs = 5_000,
}: WorldOptions = {}): Promise<World> {
  await using ending = new AsyncDisposableStack();
  const fresh = await freshDatabase();
  ending.defer(() => fresh.drop());
  const open = async (): Promise<Database> => {
    const opened = await connect(fresh.url);
    ending.defer(() => opened.close());
    return opened;
  };
  const database = await open();
  const { db, sql } = database;
  const provider = createFakeProvider();
  const errors: string[] = [];
  const log = pino({ level: 'error' }, { write: (line) => void errors.push(line) });
  const limits: Limits = {
    ...NO_LIMITS,
    idleTimeoutMs: 0,
    deleteStoppedAfterMs: 0,
    nodeWarmMs: 60_000,
    workspacesPerNode: 3,
    nodesPerUser: 10,
    ...changed,
  };
  const makeReconciler = ({ db: own }: Database): Reconciler => ({
    db: own,
    provider,
    proveAccount: async () => {},
    baseUrl: 'http://sam.test',
    createBootstrapToken: () => Promise.resolve('token'),
    limits,
    timing: { ...timingFrom(baseMs), silenceMs, bootMs: 20_000, deletingMs: 10_000, stoppingMs: 10_000 },
    log,
  });
  const reconciler = makeReconciler(database);
  const others = await Promise.all(Array.from({ length: bots - 1 }, open));
  const loops = [reconciler, ...others.map(makeReconciler)].map((bot) =>
    createLoop([workspaceSource(bot), nodeSource(bot)], { log, pollMs: 20 }),
  );
  const agents = createAgents(db, provider);
  const rest = ending.move();
  const workspace = async (id: string): Promise<Workspace> => (await findWorkspace(db, id))!;
  const node = async (id: string): Promise<Node> => (await findNode(db, id))!;
  const say = (owner: string, line: string, repository?: Repository): Promise<Said> =>
    runLine(database, limits, owner, line, repository);
  return {
    url: fresh.url,
    database,
    db,
    sql,
    provider,
    log,
    errors,
    reconciler,
    limits,
    agents,
    workspace,
    node,
    say,
    nodes: () => listLivingNodes(db, 'fake'),
    async addUser(name = 'ada') {
      const id = newUserId();
      await db.insert(users).values({ id, name });
      return id;
    },
    async up(owner, label = 'acme/api', flags = '') {
      const { answer } = await say(owner, `up ${flags}`, { url: `https://github.com/${label}`, label });
      return answer.workspace!;
    },
    see: (id, isSo) => seeRow(() => workspace(id), isSo),
    seeNode: (id, isSo) => seeRow(() => node(id), isSo),
    start() {
      for (const loop of loops) loop.start();
      agents.start();
    },
    async [Symbol.asyncDispose]() {
      provider.release();
      await Promise.all([...loops.map((loop) => loop.stop()), agents.stop()]);
      await rest.disposeAsync();
    },
  };
}

async function seeRow<Row>(read: () => Promise<Row>, isSo: (row: Row) => boolean): Promise<Row> {
  let row = await read();
  await until(async () => isSo((row = await read()))).catch(() => {
    throw new Error(`it is not so: ${isSo.toString()}\n${JSON.stringify(row, null, 1)}`);
  });
  return row;
}

/** `text`: what the console shows of the answer. */
export type Said = Outcome & { text: string };

export async function runLine(
  { db }: Database,
  limits: Limits,
  owner: string,
  text: string,
  repository: Repository | undefined,
  front: FrontName = 'console',
): Promise<Said> {
  const traits = { console: atTerminal, github: onGitHub }[front] ?? { ...atTerminal, isOperator: false };
  const context: ParseContext = {
    traits,
    markup: 'none',
    triggers: ['sam'],
    triggerOptional: true,
    commands,
    allowPaths: false,
    allowUrls: false,
  };
  const line = parse(text, context);
  if (line.kind !== 'command') throw new Error(`not a command: ${JSON.stringify(line)}`);
  const run = db.transaction((tx) =>
    findCommand(commands, line.verb)!.run(line, {
      tx,
      actor: { id: owner, name: 'ada', createdAt: new Date() },
      front,
      traits,
      place: { thread: 'console' },
      repository,
      now: new Date(),
      isAdmin: traits.isOperator,
      admins: [],
      deliveryId: 'd-1',
      policy: { allow: [], deny: [] },
      codingAgents: [],
      provider: 'fake',
      limits: { ...limits, askMinutes: 60 },
      heads: headsOf(repository),
    }),
  );
  const outcome = await run.catch((error: unknown) => {
    // Tests read what people would.
    if (error instanceof UserError) error.message = wordRefusal(error.said, TERMINAL.say).text;
    throw error;
  });
  return { ...outcome, text: joined(wordAnswer(outcome.answer, TERMINAL, context)) };
}

/** As its forge would say it. */
function headsOf(repository: Repository | undefined): Heads {
  const { fork, goal, label } = repository ?? {};
  return new Map(fork ? [[`${label}#${goal?.split(':')[1]}`, fork.head]] : []);
}

// --- agents -------------------------------------------------------------------------------------------------------

export interface Agents {
  /** Workspaces with work that a delete would lose. */
  dirty: Set<string>;
  /** Of the dirty ones, those whose new files cannot be saved; and those whose push never ends. */
  untracked: Set<string>;
  hanging: Set<string>;
  /** Workspaces that never get ready; and those of them that have no checkout. */
  failing: Set<string>;
  empty: Set<string>;
  /** Servers, by name, whose agent says nothing. */
  silent: Set<string>;
  /** What each workspace went through, as its agents said. */
  said: Map<string, string[]>;
  /** The workspaces that the server's agent has. */
  on(server: string): WorkspaceReport[];
  start(): void;
  stop(): Promise<void>;
}

interface Agent {
  has: Map<string, WorkspaceReport>;
  goals: Map<string, DesiredWorkspace>;
}

function createAgents(db: Database['db'], provider: FakeProvider): Agents {
  /** By the server's id: a new server of the same name knows nothing. */
  const known = new Map<string, Agent>();
  const dirty = new Set<string>();
  const untracked = new Set<string>();
  const hanging = new Set<string>();
  const failing = new Set<string>();
  const empty = new Set<string>();
  const silent = new Set<string>();
  const said = new Map<string, string[]>();
  let isStopped = true;
  let running: Promise<void> = Promise.resolve();

  const report = async (node: string, what: WorkspaceReport): Promise<void> => {
    const line = said.get(what.id) ?? [];
    said.set(what.id, line);
    const word = what.saved ? 'saved' : what.refused ? 'refused' : what.phase;
    line.push(what.step === 'saving' ? 'saving' : word);
    await saveReport(db, node, what, { at: null, everyMs: 1 });
  };

  async function live(server: { id: string; labels: { 'sam-node': string } }): Promise<void> {
    const node = server.labels['sam-node'];
    let agent = known.get(server.id);
    if (!agent) {
      if (!(await saveHello(db, node, { version: 'fake', terminalPort: null }))) return;
      agent = { has: new Map(), goals: new Map() };
      known.set(server.id, agent);
    }
    await saveHeartbeats(db, [node]);
    for (const row of await workspacesOn(db, node, [...agent.has.keys()])) {
      const goal = desiredOf(row);
      if (goal) await act(node, agent, goal);
    }
  }

  async function act(node: string, agent: Agent, goal: DesiredWorkspace): Promise<void> {
    const before = agent.goals.get(goal.id);
    const isAsked = JSON.stringify(before) !== JSON.stringify(goal);
    agent.goals.set(goal.id, goal);
    const { refused: _, ...has } = agent.has.get(goal.id) ?? { phase: undefined, refused: undefined };
    for (const next of moves(goal, has.phase, isAsked)) {
      agent.has.set(goal.id, next);
      await report(node, next);
    }
    if (agent.has.get(goal.id)?.phase === 'deleted') agent.has.delete(goal.id);
  }

  /** What it does about a goal, as the reports it makes meanwhile. */
  function moves(
    { id, run, desired, force, save }: DesiredWorkspace,
    phase: WorkspaceReport['phase'] | undefined,
    isAsked: boolean,
  ): WorkspaceReport[] {
    const is = (now: WorkspaceReport['phase'], more: Partial<WorkspaceReport> = {}): WorkspaceReport => ({
      id,
      run,
      phase: now,
      sessions: 0,
      ...more,
    });
    if (!isAsked) return [];
    if (desired === 'stopped') return [is('stopped')];
    if (desired === 'deleted' && save && !force && dirty.has(id)) {
      const saving = is('stopping', {
        step: 'saving',
        work: { changed: 2, untracked: 0, unpushed: 0 },
      });
      const refused = { changed: 0, untracked: untracked.has(id) ? 2 : 0, unpushed: 0 };
      const saved = { ref: `refs/sam/${id}`, commit: 'c'.repeat(40) };
      return hanging.has(id) ? [saving] : [saving, is('stopped', { refused, saved })];
    }
    if (desired === 'deleted')
      return dirty.has(id) && !force && phase
        ? [is(phase, { refused: { changed: 2, untracked: 0, unpushed: 0 } })]
        : [is('deleting'), is('deleted')];
    if (failing.has(id))
      return [
        is('failed', {
          failure: { class: 'configuration', message: 'No such branch.' },
          ...(empty.has(id) ? { isEmpty: true } : {}),
        }),
      ];
    return [is('preparing', { step: 'clone' }), is('running')];
  }

  async function run(): Promise<void> {
    while (!isStopped) {
      for (const server of provider.servers.values())
        if (server.status === 'running' && !silent.has(server.name))
          // The database may be going away under a test that ends.
          await live(server).catch((error: unknown) => {
            if (!isStopped) throw error;
          });
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  return {
    dirty,
    untracked,
    hanging,
    failing,
    empty,
    silent,
    said,
    on(name) {
      const server = provider.servers.get(name);
      return [...((server && known.get(server.id)?.has.values()) ?? [])];
    },
    start() {
      isStopped = false;
      running = run();
    },
    async stop() {
      isStopped = true;
      await running;
    },
  };
}

export const isRunning = (row: { phase: string }): boolean => row.phase === 'running';
export const isStopped = (row: { phase: string }): boolean => row.phase === 'stopped';
export const isFailed = (row: { phase: string }): boolean => row.phase === 'failed';
export const isDeleted = (row: { phase: string }): boolean => row.phase === 'deleted';

/** A workspace that runs, and its owner. */
export async function ready(world: World): Promise<{ owner: string; id: string; nodeId: string }> {
  const owner = await world.addUser();
  world.start();
  const id = await world.up(owner);
  const { nodeId } = await world.see(id, isRunning);
  return { owner, id, nodeId: nodeId! };
}

export async function sweep({ reconciler }: World, name: string): Promise<void> {
  const sweeps = createSweeps(reconciler);
  await sweeps.find((one) => one.name === name)!.run();
}

export const statusOf = async ({ sql }: World, id: string): Promise<string[]> =>
  (await sql`select verb || ' ' || status as text from commands where workspace_id = ${id} order by seq`).map(
    (row) => String(row['text']),
  );

/** The claim on this very row. */
export async function claimNow(world: World, id: string): Promise<Held<Workspace>> {
  const [leased] = await world.sql<{ now: Date }[]>`update workspaces set lease_token = 'test',
    lease_until = clock_timestamp() + interval '30 seconds' where id = ${id} returning clock_timestamp() as now`;
  return { row: await world.workspace(id), token: 'test', now: leased!.now };
}
