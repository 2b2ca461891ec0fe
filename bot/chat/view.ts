// What a card shows of a workspace, before any front's markup. Pure: rows and the time in, facts out.
import {
  PREPARE_STEPS,
  type Environment,
  type Failure,
  type ModelUsage,
  type PrepareStep,
} from '../../agent/protocol.ts';
import type { Notice } from '../codes.ts';
import type { Node, User, Workspace } from '../database/types.ts';
import type { OpenShare } from '../access/store/shares.ts';
import type { WorkedTurn } from '../tasks/store/turns.ts';
import { taskOf, type OutputAt, type TaskView } from './turn-view.ts';

export interface CheckItem {
  label: string;
  state: 'done' | 'doing' | 'todo' | 'failed';
}

/** Everything on a card; `lines` are commands without a front's trigger, failures and notices are worded by the front. */
export interface CardView {
  id: string;
  name: string;
  owner: string;
  repository: string;
  /** `acme/api@main`. */
  source: string;
  commit?: string;
  /** With what an hour costs, where it costs something. */
  size: string;
  phase: Workspace['phase'];
  desired: Workspace['desired'];
  /** `preparing`, `running`, `not reachable` … */
  state: string;
  /** The same in the words of a progress line: `cloning the repository`. */
  doing: string;
  /** How long the present wish has been under way, or took; ms. */
  elapsedMs: number;
  checklist: CheckItem[];
  /** Null: it failed, and nobody wrote down of what. */
  failure?: Failure | null;
  notices: Notice[];
  /** When it stops by itself. */
  expiry?: Date;
  isExpiring: boolean;
  /** When it goes with everything that is left of it, unless somebody starts it or has it kept. */
  deleteAt?: Date;
  /** A machine has files of it. */
  hasFiles: boolean;
  sessions: number;
  /** Who else is let in now, if anybody. */
  shared?: SharedWith[];
  /** Where its programs run, once that is known. */
  environment?: Environment;
  /** What its programs listen on, as its node said last. `address` absent: nobody opens it from here. */
  ports?: { port: number; address?: string }[];
  /** What it asked of models, if anything. */
  usage?: ModelUsage;
  /** What a coding agent works on in it, if anything. */
  task?: TaskView;
  /** Commands that make sense now. */
  lines: string[];
  /** What is wanted has been reached, or was given up. */
  isSettled: boolean;
}

export type SharedWith = Pick<OpenShare, 'name' | 'may' | 'until'>;

export interface CardFacts {
  workspace: Workspace;
  node: Node | null;
  owner: User;
  now: Date;
  expiry: Date | undefined;
  /** When it is deleted by itself, if it is stopped. */
  end?: Date | undefined;
  /** Of an hour of its machine: `0.0123 €/h`. */
  price?: string | undefined;
  warningMs: number;
  portAddress?: PortAddress | undefined;
  /** Of coding agents: those that have not ended, in order. */
  turns?: readonly WorkedTurn[];
  /** Who else is let in. */
  shares?: readonly SharedWith[];
}

/** Where a port of a workspace is opened, without a slash at the end. */
type PortAddress = (name: { workspace: string; port: number }) => string;

/** What a card shows beside the rows. */
export interface CardKnowledge {
  /** Undefined: ports are not to be opened. */
  portAddress?: PortAddress | undefined;
  /** When the workspace stops by itself. */
  expiryOf: (workspace: CardFacts['workspace']) => Date | undefined;
  /** When one that is stopped is deleted by itself. */
  endOf: (workspace: CardFacts['workspace']) => Date | undefined;
  /** What an hour of its machine costs, for people; asked once for all that a card shows. */
  readPrices: () => Promise<(node: NonNullable<CardFacts['node']>) => string | undefined>;
  outputAt: OutputAt;
  warningMs: number;
}

type RowFacts = Omit<CardFacts, 'expiry' | 'end' | 'price' | 'warningMs' | 'portAddress'>;

