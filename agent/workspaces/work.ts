// What would be lost if a workspace were deleted, and where it stands: read from its folder. Changes nothing.
import { readdir } from 'node:fs/promises';
import { countWork } from '../git/counting.ts';
import { findHead } from '../git/git.ts';
import type { Work } from '../protocol.ts';
import { gitOf, type Tools } from './tools.ts';
import type { Workspace } from './workspace.ts';

/** The commit and the work, for people to see; what git cannot say is left out. */
export async function inspect(
  tools: Tools,
  workspace: Workspace,
  signal: AbortSignal,
): Promise<Partial<Workspace>> {
  const { work, commit } = await findWork(tools, workspace, signal);
  return { commit, work };
}

export function findCommit(
  tools: Tools,
  workspace: Workspace,
  signal: AbortSignal,
): Promise<string | undefined> {
  return findHead(gitOf(tools, workspace, signal), tools.store.checkout(workspace));
}

export interface Found {
  /** Undefined: git cannot say. */
  work: Work | undefined;
  commit?: string | undefined;
}

export async function findWork(tools: Tools, workspace: Workspace, signal: AbortSignal): Promise<Found> {
  const { store } = tools;
  const git = gitOf(tools, workspace, signal);
  const dir = store.checkout(workspace);
  try {
    const beside = (await store.listBeside(workspace)).length;
    const names = store.hasCheckout(workspace) ? await readdir(dir) : [];
    // Without its .git nothing tells work from what was cloned: every file counts.
    if (!names.includes('.git'))
      return { work: { changed: 0, untracked: names.length + beside, unpushed: 0 } };
    const [work, commit] = await Promise.all([countWork(git, dir, workspace), findHead(git, dir)]);
    return { work: { ...work, untracked: work.untracked + beside }, commit };
  } catch {
    signal.throwIfAborted();
    return { work: undefined };
  }
}
