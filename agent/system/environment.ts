// Who the agent is on its machine, and what of its environment goes on to git and to sessions. Knows neither of them.
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
