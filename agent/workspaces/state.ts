// The state of one workspace, in memory and on disk, in step. Knows not what to do with it.
import type { Store } from './store.ts';
import type { Workspace } from './workspace.ts';

export interface WorkspaceState {
  now: () => Workspace;
  /** In memory at once; the bot is told; resolves when it is on disk, too. */
  update: (change: Partial<Workspace>) => Promise<void>;
  /** In memory; on disk and told to the bot with the next `update`. */
  remember: (change: Partial<Workspace>) => void;
  /** From here on nothing is written to disk; resolves when the last writing has ended. */
  retire: () => Promise<void>;
  /** Writes again after all. */
  revive: () => void;
}

export function createWorkspaceState(
  initial: Workspace,
  store: Store,
  onChange: (workspace: Workspace) => void,
): WorkspaceState {
  let workspace = initial;
  let saved: Promise<void> = Promise.resolve();
  let isRetired = false;
  const settle = () => saved.catch(() => undefined);
  return {
    now: () => workspace,
    async update(change) {
      workspace = { ...workspace, ...change };
      const state = workspace;
      // One after the other, the newest last; an error is for the one who waits for it.
      if (!isRetired) saved = settle().then(() => store.write(state));
      onChange(state);
      await saved;
    },
    remember: (change) => void (workspace = { ...workspace, ...change }),
    retire() {
      isRetired = true;
      return settle();
    },
    revive: () => void (isRetired = false),
  };
}
