// The agent, put together: an identity, a connection to the bot, workspaces, their terminals. Nothing imports it.
import { join } from 'node:path';
import { createCredentials } from './bot-link/bootstrap.ts';
import { keepCertificate } from './identity/certificate.ts';
import { readConfig, type Config } from './config.ts';
import { keepConnected } from './bot-link/connection.ts';
import { createEndpoint, type EndpointOptions, type Upgrade } from './identity/endpoint.ts';
import { findInstalled, VERSION } from './update/artifact.ts';
import { lockFolder } from './system/files.ts';
import { followProxies } from './system/environment.ts';
import { createMirrors } from './git/mirrors.ts';
import { createLog, describeError, type Log } from './log.ts';
import { createHolders } from './holder/holders.ts';
import { createOutbox, type Outbox } from './bot-link/outbox.ts';
import { createCodingPrograms, MUSL_TARGET } from './coding/programs.ts';
import { layOutDownload } from './files/command.ts';
import { openTasks } from './coding/tasks.ts';
import { createBroker } from './credentials/broker.ts';
import { createTokens } from './credentials/tokens.ts';
import type { Bootstrap, BotMessage, EnvironmentSettings, Trusted, WorkspaceReport } from './protocol.ts';
import { openModels } from './models/models.ts';
import { createTunnels, type Tunnels } from './ports/tunnels.ts';
import { watchPorts } from './ports/watch.ts';
import { createRuntimes } from './runtimes/index.ts';
import type { RuntimeOptions } from './runtimes/runtime.ts';
import { createScrollback } from './sessions/scrollback.ts';
import { createTerminals } from './terminal/server.ts';
import type { Terminals } from './terminal/terminals.ts';
import { createTicketVerifier } from './identity/tickets.ts';
import { createUpdates, type Life } from './update/update.ts';
import { createUsers, ownUser } from './system/users.ts';
import { createStore } from './workspaces/store.ts';
import { createWorkspaces, type Workspaces } from './workspaces/table.ts';

const CLOSE_TIMEOUT_MS = 15_000;
/** An agent that lives so long without the bot works all the same. */
const CONFIRM_AFTER_MS = 60_000;
const SWEEP_EVERY_MS = 10 * 60_000;
const WARM_EVERY_MS = 60_000;
/** "Start me again", to its supervisor. */
const RESTART_CODE = 75;

async function main(): Promise<void> {
  const log = createLog((line) => process.stdout.write(line));
  const fail = (error: unknown) => {
    log.error('the agent ends: something broke', { error: describeError(error), stack: stackOf(error) });
    process.exit(1);
  };
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  let code = 0;
  const restart = () => {
    code = RESTART_CODE;
    stop();
  };
  process.once('SIGTERM', stop).once('SIGINT', stop);
  try {
    await serve(readConfig(process.env), { log, signal: stopping.signal, restart });
  } catch (error) {
    if (!stopping.signal.aborted) return fail(error);
  }
  log.info('the agent ends as it was told');
  process.exit(code);
}

/** Resolves after a clean end. */
async function serve(config: Config, { log, signal, restart }: Life): Promise<void> {
  // Programs that the agent starts get their environment by name; this is for those that it might forget.
  delete process.env['SAM_BOOTSTRAP_TOKEN'];
  takeProxies(log);
  await lockFolder(config.dir);
  const credentials = await createCredentials({ ...config, log, signal });
  const parts = await createParts(config, credentials.current().settings, { log, signal, restart });
  const confirming = setTimeout(parts.confirm, CONFIRM_AFTER_MS);
  // First: what is to be stopped ends them, too.
  await parts.sessions.takeOver();
  await parts.workspaces.recover();
  void parts.sessions.endStray();
  void parts.workspaces.sweep();
  const sweeping = setInterval(() => void parts.workspaces.sweep(), SWEEP_EVERY_MS);
  const warming = setInterval(() => parts.warm(), WARM_EVERY_MS);
  if (credentials.current().settings.terminal === 'tls')
    void keepCertificate({ ...config, credentials, onPair: parts.certify, log, signal });
  await keepConnected({
    credentials,
    onOpen(send) {
      parts.outbox.open(send);
      parts.confirm();
      parts.tokens.open(send);
      parts.models.keys.open(send);
      parts.tasks.open(send);
    },
    onEnd() {
      parts.outbox.close();
      parts.tokens.close();
      parts.models.keys.close();
      parts.tasks.close();
    },
    onMessage: (message) => handleMessage(message, parts),
    log,
    signal,
  });
  clearTimeout(confirming);
  clearInterval(sweeping);
  clearInterval(warming);
  const timer = setTimeout(() => process.exit(1), CLOSE_TIMEOUT_MS);
  await parts.close();
  clearTimeout(timer);
}

