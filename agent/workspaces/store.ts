// The folders of the workspaces on disk, each its user's own, and their states beside them. Knows no process, and not what to do with them.
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { WorkspaceError } from '../failure.ts';
import { codeOf, findJson, writeJson } from '../system/files.ts';
import { removeTree } from '../system/trees.ts';
import { CLAUDE_FOLDER } from '../coding/claude.ts';
import { HOME_FOLDER } from '../system/users.ts';
import type { Workspace } from './workspace.ts';
import { z } from 'zod';
import { desiredWorkspace } from '../bot-link/messages.ts';
import { PREPARE_STEPS } from '../protocol.ts';
import { RUNTIME_NAMES } from '../runtimes/index.ts';

const HALF_CLONE = '.clone';
const SCRATCH = '.saving';
const SOCKET = '.git.sock';

/** A name for the checkout that nothing else in the workspace's folder has. */
export function checkoutFolder(repositoryName: string): string {
  return repositoryName === OLD_STATE ? 'workspace' : repositoryName;
}

export interface Store {
  /** All workspaces with a readable state. `onStray` hears of folders without one: they are left alone. */
  readAll: (onStray: (folder: string, error?: unknown) => void) => Promise<Workspace[]>;
  /** Makes its folder, too. */
  write: (workspace: Workspace) => Promise<void>;
  /** Whether anything of it lies on disk. */
  has: (id: string) => boolean;
  /** The checkout's folder, whether it is there or not. */
  checkout: (workspace: Workspace) => string;
  hasCheckout: (workspace: Workspace) => boolean;
  /** Where git's helper asks for passwords. */
  socket: (id: string) => string;
  /** What Claude Code remembers of it. */
  claude: (id: string) => string;
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
  const states = createStates(dir);
  const checkout = (one: Workspace) => join(folder(one.desired.id), one.folder);
  return {
    checkout,
    socket: (id) => join(folder(id), SOCKET),
    claude: (id) => join(folder(id), CLAUDE_FOLDER),
    has: (id) => existsSync(folder(id)) || states.has(id),
    hasCheckout: (one) => existsSync(checkout(one)),
    async write(one) {
      await mkdir(folder(one.desired.id), { recursive: true, mode: 0o700 });
      await states.write(one);
    },
    async readAll(onStray) {
      // What a crash left of a removal; it is read by no one before it is gone.
      await removeTree(trash).catch((error: unknown) => onStray('trash', error));
      const found: Workspace[] = [];
      for (const id of new Set([...(await listFolder(join(dir, 'workspaces'))), ...(await states.list())])) {
        try {
          // Of a counting or a saving that was killed; none goes on by now.
          for (const name of await listFolder(folder(id)))
            if (name.startsWith(SCRATCH)) await removeTree(join(folder(id), name));
          const state = await states.find(id);
          if (state === undefined) onStray(id);
          else found.push(state);
        } catch (error) {
          onStray(id, error);
        }
      }
      return found;
    },
    async startClone({ desired }) {
      const half = join(folder(desired.id), HALF_CLONE);
      await removeTree(half);
      await mkdir(folder(desired.id), { recursive: true, mode: 0o700 });
      return half;
    },
    async startSaving({ desired }) {
      const scratch = join(folder(desired.id), SCRATCH);
      await removeTree(scratch);
      return scratch;
    },
    finishClone: (one) => rename(join(folder(one.desired.id), HALF_CLONE), checkout(one)),
    async listBeside(one) {
      const ours = new Set([HALF_CLONE, SOCKET, HOME_FOLDER, CLAUDE_FOLDER]);
      const names = await listFolder(folder(one.desired.id));
      const isOurs = (name: string) => ours.has(name) || name.startsWith(SCRATCH) || isOldState(name);
      return names.filter((name) => !isOurs(name) && name !== one.folder);
    },
    async remove(id) {
      await mkdir(trash, { recursive: true, mode: 0o700 });
      await removeTree(join(trash, id));
      await rename(folder(id), join(trash, id)).catch(ignoreMissing);
      await removeTree(join(trash, id)).catch(ignoreBusy);
      // Last: what a crash leaves of the files is still its owner's.
      await states.remove(id);
    },
  };
}

async function listFolder(path: string): Promise<string[]> {
  return readdir(path).catch((error: unknown) => {
    ignoreMissing(error);
    return [];
  });
}

/** Something outlived its end and still writes there, by an open folder: nobody else gets there, and the next start removes it. */
function ignoreBusy(error: unknown): void {
  if (error instanceof WorkspaceError) throw error;
}

function ignoreMissing(error: unknown): void {
  if (codeOf(error) !== 'ENOENT') throw error;
}

