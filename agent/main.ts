// The agent, put together: an identity, a connection to the bot, workspaces, their terminals. Nothing imports it.
import { createCredentials } from './bot-link/bootstrap.ts';
import { keepCertificate } from './identity/certificate.ts';
import { readConfig, type Config } from './config.ts';
import { keepConnected } from './bot-link/connection.ts';
import { createEndpoint, type EndpointOptions } from './identity/endpoint.ts';
import { findInstalled, VERSION } from './update/artifact.ts';
import { lockFolder } from './system/files.ts';
import { createLog, describeError, type Log } from './log.ts';
import { createOutbox } from './bot-link/outbox.ts';
import { createBroker } from './credentials/broker.ts';
import { createTokens } from './credentials/tokens.ts';
import type { Bootstrap, BotMessage, EnvironmentSettings } from './protocol.ts';
import { createRuntimes } from './runtimes/index.ts';
import { createTerminals } from './terminal/server.ts';
import { createTicketVerifier } from './identity/tickets.ts';
import { createUpdates, type Life } from './update/update.ts';
import { createUsers, ownUser, type Users } from './system/users.ts';
import { createStore } from './workspaces/store.ts';
import { createWorkspaces, type Workspaces } from './workspaces/table.ts';

const CLOSE_TIMEOUT_MS = 15_000;
/** An agent that lives so long without the bot works all the same. */
const CONFIRM_AFTER_MS = 60_000;
const SWEEP_EVERY_MS = 10 * 60_000;
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
  await lockFolder(config.dir);
  const credentials = await createCredentials({ ...config, log, signal });
  const parts = await createParts(config, credentials.current().settings, { log, signal, restart });
  const confirming = setTimeout(parts.confirm, CONFIRM_AFTER_MS);
  await parts.workspaces.recover();
  void parts.workspaces.sweep();
  const sweeping = setInterval(() => void parts.workspaces.sweep(), SWEEP_EVERY_MS);
  if (credentials.current().settings.terminal === 'tls')
    void keepCertificate({ ...config, credentials, onPair: parts.certify, log, signal });
  await keepConnected({
    credentials,
    onOpen(send) {
      parts.outbox.open(send);
      parts.confirm();
      parts.tokens.open(send);
    },
    onEnd() {
      parts.outbox.close();
      parts.tokens.close();
    },
    onMessage: (message) => handleMessage(message, parts),
    log,
    signal,
  });
  clearTimeout(confirming);
  clearInterval(sweeping);
  const timer = setTimeout(() => process.exit(1), CLOSE_TIMEOUT_MS);
  await parts.close();
  clearTimeout(timer);
}

type Parts = Awaited<ReturnType<typeof createParts>>;

async function createParts(config: Config, settings: Bootstrap['settings'], life: Life) {
  const { log } = life;
  const tokens = createTokens();
  const users = settings.users === 'per-workspace' && !config.isAlone ? createUsers(config.dir) : ownUser;
  const credentials = createBroker(tokens.ask, log);
  const outbox = createOutbox({
    version: findInstalled(process.env)?.version ?? VERSION,
    terminalPort: () => (settings.terminal === 'loopback' ? endpoint.port : undefined),
    reports: () => workspaces.reports(),
  });
  const trusted = { ...settings, startedAt: performance.timeOrigin };
  const places = createPlaces(config, users, log);
  const terminals = createTerminals({
    get origin() {
      return trusted.origin;
    },
    verifyTicket: createTicketVerifier(trusted),
    find: (id) => workspaces.find(id),
    onInput: (id, at) => workspaces.noteInput(id, at),
    onSessions: (id) => workspaces.noteSessions(id),
    log: (message, fields) => log.warn(message, fields),
  });
  const workspaces: Workspaces = createWorkspaces({
    tools: {
      store: createStore(config.dir),
      credentials,
      users,
      runtimes: places.runtimes,
      endSessions: (id) => terminals.endWorkspace(id),
      log: outbox.log,
    },
    countSessions: (id) => terminals.sessions(id).length,
    onChange: outbox.changed,
    onAccess: (id, access, isEnding) => terminals.revoke(id, access, isEnding),
    log,
  });
  const endpoint = await createEndpoint(endpointOptions(config, settings), (request, socket, head) =>
    terminals.handleUpgrade(request, socket, head),
  );
  const close = async () => {
    await endpoint.close();
    await workspaces.close();
    await credentials.closeAll();
    await terminals.close();
  };
  return {
    outbox,
    tokens,
    workspaces,
    trust: ({ environments, ...moved }: Settings) => {
      Object.assign(trusted, moved);
      if (environments) places.use(environments);
    },
    ...createUpdates(config.samUrl, life, { outbox, workspaces, terminals }),
    certify: endpoint.certify,
    close,
  };
}

type Settings = NonNullable<Extract<BotMessage, { type: 'desired' }>['settings']>;

/** Where programs run, as whoever runs Sam has it: the bot says so at each connect. */
function createPlaces({ node, dir }: Config, users: Users, log: Log) {
  let settings: EnvironmentSettings = { runtime: 'auto' };
  const runtimes = createRuntimes({ env: process.env, users, node, dir, settings: () => settings, log });
  return {
    runtimes,
    use(now: EnvironmentSettings) {
      settings = now;
      // A machine of somebody's own has other things to do than to build what may never be asked for.
      if (users !== ownUser) for (const runtime of Object.values(runtimes)) void runtime.warm();
    },
  };
}

function endpointOptions(
  { terminalHost: host, terminalPort: port }: Config,
  { terminal }: Bootstrap['settings'],
): EndpointOptions {
  return terminal === 'tls'
    ? { host, port, isSecure: true }
    : { host: host ?? '127.0.0.1', port: 0, isSecure: false };
}

function handleMessage(message: BotMessage, { outbox, tokens, workspaces, updater, trust }: Parts): void {
  switch (message.type) {
    case 'desired':
      if (message.settings) trust(message.settings);
      if (message.agent) updater.offer(message.agent.version);
      return workspaces.want(message.workspaces, message.all);
    case 'revoke':
      return workspaces.raiseAccess(message.workspace, message.access);
    case 'logged':
      return outbox.logged(message.id);
    case 'git-token':
      return tokens.answered(message);
    default:
      return message satisfies never;
  }
}

function stackOf(error: unknown): string | undefined {
  return error instanceof Error ? error.stack : undefined;
}

await main();
