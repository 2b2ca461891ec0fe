// One bot: its parts, put together, started in order and ended in reverse. Reads no environment and no terminal.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Logger } from 'pino';
import { bundlePage } from './http/page-bundle.ts';
import { createAdmins, type Admins } from './access/admins.ts';
import { bootstrapRoutes, createBootstrapToken } from './access/machines/bootstrap.ts';
import { keepSecret, makeEncryptionKey, makeSigningKey } from './access/keys.ts';
import { createKeys, keyRoutes, type Keys } from './access/keys.ts';
import { createLinkSigner } from './access/links.ts';
import { createCredentials, type Credentials } from './access/credentials/credentials.ts';
import { credentialRoutes } from './access/credentials/credential-routes.ts';
import { settingsRoutes } from './access/credentials/settings-pages.ts';
import { createRightsWatch, LOOK_EVERY_MS } from './access/lost-rights.ts';
import { createPackages } from './nodes/packages.ts';
import { createRepositoryGuard, type RepositoryGuard } from './access/repository-guard.ts';
import { pageSettingsRoutes } from './access/people/page-settings.ts';
import { signInRoutes } from './access/people/sign-in.ts';
import type { PageGuard } from './access/people/page-guard.ts';
import { ticketRoutes } from './access/terminal-token.ts';
import { parseEncryptionKeys, UnreadableError } from './access/vault.ts';
import { artifactRoutes, findAgentVersion, requireArtifact } from './nodes/artifact.ts';
import { createGitBroker } from './nodes/git-tokens.ts';
import { bootReportRoutes } from './nodes/boot-reports.ts';
import { certificateRoutes } from './nodes/certificate.ts';
import { createHub, type Hub } from './nodes/hub.ts';
import { createTerminalPipe } from './nodes/terminal-proxy.ts';
import { describeChange } from './chat/change-body.ts';
import type { Front, FrontEntry, FrontState, Prompt, Terminal } from './chat/front.ts';
import { TRIGGER, wordGitRefusal, wordKeyRefusal, wordPush } from './chat/wording.ts';
import { commands } from './commands/index.ts';
import type { Command } from './commands/context.ts';
import { namesOf, openClouds, type Clouds } from './clouds.ts';
import { localAddress, type Config } from './config.ts';
import { connect, type Database } from './database/connect.ts';
import { startEmbedded } from './database/embedded/embedded.ts';
import { endLeases } from './database/claims.ts';
import { lockDataDir } from './database/lock.ts';
import { migrate } from './database/connect.ts';
import { messageOf, StartError } from './errors.ts';
import type { Forge } from './forges/forge.ts';
import type { GitHub } from './forges/github/github.ts';
import { builtIn, openForges, type ForgeEntry } from './forges/index.ts';
import { refuseLeftBehind } from './clouds.ts';
import { fronts, openFronts, openGitHub, operators, type Fronts } from './fronts.ts';
import { healthRoutes } from './http/health.ts';
import type { Route, Upgrade } from './http/routes.ts';
import { randomBase32 } from './ids.ts';
import { pageRoutes } from './http/pages.ts';
import { listen } from './http/server.ts';
import { createLoop, type Loop, type Source } from './jobs/loop.ts';
import { createPortAddresses } from './ports/addresses.ts';
import { createPorts, type Ports } from './ports/ports.ts';
import { forgetPortSessions } from './ports/ports-store.ts';
import { entryOf, providers, traitsIn } from './providers/index.ts';
import type { ProviderTable } from './providers/provider.ts';
import { createAccountProof } from './workspaces/sweeps/sweeps.ts';
import { proposalSource, type ProposalWork } from './tasks/reconcile-proposal.ts';
import { turnSource } from './tasks/reconcile-turn.ts';
import { forgetPushes } from './push/push-store.ts';
import { pushSource } from './push/push.ts';
import { openSenderKey, type SenderKey } from './push/sender-key.ts';
import { nodeSource } from './workspaces/reconcile-node.ts';
import { workspaceSource, type Reconciler } from './workspaces/reconcile-workspace.ts';
import { createSweeper, type Sweep } from './jobs/sweeper.ts';
import { createSweeps } from './workspaces/sweeps/sweeps.ts';
import { timingFrom } from './workspaces/timing.ts';
import { forgetAudit, keepAuditFor } from './access/store/audit.ts';
import { forgetExpired } from './access/store/expiry.ts';
import { forgetPayloads } from './chat/store/deliveries.ts';
import { forgetTurns } from './tasks/store/passes.ts';
import { retireIdleNodes } from './workspaces/store/node-changes.ts';
import { countLiving } from './workspaces/store/nodes.ts';
import { readClock } from './workspaces/store/reconciled.ts';
import { settle } from './workspaces/store/settings.ts';
import { shareSource } from './workspaces/store/shares.ts';
import { sweepBook } from './workspaces/store/sweeps.ts';
import { noteUse } from './workspaces/store/workspace-changes.ts';
import { idleTimeOf } from './workspaces/workspace.ts';

