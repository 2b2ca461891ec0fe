// Environment in, Config out, or one error that names every bad variable. The only reader of environment names; reads no
// file but the App that /setup made.
import { isAbsolute, resolve } from 'node:path';
import type { EnvironmentSettings, ModelServices } from '../agent/protocol.ts';
import { parsePems } from './access/keys.ts';
import { parseEncryptionKeys } from './access/vault.ts';
import { readSlack, type SlackConfig } from './chat/slack/config.ts';
import type { Budget } from './database/types.ts';
import { readDns, type DnsConfig } from './dns/dns.ts';
import { createReader, type Env, type Reader } from './environment.ts';
import { StartError } from './errors.ts';
import { readGitHub, readServer, type GitHubConfig } from './forges/github/config.ts';
import { withSavedApp } from './forges/github/saved-app.ts';
import { readNetwork, type Network } from './providers/boot/network.ts';
import { entryOf, providers, readProvider, type ProviderChoice } from './providers/index.ts';
import { defaultDomain, parseDomain, whyMixed } from './ports/addresses.ts';
import type { ProviderEntry, ProviderTable } from './providers/provider.ts';

export interface Config {
  port: number;
  host: string;
  /** Without a slash at the end. Port 0 is filled in once the server listens. */
  baseUrl: string;
  /** Below it are the ports of workspaces, each a host of its own. Undefined: they are not to be reached. */
  portsDomain: string | undefined;
  /** Undefined: the embedded Postgres in `dataDir`. */
  databaseUrl: string | undefined;
  /** Absolute. */
  dataDir: string;
  machines: ProviderChoice;
  /** Of machines elsewhere; a local agent has the bot's own. */
  network: Network;
  /** Undefined: nodes have no names of their own. */
  dns: DnsConfig | undefined;
  /** PKCS #8 PEMs, the new one first; none: generated into `dataDir`, if the database is the embedded one. */
  jwtPrivateKeys: string[];
  /** 32 bytes each, the new one first; none: generated into `dataDir`, if the database is the embedded one. */
  encryptionKeys: Buffer[];
  /** Undefined: the front is off. */
  github: GitHubConfig | undefined;
  /** For a bot without an App: where it would be made, and what must be mended before GitHub could be on. */
  setup: { server: { url: string; apiUrl: string }; obstacles: string[] } | undefined;
  slack: SlackConfig | undefined;
  /** Where the programs of workspaces run. */
  environments: EnvironmentSettings;
  /** Where agents ask models, without a slash at the end. */
  models: ModelServices;
  /** Origins of push services in a network of one's own; of others only public addresses are called. */
  pushServices: string[];
  /** The registry of npm that agents bring coding agents from, without a slash at the end. Undefined: npm's own. */
  packages: string | undefined;
  limits: Limits;
  logLevel: string;
  /** Undefined: how much is going on is told to this very machine alone. */
  metricsToken: string | undefined;
  /** Who runs Sam for everybody: logins, and `@org/team`. */
  admins: string[];
  /** How long the audit keeps what was done, in ms; 0: for ever. */
  auditKeepMs: number;
  /** What every deadline derives from, in ms; only tests set it. */
  baseMs: number;
}

/** Durations in ms. 0: no maximum, or never; `nodeWarmMs` 0: gone at once. */
export interface Limits {
  workspacesPerUser: number;
  nodesPerUser: number;
  /** Of all of this installation. */
  nodes: number;
  workspacesPerNode: number;
  idleTimeoutMs: number;
  nodeWarmMs: number;
  deleteStoppedAfterMs: number;
  commandsPerHour: number;
  /** Prompts for coding agents, of a person. */
  asksPerHour: number;
  /** How long a coding agent may work on one; never without an end. */
  askMinutes: number;
  /** What coding agents may cost, in millionths of a dollar; absent: no maximum. */
  budget: Budget;
}

