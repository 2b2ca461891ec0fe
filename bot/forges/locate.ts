// Which repository a target means on this machine: one of a forge, any address, or a folder of whoever started the bot.
import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { messageOf, UserError } from '../errors.ts';
import { addressOf, findForge, type Forge, type Repository, type RepositoryTarget } from './forge.ts';
import { locateOn } from './find.ts';
import { usualUrl } from './index.ts';

const run = promisify(execFile);

/**
 * Through the forge that it is on, where Sam reaches it there. Of anything else the clone will tell whether it exists. Throws
 * UserError if a path is no repository with a commit.
 */
export async function locate(
  forges: readonly Forge[],
  target: RepositoryTarget,
  cwd: string,
): Promise<Repository> {
  if (target.kind === 'path') return locatePath(target.path, cwd);
  const place = placeOn(forges, target);
  return (place && (await locateReached(place))) ?? locatePlain(target, forges[0]?.url);
}

/** The forge that a target is on, and what is meant there; undefined: it is on none of them. */
export function placeOn(
  forges: readonly Forge[],
  target: Exclude<RepositoryTarget, { kind: 'path' }>,
): { forge: Forge; target: Named } | undefined {
  if (target.kind === 'repository') return forges[0] && { forge: forges[0], target };
  const { forge, label = '' } = findForge(forges, target.url) ?? {};
  const [, owner, name] = /^([^/]+)\/([^/]+?)(?:\.git)?$/.exec(label) ?? [];
  if (!forge || !owner || !name) return undefined;
  return { forge, target: { kind: 'repository', owner, name, ...(target.ref ? { ref: target.ref } : {}) } };
}

type Named = Extract<RepositoryTarget, { kind: 'repository' }>;

/** Undefined: the forge does not show it to us; whoever asks may have a password of their own. */
const locateReached = ({ forge, target }: { forge: Forge; target: Named }): Promise<Repository | undefined> =>
  locateOn(forge, target, { repository: `${target.owner}/${target.name}` }).catch((error: unknown) => {
    if (error instanceof UserError && error.code === 'no-repository') return undefined;
    throw error;
  });

function locatePlain(
  target: Exclude<RepositoryTarget, { kind: 'path' }>,
  usual: string = usualUrl,
): Repository {
  const ref = target.ref ? { ref: target.ref } : {};
  if (target.kind === 'url')
    return { url: target.url, label: target.url.replace(/^https?:\/\//, ''), ...ref };
  const label = `${target.owner}/${target.name}`;
  if (target.number !== undefined) throw new UserError('no-github', { label });
  return { url: addressOf({ url: usual }, label), label, ...ref };
}

async function locatePath(typed: string, cwd: string): Promise<Repository> {
  const path = resolve(cwd, typed.replace(/^~(?=\/|$)/, findHome));
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) throw noFolder(path, typed);
  const { top, gitDir } = await findRepository(path);
  const head = (...args: string[]) => git(top, '--git-dir', gitDir, ...args).catch(() => undefined);
  const commit = await head('rev-parse', '--verify', '--quiet', 'HEAD');
  if (!commit) throw new UserError('no-commit', { path: top });
  const branch = await head('symbolic-ref', '--short', '--quiet', 'HEAD');
  const label = basename(top.replace(/(?<=[^/])\/?\.(git|bare)$/, ''));
  return { url: top, label, ref: branch ?? commit };
}

/** Not every user of a container has one; then `~` is nothing special. */
function findHome(): string {
  try {
    return homedir();
  } catch {
    return '~';
  }
}

/** Of a checkout its top; of a bare repository, and of a folder of worktrees around one, what git clones from. */
async function findRepository(path: string): Promise<{ top: string; gitDir: string }> {
  const gitDirOf = (folder: string, ...at: string[]) => git(folder, ...at, 'rev-parse', '--absolute-git-dir');
  try {
    const top = await git(path, 'rev-parse', '--show-toplevel');
    return { top, gitDir: await gitDirOf(top) };
  } catch (error) {
    if (messageOf(error).includes('dubious ownership')) throw notARepository(path, error);
    for (const folder of [join(path, '.git'), join(path, '.bare'), path]) {
      const gitDir = await gitDirOf(path, '--git-dir', folder).catch(() => undefined);
      if (gitDir !== undefined)
        return { top: folder.endsWith('.git') && folder !== path ? path : folder, gitDir };
    }
    throw notARepository(path, error);
  }
}

function noFolder(path: string, typed: string): UserError {
  const [, folder, ref] = /^(.+)@([^@/]+)$/.exec(typed) ?? [];
  return new UserError('no-folder', { path, ...(folder && ref ? { folder, ref } : {}) });
}

function notARepository(path: string, error: unknown): UserError {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new UserError('no-git', {});
  if (messageOf(error).includes('dubious ownership')) return new UserError('not-owned', { path });
  return new UserError('not-a-repository', { path });
}

async function git(folder: string, ...args: string[]): Promise<string> {
  const { stdout } = await run('git', ['-C', folder, ...args], { timeout: 10_000 });
  return stdout.trim();
}
