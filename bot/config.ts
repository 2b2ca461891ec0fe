// Environment in, Config out, or one error that names every bad variable. Pure; the only reader of environment names.
import { isAbsolute, resolve } from 'node:path';
import { parsePems } from './access/keys.ts';
import { StartError } from './errors.ts';

export interface Config {
  port: number;
  host: string;
  /** Without a slash at the end. Port 0 is filled in once the server listens. */
  baseUrl: string;
  /** Undefined: the embedded Postgres in `dataDir`. */
  databaseUrl: string | undefined;
  /** Absolute. */
  dataDir: string;
  provider: 'local';
  /** PKCS #8 PEMs, the new one first; none: generated into `dataDir`, if the database is the embedded one. */
  jwtPrivateKeys: string[];
  limits: Limits;
  /** What every deadline derives from, in ms; only tests set it. */
  baseMs: number;
}

/** Durations in ms. 0: no maximum, or never; `nodeWarmMs` 0: gone at once. */
export interface Limits {
  workspacesPerUser: number;
  nodesPerUser: number;
  workspacesPerNode: number;
  idleTimeoutMs: number;
  nodeWarmMs: number;
  deleteStoppedAfterMs: number;
  commandsPerHour: number;
}

type Env = Readonly<Record<string, string | undefined>>;

/** Reads variables one by one and collects what is wrong with them. */
interface Reader {
  text: (name: string) => string | undefined;
  read: <T>(name: string, fallback: T, parse: (value: string) => T | undefined, wanted: string) => T;
  problems: string[];
}

function createReader(env: Env): Reader {
  const problems: string[] = [];
  const text = (name: string): string | undefined => env[name]?.trim() || undefined;
  return {
    problems,
    text,
    read(name, fallback, parse, wanted) {
      const value = text(name);
      if (value === undefined) return fallback;
      const parsed = parse(value);
      if (parsed !== undefined) return parsed;
      problems.push(`${name} is ${isSecret(name) ? 'not' : `\`${value.slice(0, 60)}\`, not`} ${wanted}`);
      return fallback;
    },
  };
}

/** Throws StartError with one line for each bad variable. `cwd`: what a relative DATA_DIR is relative to. */
export function parseConfig(env: Env, cwd: string): Config {
  const reader = createReader(env);
  const { read, text } = reader;
  const port = read('PORT', 3000, parsePort, 'a port number from 0 to 65535');
  const config: Config = {
    port,
    host: text('HOST') ?? '127.0.0.1',
    baseUrl: read(
      'BASE_URL',
      `http://localhost:${port}`,
      parseOrigin,
      'an address like https://sam.example.com, without a path',
    ),
    databaseUrl: read(
      'DATABASE_URL',
      undefined,
      parseDatabaseUrl,
      'an address like postgres://user:password@host:5432/sam',
    ),
    dataDir: toAbsolute(text('DATA_DIR') ?? '.sam', cwd),
    provider: read(
      'PROVIDER',
      'local',
      (value) => (value === 'local' ? value : undefined),
      '`local`, the only provider so far',
    ),
    jwtPrivateKeys: read(
      'JWT_PRIVATE_KEY',
      [],
      parseKeys,
      'an Ed25519 key: PKCS #8 PEM, or its base64; at most two, comma-separated',
    ),
    limits: readLimits(reader),
    baseMs: read('SAM_DEADLINE_BASE', 30_000, parseDuration, 'a duration like `30s`'),
  };
  if (config.databaseUrl && config.jwtPrivateKeys.length === 0)
    reader.problems.push(
      'JWT_PRIVATE_KEY is missing; with DATABASE_URL it must be given, so that all bots share it: `openssl genpkey -algorithm ed25519 | base64 -w0`',
    );
  if (reader.problems.length > 0) throw new StartError(describe(reader.problems));
  return config;
}

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
  return {
    workspacesPerUser: count('MAX_WORKSPACES_PER_USER', 10),
    nodesPerUser: count('MAX_NODES_PER_USER', 10),
    workspacesPerNode: count('MAX_WORKSPACES_PER_NODE', 3),
    idleTimeoutMs: span('IDLE_TIMEOUT', '4h'),
    nodeWarmMs: span('NODE_WARM', '30m'),
    deleteStoppedAfterMs: span('DELETE_STOPPED_AFTER', '7d'),
    commandsPerHour: count('MAX_COMMANDS_PER_HOUR', 60),
  };
}

const describe = (problems: string[]): string =>
  `Sam cannot start: ${problems.length === 1 ? 'a variable is' : `${problems.length} variables are`} wrong.\n${problems
    .map((problem) => `  - ${problem}`)
    .join('\n')}\nMend it in the environment (.env.example explains every variable) and start again.`;

const isSecret = (name: string): boolean => /KEY|SECRET|TOKEN|DATABASE_URL/.test(name);

const toAbsolute = (path: string, cwd: string): string => (isAbsolute(path) ? path : resolve(cwd, path));

function parsePort(value: string): number | undefined {
  const port = Number(value);
  return /^\d+$/.test(value) && port <= 65_535 ? port : undefined;
}

const parseCount = (value: string): number | undefined =>
  /^\d{1,6}$/.test(value) ? Number(value) : undefined;

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

function parseDatabaseUrl(value: string): string | undefined {
  return URL.canParse(value) && /^postgres(ql)?:$/.test(new URL(value).protocol) ? value : undefined;
}

function parseKeys(value: string): string[] | undefined {
  const pems = parsePems(value);
  return pems.length === 1 || pems.length === 2 ? pems : undefined;
}
