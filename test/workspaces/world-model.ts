// A world in memory, for properties: one workspace, its node, a provider and an agent that do what they are told,
// or nothing at all. It performs the steps as the reconciler does, without a database.
import type { DesiredWorkspace, WorkspaceReport } from '../../agent/protocol.ts';
import { desiredOf } from '../../bot/nodes/desired.ts';
import type { Node, Workspace } from '../../bot/database/schema.ts';
import { nextNodeStep, type NodeStep } from '../../bot/workspaces/node.ts';
import type { Server } from '../../bot/providers/provider.ts';
import { later } from '../../bot/workspaces/timing.ts';
import { nextStep, type WorkspaceStep } from '../../bot/workspaces/workspace.ts';
import { life as usual, nodeRow, serverOf } from './rows.ts';
import type { Life } from '../../bot/workspaces/workspace.ts';

export interface World {
  now: Date;
  workspace: Workspace;
  node: Node | undefined;
  server: Server | undefined;
  /** What the agent says that it has. */
  agent: WorkspaceReport | undefined;
  /** Provider and agent do what they are told; else nothing ever happens outside. */
  isAlive: boolean;
  /** What the agent finds when it looks before a delete. */
  isDirty: boolean;
  /** What it finds cannot all be saved. */
  isStubborn: boolean;
  /** What it cannot do, however often it is told to: nothing comes of it, or a checkout that does not start. */
  fails?: 'clone' | 'build' | undefined;
  /** When their next pass is due; null: when something wakes them. */
  nodeDue: Date | null;
  workspaceDue: Date | null;
  /** Absent: what tests take. */
  life?: Life & { nodeWarmMs: number };
  /** Every step that was taken, for the reader of a counterexample. */
  trace: string[];
}

/** Time goes on to the next thing that is due, which is done. False: nothing is due any more. */
export function turn(world: World): boolean {
  if (world.isAlive) moveAgent(world);
  sweep(world);
  const dues = [world.nodeDue, world.workspaceDue].filter((due) => due !== null).map(Number);
  if (dues.length === 0) return false;
  world.now = new Date(Math.max(Number(world.now) + 1, Math.min(...dues)));
  const isDue = (due: Date | null): boolean => due !== null && due <= world.now;
  if (isDue(world.nodeDue)) turnNode(world);
  if (isDue(world.workspaceDue)) turnWorkspace(world);
  return true;
}

/** What the sweeps notice: a node that went silent, or whose server is not there. */
function sweep(world: World): void {
  const { node, server, life = usual } = world;
  if (node?.phase !== 'ready' && node?.phase !== 'unhealthy') return;
  const silent = later(node.lastHeardAt ?? node.phaseSince, life.timing.silenceMs);
  if (!server) world.nodeDue = world.now;
  else if (node.phase === 'ready' && (!world.nodeDue || world.nodeDue > silent)) world.nodeDue = silent;
}

function moveAgent(world: World): void {
  const { workspace, node, server, now } = world;
  if (server?.status === 'removing') world.server = undefined;
  if (!node || server?.status !== 'running' || node.phase === 'deleted') return;
  // Hello, the first time, and from then on a heartbeat.
  if (!node.readyAt || node.phase === 'unhealthy') world.nodeDue = now;
  world.node = { ...node, lastHeardAt: now, readyAt: node.readyAt ?? now };
  const goal = workspace.nodeId === node.id ? desiredOf(workspace) : undefined;
  if (!goal) return;
  const said = world.agent;
  world.agent = answer(world, goal);
  if (JSON.stringify(said) !== JSON.stringify(world.agent)) world.workspaceDue = now;
  world.workspace = { ...workspace, reported: world.agent };
}

function answer(world: World, goal: DesiredWorkspace): WorkspaceReport {
  const { agent, isDirty, isStubborn, workspace, fails } = world;
  const base = { id: workspace.id, run: goal.run, sessions: 0 };
  if (fails && goal.desired === 'running')
    return { ...base, phase: 'failed', ...(fails === 'clone' ? { isEmpty: true } : {}) };
  if (goal.desired !== 'deleted') return { ...base, phase: goal.desired };
  if (!isDirty || goal.force) return { ...base, phase: 'deleted' };
  if (goal.save && agent?.step !== 'saving' && !agent?.refused)
    return { ...base, phase: 'stopping', step: 'saving' };
  if (goal.save) return { ...base, phase: 'stopped', refused: isStubborn ? MINE : NOTHING, saved: SAVED };
  return { phase: 'stopped', ...agent, ...base, refused: MINE };
}

const MINE = { changed: 1, untracked: 0, unpushed: 0 };
const NOTHING = { changed: 0, untracked: 0, unpushed: 0 };
const SAVED = { ref: 'refs/sam/ws-abcdefghijkl', commit: 'a'.repeat(40) };

