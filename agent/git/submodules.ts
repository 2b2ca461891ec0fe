// The submodules of a fresh clone: those that lie on its own host, or where everybody may read, without any password of
// Sam's. What is left out stays empty, and is said. Runs no hooks; knows no workspace.
import { join, resolve } from 'node:path';
import { ask, protocolOf, readConfiguration, runGit, type Git } from './git.ts';
import { redact } from '../redact.ts';

export interface SubmodulesOptions extends Git {
  /** The clone. */
  into: string;
  onLine: (line: string) => void;
}

interface Submodule {
  name: string;
  path: string;
  url: string;
}

const PUBLIC_HOSTS = new Set(['github.com', 'gitlab.com', 'bitbucket.org', 'codeberg.org']);
/** However deep and many they are: somebody may have made a circle of them. */
const MAX_DEPTH = 5;
const MAX_SUBMODULES = 200;

/** Never rejects for what is wrong with a submodule, but says it, line by line. */
export async function cloneSubmodules(options: SubmodulesOptions): Promise<void> {
  const { repository, into, onLine } = options;
  let left = MAX_SUBMODULES;
  const walk = async (dir: string, base: string, where: string, depth: number): Promise<void> => {
    for (const { name, path, url } of await listSubmodules(options, dir)) {
      const shown = join(where, path);
      const source = sourceOf(url, base, repository);
      const isTooMuch = depth > MAX_DEPTH || left-- <= 0;
      const why = isTooMuch ? 'there are too many of them' : source.why;
      const failed = why ?? (await cloneOne(options, dir, { name, path, url: source.url }));
      if (failed === undefined) await walk(join(dir, path), source.url, shown, depth + 1);
      else onLine(`The submodule ${shown} was left out: ${failed}`);
    }
  };
  await walk(into, repository, '', 1);
}

/** Those that are named and checked out; what names them was written by anybody. */
async function listSubmodules(git: Git, dir: string): Promise<Submodule[]> {
  const links = (await ask(git, dir, ['ls-files', '--stage', '-z']))
    .split('\0')
    .flatMap((entry) => /^160000 \S+ \d\t(.*)$/s.exec(entry)?.[1] ?? []);
  if (links.length === 0) return [];
  const args = ['-z', '--blob', 'HEAD:.gitmodules', '--get-regexp', '^submodule\\..*\\.(path|url)$'];
  const named = new Map<string, Partial<Submodule>>();
  for (const entry of (await readConfiguration(git, dir, args)).stdout.split('\0')) {
    const [, name, key, value] = /^submodule\.(.*)\.(path|url)\n(.*)$/s.exec(entry) ?? [];
    if (name !== undefined && key !== undefined) named.set(name, { ...named.get(name), [key]: value });
  }
  return links.flatMap((path) => {
    const [name, found] = [...named].find(([, one]) => one.path === path) ?? [];
    return name === undefined ? [] : [{ name, path, url: found?.url ?? '' }];
  });
}

/** Where it is cloned from, without ssh; or why it is not. `base` is where what holds it came from. */
export function sourceOf(url: string, base: string, repository: string): { url: string; why?: string } {
  const full = withoutSsh(isRelative(url) ? resolveRelative(url, base) : url);
  const protocol = protocolOf(full);
  if (protocol === undefined) return { url: full, why: 'its address is none that Sam clones from.' };
  if (protocol === 'file') {
    // A folder of the node is only for those who came from one.
    const isOurs = protocolOf(repository) === 'file' && isRelative(url);
    return isOurs ? { url: full } : { url: full, why: 'its address is a folder.' };
  }
  const { host, username, password } = new URL(full);
  if (username + password !== '') return { url: full, why: 'there is a password in its address.' };
  const own = URL.canParse(repository) ? new URL(repository) : undefined;
  if (own?.host === host && (protocol === 'https' || own.protocol === 'http:')) return { url: full };
  if (protocol === 'https' && PUBLIC_HOSTS.has(host)) return { url: full };
  return { url: full, why: `${host} is neither the repository's own host nor a public one over https.` };
}

const isRelative = (url: string): boolean => /^\.\.?\//.test(url);

function resolveRelative(url: string, base: string): string {
  if (!URL.canParse(base)) return resolve(base, url);
  // As git does it: the last part of the base is a folder, too.
  return new URL(url, `${base.replace(/\/+$/, '')}/`).href.replace(/\/+$/, '');
}

/** `git@host:owner/name` and `ssh://git@host/owner/name` are there over https for whoever may read them. */
function withoutSsh(url: string): string {
  const [, host, path] = /^(?:ssh:\/\/)?git@([\w.-]+)(?::(?!\d+\/)|\/)([^\s]+)$/.exec(url) ?? [];
  return host === undefined || path === undefined ? url : `https://${host}/${path.replace(/^\/+/, '')}`;
}

/** Why it could not be had; undefined: it is there. */
async function cloneOne(
  options: SubmodulesOptions,
  dir: string,
  { name, path, url }: Submodule,
): Promise<string | undefined> {
  // A token is for one repository; but whoever the node asks by itself may be asked here, too.
  const helper = options.helper === undefined ? undefined : '';
  const git = { ...options, repository: url, helper, cwd: dir };
  const set = await runGit(git, ['config', '--local', `submodule.${name}.url`, url]);
  if (set.code !== 0) return 'its name is none that git knows.';
  const update = ['submodule', '--quiet', 'update', '--init', '--checkout', '--', path];
  // A path with a colon in front would mean others, too.
  const outcome = await runGit(git, update, { variables: { GIT_LITERAL_PATHSPECS: '1' } });
  if (outcome.code === 0) return undefined;
  // Or every look at it would name it as half there.
  await runGit({ ...git, onLine: () => {} }, ['submodule', '--quiet', 'deinit', '--force', '--', path]);
  if (NO_PASSWORD.test(outcome.stderr)) return 'it needs a password of its own, or does not exist.';
  const [said = 'no answer in time'] = /^(?:fatal|error): .+$/m.exec(outcome.stderr) ?? [];
  return redact(said.replace(/^\w+: /, '').slice(0, 300));
}

const NO_PASSWORD =
  /could not read (Username|Password)|Authentication failed|prompts disabled|error: 40[134]|not found/i;
