// Who the agent is on its machine, what of its environment goes on to git and to sessions, and how it gets out itself. Knows
// none of them.
import { setGlobalProxyFromEnv } from 'node:http';
import { userInfo } from 'node:os';
import { PASSED } from '../protocol.ts';

/** What is somebody's own: another user has other places. */
const OWN = /^(HOME|TMPDIR|XDG_.*)$/;

export function passedFrom(env: NodeJS.ProcessEnv, { isOther = false } = {}): Record<string, string> {
  const passed = Object.entries(env).filter(
    ([name, value]) => value !== undefined && PASSED.test(name) && !(isOther && OWN.test(name)),
  );
  return Object.fromEntries(passed) as Record<string, string>;
}

const HERE = ['localhost', '127.0.0.1', '[::1]'];

/**
 * From here on `fetch`, and whoever takes the global agents of http and https, go by the environment's proxies; never to this
 * machine itself, where a bot may be. Throws for what is no proxy.
 */
export function followProxies(env: NodeJS.ProcessEnv): void {
  const named = (name: string) => env[name] || env[name.toUpperCase()];
  const except = [named('no_proxy'), ...HERE].filter(Boolean).join(',');
  setGlobalProxyFromEnv({
    http_proxy: withScheme(named('http_proxy')),
    https_proxy: withScheme(named('https_proxy')),
    no_proxy: except,
  });
}

/** Others take `proxy.example.com:3128` too. */
const withScheme = (proxy: string | undefined): string | undefined =>
  proxy === undefined || proxy.includes('://') ? proxy : `http://${proxy}`;

export interface Account {
  name: string;
  home: string;
  /** Its login shell; empty where nobody knows. */
  shell: string;
}

/** Not every user of a container has an entry in the system's list: then the name is the number. */
export function findAccount(env: NodeJS.ProcessEnv = process.env): Account {
  try {
    const { username, homedir, shell } = userInfo();
    return { name: username, home: homedir, shell: shell ?? '' };
  } catch {
    return { name: String(process.getuid?.() ?? 'nobody'), home: env['HOME'] ?? '/', shell: '' };
  }
}
