// Who the agent is on its machine, what of its environment goes on to git and to sessions, and how it gets out itself. Knows
// none of them.
import { setGlobalProxyFromEnv } from 'node:http';
import { userInfo } from 'node:os';
import { PASSED } from '../protocol.ts';

/** What is somebody's own: another user has other places. */
const OWN = /^(HOME|TMPDIR|XDG_.*)$/;

/** Where there is a proxy, it is not for what is on the machine itself: the workspace's gateway to models, and its own servers. */
export function passedFrom(env: NodeJS.ProcessEnv, { isOther = false } = {}): Record<string, string> {
  const named = Object.entries(env).filter(
    ([name, value]) => value !== undefined && PASSED.test(name) && !(isOther && OWN.test(name)),
  );
  const passed = Object.fromEntries(named) as Record<string, string>;
  return { ...passed, ...exceptHere(passed) };
}

const PROXY = /^(https?|all)_proxy$/i;
const HERE = ['localhost', '127.0.0.1'];

/** Programs that get a proxy take it for everything, this machine too, unless it is named. */
function exceptHere(env: Record<string, string>): Record<string, string> {
  if (!Object.entries(env).some(([name, value]) => PROXY.test(name) && value !== '')) return {};
  const { no_proxy: small, NO_PROXY: large } = env;
  return { no_proxy: withHere(small ?? large), NO_PROXY: withHere(large ?? small) };
}

function withHere(named = ''): string {
  const names = named.split(/[\s,]+/).filter(Boolean);
  return names.includes('*') ? named : [...new Set([...names, ...HERE, '::1'])].join(',');
}

/**
 * From here on `fetch`, and whoever takes the global agents of http and https, go by the environment's proxies; never to this
 * machine itself, where a bot may be. Throws for what is no proxy.
 */
export function followProxies(env: NodeJS.ProcessEnv): void {
  const named = (name: string) => env[name] || env[name.toUpperCase()];
  const except = [named('no_proxy'), ...HERE, '[::1]'].filter(Boolean).join(',');
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