export const VERSION = '0.1.0';
const ROOT = join(import.meta.dirname, '..');

export interface BotOptions extends Terminal {
  config: Config;
  log: Logger;
  env: NodeJS.ProcessEnv;
  /** Those that can be chosen; the same that the configuration was read with. */
  providers?: ProviderTable;
  /** The table of forges. */
  forges?: readonly ForgeEntry[];
  /** The table of fronts. */
  fronts?: readonly FrontEntry[];
  /** The table of commands. */
  commands?: readonly Command[];
}

export interface Bot {
  url: string;
  /** For the person at this process. */
  console: Prompt;
  /** What the banner says of each. */
  fronts: FrontState[];
  /** Nodes that no workspace needs go now instead of staying warm. Resolves when they are gone, or after a while. */
  discardIdleNodes(): Promise<void>;
  /** Takes nothing new, lets what is under way end. Local nodes live on. */
  stop(): Promise<void>;
}

/** Throws StartError; then nothing of it is left running. */
export async function startBot(given: BotOptions): Promise<Bot> {
  const options = { providers, forges: builtIn, fronts, commands, ...given };
  await using ending = new AsyncDisposableStack();
  const { log } = options;
  const lock = await lockDataDir(options.config.dataDir, { url: options.config.baseUrl });
  ending.defer(() => lock.release());
  const server = await listen({ ...options.config, log });
  ending.defer(() => server.close());
  const config = withPort(options.config, server.port);
  await lock.update(config.baseUrl);
  const database = await openDatabase(config, ending);
  const parts = await assemble({ ...options, config }, database, ending);
  server.serve(parts.routes, parts.upgrades, parts.ports?.hosts);
  await tryAddress(config);
  await run(parts, database, ending);
  const rest = ending.move();
  return {
    url: config.baseUrl,
    console: promptOf(parts.fronts.all),
    fronts: parts.fronts.all.map((front) => front.describe()),
    discardIdleNodes: () => discardIdleNodes(database, parts.loop),
    stop: () => rest.disposeAsync(),
  };
}

function promptOf(all: readonly Front[]): Prompt {
  const { prompt } = all.find((front) => front.prompt) ?? {};
  return prompt ?? { say: () => Promise.reject(new Error('no front has a prompt')) };
}

/** With port 0 the system chose one. */
function withPort(config: Config, port: number): Config {
  return config.port === 0 && config.baseUrl === localAddress(config.host, 0)
    ? { ...config, port, baseUrl: localAddress(config.host, port) }
    : config;
}

const TRY_MS = 5_000;

/** Once, where nobody said it: links lead there, and nodes call there. A given one may be reachable for others alone. */
async function tryAddress({ baseUrl, host, port }: Config): Promise<void> {
  if (baseUrl !== localAddress(host, port)) return;
  try {
    await fetch(`${baseUrl}/healthz`, { signal: AbortSignal.timeout(TRY_MS) });
  } catch (error) {
    throw new StartError(
      `Sam listens on ${host}, and does not find itself at ${baseUrl}.\nSet HOST to an address of this machine, or BASE_URL to the one that leads to it.`,
      { cause: error },
    );
  }
}