/**
 * Where the first versions kept it: in the workspace's folder, whose owner may put there whatever they like. It is read where
 * there is nothing newer and the agent's own user wrote it; it is never written any more.
 */
export const OLD_STATE = 'workspace.json';

/** Also what a crash kept from its name. */
export const isOldState = (name: string): boolean => /^workspace\.json(\.[0-9a-f]+\.tmp)?$/.test(name);

const count = z.number().int().nonnegative();
const work = z.object({ changed: count, untracked: count, unpushed: count });
const environment = z.object({
  configuration: z.exactOptional(z.string()),
  others: z.exactOptional(z.array(z.string())),
  change: z.exactOptional(z.enum(['rebuilt', 'outdated'])),
  isRecovery: z.exactOptional(z.literal(true)),
  ports: z.exactOptional(z.array(z.number())),
  dotfiles: z.exactOptional(
    z.object({
      code: z.enum(['clone-failed', 'install-failed', 'late']),
      exit: z.exactOptional(z.number().int()),
    }),
  ),
});
const steps = z.array(z.object({ step: z.enum(PREPARE_STEPS), ms: z.number() }));
// All of it: what is not named here is forgotten by the next start of the agent.
const workspace: z.ZodType<Workspace> = z.object({
  desired: desiredWorkspace,
  runtime: z.exactOptional(z.enum(RUNTIME_NAMES)),
  prepared: z.exactOptional(
    z.object({
      environment,
      fingerprint: z.exactOptional(z.string()),
      wanted: z.exactOptional(z.nullable(z.string())),
    }),
  ),
  steps: z.exactOptional(steps),
  // One name, not a way to elsewhere.
  folder: z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9._-]*$/),
  phase: z.enum(['preparing', 'running', 'stopping', 'stopped', 'deleting', 'deleted', 'failed']),
  run: count,
  step: z.exactOptional(z.enum([...PREPARE_STEPS, 'check', 'saving'])),
  failure: z.exactOptional(
    z.object({
      class: z.enum(['transient', 'configuration', 'provider', 'internal']),
      code: z.exactOptional(z.string()),
      details: z.exactOptional(z.record(z.string(), z.unknown())),
      // Of the version before.
      message: z.exactOptional(z.string()),
    }),
  ),
  activityAt: z.exactOptional(z.number()),
  commit: z.exactOptional(z.string()),
  base: z.exactOptional(z.string()),
  origin: z.exactOptional(z.string()),
  tags: z.exactOptional(z.array(z.string())),
  attempt: z.exactOptional(z.object({ number: count, of: count })),
  work: z.exactOptional(work),
  refused: z.exactOptional(work),
  saved: z.exactOptional(z.object({ ref: z.string(), commit: z.string() })),
  usage: z.exactOptional(
    z.object({ requests: count, input: count, output: count, cacheRead: count, cacheWrite: count }),
  ),
  isEmpty: z.exactOptional(z.literal(true)),
  isGivenUp: z.exactOptional(z.boolean()),
} satisfies Record<keyof Workspace, z.ZodType>);

export interface States {
  /** The ids that have one. */
  list: () => Promise<string[]>;
  has: (id: string) => boolean;
  /** Undefined: there is none. Throws for what cannot be read. */
  find: (id: string) => Promise<Workspace | undefined>;
  write: (workspace: Workspace) => Promise<void>;
  /** Repeatable. */
  remove: (id: string) => Promise<void>;
}

export function createStates(dir: string): States {
  const folder = join(dir, 'states');
  const path = (id: string) => join(folder, `${id}.json`);
  return {
    async list() {
      const names = await readdir(folder).catch((error: unknown) => {
        if (codeOf(error) !== 'ENOENT') throw error;
        return [];
      });
      for (const name of names) if (name.endsWith('.tmp')) await rm(join(folder, name), { force: true });
      return names.filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -'.json'.length));
    },
    has: (id) => existsSync(path(id)),
    async find(id) {
      const state = (await findJson(path(id))) ?? (await findJson(join(dir, 'workspaces', id, OLD_STATE)));
      return state === undefined ? undefined : parseOwn(state, id);
    },
    write: (one) => writeJson(path(one.desired.id), one),
    remove: (id) => rm(path(id), { force: true }),
  };
}

function parseOwn(state: unknown, id: string): Workspace {
  const parsed = workspace.parse(renameGoal(state));
  if (parsed.desired.id !== id) throw new Error('the state is of another workspace');
  return parsed;
}

/** Versions before this one called it so. */
const renameGoal = (state: unknown): unknown =>
  typeof state === 'object' && state !== null && 'goal' in state ? { desired: state.goal, ...state } : state;
