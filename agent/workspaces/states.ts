// The states of the workspaces on disk: one file each, in a folder that is the agent's own. Knows no process and no goal.
import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { codeOf, findJson, writeJson } from '../system/files.ts';
import { desiredWorkspace } from '../bot-link/messages.ts';
import type { Workspace } from './workspace.ts';

/**
 * Where the first versions kept it: in the workspace's folder, whose owner may put there whatever they like. It is read where
 * there is nothing newer and the agent's own user wrote it; it is never written any more.
 */
export const OLD_STATE = 'workspace.json';

/** Also what a crash kept from its name. */
export const isOldState = (name: string): boolean => /^workspace\.json(\.[0-9a-f]+\.tmp)?$/.test(name);

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
  work: z.exactOptional(work),
  refused: z.exactOptional(work),
  saved: z.exactOptional(z.object({ ref: z.string(), commit: z.string() })),
  isGivenUp: z.exactOptional(z.boolean()),
});

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
    write: (one) => writeJson(path(one.goal.id), one),
    remove: (id) => rm(path(id), { force: true }),
  };
}

function parseOwn(state: unknown, id: string): Workspace {
  const parsed = workspace.parse(state);
  if (parsed.goal.id !== id) throw new Error('the state is of another workspace');
  return parsed;
}
