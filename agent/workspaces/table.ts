// All workspaces of this node, by id: what the bot wants of them, what it hears of them. Knows no socket.
import type { Duplex } from 'node:stream';
import type { Standing } from '../coding/tasks.ts';
import { describeError, type Log } from '../log.ts';
import { repositoryName } from '../git/git.ts';
import type { DesiredWorkspace, Limits, SharesOpen, WorkspaceReport } from '../protocol.ts';
import type { Client } from '../models/gateway.ts';
import type { Tokens } from '../models/usage.ts';
import { PROFILES } from '../runtimes/runtime.ts';
import type { SpawnSpec } from '../sessions/pty.ts';
import { findModels, gitOf, isTrusted, runtimeOf, specOf, type Tools } from './tools.ts';
import { checkoutFolder } from './store.ts';
import { createWorker, type Worker } from './worker.ts';
import { afterRestart, isStarting, toReport, type Workspace } from './workspace.ts';

/** What a terminal, or a way to a port, needs to know of a workspace. */
export interface Attachable {
  running: boolean;
  /** It will run in a moment, and what ran in it goes on. */
  isStarting: boolean;
  access: number;
  shares: SharesOpen | undefined;
  tellsCommands: boolean;
  profiles: readonly string[];
  pipe: (script: string, words: string[]) => SpawnSpec;
  /** To what its programs listen on. Throws `PortError`. */
  connect: (port: number) => Promise<Duplex>;
  /** Throws a `WorkspaceError` for a profile that is not there. */
  shell: (profile: string | undefined) => SpawnSpec;
  /** What `shell` marked so is gone. */
  hangUp: (mark: string) => void;
}

export interface Workspaces {
  /** Reads back what is on disk, and goes on with it. Once, before anything else. */
  recover: () => Promise<void>;
  /** `isAll`: nothing else is wanted by the bot. What is not named is left alone all the same. */
  want: (desired: DesiredWorkspace[], isAll: boolean) => void;
  /** Tickets with a lower `access` are worth nothing from now on. */
  raiseAccess: (id: string, access: number) => void;
  reports: () => WorkspaceReport[];
  find: (id: string) => Attachable | undefined;
  /** Those that run now, and how to ask what each of them listens on. */
  listRunning: () => { id: string; ports: () => Promise<number[]> }[];
  noteInput: (id: string, at: number) => void;
  noteSessions: (id: string) => void;
  noteUsage: (id: string, tokens: Tokens) => void;
  /** Who may ask models at this moment. */
  findClient: (id: string) => Client | undefined;
  /** How it stands for coding agents: where they work, or why they do not. */
  findPlace: (id: string) => Standing;
  /** Removes what runtimes keep for workspaces of this node that nobody knows. Never rejects. */
  sweep: () => Promise<void>;
  close: () => Promise<void>;
}

export interface WorkspacesOptions {
  tools: Tools;
  countSessions: (id: string) => number;
  /** What it listens on, as somebody saw it last. */
  findPorts?: (id: string) => number[] | undefined;
  onChange: (id: string) => void;
  /** A workspace's `access` rose; `isEnding`: it stops, or goes. */
  onAccess: (id: string, access: number, isEnding: boolean) => void;
  /** Others than before may be let in beside its owner, or want to hear of it. */
  onPeople: (id: string) => void;
  log: Log;
}

interface Table extends WorkspacesOptions {
  workers: Map<string, Worker>;
  /** Deleted, or never here; kept until the bot no longer asks. */
  gone: Map<string, WorkspaceReport>;
  /** Which limits each ran against at the last look. */
  reached: Map<string, string>;
}

const LOOK_EVERY_MS = 5_000;

export function createWorkspaces(options: WorkspacesOptions): Workspaces {
  const { tools, countSessions, findPorts = () => undefined, onChange } = options;
  const table: Table = { ...options, workers: new Map(), gone: new Map(), reached: new Map() };
  const { workers, gone } = table;
  const reportOf = (id: string, worker: Worker) =>
    toReport(worker.workspace(), countSessions(id), {
      limits: limitsOf(tools, worker.workspace()),
      ports: findPorts(id),
    });
  // Nobody tells when a workspace runs against its limits.
  const looking = setInterval(() => noteLimits(table), LOOK_EVERY_MS).unref();
  return {
    recover: () => recover(table),
    want(wanted, isAll) {
      const named = new Set(wanted.map(({ id }) => id));
      if (isAll) for (const id of gone.keys()) if (!named.has(id)) gone.delete(id);
      for (const desired of wanted) want(table, desired);
    },
    raiseAccess: (id, access) => raiseAccess(table, id, access),
    reports() {
      return [...[...workers].map(([id, worker]) => reportOf(id, worker)), ...gone.values()];
    },
    find(id) {
      const workspace = workers.get(id)?.workspace();
      return workspace && describe(tools, workspace);
    },
    listRunning: () =>
      [...workers].flatMap(([id, worker]) => {
        const workspace = worker.workspace();
        if (workspace.phase !== 'running') return [];
        return [{ id, ports: () => runtimeOf(tools, workspace).ports(specOf(tools, workspace)) }];
      }),
    noteInput: (id, at) => workers.get(id)?.noteInput(at),
    noteSessions(id) {
      workers.get(id)?.noteChange();
      onChange(id);
    },
    noteUsage: (id, tokens) => workers.get(id)?.noteUsage(tokens),
    findClient(id) {
      const workspace = workers.get(id)?.workspace();
      return workspace && asClient(tools, workspace);
    },
    findPlace(id) {
      const workspace = workers.get(id)?.workspace();
      if (!workspace) return gone.has(id) ? 'gone' : 'waiting';
      return placeOf(tools, workspace);
    },
    async sweep() {
      const isKnown = (id: string) => workers.has(id) || tools.store.has(id);
      for (const runtime of Object.values(tools.runtimes))
        await runtime
          .sweep(isKnown)
          .catch((error: unknown) => table.log.error('a sweep broke', { error: describeError(error) }));
    },
    async close() {
      clearInterval(looking);
      await Promise.all([...workers.values()].map((worker) => worker.close()));
    },
  };
}

