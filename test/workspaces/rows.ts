// Rows of workspaces and nodes as plain objects, for tests that need no database.
import type { WorkspaceReport } from '../../agent/protocol.ts';
import type { Node, Workspace } from '../../bot/database/schema.ts';
import { later, timingFrom } from '../../bot/workspaces/timing.ts';

export const timing = timingFrom(1_000);
export const T0 = new Date('2026-05-01T12:00:00Z');
export const after = (ms: number): Date => later(T0, ms);
export const life = { idleTimeoutMs: 3_600_000, deleteStoppedAfterMs: 0, nodeWarmMs: 60_000, timing };

/** Nothing has a maximum. */
export const NO_LIMITS = { workspacesPerUser: 0, nodesPerUser: 0, nodes: 0, asksPerHour: 0 };

const reconciled = {
  desired: 'running',
  phaseSince: T0,
  gen: 1,
  attempts: 0,
  nextAt: T0,
  lastError: null,
  leaseToken: null,
  leaseUntil: null,
  createdAt: T0,
} as const;

/** Running on a node, unless the patch says otherwise. */
export const workspaceRow = (patch: Partial<Workspace> = {}): Workspace => ({
  ...reconciled,
  id: 'ws-abcdefghijkl',
  key: 'key',
  owner: 'us-ada',
  name: 'api',
  repository: 'https://github.com/acme/api',
  ref: null,
  configuration: null,
  isPrivate: null,
  commit: null,
  fork: null,
  topic: null,
  channel: null,
  size: 'medium',
  phase: 'running',
  step: null,
  nodeId: 'nd-one',
  run: 1,
  access: 1,
  force: false,
  desiredBefore: null,
  isAutomatic: false,
  reported: reportOf('running'),
  reportedAt: T0,
  lastActivityAt: T0,
  keptUntil: null,
  idleTimeMs: null,
  runningAt: T0,
  warnedFor: null,
  deleteAt: null,
  notice: null,
  ...patch,
});

/** Ready and heard of, unless the patch says otherwise. */
export const nodeRow = (patch: Partial<Node> = {}): Node => ({
  ...reconciled,
  id: 'nd-one',
  name: 'vm-one',
  owner: 'us-ada',
  provider: 'fake',
  size: 'medium',
  isIsolated: false,
  phase: 'ready',
  createSentAt: T0,
  providerId: '1',
  address: null,
  host: null,
  recordSentAt: null,
  bootFailure: null,
  observedAt: T0,
  readyAt: T0,
  lastHeardAt: T0,
  idleSince: null,
  agentVersion: null,
  agentKey: null,
  terminalPort: null,
  load: null,
  ...patch,
});

export const reportOf = (
  phase: WorkspaceReport['phase'],
  patch: Partial<WorkspaceReport> = {},
): WorkspaceReport => ({ id: 'ws-abcdefghijkl', phase, run: 1, sessions: 0, ...patch });

export const serverOf = (status: 'starting' | 'running' | 'off' | 'removing' = 'running') => ({
  id: '1',
  name: 'vm-one',
  status,
  createdAt: T0,
  labels: {
    'managed-by': 'sam',
    'sam-installation': 'test',
    'sam-node': 'nd-one',
    'sam-owner': 'us-ada',
  } as const,
});