// --- the node -----------------------------------------------------------------------------------------------------

function turnNode(world: World): void {
  const { node, workspace, now, life = usual } = world;
  if (!node) return void (world.nodeDue = null);
  const isWanted = workspace.nodeId === node.id && workspace.phase !== 'deleted';
  const server = node.createSentAt ? world.server : undefined;
  const step = nextNodeStep(node, { server }, isWanted, now, life);
  world.trace.push(`node ${node.phase}/${node.desired}: ${describe(step)}`);
  const seen = server ? { observedAt: now } : {};
  world.nodeDue = performNode(world, { ...node, ...seen }, step);
}

function performNode(world: World, node: Node, step: NodeStep): Date | null {
  const { now, isAlive, life = usual } = world;
  const change = (patch: Partial<Node>): Date => {
    const isSame = patch.phase === undefined || patch.phase === node.phase;
    world.node = { ...node, ...patch, phaseSince: isSame ? node.phaseSince : now };
    if (!isSame || patch.desired) world.workspaceDue = now;
    return now;
  };
  switch (step.do) {
    case 'wait':
      change({});
      return step.until;
    case 'enter':
      change({ phase: step.phase });
      return step.phase === 'deleted' ? null : now;
    case 'fail':
      return change({ phase: 'failed', lastError: step.failure });
    case 'idle':
      return change({ idleSince: step.since });
    case 'discard':
      return change({ desired: 'deleted' });
    case 'create':
      if (isAlive) world.server = { ...serverOf('running'), name: node.name, createdAt: now };
      return change({ createSentAt: now });
    case 'setDnsRecord':
    case 'removeDnsRecords':
      throw new Error('no DNS here');
    case 'start':
      if (isAlive && world.server) world.server = { ...world.server, status: 'running' };
      change({});
      return later(now, life.timing.lookAgainMs);
    case 'remove':
      if (isAlive) world.server = undefined;
      change({});
      return later(now, life.timing.lookAgainMs);
  }
}

// --- the workspace ------------------------------------------------------------------------------------------------

function turnWorkspace(world: World): void {
  const { workspace, now, life = usual } = world;
  const node = world.node?.id === workspace.nodeId ? world.node : undefined;
  const step = nextStep(workspace, node, now, life);
  world.trace.push(`workspace ${workspace.phase}/${workspace.desired}: ${describe(step)}`);
  world.workspaceDue = performWorkspace(world, step);
}

function performWorkspace(world: World, step: WorkspaceStep): Date | null {
  const { workspace, now, life = usual } = world;
  const change = (patch: Partial<Workspace>): Date => {
    const isSame = patch.phase === undefined || patch.phase === workspace.phase;
    if (patch.phase === 'deleted' || patch.nodeId !== undefined) world.nodeDue = now;
    world.workspace = { ...workspace, ...patch, phaseSince: isSame ? workspace.phaseSince : now };
    return now;
  };
  switch (step.do) {
    case 'wait':
      return step.until;
    case 'place':
      if (!world.node || world.node.desired === 'deleted' || world.node.phase === 'failed')
        replaceNode(world);
      return change({ phase: 'provisioning', nodeId: world.node?.id ?? null });
    case 'enter':
      return change({
        phase: step.phase,
        step: step.step ?? null,
        ...(step.nodeId === null ? { nodeId: null } : {}),
        ...(step.phase === 'running' ? { runningAt: workspace.runningAt ?? now } : {}),
      });
    case 'fail':
      return change({ phase: 'failed', lastError: step.failure });
    case 'leave':
      return change({ nodeId: null, reported: null });
    case 'warn':
      change({ warnedFor: step.expiry });
      return step.expiry;
    case 'want':
      return change({
        desired: step.desired,
        desiredBefore: workspace.desired,
        force: step.force,
        isAutomatic: true,
      });
    case 'refuse':
      return change({
        desired: workspace.desiredBefore ?? 'stopped',
        phase: workspace.reported?.phase === 'running' ? 'running' : 'stopped',
        reported: null,
        deleteAt: workspace.isAutomatic ? later(now, life.timing.lastCallMs) : workspace.deleteAt,
        isAutomatic: false,
      });
    case 'release':
      return change({ force: true });
  }
}

/** Another one, with nothing on it; what the agent had went with the old one. */
function replaceNode(world: World): void {
  const id = `nd-${world.trace.length}`;
  const nothing = { createSentAt: null, observedAt: null, readyAt: null, lastHeardAt: null };
  world.node = nodeRow({ id, name: `vm-${id}`, phase: 'creating', phaseSince: world.now, ...nothing });
  world.server = undefined;
  world.agent = undefined;
  world.nodeDue = world.now;
  world.workspace = { ...world.workspace, reported: null };
}

const describe = (step: { do: string }): string => JSON.stringify(step).slice(0, 90);
