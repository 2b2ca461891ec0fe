// What the agent asks of git: a clone, the checked-out commit, the work that is nowhere else. Knows no workspace.
import { rm } from 'node:fs/promises';
import { WorkspaceError } from './failure.ts';
import { explainGit } from './git-failures.ts';
import type { Work } from './protocol.ts';
import { run, type Outcome } from './run.ts';

const CLONE_TIMEOUT_MS = 60 * 60_000;
const LOOK_TIMEOUT_MS = 30_000;
const STALL_SECONDS = 60;
/** What of the agent's own environment git may see: where things are, how to get out, and whom to trust. */
const PASSED = new Set(
  'PATH HOME USER LOGNAME TMPDIR XDG_CONFIG_HOME GIT_SSL_CAINFO SSL_CERT_FILE SSL_CERT_DIR GIT_HTTP_LOW_SPEED_TIME'.split(
    ' ',
  ),
);
const PROXIES = /^(https?|all|no)_proxy$/i;

export interface Git {
  repository: string;
  /** Marks the processes of git as the workspace's. */
  mark: Record<string, string>;
  /** The one program that git asks for a password of the repository's host; empty: none; absent: those it knows. */
  helper?: string | undefined;
  signal?: AbortSignal | undefined;
}

export interface Clone extends Git {
  ref?: string | undefined;
  /** A folder that does not exist yet. A failure may leave half of it. */
  into: string;
  /** Progress, line by line. */
  onLine: (line: string) => void;
}

/**
 * Clones and checks out `ref`: a branch, a tag, a commit, or a full name such as `refs/pull/7/head`. All branches come
 * along; files of other commits are fetched when they are needed, where the host can do that. Runs no hooks, takes no
 * submodules, never asks anybody for a password. Throws `WorkspaceError`.
 */
export async function cloneRepository(clone: Clone): Promise<void> {
  const { repository, ref, into } = clone;
  const protocol = protocolOf(repository);
  if (protocol === undefined) {
    const message =
      'The repository must be an https URL or an absolute path on the node. Check it, then `/sam retry`.';
    throw new WorkspaceError('configuration', message);
  }
  if (ref !== undefined && !isValidRef(ref)) {
    throw new WorkspaceError(
      'configuration',
      `\`${shown(ref)}\` is not a name that git knows. Name a branch, tag or commit with \`--ref\`.`,
    );
  }
  const args = ['clone', '--progress', '--origin=origin', '--no-single-branch', '--no-recurse-submodules'];
  if (ref !== undefined) args.push('--no-checkout');
  const partial = protocol === 'file' ? [] : ['--filter=blob:none'];
  const tail = ['--', repository, into];
  let outcome = await runGit(clone, [...args, ...partial, ...tail]);
  if (outcome.code !== 0 && partial.length > 0 && /filter|promisor|dumb http/i.test(outcome.stderr)) {
    await rm(into, { recursive: true, force: true });
    outcome = await runGit(clone, [...args, ...tail]);
  }
  if (outcome.code !== 0) throw explainGit(clone, outcome);
  if (ref !== undefined) await checkOut(clone, ref);
}

async function checkOut(clone: Clone, ref: string): Promise<void> {
  const target = await findTarget(clone, ref);
  const outcome = await runGit({ ...clone, cwd: clone.into }, ['checkout', '--progress', ...target]);
  if (outcome.code !== 0) throw explainGit(clone, outcome);
}

