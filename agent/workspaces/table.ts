// All workspaces of this node, by id: what the bot wants of them, what it hears of them. Knows no socket.
import { describeError, type Log } from '../log.ts';
import { repositoryName } from '../git/git.ts';
import type { DesiredWorkspace, WorkspaceReport } from '../protocol.ts';
import type { Command } from '../runtimes/runtime.ts';
import { placeOf, type Tools } from './tools.ts';
import { checkoutFolder } from './store.ts';
import { createWorker, type Worker } from './worker.ts';
import { afterRestart, toReport, type Workspace } from './workspace.ts';

/** What a terminal needs to know of a workspace. */
export interface Attachable {
  running: boolean;
  access: number;
  /** Throws a `WorkspaceError` for a profile that is not there. */
  shell: (profile: string | undefined) => Command;
}

export interface Workspaces {
  /** Reads back what is on disk, and goes on with it. Once, before anything else. */
  recover: () => Promise<void>;
  /** `all`: nothing else is wanted by the bot. What is not named is left alone all the same. */
  want: (goals: DesiredWorkspace[], all: boolean) => void;
  /** Tickets with a lower `access` are worth nothing from now on. */
  raiseAccess: (id: string, access: number) => void;
  reports: () => WorkspaceReport[];
  find: (id: string) => Attachable | undefined;
  noteInput: (id: string, at: number) => void;
  noteSessions: (id: string) => void;
  close: () => Promise<void>;
}

export interface WorkspacesOptions {
  tools: Tools;
  countSessions: (id: string) => number;
  onChange: (id: string) => void;
  /** A workspace's `access` rose; `isEnding`: it stops, or goes. */
  onAccess: (id: string, access: number, isEnding: boolean) => void;
  log: Log;
}

interface Table extends WorkspacesOptions {
  workers: Map<string, Worker>;
  /** Deleted, or never here; kept until the bot no longer asks. */
  gone: Map<string, WorkspaceReport>;
}

export function createWorkspaces(options: WorkspacesOptions): Workspaces {
  const { tools, countSessions, onChange } = options;
  const table: Table = { ...options, workers: new Map(), gone: new Map() };
  const { workers, gone } = table;
  return {
    recover: () => recover(table),
    want(goals, all) {
      const named = new Set(goals.map((goal) => goal.id));
      if (all) for (const id of gone.keys()) if (!named.has(id)) gone.delete(id);
      for (const goal of goals) want(table, goal);
    },
    raiseAccess: (id, access) => raiseAccess(table, id, access),
    reports() {
      const here = [...workers].map(([id, worker]) => toReport(worker.workspace(), countSessions(id)));
      return [...here, ...gone.values()];
    },
    find(id) {
      const workspace = workers.get(id)?.workspace();
      return workspace && describe(tools, workspace);
    },
    noteInput: (id, at) => workers.get(id)?.noteInput(at),
    noteSessions(id) {
      workers.get(id)?.noteChange();
      onChange(id);
    },
    async close() {
      await Promise.all([...workers.values()].map((worker) => worker.close()));
    },
  };
}

async function recover(table: Table): Promise<void> {
  const onStray = (workspace: string, error?: unknown) => {
    const reason = error === undefined ? 'there is none' : describeError(error);
    table.log.error('a folder has no readable state; it is left alone', { workspace, reason });
  };
  for (const workspace of await table.tools.store.readAll(onStray)) employ(table, afterRestart(workspace));
}

function want(table: Table, goal: DesiredWorkspace): void {
  const { workers, gone, tools, onChange, onAccess } = table;
  const worker = workers.get(goal.id);
  if (worker !== undefined) {
    const isRaised = goal.access > worker.workspace().goal.access;
    worker.want(goal);
    if (isRaised) onAccess(goal.id, goal.access, goal.desired !== 'running');
  } else if (goal.desired === 'deleted' && !tools.store.has(goal.id)) {
    forget(table, goal.id, goal.run);
    onChange(goal.id);
  } else {
    gone.delete(goal.id);
    employ(table, newWorkspace(goal));
  }
}

function raiseAccess({ workers, onAccess }: Table, id: string, access: number): void {
  const worker = workers.get(id);
  if (worker === undefined || worker.workspace().goal.access >= access) return;
  worker.raiseAccess(access);
  onAccess(id, access, worker.workspace().goal.desired !== 'running');
}

function employ(table: Table, workspace: Workspace): void {
  const { workers, tools, log } = table;
  const { id } = workspace.goal;
  const onChange = (now: Workspace) => {
    if (now.phase === 'deleted') forget(table, id, now.run);
    table.onChange(id);
  };
  workers.set(id, createWorker({ workspace, tools, onChange, log }));
}

function forget({ workers, gone }: Table, id: string, run: number): void {
  workers.delete(id);
  gone.set(id, { id, phase: 'deleted', run, sessions: 0 });
}

function newWorkspace(goal: DesiredWorkspace): Workspace {
  const phase = goal.desired === 'running' ? 'preparing' : 'stopped';
  return { goal, phase, run: goal.run, folder: checkoutFolder(repositoryName(goal.repository)) };
}

function describe(tools: Tools, workspace: Workspace): Attachable {
  return {
    running: workspace.phase === 'running',
    access: workspace.goal.access,
    shell: (profile) => tools.runtime.shell(placeOf(tools, workspace), profile),
  };
}