async function openDatabase(config: Config, ending: AsyncDisposableStack): Promise<Database> {
  let url = config.databaseUrl;
  if (!url) {
    const embedded = await startEmbedded({ dataDir: config.dataDir });
    ending.defer(() => embedded.stop());
    ending.defer(watchProcess(embedded.pid, () => throwLost(config, embedded.pid)));
    url = embedded.url;
  }
  const database = await connect(url);
  ending.defer(() => database.close());
  await migrate(url, join(ROOT, 'migrations'));
  // The lock of the data folder says that nobody else is there.
  if (!config.databaseUrl) await endLeases(database);
  return database;
}

const WATCH_EVERY_MS = 500;

/** Calls `onEnd` once the process is gone; the returned function ends the watch. */
function watchProcess(pid: number, onEnd: () => void): () => void {
  const timer = setInterval(() => {
    if (isAlive(pid)) return;
    clearInterval(timer);
    onEnd();
  }, WATCH_EVERY_MS);
  return () => clearInterval(timer);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Crash only: nothing but the next start brings this database back. */
function throwLost({ dataDir }: Config, pid: number): never {
  throw new StartError(
    `The embedded Postgres (process ${pid}) ended by itself; its last words are in ${join(dataDir, 'postgres/server.log')}.\n` +
      'Sam ends with it. Start again, and it recovers: `npm start`.',
  );
}

interface Parts {
  routes: Route[];
  upgrades: Upgrade[];
  fronts: Fronts;
  forges: readonly Forge[];
  loop: Loop;
  chatLoop: Loop;
  hub: Hub;
  /** Undefined: no domain is there for them. */
  ports: Ports | undefined;
  sweeps: Sweep[];
  log: Logger;
}

type Settled = Required<Omit<BotOptions, 'forges'>> & {
  keys: Keys;
  /** Those of the vault: the first seals, all open. */
  encryptionKeys: Buffer[];
  /** What people left here; undefined: there is no key to seal it with. */
  credentials: Credentials | undefined;
  clouds: Clouds;
  database: Database;
  /** Those that are set up. */
  forges: readonly Forge[];
  admins: Admins;
  /** Undefined: GitHub is not set up. */
  github: GitHub | undefined;
};

async function assemble(
  options: Required<BotOptions>,
  database: Database,
  ending: AsyncDisposableStack,
): Promise<Parts> {
  const settled = await settleParts(options, database);
  const { log } = options;
  const { db } = database;
  const hub = makeHub(settled);
  ending.defer(() => hub.close());
  const pipe = openPipe(settled, ending);
  const reconciler = { ...makeReconciler(settled), listeningSince: await readClock(db) };
  const { screen, login, cwd } = options;
  const mayStill = createRepositoryGuard({ db, log, forges: settled.forges });
  const terminal = { screen, login, cwd };
  const ports = makePorts(settled, mayStill, ending);
  const push = await openPush(settled, mayStill);
  const opened = await openFronts(options.fronts, { ...settled, db, terminal, mayStill, push });
  ending.defer(async () => void (await opened.stop()));
  const sweeps = [
    ...createSweeps(reconciler),
    ...housekeeping(settled),
    { name: 'lost-rights', everyMs: LOOK_EVERY_MS, run: createRightsWatch({ db, mayStill }) },
    ...opened.all.flatMap((front) => front.sweeps),
  ];
  return {
    routes: [
      ...(await makeRoutes(settled, opened.all, sweeps, mayStill)),
      ...(ports?.routes ?? []),
      ...opened.routes,
    ],
    upgrades: [hub.upgrade, pipe.upgrade],
    fronts: opened,
    forges: settled.forges,
    loop: createLoop([...sourcesOf(settled, reconciler, opened.all), ...(push?.sources ?? [])], { log }),
    chatLoop: createLoop(opened.sources, { log }),
    hub,
    ports,
    sweeps,
    log,
  };
}

async function settleParts(options: Required<BotOptions>, database: Database): Promise<Settled> {
  const { config, log } = options;
  const { db } = database;
  await refuseLeftBehind(db, config, options.providers);
  await keepAuditFor(db, config.auditKeepMs);
  await requireArtifacts(options);
  const github = await openGitHub(config, log);
  const encryptionKeys = await loadEncryptionKeys(config);
  const forges = openForges(options.forges, { github });
  return {
    ...options,
    database,
    keys: await loadKeys(config),
    encryptionKeys,
    credentials: createCredentials(db, encryptionKeys),
    clouds: await openClouds({
      ...options,
      installation: await settle(db, 'installation', randomBase32(12)),
    }),
    github,
    forges,
    admins: createAdmins({ db, forges, names: config.admins, operators, log }),
  };
}

/** Undefined: no browser is told anything, and all else goes on. */
async function openPush(
  { database: { db }, config, encryptionKeys, log }: Settled,
  mayStill: RepositoryGuard,
): Promise<{ key: SenderKey; own: string[]; sources: Source[] } | undefined> {
  try {
    const key = await openSenderKey(db, encryptionKeys, config.baseUrl);
    if (!key) return undefined;
    const own = config.pushServices;
    return { key, own, sources: [pushSource({ db, log, key, own, mayStill, word: wordPush })] };
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    log.error(
      'ENCRYPTION_KEY is not the one that sealed the key for push services, so no browser is told anything. Set the earlier key behind it (ENCRYPTION_KEY=new,old) and start again; if that one is lost, delete the row `push` of the table `credentials`, and people turn it on anew.',
    );
    return undefined;
  }
}

function openPipe(
  { database: { db }, config, log, providers: table }: Settled,
  ending: AsyncDisposableStack,
) {
  const pipe = createTerminalPipe({ db, baseUrl: config.baseUrl, log, traitsOf: traitsIn(table) });
  ending.defer(() => pipe.close());
  return pipe;
}

/** Of the base of all deadlines: a program may compile at its first request. */
const ANSWERS_WITHIN = 4;

function makePorts(
  settled: Settled,
  mayStill: RepositoryGuard,
  ending: AsyncDisposableStack,
): Ports | undefined {
  const { config, keys, log, forges, providers: table } = settled;
  const { portsDomain, baseUrl, baseMs } = config;
  if (portsDomain === undefined) return undefined;
  const ports = createPorts({
    db: settled.database.db,
    baseUrl,
    addresses: createPortAddresses(portsDomain, baseUrl),
    keys,
    forges,
    log,
    mayStill,
    traitsOf: traitsIn(table),
    answerWithinMs: ANSWERS_WITHIN * baseMs,
    use: {
      idleMsOf: (workspace) => idleTimeOf(workspace, config.limits.idleTimeoutMs),
      keep: ({ id }) => noteUse(settled.database.db, id, activityStep(config)),
      everyMs: activityStep(config),
    },
    commands: { open: OPEN_COMMAND, start: `${TRIGGER} start`, port: `${TRIGGER} port` },
  });
  ending.defer(() => ports.close());
  return ports;
}

function makeHub(settled: Settled): Hub {
  const { config, keys, providers: table, forges, log, credentials } = settled;
  const { db } = settled.database;
  return createHub({
    db,
    keys,
    log,
    traitsOf: traitsIn(table),
    activityEveryMs: activityStep(config),
    heartbeatMs: timingFrom(config.baseMs).heartbeatMs,
    agentVersion: () => findAgentVersion(agentFolder(config)),
    environments: config.environments,
    git: createGitBroker({ db, log, forges }),
    wordRefusal: wordGitRefusal,
    ...(credentials && {
      openKey: (owner, provider) => credentials.open(owner, provider),
      findClaude: (owners) => credentials.findClaude(owners),
      findDotfiles: (owners) => credentials.findDotfiles(owners),
    }),
    models: config.models,
    packages: createPackages(config.packages, log),
    wordKeyRefusal,
  });
}

async function loadKeys(config: Config): Promise<Keys> {
  const pems =
    config.jwtPrivateKeys.length > 0
      ? config.jwtPrivateKeys
      : [await keepSecret(config.dataDir, 'signing-key.pem', makeSigningKey)];
  return createKeys({ pems, issuer: config.baseUrl });
}

async function loadEncryptionKeys({ encryptionKeys, databaseUrl, dataDir }: Config): Promise<Buffer[]> {
  if (encryptionKeys.length > 0 || databaseUrl) return encryptionKeys;
  return parseEncryptionKeys(await keepSecret(dataDir, 'encryption-key', makeEncryptionKey));
}

/** For pages that do not know from which front somebody comes. */
const OPEN_COMMAND = `${TRIGGER} open`;

const CONNECT_COMMAND = `${TRIGGER} connect claude`;

/** Without a key nothing was ever signed, and there is nobody who signed in. */
const makeGuard = ({
  config: { baseUrl },
  database: { db },
  encryptionKeys,
}: Settled): PageGuard | undefined =>
  encryptionKeys.length === 0
    ? undefined
    : {
        db,
        baseUrl,
        signer: createLinkSigner(encryptionKeys),
        openCommand: OPEN_COMMAND,
      };

/** What `npm run build` made; a build in the data folder goes before it. */
function agentFolder({ dataDir }: Config): string {
  const own = join(dataDir, 'agent');
  return existsSync(own) ? own : join(ROOT, 'dist/agent');
}

/** A machine cannot do without its agent. */
async function requireArtifacts({ config, providers: table }: Required<BotOptions>): Promise<void> {
  const { provider, settings } = config.machines;
  const entry = entryOf(table, provider);
  for (const arch of entry.architectures(settings))
    await requireArtifact(agentFolder(config), entry.label, arch);
}

function makeReconciler({ config, database: { db }, clouds, log }: Settled): Reconciler {
  return {
    db,
    provider: clouds.provider,
    proveAccount: createAccountProof({ db, provider: clouds.provider }),
    dns: clouds.dns,
    log,
    baseUrl: config.baseUrl,
    limits: config.limits,
    timing: timingFrom(config.baseMs),
    createBootstrapToken: (node) => createBootstrapToken(db, node),
  };
}

function sourcesOf({ forges }: Settled, reconciler: Reconciler, all: readonly Front[]): Source[] {
  const knowledge = { db: reconciler.db, forges, fronts: all };
  const describe: ProposalWork['describe'] = (proposal, workspace) =>
    describeChange(knowledge, proposal, workspace);
  return [
    workspaceSource(reconciler),
    nodeSource(reconciler),
    turnSource(reconciler),
    shareSource(reconciler.db),
    proposalSource({ ...reconciler, forges, describe }),
  ];
}

async function makeRoutes(
  settled: Settled,
  all: readonly Front[],
  sweeps: Sweep[],
  mayStill: RepositoryGuard,
): Promise<Route[]> {
  const { config, keys, log, forges } = settled;
  const { db } = settled.database;
  const built = join(ROOT, 'dist/page');
  const page = await bundlePage(existsSync(built) ? built : join(config.dataDir, 'page'));
  const { baseUrl } = config;
  const traitsOf = traitsIn(settled.providers);
  return [
    ...pageRoutes(page, settled.clouds.nodeOrigins, makeGuard(settled)),
    ...ticketRoutes({
      db,
      keys,
      baseUrl,
      traitsOf,
      forges,
      mayStill,
      triggers: Object.fromEntries(all.map(({ name, trigger }) => [name, trigger])),
    }),
    ...signInRoutes({
      db,
      baseUrl,
      log,
      forges,
      keys: settled.encryptionKeys,
      openCommand: OPEN_COMMAND,
    }),
    ...credentialRoutes({ db, baseUrl, credentials: settled.credentials }),
    ...pageSettingsRoutes({ db, baseUrl }),
    ...settingsRoutes({ db, baseUrl, credentials: settled.credentials, forges, command: CONNECT_COMMAND }),
    ...bootstrapRoutes({ db, keys, baseUrl, traitsOf }),
    ...bootReportRoutes({ db }),
    ...certificateRoutes({ db, keys, log, ...namesOf(settled.clouds) }),
    ...artifactRoutes({ folder: agentFolder(config), baseUrl }),
    ...keyRoutes(keys),
    ...healthRoutes({ ...config, db, sweeps, version: VERSION }),
  ];
}

/** What is kept for a while only. */
function housekeeping({ database: { db }, credentials, log }: Settled): Sweep[] {
  const everyMs = 60 * 60_000;
  const reseal = credentials && (() => resealCredentials(credentials, log));
  return [
    { name: 'old-audit', everyMs, run: () => forgetAudit(db) },
    { name: 'old-tokens', everyMs, run: () => forgetExpired(db) },
    { name: 'old-port-sessions', everyMs, run: () => forgetPortSessions(db) },
    { name: 'old-pushes', everyMs, run: () => forgetPushes(db) },
    { name: 'old-payloads', everyMs, run: () => forgetPayloads(db, 7) },
    { name: 'old-turns', everyMs, run: () => forgetTurns(db, { asked: 30, run: 7 }) },
    ...(reseal ? [{ name: 'sealed-credentials', everyMs, atStart: true as const, run: reseal }] : []),
  ];
}

/** Under the newest key of the ring, so that the one before can go. */
async function resealCredentials(credentials: Credentials, log: Logger): Promise<void> {
  const unreadable = await credentials.reseal();
  if (unreadable.length > 0)
    log.error(
      { count: unreadable.length },
      'ENCRYPTION_KEY is not the one that sealed some keys of people, so their workspaces get none. Set the earlier key behind it (ENCRYPTION_KEY=new,old) and start again; if that one is lost, these people put theirs in anew.',
    );
}

/** How fine `last_activity_at` is: a twentieth of the time-out, a minute at most. */
const activityStep = ({ limits }: Config): number => Math.min(60_000, limits.idleTimeoutMs / 20 || 60_000);

async function run(
  { loop, chatLoop, fronts: { all }, forges, hub, ports, sweeps, log }: Parts,
  database: Database,
  ending: AsyncDisposableStack,
): Promise<void> {
  const { db } = database;
  const onHint = (hint: string): void => {
    if (hint === 'due') loop.wake();
    else if (hint.startsWith('desired:')) {
      void hub.refresh(hint.slice(8));
      void ports?.look({ node: hint.slice(8) });
    } else if (hint.startsWith('ports:')) void ports?.look({ workspace: hint.slice(6) });
    else if (hint.startsWith('credentials:')) hub.forgetKeys(hint.slice(12));
    else chatLoop.wake();
  };
  await database.listen('sam', onHint, () => {
    loop.wake();
    chatLoop.wake();
    // Nobody hears a second time what was said meanwhile.
    hub.forgetKeys();
    void ports?.look();
  });
  const sweeper = createSweeper(sweeps, { book: sweepBook(db), log });
  ending.defer(() => loop.stop());
  ending.defer(() => chatLoop.stop());
  ending.defer(() => sweeper.stop());
  loop.start();
  chatLoop.start();
  for (const front of all) front.start();
  warm(forges, log);
  sweeper.start();
}

/** Asked ahead: the first command need not wait for it. */
function warm(forges: readonly Forge[], log: Logger): void {
  for (const forge of forges)
    forge
      .warm()
      .catch((error: unknown) =>
        log.info(
          { error: messageOf(error) },
          `${forge.title} could not be asked ahead; the first command asks it`,
        ),
      );
}

async function discardIdleNodes({ db }: Database, loop: Loop): Promise<void> {
  const ids = await retireIdleNodes(db);
  loop.wake();
  const deadline = Date.now() + 15_000;
  while (Date.now() < deadline && (await countLiving(db, ids)) > 0) await setTimeout(50);
}
