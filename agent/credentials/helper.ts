// Git's credential helper, a program of its own: asks the agent over the workspace's socket, and passes the answer on to git
// by a pipe. Keeps nothing; imports nothing of ours. `helper.ts SOCKET get`; what git offers to keep or forget it ignores.
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { basename, dirname } from 'node:path';
import { text } from 'node:stream/consumers';

const TIMEOUT_MS = 45_000;
const HIGHEST = 12;
/** Options of git itself whose value is the next word. */
const WITH_VALUE = new Set(['-c', '-C', '--git-dir', '--work-tree', '--namespace', '--exec-path']);
const PUSHES = new Set(['push', 'send-pack']);
const FETCHES = new Set(['fetch', 'clone', 'pull', 'ls-remote', 'fetch-pack', 'remote', 'submodule']);

interface Reply {
  username?: string;
  password?: string;
  expiresAt?: number;
  error?: { message?: string };
}

const [, , socket = '', action = ''] = process.argv;
if (action === 'get') await get();

async function get(): Promise<void> {
  const asked = Object.fromEntries(
    (await text(process.stdin)).split('\n').flatMap((line) => {
      const sign = line.indexOf('=');
      return sign < 0 ? [] : [[line.slice(0, sign), line.slice(sign + 1)]];
    }),
  ) as Record<string, string>;
  const { protocol, host, path } = asked;
  try {
    say(await ask(JSON.stringify({ protocol, host, path, operation: findOperation() })));
  } catch {
    say({
      error: {
        message:
          'The agent of this node does not answer, and it gets the password for this repository. Try again in a minute.',
      },
    });
  }
}

function say({ username, password, expiresAt, error }: Reply): void {
  if (error) {
    process.stderr.write(`sam: ${error.message ?? 'There is no password for this repository.'}\n`);
    // Or git would ask the person for a password that nobody has.
    process.stdout.write('quit=1\n');
  } else if (username !== undefined && password !== undefined) {
    const expiry = expiresAt === undefined ? '' : `password_expiry_utc=${Math.floor(expiresAt / 1000)}\n`;
    process.stdout.write(`username=${username}\npassword=${password}\n${expiry}`);
  }
}

/** One line there, one line back. */
function ask(question: string): Promise<Reply> {
  // A socket's address is short, a folder's path may not be.
  process.chdir(dirname(socket));
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const agent = connect(basename(socket), () => agent.write(`${question}\n`));
  agent.setTimeout(TIMEOUT_MS, () => agent.destroy(new Error('no answer')));
  agent.once('error', reject);
  text(agent)
    .then((answer) => resolve(JSON.parse(answer) as Reply))
    .catch(reject);
  return promise;
}

/** Git does not say what it wants the password for, but the commands that led here do. Undefined: they do not either. */
function findOperation(): 'fetch' | 'push' | undefined {
  let pid = process.ppid;
  for (let height = 0; height < HIGHEST && pid > 1; height++) {
    const command = readCommand(pid);
    if (command !== undefined && PUSHES.has(command)) return 'push';
    if (command !== undefined && FETCHES.has(command)) return 'fetch';
    pid = readParent(pid);
  }
  return undefined;
}

/** `push` of `git -c a=b push origin`. */
function readCommand(pid: number): string | undefined {
  const [program = '', ...words] = read(`/proc/${pid}/cmdline`).split('\0');
  if (basename(program) !== 'git') return undefined;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (WITH_VALUE.has(word)) at++;
    else if (!word.startsWith('-')) return word;
  }
  return undefined;
}

function readParent(pid: number): number {
  const stat = read(`/proc/${pid}/stat`);
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? 0);
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
