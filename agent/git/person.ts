// What of the configuration of the person, and of the machine, the agent's git keeps when it goes out: how to get there, whom
// to trust, and who has passwords. Nothing of it changes what was asked, or runs what a workspace could name.
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../system/run.ts';
import type { User } from '../system/users.ts';

interface Asking {
  helper?: string | undefined;
  user?: User | undefined;
  signal?: AbortSignal | undefined;
}

const TIMEOUT_MS = 30_000;

/**
 * Calls `use` with variables that lead git to a file of what is kept: git's own variables for settings do not reach all the
 * programs that it starts. The file is gone afterwards.
 */
export async function withPerson<T>(
  git: Asking,
  env: Record<string, string>,
  use: (env: Record<string, string>) => Promise<T>,
): Promise<T> {
  const kept = await readKept(git, env);
  if (kept === '') return use(env);
  const folder = await mkdtemp(join(tmpdir(), 'sam-git-'));
  try {
    const file = join(folder, 'config');
    await writeFile(file, kept, { mode: 0o600 });
    // For a workspace's own user there is nothing in it but what the whole machine may read.
    if (git.user) await Promise.all([chmod(folder, 0o755), chmod(file, 0o644)]);
    return await use({ ...env, GIT_CONFIG_GLOBAL: file });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function readKept(git: Asking, env: Record<string, string>): Promise<string> {
  const { GIT_CONFIG_GLOBAL: _none, GIT_CONFIG_NOSYSTEM: _neither, GIT_CONFIG_COUNT: _nor, ...open } = env;
  // A workspace's user has a home that is the workspace's.
  const scopes = git.user ? ['--system'] : ['--system', '--global'];
  const lists = await Promise.all(
    scopes.map((scope) =>
      run('git', ['config', scope, '--includes', '-z', '--list'], {
        cwd: '/',
        env: open,
        timeoutMs: TIMEOUT_MS,
        user: git.user,
        signal: git.signal,
      }),
    ),
  );
  const entries = lists.flatMap(({ stdout }) => stdout.split('\0'));
  return entries.map((entry) => writeSetting(entry, git.helper === undefined)).join('');
}

/** Large files are git's own wherever it is installed so. */
const LFS = /^git-lfs (clean -- %f|smudge -- %f|filter-process)$|^true$/;

function writeSetting(entry: string, hasPasswords: boolean): string {
  const at = entry.indexOf('\n');
  const [key, value] = at < 0 ? [entry, 'true'] : [entry.slice(0, at), entry.slice(at + 1)];
  const [, section = '', subsection = '', name = ''] = /^([\w-]+)\.(?:(.*)\.)?([\w-]+)$/s.exec(key) ?? [];
  const isKept =
    section === 'http' ||
    key === 'safe.directory' ||
    (section === 'credential' && hasPasswords) ||
    (section === 'filter' && subsection === 'lfs' && LFS.test(value));
  if (!isKept || subsection.includes('\n')) return '';
  const head = subsection === '' ? section : `${section} ${quote(subsection)}`;
  return `[${head}]\n\t${name} = ${quote(value)}\n`;
}

const quote = (text: string): string => `"${text.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')}"`;
