// Which repository a target means on this machine: an address, or a folder of the person who started the bot.
import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Target } from '../commands/parser/parsed.ts';
import type { Repository } from '../commands/context.ts';
import { messageOf, UserError } from '../errors.ts';

const run = promisify(execFile);
const GITHUB = 'https://github.com';

/** Throws UserError if a path is no repository with a commit. Whether an address exists, the clone will tell. */
export async function locate(target: Target, cwd: string): Promise<Repository> {
  switch (target.kind) {
    case 'path':
      return locatePath(target.path, cwd);
    case 'url':
      return {
        url: target.url,
        label: target.url.replace(/^https?:\/\//, ''),
        ...(target.ref ? { ref: target.ref } : {}),
      };
    case 'repository': {
      const label = `${target.owner}/${target.name}`;
      if (target.number !== undefined)
        throw new UserError(
          'no-github',
          `Pull requests need the GitHub App (README: fronts). Name the branch instead: \`up ${label}@BRANCH\`.`,
        );
      return { url: `${GITHUB}/${label}`, label, ...(target.ref ? { ref: target.ref } : {}) };
    }
    case 'name':
    case 'number':
      throw new UserError('bad-target', 'That names a workspace, not a repository. All yours: `list`.');
  }
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
  if (!commit)
    throw new UserError(
      'no-commit',
      `${top} has no commit yet, so there is nothing to clone. Commit something first: \`git commit\`.`,
    );
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
  const next = ref
    ? `A branch of a folder: \`up ${folder} --ref ${ref}\``
    : 'A repository elsewhere: `up owner/name`';
  return new UserError('no-folder', `There is no folder ${path}. ${next}.`);
}

function notARepository(path: string, error: unknown): UserError {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT')
    return new UserError('no-git', 'Git is not installed here. Install it, for example `apt install git`.');
  if (messageOf(error).includes('dubious ownership'))
    return new UserError(
      'not-owned',
      `${path} belongs to another user, so git will not read it. Allow it: \`git config --global --add safe.directory ${path}\`.`,
    );
  return new UserError(
    'no-repository',
    `${path} is not a git repository. Go to one, or name one: \`up owner/name\`.`,
  );
}

async function git(folder: string, ...args: string[]): Promise<string> {
  const { stdout } = await run('git', ['-C', folder, ...args], { timeout: 10_000 });
  return stdout.trim();
}