/** A word for other programs that this one does not understand is no reason to stay away. */
function takeProxies(log: Log): void {
  try {
    followProxies(process.env);
  } catch (error) {
    log.error('the proxies of the environment are of no use; going without', { error: describeError(error) });
  }
}

type Parts = Awaited<ReturnType<typeof createParts>>;

async function createParts(config: Config, settings: Bootstrap['settings'], life: Life) {
  const { log } = life;
  const tokens = createTokens();
  const users = settings.users === 'per-workspace' && !config.isAlone ? createUsers(config.dir) : ownUser;
  const credentials = createBroker(tokens.ask, log);
  const broker = { close: credentials.closeAll };
  const outbox = createOutbox({
    version: findInstalled(process.env)?.version ?? VERSION,
    terminalPort: () => (settings.terminal === 'loopback' ? endpoint.port : undefined),
    reports: () => workspaces.reports(),
  });
  const models = await openModels(config.dir, {
    find: (id) => workspaces.findClient(id),
    onUsage: (id, used) => workspaces.noteUsage(id, used),
    log,
  });
  const { tasks, ...coding } = await openCoding(config, log, () => workspaces);
  const trusted = { ...settings, startedAt: performance.timeOrigin };
  const places = createPlaces(config, { users, ...coding, log });
  const { terminals, ...sessions } = openTerminals(config, { trusted, log, outbox }, () => workspaces);
  const ports = openPorts(trusted, { log, workspaces: () => workspaces, onChange: outbox.changed });
  const workspaces: Workspaces = createWorkspaces({
    tools: {
      store: createStore(config.dir),
      credentials,
      users,
      mirrors: createMirrors(config.dir),
      models,
      runtimes: places.runtimes,
      endSessions: (id) => terminals.endWorkspace(id),
      log: outbox.log,
    },
    countSessions: (id) => terminals.sessions(id).length,
    findPorts: ports.find,
    onChange(id) {
      outbox.changed(id);
      tasks.look(id);
    },
    onAccess(id, access, isEnding) {
      for (const doors of [terminals, ports]) doors.revoke(id, access, isEnding);
    },
    onPeople: (id) => sessions.look(id),
    log,
  });
  const endpoint = await createEndpoint(endpointOptions(config, settings), upgradesOf(terminals, ports));
  return {
    outbox,
    tokens,
    models,
    sessions,
    ...coding,
    tasks,
    workspaces,
    warm: () => places.warm(workspaces.reports()),
    trust: (moved: Settings) => void Object.assign(trusted, places.use(moved)),
    ...createUpdates(config.samUrl, life, { outbox, workspaces, tasks }),
    certify: endpoint.certify,
    // Tasks first: they were interrupted, whatever their models say. Then models: what the answers that end here have cost,
    // workspaces write down. The endpoint last: it waits for open terminals.
    close: () => closeAll([{ close: tasks.end }, models, ports, workspaces, broker, sessions, endpoint]),
  };
}

/** What works on prompts in workspaces, and what is brought to this node for it: for itself, and for containers of another C library. */
async function openCoding({ dir }: Config, log: Log, workspaces: () => Workspaces) {
  const options = { dir, env: process.env, log };
  const programs = createCodingPrograms(options);
  const muslPrograms = createCodingPrograms({ ...options, target: MUSL_TARGET });
  await layOutDownload(programs.bin);
  const tasks = await openTasks({
    dir,
    programs,
    find: (id) => workspaces().findPlace(id),
    onActivity: (id, at) => workspaces().noteInput(id, at),
    log,
  });
  return { programs, muslPrograms, tasks };
}