/** Throws StartError with one line for each bad variable. `cwd`: what a relative DATA_DIR is relative to. */
export function parseConfig(given: Env, cwd: string, table: ProviderTable = providers): Config {
  const env = withSavedApp(given, toAbsolute(given['DATA_DIR']?.trim() || '.sam', cwd));
  const reader = createReader(env);
  const { read, text } = reader;
  const port = read('PORT', 3000, parsePort, 'a port number from 0 to 65535');
  const host = text('HOST') ?? '127.0.0.1';
  const machines = readProvider(reader, table);
  const entry = entryOf(table, machines.provider);
  const baseUrl = read(
    'BASE_URL',
    localAddress(host, port),
    parseOrigin,
    'an address like https://sam.example.com, without a path',
  );
  const config: Config = {
    port,
    host,
    baseUrl,
    portsDomain: read(
      'PORTS_DOMAIN',
      defaultDomain(baseUrl),
      parseDomain,
      'a domain like `sam-ports.example.net`',
    ),
    databaseUrl: read(
      'DATABASE_URL',
      undefined,
      parseDatabaseUrl,
      'an address like postgres://user:password@host:5432/sam',
    ),
    dataDir: toAbsolute(text('DATA_DIR') ?? '.sam', cwd),
    machines,
    network: readNetwork(reader),
    dns: readDns(reader, entry.traits.terminal === 'tls' ? `PROVIDER \`${machines.provider}\`` : undefined),
    jwtPrivateKeys: read(
      'JWT_PRIVATE_KEY',
      [],
      parseKeys,
      'an Ed25519 key: PKCS #8 PEM, or its base64; at most two, comma-separated',
    ),
    encryptionKeys: read('ENCRYPTION_KEY', [], parseRing, '32 bytes in base64; at most two, comma-separated'),
    github: readGitHub(reader),
    setup: undefined,
    slack: readSlack(reader),
    environments: readEnvironments(reader),
    ...readModels(reader),
    limits: readLimits(reader),
    logLevel: read('LOG_LEVEL', 'info', parseLevel, '`debug`, `info`, `warn` or `error`'),
    ...readHouse(reader),
    baseMs: read('SAM_DEADLINE_BASE', 30_000, parseDuration, 'a duration like `30s`'),
  };
  reader.problems.push(...missingKeys(config), ...unsafe(config, entry, reader), ...mixed(config));
  if (reader.problems.length > 0) throw new StartError(describe(reader.problems));
  return config.github ? config : { ...config, setup: setupOf(config, entry, createReader(env)) };
}

/** Names of workspaces' programs from which they would reach Sam's own pages. */
function mixed({ portsDomain, baseUrl }: Config): string[] {
  const why = portsDomain === undefined ? undefined : whyMixed(portsDomain, baseUrl);
  return why === undefined ? [] : [why];
}

/** Who looks after it, and what they can look up. */
const readHouse = ({ read }: Reader): Pick<Config, 'admins' | 'auditKeepMs' | 'metricsToken'> => ({
  metricsToken: read(
    'METRICS_TOKEN',
    undefined,
    parseToken,
    'a secret of your own: 16 characters or more, letters, digits and `-._~+/=`',
  ),
  admins: read(
    'ADMINS',
    [],
    parseAdmins,
    'logins of GitHub, or teams like `@acme/platform`, comma-separated',
  ),
  auditKeepMs: read(
    'AUDIT_KEEP',
    parseDuration('365d') ?? 0,
    parseDuration,
    'a duration like `365d` or `52w`; 0 means for ever',
  ),
});

type Facts = Omit<Config, 'github'> & { github: object | undefined };

/** What would be wrong if GitHub were on. */
function setupOf(config: Config, entry: ProviderEntry, reader: Reader): Config['setup'] {
  const facts: Facts = { ...config, github: {} };
  return { server: readServer(reader), obstacles: [...missingKeys(facts), ...unsafe(facts, entry, reader)] };
}