/** Adds to the rows what else a card shows. */
export async function completeFacts({
  readPrices,
  expiryOf,
  endOf,
  warningMs,
  portAddress,
}: Omit<CardKnowledge, 'outputAt'>): Promise<(facts: RowFacts) => CardFacts> {
  const priceOf = await readPrices();
  return (facts) => ({
    ...facts,
    price: facts.node ? priceOf(facts.node) : undefined,
    expiry: expiryOf(facts.workspace),
    end: endOf(facts.workspace),
    warningMs,
    portAddress,
  });
}

/** Draws nothing; says what there is to draw. */
export function viewOf(facts: CardFacts): CardView {
  const { workspace, node, owner, now, expiry, end, price, warningMs, turns = [], shares = [] } = facts;
  const task = taskOf(turns, now);
  const repository = labelOf(workspace.repository);
  const isSettled = workspace.phase === workspace.desired || workspace.phase === 'failed';
  const isSilent = workspace.phase === 'running' && node?.phase === 'unhealthy';
  const { phase, desired } = workspace;
  // One that failed counts as idle, whatever became of its machine.
  const mayExpire = desired === 'running' && (phase === 'failed' || (phase === 'running' && !isSilent));
  const shownExpiry = mayExpire ? expiry : undefined;
  const deleteAt = phase === 'stopped' && desired === 'stopped' ? (workspace.deleteAt ?? end) : undefined;
  return {
    id: workspace.id,
    name: workspace.name,
    owner: owner.name,
    repository,
    source: workspace.ref ? `${repository}@${workspace.ref}` : repository,
    ...(workspace.reported?.commit ? { commit: workspace.reported.commit.slice(0, 7) } : {}),
    size: price ? `${workspace.size} (${price})` : workspace.size,
    phase: workspace.phase,
    desired: workspace.desired,
    state: isSilent ? 'not reachable' : workspace.phase,
    doing: isSilent ? 'not reachable' : doingOf(workspace, node),
    elapsedMs: now.getTime() - workspace.phaseSince.getTime(),
    checklist: checklistOf(workspace, node),
    ...failureOf(workspace),
    ...environmentOf(workspace),
    ...portsOf(facts),
    notices: isSilent ? [{ code: 'machine-silent', details: {} }] : noticesOf(workspace),
    ...(shownExpiry ? { expiry: shownExpiry } : {}),
    isExpiring: shownExpiry !== undefined && shownExpiry.getTime() - now.getTime() <= warningMs,
    ...(deleteAt ? { deleteAt } : {}),
    hasFiles: workspace.nodeId !== null,
    sessions: workspace.reported?.sessions ?? 0,
    ...(shares.length > 0 && { shared: shares.map(({ name, may, until }) => ({ name, may, until })) }),
    ...(workspace.reported?.usage ? { usage: workspace.reported.usage } : {}),
    ...(task ? { task } : {}),
    lines: isSilent
      ? [`stop ${workspace.name}`, `rm ${workspace.name}`]
      : [...(task ? [`cancel ${workspace.name}`] : []), ...linesFor(workspace, shownExpiry)],
    isSettled,
  };
}

function noticesOf({ phase, notice, reported }: Workspace): Notice[] {
  const limits = phase === 'running' ? reported?.limits : undefined;
  return [
    ...(notice ?? []),
    ...(limits?.reached ? [{ code: 'limit-reached', details: { limits } } as const] : []),
  ];
}

/** What it fails of, or what kept its container from being as it should. */
function failureOf({ phase, lastError, reported }: Workspace): { failure?: Failure | null } {
  if (phase === 'failed') return { failure: lastError };
  const isRecovering = phase === 'running' && reported?.environment?.isRecovery === true;
  return isRecovering && reported.failure ? { failure: reported.failure } : {};
}

const environmentOf = ({ phase, reported }: Workspace): { environment?: Environment } =>
  reported?.environment && phase === 'running' ? { environment: reported.environment } : {};

function portsOf({ workspace, portAddress }: CardFacts): Pick<CardView, 'ports'> {
  const { id, phase, desired, reported } = workspace;
  if (phase !== 'running' || desired !== 'running' || !reported?.ports?.length) return {};
  const addressOf = (port: number) =>
    portAddress ? { address: `${portAddress({ workspace: id, port })}/` } : {};
  return { ports: reported.ports.map((port) => ({ port, ...addressOf(port) })) };
}