/** Terminals, and what of them outlives the agent. */
function openTerminals(
  { dir }: Config,
  parts: { trusted: Trusted & { startedAt: number }; log: Log; outbox: Outbox },
  workspaces: () => Workspaces,
) {
  const { trusted, log, outbox } = parts;
  const holders = createHolders({ dir, env: process.env, log });
  const terminals = createTerminals({
    ptys: holders,
    scrollback: createScrollback(join(dir, 'scrollback')),
    get origin() {
      return trusted.origin;
    },
    verifyTicket: createTicketVerifier(trusted),
    find: (id) => workspaces().find(id),
    onInput: (id, at) => workspaces().noteInput(id, at),
    onSessions: (id) => workspaces().noteSessions(id),
    onLongCommand: outbox.commandEnded,
    log: (message, fields) => log.warn(message, fields),
  });
  return {
    terminals,
    look(id: string) {
      terminals.lookAtGuests(id);
      terminals.follow(id);
    },
    takeOver: async () => terminals.takeOver(await holders.find()),
    endStray: () => terminals.endStray(),
    async close() {
      await terminals.close();
      holders.leave();
    },
  };
}

/** The ways to what listens in workspaces, and a look for it. */
function openPorts(
  tickets: Trusted & { startedAt: number },
  parts: { log: Log; workspaces: () => Workspaces; onChange: (id: string) => void },
) {
  const { log, workspaces, onChange } = parts;
  const tunnels = createTunnels({
    tickets,
    find: (id) => workspaces().find(id),
    log: (message, fields) => log.warn(message, fields),
  });
  const watch = watchPorts({ list: () => workspaces().listRunning(), onChange });
  return { ...tunnels, find: watch.find, close: () => closeAll([watch, tunnels]) };
}

const upgradesOf = (
  terminals: Terminals,
  ports: Pick<Tunnels, 'handleUpgrade'>,
): Record<string, Upgrade> => ({
  '/terminal': (request, socket, head) => terminals.handleUpgrade(request, socket, head),
  '/port': ports.handleUpgrade,
});

type Settings = NonNullable<Extract<BotMessage, { type: 'desired' }>['settings']>;

/** Where programs run, as whoever runs Sam has it: the bot says so at each connect. */
function createPlaces(
  { node, dir }: Config,
  parts: Pick<RuntimeOptions, 'users' | 'programs' | 'muslPrograms' | 'log'>,
) {
  let settings: EnvironmentSettings = { runtime: 'auto' };
  let isSaid = false;
  const runtimes = createRuntimes({ ...parts, env: process.env, node, dir, settings: () => settings });
  return {
    runtimes,
    use({ environments, ...trusted }: Settings): Trusted {
      settings = environments ?? settings;
      isSaid ||= environments !== undefined;
      return trusted;
    },
    warm(workspaces: WorkspaceReport[]) {
      // A machine of somebody's own has other things to do than to build what may never be asked for.
      if (!isSaid || parts.users === ownUser) return;
      // Whoever waits for a workspace comes first.
      if (workspaces.some(({ phase }) => phase === 'preparing')) return;
      for (const runtime of Object.values(runtimes)) void runtime.warm();
    },
  };
}

/** One after the other. */
async function closeAll(parts: { close: () => Promise<void> }[]): Promise<void> {
  for (const part of parts) await part.close();
}

function endpointOptions(
  { terminalHost: host, terminalPort: port }: Config,
  { terminal }: Bootstrap['settings'],
): EndpointOptions {
  return terminal === 'tls'
    ? { host, port, isSecure: true }
    : { host: host ?? '127.0.0.1', port: 0, isSecure: false };
}

function handleMessage(message: BotMessage, parts: Parts): void {
  const { outbox, tokens, models, tasks, workspaces, updater } = parts;
  switch (message.type) {
    case 'desired':
      if (message.settings) parts.trust(message.settings);
      if (message.models) models.serve(message.models);
      // What changed while no bot could say so.
      if (message.all) models.changed();
      if (message.packages)
        for (const programs of [parts.programs, parts.muslPrograms]) programs.serve(message.packages);
      // Whoever has left something for it will want it.
      if (message.workspaces.some(({ claude }) => claude)) void parts.programs.bringIfMissing();
      if (message.agent) updater.offer(message.agent.version);
      return workspaces.want(message.workspaces, message.all);
    case 'revoke':
      return workspaces.raiseAccess(message.workspace, message.access);
    case 'logged':
      return outbox.logged(message.id);
    case 'git-token':
      return tokens.answered(message);
    case 'credential':
      return models.keys.answered(message);
    case 'credentials-changed':
      return models.changed();
    case 'turns':
      return tasks.want(message.turns, message.pushes);
    case 'task-events-stored':
      return tasks.stored(message.task, message.seq);
    default:
      return message satisfies never;
  }
}

function stackOf(error: unknown): string | undefined {
  return error instanceof Error ? error.stack : undefined;
}

await main();
