// The GitHub App's settings, read as one group: all of it, or the front is off. Asks GitHub nothing.
import { createPrivateKey } from 'node:crypto';
import type { Reader } from '../../environment.ts';

export interface GitHubConfig {
  appId: number;
  /** PEM. */
  privateKey: string;
  /** The new one first; both verify. */
  webhookSecrets: string[];
  clientId: string;
  clientSecret: string;
  /** `https://github.com` or an Enterprise server, without a slash at the end: for git, sign-in and pages. */
  url: string;
  apiUrl: string;
  /** Names beside `/sam` and `@<app-slug>` that comments may call the bot by. */
  mentions: string[];
}

/** All of them, or none. */
export const GROUP = [
  'APP_ID',
  'PRIVATE_KEY',
  'WEBHOOK_SECRET',
  'GITHUB_CLIENT_ID',
  'GITHUB_CLIENT_SECRET',
] as const;
const SHORTEST_SECRET = 16;

/** Undefined if nothing of the group is set. What is missing or bad is added to the reader's problems. */
export function readGitHub(reader: Reader): GitHubConfig | undefined {
  const { read, text, problems } = reader;
  const server = readServer(reader);
  const mentions = read('SAM_MENTIONS', ['@sam'], parseMentions, 'names like `@sam`, comma-separated');
  if (GROUP.every((name) => text(name) === undefined)) return undefined;
  for (const name of GROUP)
    if (text(name) === undefined)
      problems.push(`${name} is missing; GitHub needs all of ${GROUP.join(', ')}, or none`);
  return {
    appId: read('APP_ID', 0, parseAppId, 'the number on the page of the App'),
    privateKey: read('PRIVATE_KEY', '', parseRsaKey, 'an RSA key: PEM, or its base64'),
    webhookSecrets: read(
      'WEBHOOK_SECRET',
      [],
      parseSecrets,
      `a secret of ${SHORTEST_SECRET} characters or more (not \`development\`); at most two, comma-separated: \`openssl rand -hex 32\``,
    ),
    clientId: text('GITHUB_CLIENT_ID') ?? '',
    clientSecret: text('GITHUB_CLIENT_SECRET') ?? '',
    ...server,
    mentions,
  };
}

/** Of everybody's GitHub. */
export const PUBLIC_URL = 'https://github.com';

/** github.com, or the Enterprise server that is set. */
export function readServer({ read }: Reader): Pick<GitHubConfig, 'url' | 'apiUrl'> {
  const host = read('GHE_HOST', undefined, parseHost, 'a host like `github.example.com`, without https://');
  const protocol = read('GHE_PROTOCOL', 'https', parseProtocol, '`https` or `http`');
  if (!host) return { url: PUBLIC_URL, apiUrl: 'https://api.github.com' };
  return { url: `${protocol}://${host}`, apiUrl: `${protocol}://${host}/api/v3` };
}

const parseAppId = (value: string): number | undefined =>
  /^[1-9]\d{0,11}$/.test(value) ? Number(value) : undefined;

/** Environments that hold one line only get the PEM as base64, or with `\n` for its ends of lines. */
function parseRsaKey(value: string): string | undefined {
  const pem = value.includes('-----BEGIN')
    ? value.replaceAll(String.raw`\n`, '\n')
    : Buffer.from(value, 'base64').toString('utf8');
  try {
    return createPrivateKey(pem).asymmetricKeyType === 'rsa' ? pem : undefined;
  } catch {
    return undefined;
  }
}

function parseSecrets(value: string): string[] | undefined {
  const secrets = value.split(',').map((secret) => secret.trim());
  const isGood = secrets.every((secret) => secret.length >= SHORTEST_SECRET && secret !== 'development');
  return isGood && secrets.length <= 2 ? secrets : undefined;
}

function parseMentions(value: string): string[] | undefined {
  const names = value.split(',').map((name) => name.trim());
  return names.every((name) => /^[@/][\w-]{1,39}$/.test(name)) ? names : undefined;
}

const parseHost = (value: string): string | undefined =>
  /^[a-z\d.-]+(:\d{1,5})?$/i.test(value) ? value : undefined;

const parseProtocol = (value: string): 'https' | 'http' | undefined =>
  value === 'https' || value === 'http' ? value : undefined;
