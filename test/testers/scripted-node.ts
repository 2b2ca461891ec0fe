// Machines whose agents are in this process and do what a test tells them: workspaces come up at once, and what coding agents do
// the test says. The bot is real, and so is the socket between them.
import { CompactSign, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';
import WebSocket from 'ws';
import type {
  AgentMessage,
  Bootstrap,
  BotMessage,
  DesiredPush,
  DesiredTurn,
  DesiredWorkspace,
  TaskEvent,
  TurnHappening,
  WorkspaceReport,
} from '../../agent/protocol.ts';
import { providers } from '../../bot/providers/index.ts';
import type { ProviderEntry, ProviderTable, ServerOrder } from '../../bot/providers/provider.ts';
import { createFakeProvider } from '../workspaces/fake-provider.ts';
import { createWatch } from './watch.ts';

export type ScriptedNodes = ReturnType<typeof createScriptedNodes>;

/** `PROVIDER=scripted` in the environment of the bot chooses it. */
export function createScriptedNodes() {
  const watch = createWatch();
  const agents = new Map<string, ScriptedAgent>();
  const turns = new Map<string, DesiredTurn>();
  const pushes: DesiredPush[] = [];
  /** By task: the last event that was said. */
  const said = new Map<string, number>();
  const history: TaskEvent[] = [];
  const stored: { task: string; seq: number }[] = [];
  /** Workspaces that stay in `preparing`. */
  const held = new Set<string>();
  const provider = createFakeProvider();
  const create = provider.create.bind(provider);
  const remove = provider.remove.bind(provider);
  Object.assign(provider, {
    name: 'scripted',
    async create(order: ServerOrder) {
      const server = await create(order);
      agents.set(
        order.name,
        startAgent(order, { turns, pushes, stored, held, changed: () => watch.changed() }),
      );
      return server;
    },
    async remove(server: { name: string }) {
      agents.get(server.name)?.end();
      await remove(server as never);
    },
  });
  const entry: ProviderEntry<undefined> = {
    traits: { terminal: 'pipe', users: 'own', sharesHost: false, isBilled: false },
    label: 'the test',
    wayBack: 'Set PROVIDER=scripted',
    isConfigured: () => false,
    readSettings: () => undefined,
    describe: () => 'machines of a test',
    architectures: () => [],
    open: async () => provider,
  };
  const table: ProviderTable = { ...providers, scripted: entry };
  const agentOf = (workspace: string): ScriptedAgent =>
    [...agents.values()].find(({ workspaces }) => workspaces.has(workspace))!;
  return {
    table,
    /** Of each turn what the bot said last. */
    turns,
    stored,
    held,
    /** Waits until the bot wants the n-th turn of any task that fits. */
    turn: (fits: (turn: DesiredTurn) => boolean): Promise<DesiredTurn> =>
      watch.until(
        () => [...turns.values()].find(fits),
        () => `a turn; there are ${JSON.stringify([...turns.values()])}`,
      ),
    /** What is to be pushed, each time that the bot says it. */
    pushes,
    push: (fits: (push: DesiredPush) => boolean): Promise<DesiredPush> =>
      watch.until(
        () => pushes.find(fits),
        () => `a push; there are ${JSON.stringify(pushes)}`,
      ),
    /** The turn's coding agent does that, in order; the bot may be told it twice. */
    happen({ workspace, task, turn }: DesiredTurn, ...events: TurnHappening[]): void {
      const from = said.get(task) ?? 0;
      said.set(task, from + events.length);
      const list = events.map((event, place) => ({
        workspace,
        task,
        turn,
        seq: from + place + 1,
        at: Date.now(),
        event,
      }));
      history.push(...list);
      agentOf(workspace).say({ type: 'task-events', events: list });
    },
    /** All that was said of the task is said once more, as after a lost connection. */
    again({ workspace, task }: DesiredTurn): void {
      const events = history.filter((event) => event.task === task);
      agentOf(workspace).say({ type: 'task-events', events });
    },
    nameOf: (workspace: string): string => agentOf(workspace).workspaces.get(workspace)!.name,
    say: (workspace: string, message: AgentMessage) => agentOf(workspace).say(message),
    /** The agent loses its connection, and dials again. */
    drop: (workspace: string) => agentOf(workspace).drop(),
    release(workspace: string): void {
      held.delete(workspace);
      agentOf(workspace).report();
    },

    end: () => [...agents.values()].forEach((agent) => agent.end()),
  };
}

interface Shared {
  turns: Map<string, DesiredTurn>;
  pushes: DesiredPush[];
  stored: { task: string; seq: number }[];
  held: Set<string>;
  changed: () => void;
}

interface ScriptedAgent {
  workspaces: Map<string, DesiredWorkspace>;
  say(message: AgentMessage): void;
  report(): void;
  drop(): void;
  end(): void;
}

function startAgent(order: ServerOrder, shared: Shared): ScriptedAgent {
  const workspaces = new Map<string, DesiredWorkspace>();
  let socket: WebSocket | undefined;
  let isOver = false;
  const reports = (): WorkspaceReport[] =>
    [...workspaces.values()].map(({ id, desired, run, name }) => ({
      id,
      run,
      sessions: 0,
      phase: desired === 'running' && (shared.held.has(id) || shared.held.has(name)) ? 'preparing' : desired,
    }));
  /** What was to be said while nobody listened; said after the next hello. */
  const unsaid: AgentMessage[] = [];
  const say = (message: AgentMessage): void => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
    else unsaid.push(message);
  };
  const report = () => say({ type: 'report', now: Date.now(), workspaces: reports() });
  const dial = async (): Promise<void> => {
    const { connect, token } = await redeem(order, key);
    if (isOver) return;
    socket = new WebSocket(connect, { headers: { authorization: `Bearer ${token}` } });
    socket.on('error', () => {});
    socket.once('close', () => void (isOver || setTimeout(() => void redial(), 20)));
    socket.once('open', () => {
      const workspaces = reports();
      say({ type: 'hello', protocol: 1, version: '0.1.0', now: Date.now(), terminalPort: 1, workspaces });
      for (const message of unsaid.splice(0)) say(message);
    });
    socket.on('message', (data: Buffer) => {
      const message = JSON.parse(data.toString()) as BotMessage;
      if (message.type === 'desired') {
        for (const one of message.workspaces) workspaces.set(one.id, one);
        if (message.workspaces.length > 0) report();
      }
      if (message.type === 'turns')
        for (const turn of message.turns) shared.turns.set(`${turn.task}/${turn.turn}`, turn);
      if (message.type === 'turns') shared.pushes.push(...(message.pushes ?? []));
      if (message.type === 'task-events-stored') shared.stored.push({ task: message.task, seq: message.seq });
      shared.changed();
    });
  };
  const redial = (): Promise<void> =>
    dial().catch(() => void (isOver || setTimeout(() => void redial(), 20)));
  const key = generateKeyPair('EdDSA', { extractable: true }).then(({ privateKey }) => exportJWK(privateKey));
  void redial();
  return {
    workspaces,
    say,
    report,
    drop: () => socket?.terminate(),
    end() {
      isOver = true;
      socket?.terminate();
    },
  };
}

/** As an agent does: the first time by its token, then by its key. */
async function redeem({ boot }: ServerOrder, made: Promise<JWK>): Promise<Bootstrap> {
  const { d: secret, ...jwk } = await made;
  const claims = JSON.stringify({ node: boot.node, iat: Math.floor(Date.now() / 1000) });
  const body = await new CompactSign(new TextEncoder().encode(claims))
    .setProtectedHeader({ alg: 'EdDSA', jwk })
    .sign(await importJWK({ ...jwk, d: secret! }, 'EdDSA'));
  for (const [path, headers] of [
    ['/api/bootstrap', { authorization: `Bearer ${boot.bootstrapToken}` }],
    ['/agent/token', {}],
  ] as const) {
    const answer = await fetch(boot.url + path, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/jose' },
      body,
    });
    if (answer.ok) return (await answer.json()) as Bootstrap;
  }
  throw new Error('the bot knows this node not');
}