/** The sign on a card. `silent`: it should run, and cannot be reached. Nothing looks as if it ran while it goes. */
export function lookOf({ isSettled, doing, phase, desired }: CardView): Workspace['phase'] | 'silent' {
  if (isSettled) return doing === phase ? phase : 'silent';
  if (phase === 'running') return desired === 'deleted' ? 'deleting' : 'stopping';
  if (phase === 'stopped') return desired === 'deleted' ? 'deleting' : 'queued';
  return phase;
}

/** `acme/api` of an address, the folder's name of a path. */
export function labelOf(repository: string): string {
  const path = repository.replace(/^https?:\/\/[^/]+\//, '').replace(/\.git$/, '');
  return path.startsWith('/') ? (path.split('/').filter(Boolean).at(-1) ?? path) : path;
}

function doingOf({ desired, phase, step, force, reported }: Workspace, node: Node | null): string {
  if (phase === desired || phase === 'failed') return phase;
  if (desired === 'deleted') return force ? 'deleting' : (GOING[step ?? ''] ?? 'deleting');
  if (desired === 'stopped') return 'stopping';
  switch (phase) {
    case 'queued':
      return node?.phase === 'ready' ? 'getting ready' : 'waiting for a machine';
    case 'provisioning':
      return node?.phase === 'ready' ? 'getting ready' : 'starting a machine';
    case 'preparing':
      return step && step in MAKING
        ? `${MAKING[step as PrepareStep]}${attemptOf(reported)}`
        : 'getting ready';
    default:
      return 'starting';
  }
}

const GOING: Record<string, string> = { check: 'looking for unsaved work', saving: 'saving unpushed work' };

const MAKING: Record<PrepareStep, string> = {
  clone: 'cloning the repository',
  pull: 'fetching the image',
  build: 'building the environment',
  features: 'adding features to the environment',
  create: 'making the container',
  hooks: "running the repository's own set-up",
  start: 'starting the shell',
};

const attemptOf = (reported: Workspace['reported']): string =>
  reported?.attempt ? ` (attempt ${reported.attempt.number} of ${reported.attempt.of})` : '';

function checklistOf(workspace: Workspace, node: Node | null): CheckItem[] {
  if (workspace.desired !== 'running' || workspace.phase === 'running') return [];
  const at = position(workspace, node);
  const labels = ['Machine ready', 'Repository cloned', 'Environment built', 'Shell started'];
  return labels.map((label, index) => ({ label, state: stateAt(index, at, workspace.phase === 'failed') }));
}

/** Which line of the checklist is being worked on. */
function position(workspace: Workspace, node: Node | null): number {
  const step = PREPARE_STEPS.find((one) => one === workspace.step);
  if (step !== undefined) return step === 'clone' ? 1 : step === 'start' ? 3 : 2;
  const isOnNode = node !== null && (node.phase === 'ready' || node.phase === 'unhealthy');
  return isOnNode && workspace.phase !== 'queued' ? 1 : 0;
}

const stateAt = (index: number, at: number, isFailed: boolean): CheckItem['state'] => {
  if (index < at) return 'done';
  if (index > at) return 'todo';
  return isFailed ? 'failed' : 'doing';
};

function linesFor(workspace: Workspace, expiry: Date | undefined): string[] {
  const { name, desired } = workspace;
  const { phase } = workspace;
  if (phase === 'running' && desired === 'stopped') return [`logs ${name}`, `rm ${name}`];
  if (phase !== 'failed' && phase !== 'deleted' && desired === 'deleted') return [`logs ${name}`];
  switch (phase) {
    case 'running':
      return [`open ${name}`, `extend ${name} 4h`, `stop ${name}`, `rm ${name}`];
    case 'stopped':
      return [`start ${name}`, `rm ${name}`];
    case 'failed':
      return [`retry ${name}`, ...(expiry ? [`extend ${name} 4h`] : []), `logs ${name}`, `rm ${name}`];
    case 'deleted':
      return [];
    default:
      return [`logs ${name}`, `rm ${name}`];
  }
}