async function recover(table: Table): Promise<void> {
  const onStray = (workspace: string, error?: unknown) => {
    const reason = error === undefined ? 'there is none' : describeError(error);
    table.log.error('a folder has no readable state; it is left alone', { workspace, reason });
  };
  for (const workspace of await table.tools.store.readAll(onStray))
    startWorker(table, afterRestart(workspace));
}

function want(table: Table, desired: DesiredWorkspace): void {
  const { workers, gone, tools, onChange, onAccess, onPeople } = table;
  const worker = workers.get(desired.id);
  void tools.models.prepare(desired);
  if (worker !== undefined) {
    const isRaised = desired.access > worker.workspace().desired.access;
    worker.want(desired);
    if (isRaised) onAccess(desired.id, desired.access, desired.desired !== 'running');
    onPeople(desired.id);
  } else if (desired.desired === 'deleted' && !tools.store.has(desired.id)) {
    forget(table, desired.id, desired.run);
    onChange(desired.id);
  } else {
    gone.delete(desired.id);
    startWorker(table, newWorkspace(desired));
  }
}

function raiseAccess({ workers, onAccess }: Table, id: string, access: number): void {
  const worker = workers.get(id);
  if (worker === undefined || worker.workspace().desired.access >= access) return;
  worker.raiseAccess(access);
  onAccess(id, access, worker.workspace().desired.desired !== 'running');
}

function startWorker(table: Table, workspace: Workspace): void {
  const { workers, tools, log } = table;
  const { id } = workspace.desired;
  const onChange = (now: Workspace) => {
    if (now.phase === 'deleted') forget(table, id, now.run);
    // Somebody wants it again since its deletion began: it begins anew.
    if (now.phase === 'deleted' && now.desired.desired !== 'deleted') want(table, now.desired);
    table.onChange(id);
  };
  workers.set(id, createWorker({ workspace, tools, onChange, log }));
}

function forget({ workers, gone, reached }: Table, id: string, run: number): void {
  workers.delete(id);
  reached.delete(id);
  gone.set(id, { id, phase: 'deleted', run, sessions: 0 });
}

function newWorkspace(desired: DesiredWorkspace): Workspace {
  const phase = desired.desired === 'running' ? 'preparing' : 'stopped';
  return {
    desired,
    phase,
    run: desired.run,
    folder: checkoutFolder(repositoryName(desired.repository)),
  };
}

const limitsOf = (tools: Tools, workspace: Workspace): Limits | undefined =>
  workspace.phase === 'running' ? runtimeOf(tools, workspace).limits(workspace.desired.id) : undefined;

function noteLimits({ workers, reached, tools, onChange }: Table): void {
  for (const [id, worker] of workers) {
    const now = limitsOf(tools, worker.workspace())?.reached?.join() ?? '';
    if (now !== (reached.get(id) ?? '')) onChange(id);
    reached.set(id, now);
  }
}

/** Stopped means that nothing is handed out, whatever has not ended yet. */
function asClient({ users }: Tools, workspace: Workspace): Client | undefined {
  const { desired, phase } = workspace;
  const isWanted = desired.desired === 'running' && (phase === 'running' || phase === 'preparing');
  const isServed = isWanted && isTrusted(workspace);
  return isServed ? { run: desired.run, uid: users.find(desired.id)?.uid } : undefined;
}

/** Only where a person's terminal would open, too. */
function placeOf(tools: Tools, workspace: Workspace): Standing {
  const { desired, phase, run, prepared } = workspace;
  const isThere = phase === 'running' && desired.desired === 'running' && run >= desired.run;
  if (!isThere || prepared?.environment.isRecovery === true) return 'waiting';
  const spec = specOf(tools, workspace);
  const runtime = runtimeOf(tools, workspace);
  const { program, codingPrograms, endMarked, command, endCommand } = runtime;
  return {
    dir: spec.dir,
    folder: runtime.folder(spec),
    program: (command) => program(spec, command),
    programs: codingPrograms && (() => codingPrograms(spec.id)),
    endMarked: endMarked && ((mark) => endMarked(spec.id, mark)),
    command: (line, mark) => command(spec, line, mark),
    endCommand: (mark) => endCommand(spec, mark),
    git: gitOf(tools, workspace),
    models: findModels(tools, workspace),
    uid: spec.user?.uid,
  };
}

function describe(tools: Tools, workspace: Workspace): Attachable {
  return {
    running: workspace.phase === 'running',
    isStarting: isStarting(workspace),
    access: workspace.desired.access,
    shares: workspace.desired.shares,
    tellsCommands: workspace.desired.tellsCommands === true,
    profiles: PROFILES,
    pipe: (script, words) => runtimeOf(tools, workspace).pipe(specOf(tools, workspace), script, words),
    connect: (port) => runtimeOf(tools, workspace).connect(specOf(tools, workspace), port),
    shell: (profile) => runtimeOf(tools, workspace).session(specOf(tools, workspace), profile),
    hangUp: (mark) => runtimeOf(tools, workspace).hangUp?.(specOf(tools, workspace), mark),
  };
}
