// The agent's own git: how it is run, with which settings, in which environment. Nobody's configuration has a part in it:
// it runs no program that a checkout or a person names. Knows no workspace.
import { join } from 'node:path';
import type { GitIdentity } from '../protocol.ts';
import { run, type Outcome } from '../system/run.ts';
import type { User } from '../system/users.ts';

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
  /** Whom git runs as; absent: the agent's own user. */
  user?: User | undefined;
  signal?: AbortSignal | undefined;
}

/** Empty for a repository that lies on the node itself. */
export const hostOf = (repository: string): string =>
  URL.canParse(repository) ? new URL(repository).host : '';

/** The rules of `git check-ref-format`, and no word that git reads as something else. */
export function isValidRef(ref: string): boolean {
  if (ref.length === 0 || ref.length > 255 || ref === '@' || ref === 'HEAD') return false;
  // eslint-disable-next-line no-control-regex
  if (/^-|[\0-\x20\x7f~^:?*[\\]|\.\.|@\{|\/\/|^\/|\/$|\.$/.test(ref)) return false;
  return ref.split('/').every((part) => !part.startsWith('.') && !part.endsWith('.lock'));
}

/** The checked-out commit; undefined in a repository that has none yet. */
export async function findHead(git: Git, dir: string): Promise<string | undefined> {
  const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', 'HEAD^{commit}'];
  const outcome = await look(git, dir, args);
  return outcome.code === 0 ? outcome.stdout.trim() : undefined;
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

/**
 * Asks the repository of `dir`, whoever it belongs to; it changes nothing that a person would see. Its own configuration is
 * read: only commands that start no program of it may be asked. What a partial clone lacks is not fetched.
 */
export function look(
  git: Git,
  dir: string,
  args: string[],
  gitDir: string = join(dir, '.git'),
): Promise<Outcome> {
  return run('git', ['--no-optional-locks', ...SETTINGS, ...args], {
    cwd: dir,
    env: { ...environment(git), ...BLIND, GIT_DIR: gitDir, GIT_WORK_TREE: dir },
    timeoutMs: LOOK_TIMEOUT_MS,
    user: git.user,
    signal: git.signal,
  });
}

/** The same; throws where it fails. */
export async function ask(git: Git, dir: string, args: string[], gitDir?: string): Promise<string> {
  const { code, stdout, stderr } = await look(git, dir, args, gitDir);
  if (code !== 0) throw new Error(`git: ${args[0]}: ${stderr.trim() || 'no answer in time'}`);
  return stdout.trimEnd();
}

/** What is configured for the repository of `dir`, by the person too; the outcome of `git config`. That runs nothing. */
export function readConfiguration(
  git: Git,
  dir: string,
  args: string[],
  gitDir: string = join(dir, '.git'),
): Promise<Outcome> {
  const { GIT_CONFIG_GLOBAL: _nothing, GIT_CONFIG_NOSYSTEM: _too, ...env } = environment(git);
  return run('git', ['config', ...args], {
    cwd: dir,
    env: { ...env, GIT_DIR: gitDir },
    timeoutMs: LOOK_TIMEOUT_MS,
    user: git.user,
    signal: git.signal,
  });
}

/** Nothing is fetched, and history is as it is, whatever stands in for it. */
export const BLIND = {
  GIT_NO_LAZY_FETCH: '1',
  // The same for a git that does not know that one.
  GIT_ALLOW_PROTOCOL: 'none',
  GIT_NO_REPLACE_OBJECTS: '1',
  GIT_GRAFT_FILE: '/dev/null',
};

/** For what may take long: it says how far it is, line by line. */
export function runGit(
  git: Git & { cwd?: string; onLine?: (line: string) => void },
  args: string[],
): Promise<Outcome> {
  return run('git', [...SETTINGS, ...args], {
    ...(git.cwd !== undefined && { cwd: git.cwd }),
    env: environment(git),
    timeoutMs: CLONE_TIMEOUT_MS,
    user: git.user,
    signal: git.signal,
    ...(git.onLine && { onLine: git.onLine }),
  });
}

/** Whom commits in `dir` are by. Where somebody changes it there, or in one command, that counts. */
export async function setIdentity(git: Git, dir: string, { name, email }: GitIdentity): Promise<void> {
  for (const [key, value] of [
    ['user.name', name],
    ['user.email', email],
  ] as const) {
    const outcome = await look(git, dir, ['config', '--local', key, value]);
    if (outcome.code !== 0) throw new Error(`git: set ${key}: ${outcome.stderr.trim() || 'no answer'}`);
  }
}

export const SETTINGS = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.untrackedCache=false',
  'core.attributesFile=/dev/null',
  'core.sshCommand=false',
  'log.showSignature=false',
  'submodule.recurse=false',
  'advice.detachedHead=false',
  'http.lowSpeedLimit=1',
  `http.lowSpeedTime=${STALL_SECONDS}`,
].flatMap((setting) => ['-c', setting]);

/** The whole environment of the agent's own git: for a clone, a look, or a push. */
export function environment({ repository, mark, helper, user }: Git): Record<string, string> {
  const passed = Object.entries(process.env).filter(([name]) => PASSED.has(name) || PROXIES.test(name));
  const protocol = protocolOf(repository) ?? 'none';
  return {
    ...(Object.fromEntries(passed) as Record<string, string>),
    // Not by the configuration of root.
    ...(user && {
      HOME: user.home,
      USER: user.name,
      LOGNAME: user.name,
      XDG_CONFIG_HOME: `${user.home}/.config`,
    }),
    ...mark,
    LC_ALL: 'C',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_ATTR_NOSYSTEM: '1',
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