/** Where a bot that was told no address is found: where it listens, and on this machine if that is everywhere. */
export function localAddress(host: string, port: number): string {
  if (['127.0.0.1', '0.0.0.0', '::'].includes(host)) return `http://localhost:${port}`;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Bots that share a database share their keys. */
function missingKeys({ databaseUrl, jwtPrivateKeys, encryptionKeys, github, slack }: Facts): string[] {
  if (!databaseUrl) return [];
  const missing = (name: string, command: string): string =>
    `${name} is missing; with DATABASE_URL it must be given, so that all bots share it: \`${command}\``;
  return [
    ...(jwtPrivateKeys.length === 0
      ? [missing('JWT_PRIVATE_KEY', 'openssl genpkey -algorithm ed25519 | base64 -w0')]
      : []),
    ...((github || slack?.install) && encryptionKeys.length === 0
      ? [missing('ENCRYPTION_KEY', 'openssl rand -base64 32')]
      : []),
  ];
}

/** What is fine on a machine of one's own, and dangerous as soon as others may ask for workspaces. */
function unsafe(
  { github, slack, machines, baseUrl }: Facts,
  { traits, label }: ProviderEntry,
  { read }: Reader,
): string[] {
  const isAllowed = (name: string): boolean => read(name, false, parseBoolean, '`true` or `false`');
  const allowLocal = isAllowed('ALLOW_LOCAL_NODES');
  const allowInsecure = isAllowed('ALLOW_INSECURE_BASE_URL');
  const fronts = [...(github ? ['GitHub'] : []), ...(slack ? ['Slack'] : [])].join(' and ');
  const others = [
    ...(fronts ? [`${fronts} on`] : []),
    ...(traits.sharesHost ? [] : [`machines at ${label}`]),
  ];
  if (others.length === 0) return [];
  return [
    ...(fronts && traits.sharesHost && !allowLocal
      ? [
          `PROVIDER is \`${machines.provider}\`, which runs the code of other people as the user of this bot, who can read its keys; with ${fronts} on, that needs ALLOW_LOCAL_NODES=true`,
        ]
      : []),
    ...(isPublicAddress(baseUrl) || allowInsecure
      ? []
      : [
          `BASE_URL is \`${baseUrl}\`, not an https address that others can reach; with ${others.join(' and ')}, that needs ALLOW_INSECURE_BASE_URL=true`,
        ]),
  ];
}

function isPublicAddress(baseUrl: string): boolean {
  const { protocol, hostname } = new URL(baseUrl);
  return protocol === 'https:' && !/^(localhost|.*\.localhost|127\..*|\[::1\]|0\.0\.0\.0)$/.test(hostname);
}

function readEnvironments({ read }: Reader): EnvironmentSettings {
  const runtime = read('RUNTIME', 'auto', parseRuntime, '`auto` or `host`');
  const image = read('DEFAULT_IMAGE', undefined, parseImage, 'the name of a container image');
  return { runtime, ...(image !== undefined && { defaultImage: image }) };
}

const parseRuntime = (value: string): EnvironmentSettings['runtime'] | undefined =>
  value === 'auto' || value === 'host' ? value : undefined;

const parseImage = (value: string): string | undefined =>
  /^[A-Za-z0-9][\w./:@-]{0,299}$/.test(value) ? value : undefined;

/** A path may be part of it: gateways of companies have one. */
function readModels({ read }: Reader): Pick<Config, 'models' | 'packages' | 'pushServices'> {
  const base = <T>(name: string, fallback: T): string | T =>
    read<string | T>(
      name,
      fallback,
      parseBase,
      'an address like https://gateway.example.com, without a query',
    );
  return {
    models: {
      anthropic: base('ANTHROPIC_BASE_URL', 'https://api.anthropic.com'),
      openai: base('OPENAI_BASE_URL', 'https://api.openai.com'),
    },
    packages: base('NPM_REGISTRY', undefined),
    pushServices: read(
      'PUSH_SERVICES',
      [],
      parseOrigins,
      'addresses like https://push.example.internal, comma-separated',
    ),
  };
}

/** Of one that may take as long as it likes. */
const MAX_ASK_MS = 24 * 3_600_000;

function readLimits({ read }: Reader): Limits {
  const count = (name: string, fallback: number): number =>
    read(name, fallback, parseCount, 'a whole number; 0 means no maximum');
  const span = (name: string, fallback: string): number =>
    read(
      name,
      parseDuration(fallback) ?? 0,
      parseDuration,
      'a duration like `30m`, `4h` or `7d`; 0 means never',
    );
  const money = (name: string): number =>
    read(name, 0, parseMoney, 'an amount of US dollars like `5` or `2.50`; 0 means no maximum');
  const budget = {
    turn: money('MAX_COST_PER_TURN'),
    task: money('MAX_COST_PER_TASK'),
    month: money('MAX_COST_PER_MONTH'),
  };
  return {
    budget: Object.fromEntries(Object.entries(budget).filter(([, most]) => most > 0)),
    workspacesPerUser: count('MAX_WORKSPACES_PER_USER', 10),
    nodesPerUser: count('MAX_NODES_PER_USER', 10),
    nodes: count('MAX_NODES', 0),
    workspacesPerNode: count('MAX_WORKSPACES_PER_NODE', 3),
    idleTimeoutMs: span('IDLE_TIMEOUT', '4h'),
    nodeWarmMs: span('NODE_WARM', '30m'),
    deleteStoppedAfterMs: span('DELETE_STOPPED_AFTER', '7d'),
    commandsPerHour: count('MAX_COMMANDS_PER_HOUR', 60),
    asksPerHour: count('MAX_ASKS_PER_HOUR', 30),
    askMinutes: Math.ceil((span('ASK_TIMEOUT', '1h') || MAX_ASK_MS) / 60_000),
  };
}

const describe = (problems: string[]): string =>
  `Sam cannot start: ${problems.length === 1 ? 'a variable is' : `${problems.length} variables are`} wrong.\n${problems
    .map((problem) => `  - ${problem}`)
    .join('\n')}\nMend it in the environment (.env.example explains every variable) and start again.`;

const toAbsolute = (path: string, cwd: string): string => (isAbsolute(path) ? path : resolve(cwd, path));

const parseBoolean = (value: string): boolean | undefined =>
  value === 'true' ? true : value === 'false' ? false : undefined;

function parseRing(value: string): Buffer[] | undefined {
  try {
    const keys = parseEncryptionKeys(value);
    return keys.length === 1 || keys.length === 2 ? keys : undefined;
  } catch {
    return undefined;
  }
}

const parseToken = (value: string): string | undefined =>
  /^[\w.~+/=-]{16,4096}$/.test(value) ? value : undefined;

const LOGIN = /^[a-z\d][a-z\d-]{0,38}(?:_[a-z\d]+)?$/i;
const TEAM = /^@[a-z\d][a-z\d-]{0,38}\/[\w.-]{1,100}$/i;

/** A login may be written `@ada`. */
function parseAdmins(value: string): string[] | undefined {
  const names = value.split(/[\s,]+/).filter(Boolean);
  const read = names.map((name) => (TEAM.test(name) ? name : name.replace(/^@/, '')));
  return read.every((name) => TEAM.test(name) || LOGIN.test(name)) ? read : undefined;
}

function parsePort(value: string): number | undefined {
  const port = Number(value);
  return /^\d+$/.test(value) && port <= 65_535 ? port : undefined;
}

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

const parseLevel = (value: string): string | undefined => LEVELS.find((level) => level === value);

const parseCount = (value: string): number | undefined =>
  /^\d{1,6}$/.test(value) ? Number(value) : undefined;

/** In millionths. */
const parseMoney = (value: string): number | undefined =>
  /^\d{1,6}(\.\d{1,2})?$/.test(value) ? Math.round(Number(value) * 1_000_000) : undefined;

const UNIT_MS: Record<string, number> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** `90s`, `30m`, `4h`, `7d`, `0`. In ms. */
export function parseDuration(value: string): number | undefined {
  if (value === '0') return 0;
  const match = /^(\d{1,6})(ms|s|m|h|d|w)$/.exec(value);
  return match ? Number(match[1]) * (UNIT_MS[match[2] ?? ''] ?? 0) : undefined;
}

function parseOrigin(value: string): string | undefined {
  if (!URL.canParse(value)) return undefined;
  const url = new URL(value);
  const isPlain = url.pathname === '/' && !url.search && !url.hash && !url.username;
  return isPlain && /^https?:$/.test(url.protocol) ? url.origin : undefined;
}

function parseOrigins(value: string): string[] | undefined {
  const origins = value
    .split(/[\s,]+/)
    .filter(Boolean)
    .map(parseOrigin);
  return origins.some((origin) => origin === undefined) ? undefined : (origins as string[]);
}

function parseBase(value: string): string | undefined {
  const url = URL.parse(value);
  const isPlain = url !== null && !url.search && !url.hash && !url.username && /^https?:$/.test(url.protocol);
  return isPlain ? url.href.replace(/\/+$/, '') : undefined;
}

function parseDatabaseUrl(value: string): string | undefined {
  return URL.canParse(value) && /^postgres(ql)?:$/.test(new URL(value).protocol) ? value : undefined;
}

function parseKeys(value: string): string[] | undefined {
  const pems = parsePems(value);
  return pems.length === 1 || pems.length === 2 ? pems : undefined;
}
