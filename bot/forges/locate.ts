// Which repository a target means on this machine: an address, or a folder of the person who started the bot.
import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, resolve } from 'node:path';
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
      if (target.number !== undefined) throw new UserError('no-github', { label });
      return { url: `${GITHUB}/${label}`, label, ...(target.ref ? { ref: target.ref } : {}) };
    }
    case 'name':
    case 'number':
      throw new UserError('names-workspace', {});
  }
}

async function locatePath(typed: string, cwd: string): Promise<Repository> {
  const path = resolve(cwd, typed.replace(/^~(?=\/|$)/, homedir()));
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) throw noFolder(path, typed);
  const top = await git(path, 'rev-parse', '--show-toplevel').catch((error: unknown) => {
    throw notARepository(path, error);
  });
  const commit = await git(top, 'rev-parse', '--verify', '--quiet', 'HEAD').catch(() => undefined);
  if (!commit) throw new UserError('no-commit', { path: top });
  const branch = await git(top, 'symbolic-ref', '--short', '--quiet', 'HEAD').catch(() => undefined);
  return { url: top, label: basename(top), ref: branch ?? commit };
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
