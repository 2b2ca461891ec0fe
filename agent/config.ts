// The agent's configuration, read once from the environment. Knows no network and no file.
import { resolve } from 'node:path';

export interface Config {
  /** The bot's base URL, without a slash at its end. */
  samUrl: string;
  node: string;
  /** One-time; absent once the node is bound and was started without it. */
  bootstrapToken: string | undefined;
  /** Everything the agent keeps lies below. Absolute. */
  dir: string;
  /** Absent: loopback behind the bot, every address with a certificate of its own. */
  terminalHost: string | undefined;
  /** With a certificate of its own. */
  terminalPort: number;
  /** Everything runs as the agent's own user, whatever the bot says: on a machine where it is not root. */
  isAlone: boolean;
}

/** Throws one error that names every bad variable. */
export function readConfig(env: NodeJS.ProcessEnv, cwd = process.cwd()): Config {
  const bad: string[] = [];
  const samUrl = env['SAM_URL'] ?? '';
  const node = env['SAM_NODE'] ?? '';
  const dir = env['SAM_DIR'] ?? '';
  const port = env['SAM_TERMINAL_PORT'] || '443';
  if (!isWebUrl(samUrl)) bad.push('SAM_URL must be the http(s) URL of the bot');
  if (!/^nd-[a-z2-7]{12}$/.test(node)) bad.push('SAM_NODE must be a node id (nd- and 12 characters)');
  if (!/^\d{1,5}$/.test(port)) bad.push('SAM_TERMINAL_PORT must be a port number');
  if (dir === '') bad.push('SAM_DIR must be the folder that the agent keeps its things in');
  if (!['', 'own'].includes(env['SAM_USERS'] ?? '')) bad.push('SAM_USERS must be empty or `own`');
  if (bad.length > 0) throw new Error(`configuration: ${bad.join('; ')}`);
  return {
    samUrl: samUrl.replace(/\/+$/, ''),
    node,
    bootstrapToken: env['SAM_BOOTSTRAP_TOKEN'] || undefined,
    dir: resolve(cwd, dir),
    terminalHost: env['SAM_TERMINAL_HOST'] || undefined,
    terminalPort: Number(port),
    isAlone: env['SAM_USERS'] === 'own',
  };
}

function isWebUrl(text: string): boolean {
  return /^https?:\/\//.test(text) && URL.canParse(text);
}