/** The arguments of `git checkout`. What stands in them begins with a letter or a digit: no option comes through. */
async function findTarget(clone: Clone, ref: string): Promise<string[]> {
  const git = { ...clone, cwd: clone.into };
  const has = async (name: string) =>
    (await runGit(git, ['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`])).code ===
    0;
  const isCommit = /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(ref);
  if (!isCommit) {
    if (await has(`refs/remotes/origin/${ref}`)) return ['-B', ref, '--track', `refs/remotes/origin/${ref}`];
    if (await has(`refs/tags/${ref}`)) return ['--detach', `refs/tags/${ref}`];
    if (/^[0-9a-f]{7,}$/.test(ref) && (await has(ref))) return ['--detach', ref];
  }
  if (isCommit || ref.startsWith('refs/')) {
    const outcome = await runGit(git, [
      'fetch',
      '--progress',
      '--no-tags',
      '--end-of-options',
      'origin',
      ref,
    ]);
    if (outcome.code !== 0) throw explainGit(clone, outcome);
    return ['--detach', 'FETCH_HEAD'];
  }
  throw explainGit(clone, { stderr: `fatal: Remote branch ${ref} not found in upstream origin` });
}

/** The rules of `git check-ref-format`, and no word that git reads as something else. */
export function isValidRef(ref: string): boolean {
  if (ref.length === 0 || ref.length > 255 || ref === '@' || ref === 'HEAD') return false;
  // eslint-disable-next-line no-control-regex
  if (/^-|[\0-\x20\x7f~^:?*[\\]|\.\.|@\{|\/\/|^\/|\/$|\.$/.test(ref)) return false;
  return ref.split('/').every((part) => !part.startsWith('.') && !part.endsWith('.lock'));
}

/** The checked-out commit; undefined in a repository that has none yet. */
export async function findHead(git: Git, dir: string): Promise<string | undefined> {
  const outcome = await look(git, dir, [
    'rev-parse',
    '--verify',
    '--quiet',
    '--end-of-options',
    'HEAD^{commit}',
  ]);
  return outcome.code === 0 ? outcome.stdout.trim() : undefined;
}

/**
 * Counts what would be lost with the checkout. `base` is the commit that Sam checked out: it came from the remote even
 * where no branch holds it. Throws when git cannot say: nobody may take that for "nothing".
 */
export async function countWork(git: Git, dir: string, base: string | undefined): Promise<Work> {
  const known = base === undefined ? [] : [base];
  const [status, commits, stashes] = await Promise.all([
    look(git, dir, ['status', '--porcelain=v2', '-z', '--untracked-files=all', '--no-renames']),
    look(git, dir, [
      'rev-list',
      '--count',
      '--ignore-missing',
      'HEAD',
      '--branches',
      '--not',
      '--remotes',
      ...known,
    ]),
    look(git, dir, ['stash', 'list', '--format=%H']),
  ]);
  for (const outcome of [status, commits, stashes]) {
    if (outcome.code !== 0)
      throw new Error(`git: look for work: ${outcome.stderr.trim() || 'no answer in time'}`);
  }
  const files = status.stdout.split('\0').filter((entry) => entry !== '');
  const untracked = files.filter((entry) => entry.startsWith('? ')).length;
  return {
    changed: files.length - untracked,
    untracked,
    unpushed: Number(commits.stdout) + stashes.stdout.split('\n').filter((line) => line !== '').length,
  };
}

/** `https`, `http` or `file`; undefined for everything that we do not clone from. */
export function protocolOf(repository: string): string | undefined {
  if (repository.startsWith('/')) return 'file';
  // git would read `name::address` as the name of a program to run.
  const [, protocol] = /^(https?|file):\/\/[^\s]+$/.exec(repository) ?? [];
  return protocol !== undefined && URL.canParse(repository) ? protocol : undefined;
}

/** The last part of the URL or path, fit to be a folder's name. */
export function repositoryName(repository: string): string {
  const last =
    repository
      .replace(/[/\s]+$/, '')
      .split('/')
      .pop() ?? '';
  const name = last
    .replace(/\.git$/, '')
    .replace(/[^A-Za-z0-9._-]/g, '-')
    .replace(/^[.-]+/, '');
  return name.slice(0, 100) || 'repository';
}

export function look(git: Git, cwd: string, args: string[]): Promise<Outcome> {
  return run('git', ['--no-optional-locks', ...SETTINGS, ...args], {
    cwd,
    env: { ...environment(git), GIT_NO_LAZY_FETCH: '1' },
    timeoutMs: LOOK_TIMEOUT_MS,
    signal: git.signal,
  });
}

function runGit(git: Clone & { cwd?: string }, args: string[]): Promise<Outcome> {
  return run('git', [...SETTINGS, ...args], {
    ...(git.cwd !== undefined && { cwd: git.cwd }),
    env: environment(git),
    timeoutMs: CLONE_TIMEOUT_MS,
    signal: git.signal,
    onLine: git.onLine,
  });
}

export const SETTINGS = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'submodule.recurse=false',
  'advice.detachedHead=false',
  'http.lowSpeedLimit=1',
  `http.lowSpeedTime=${STALL_SECONDS}`,
].flatMap((setting) => ['-c', setting]);

/** The whole environment of the agent's own git: for a clone, a look, or a push. */
export function environment({ repository, mark, helper }: Git): Record<string, string> {
  const passed = Object.entries(process.env).filter(([name]) => PASSED.has(name) || PROXIES.test(name));
  const protocol = protocolOf(repository) ?? 'none';
  return {
    ...(Object.fromEntries(passed) as Record<string, string>),
    ...mark,
    LC_ALL: 'C',
    GIT_TERMINAL_PROMPT: '0',
    // Empty, not absent: absent means the askpass program of the user's configuration.
    GIT_ASKPASS: '',
    GCM_INTERACTIVE: 'never',
    // Plain http may lead on to https, never the other way.
    GIT_ALLOW_PROTOCOL: protocol === 'http' ? 'http:https' : protocol,
    ...credentialEnvironment({ repository, helper }),
  };
}

/**
 * What makes any git ask `helper` alone about the repository's host, for the environment of sessions too. Nothing secret is
 * in it. The host's other helpers go: they would keep what they hear.
 */
export function credentialEnvironment({
  repository,
  helper,
}: Pick<Git, 'repository' | 'helper'>): Record<string, string> {
  if (helper === undefined || !/^https?$/.test(protocolOf(repository) ?? '')) return {};
  const section = `credential.${new URL(repository).origin}`;
  const settings = [
    [`${section}.helper`, ''],
    ...(helper === '' ? [] : [[`${section}.helper`, helper]]),
    // Without it git does not say which repository it is about.
    [`${section}.useHttpPath`, 'true'],
  ];
  const variables = settings.flatMap(([key = '', value = ''], index) => [
    [`GIT_CONFIG_KEY_${index}`, key],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  return {
    GIT_CONFIG_COUNT: String(settings.length),
    ...(Object.fromEntries(variables) as Record<string, string>),
  };
}

function shown(text: string): string {
  return text.replace(/[^\x21-\x7e]|`/g, '?').slice(0, 80);
}
