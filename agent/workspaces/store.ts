// The folders of the workspaces on disk: a state file each, the checkout beside it. Knows no process and no goal.
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { WorkspaceError } from '../failure.ts';
import { codeOf, findJson, writeJson } from '../files.ts';
import { desiredWorkspace } from '../messages.ts';
import { HOME_FOLDER } from '../users.ts';
import type { Workspace } from './workspace.ts';

const STATE_FILE = 'workspace.json';
const HALF_CLONE = '.clone';
const SCRATCH = '.saving';
const SOCKET = '.git.sock';

/** A name for the checkout that nothing else in the workspace's folder has. */
export function checkoutFolder(repositoryName: string): string {
  return repositoryName === STATE_FILE ? 'workspace' : repositoryName;
}

const count = z.number().int().nonnegative();
const work = z.object({ changed: count, untracked: count, unpushed: count });
const workspace: z.ZodType<Workspace> = z.object({
  goal: desiredWorkspace,
  // One name, not a way to elsewhere.
  folder: z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9._-]*$/),
  phase: z.enum(['preparing', 'running', 'stopping', 'stopped', 'deleting', 'deleted', 'failed']),
  run: count,
  step: z.exactOptional(z.enum(['clone', 'build', 'start', 'check', 'saving'])),
  failure: z.exactOptional(
    z.object({ class: z.enum(['transient', 'configuration', 'provider', 'internal']), message: z.string() }),
  ),
  activityAt: z.exactOptional(z.number()),
  commit: z.exactOptional(z.string()),
  base: z.exactOptional(z.string()),
  origin: z.exactOptional(z.string()),
  work: z.exactOptional(work),
  refused: z.exactOptional(work),
  saved: z.exactOptional(z.object({ ref: z.string(), commit: z.string() })),
  isGivenUp: z.exactOptional(z.boolean()),
});

export interface Store {
  /** All workspaces with a readable state. `onStray` hears of folders without one: they are left alone. */
  readAll: (onStray: (folder: string, error?: unknown) => void) => Promise<Workspace[]>;
  write: (workspace: Workspace) => Promise<void>;
  /** Whether anything of it lies on disk. */
  has: (id: string) => boolean;
  /** The checkout's folder, whether it is there or not. */
  checkout: (workspace: Workspace) => string;
  hasCheckout: (workspace: Workspace) => boolean;
  /** Where git's helper asks for passwords. */
  socket: (id: string) => string;
  /** Where a clone is made; whatever a broken one left there is gone. */
  startClone: (workspace: Workspace) => Promise<string>;
  /** Makes the finished clone the checkout, in one step. */
  finishClone: (workspace: Workspace) => Promise<void>;
  /** A folder for what is only needed while work is saved; not there yet, whatever a broken saving left is gone. */
  startSaving: (workspace: Workspace) => Promise<string>;
  /** What lies beside the checkout: worktrees and other things that people put there. */
  listBeside: (workspace: Workspace) => Promise<string[]>;
  /** No file is left afterwards. Repeatable, also after a crash in the middle. */
  remove: (id: string) => Promise<void>;
}

export function createStore(dir: string): Store {
  const folder = (id: string) => join(dir, 'workspaces', id);
  const trash = join(dir, 'trash');
  const checkout = (one: Workspace) => join(folder(one.goal.id), one.folder);
  return {
    checkout,
    socket: (id) => join(folder(id), SOCKET),
    has: (id) => existsSync(folder(id)),
    hasCheckout: (one) => existsSync(checkout(one)),
    write: (one) => writeJson(join(folder(one.goal.id), STATE_FILE), one),
    async readAll(onStray) {
      // What a crash left of a removal; nobody reads it before it is gone.
      await removeTree(trash);
      const found: Workspace[] = [];
      for (const id of await listFolder(join(dir, 'workspaces'))) {
        for (const name of await listFolder(folder(id))) {
          if (isUnfinished(name)) await rm(join(folder(id), name), { force: true });
        }
        try {
          const state = await findJson(join(folder(id), STATE_FILE));
          if (state === undefined) onStray(id);
          else found.push(parseOwn(state, id));
        } catch (error) {
          onStray(id, error);
        }
      }
      return found;
    },
    async startClone({ goal }) {
      const half = join(folder(goal.id), HALF_CLONE);
      await removeTree(half);
      await mkdir(folder(goal.id), { recursive: true, mode: 0o700 });
      return half;
    },
    async startSaving({ goal }) {
      const scratch = join(folder(goal.id), SCRATCH);
      await removeTree(scratch);
      return scratch;
    },
    finishClone: (one) => rename(join(folder(one.goal.id), HALF_CLONE), checkout(one)),
    async listBeside(one) {
      const ours = new Set([STATE_FILE, HALF_CLONE, SCRATCH, SOCKET, HOME_FOLDER]);
      const names = await listFolder(folder(one.goal.id));
      return names.filter((name) => !ours.has(name) && !isUnfinished(name) && name !== one.folder);
    },
    async remove(id) {
      await mkdir(trash, { recursive: true, mode: 0o700 });
      await removeTree(join(trash, id));
      await rename(folder(id), join(trash, id)).catch(ignoreMissing);
      await removeTree(join(trash, id));
    },
  };
}

/** A folder that its workspace's user may write into speaks for no other workspace. */
function parseOwn(state: unknown, id: string): Workspace {
  const parsed = workspace.parse(state);
  if (parsed.goal.id !== id) throw new Error('the state is of another workspace');
  return parsed;
}

/** A state file that a crash kept from its name. */
function isUnfinished(name: string): boolean {
  return name.startsWith(`${STATE_FILE}.`) && name.endsWith('.tmp');
}

async function listFolder(path: string): Promise<string[]> {
  return readdir(path).catch((error: unknown) => {
    ignoreMissing(error);
    return [];
  });
}

function ignoreMissing(error: unknown): void {
  if (codeOf(error) !== 'ENOENT') throw error;
}

async function removeTree(path: string): Promise<void> {
  const remove = () => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  try {
    await remove();
  } catch (error) {
    if (!isDenied(error)) throw error;
    // Caches of some tools are folders without the right to write: ours all the same.
    await allowWriting(path);
    await remove().catch((again: unknown) => {
      throw isDenied(again) ? belongsToOthers(path, again) : again;
    });
  }
}

async function allowWriting(path: string): Promise<void> {
  await chmod(path, 0o700).catch(() => undefined);
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await allowWriting(join(path, entry.name));
}

function isDenied(error: unknown): boolean {
  return ['EACCES', 'EPERM'].includes(codeOf(error) ?? '');
}

function belongsToOthers(path: string, cause: unknown): WorkspaceError {
  return new WorkspaceError(
    'configuration',
    `Some files of this workspace belong to another user. Remove them on the node: \`sudo rm -rf ${path}\`, then say \`/sam rm --force\` again.`,
    { cause },
  );
}
