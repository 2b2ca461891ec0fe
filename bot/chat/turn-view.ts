// What is shown of a coding agent's work, before any front's markup: on a card while it lasts, in an answer when it is over. Pure.
import type { CodingAgent, CommandExit, TurnChanges } from '../../agent/protocol.ts';
import type { SaidProposalFailure, SaidTurnFailure } from '../codes.ts';
import type { Proposal, Turn, TurnQuestion, Workspace } from '../database/types.ts';
import type { WorkedTurn } from '../tasks/store/turns.ts';
import { openQuestions } from '../tasks/turn.ts';

/** On the card of its workspace. */
export interface TaskView {
  state: Turn['state'];
  /** Turns that come after it. */
  waiting: number;
  /** How long it has been worked on; ms. */
  elapsedMs: number;
  plan: { label: string; state: 'done' | 'doing' | 'todo' }[];
  /** The newest tool at work. */
  tool?: string;
  /** A command line runs, and no coding agent. */
  line?: string;
  /** Who works on it; absent: Claude Code. */
  agent?: CodingAgent;
  questions: Pick<TurnQuestion, 'number' | 'title'>[];
  /** `0.12 USD`. */
  cost?: string;
}

const PLAN = { completed: 'done', in_progress: 'doing', pending: 'todo' } as const;
const MAX_PLAN = 20;

/** Undefined: nothing is asked. `open`: turns that have not ended, in order. */
export function taskOf(open: readonly WorkedTurn[], now: Date): TaskView | undefined {
  const [turn] = open;
  if (!turn) return undefined;
  const { state, startedAt, progress } = turn;
  const tool = progress.tools?.at(-1)?.title;
  return {
    state,
    waiting: open.length - 1,
    elapsedMs: startedAt ? now.getTime() - startedAt.getTime() : 0,
    plan: (progress.plan ?? [])
      .slice(0, MAX_PLAN)
      .map(({ content, status }) => ({ label: content, state: PLAN[status] })),
    ...(tool === undefined ? {} : { tool }),
    ...(turn.agent === 'shell' ? { line: turn.prompt } : {}),
    ...otherOf(turn),
    questions: openQuestions(turn),
    ...costOf(turn),
  };
}

/** Absent: nobody else than usual. */
const otherOf = ({ agent }: WorkedTurn): { agent?: CodingAgent } =>
  agent === 'shell' || agent === 'claude' ? {} : { agent };

const costOf = ({ progress: { cost } }: Turn): { cost?: string } =>
  cost ? { cost: `${Number(cost.amount).toFixed(2)} ${cost.currency}` } : {};

/** A turn that is over, as a message of its own. */
export interface TurnView {
  /** `tk-…/1`. */
  id: string;
  workspace: { id: string; name: string };
  state: Turn['state'];
  answer: string;
  failure: SaidTurnFailure | null;
  changes?: TurnChanges;
  /** What changed can be offered as a change of the repository. */
  canPropose?: true;
  /** It would have been, and nothing changed. */
  hasNothingToPropose?: true;
  /** Of work that was offered: there is no turn then, and no answer. */
  proposal?: ProposalView;
  elapsedMs?: number;
  cost?: string;
  /** It was a command line. */
  run?: RunView;
  /** Who answers; absent: Claude Code. */
  agent?: CodingAgent;
}

/** Where it can be read; or why there is none. */
export interface ProposalView {
  branch: string;
  base: string | null;
  number: number;
  url: string;
  failure: SaidProposalFailure | null;
}

export interface RunView {
  line: string;
  /** Undefined: nobody says how it ended. */
  exit?: CommandExit;
  /** The last lines of what it wrote. */
  shown: string;
  /** Where there is more of it. */
  more?: string;
}

/** The address of all that a command line wrote; `turn`: `tk-…/1`. */
export type OutputAt = (workspace: string, turn: string) => string;

/** How it went, for people: a line that ended with another code than 0 went wrong. */
export const lookOfTurn = ({ state, run }: Pick<TurnView, 'state' | 'run'>): TurnView['state'] =>
  state === 'done' && run && run.exit?.code !== 0 ? 'failed' : state;

export function turnViewOf(
  {
    turn,
    workspace,
  }: { turn: WorkedTurn; workspace: Pick<Workspace, 'id' | 'name' | 'fork' | 'repository'> },
  { outputAt }: { outputAt: OutputAt },
): TurnView {
  const { startedAt, endedAt, changes, proposes, state } = turn;
  const canPropose = changes && !proposes && !workspace.fork && /^https?:/.test(workspace.repository);
  const id = `${turn.taskId}/${turn.turn}`;
  return {
    id,
    workspace: { id: workspace.id, name: workspace.name },
    state: turn.state,
    answer: turn.answer?.trim() ?? '',
    failure: turn.failure,
    ...(changes ? { changes } : {}),
    ...(canPropose ? { canPropose: true as const } : {}),
    ...(proposes && !changes && state === 'done' ? { hasNothingToPropose: true as const } : {}),
    ...(startedAt && endedAt ? { elapsedMs: endedAt.getTime() - startedAt.getTime() } : {}),
    ...costOf(turn),
    ...(turn.agent === 'shell' ? { run: runOf(turn, outputAt(workspace.id, id)) } : {}),
    ...otherOf(turn),
  };
}

const MAX_LINES = 20;
const MAX_LINE = 400;

function runOf({ prompt, answer, progress: { exit }, startedAt }: Turn, page: string): RunView {
  const lines = (answer ?? '').split('\n').slice(-MAX_LINES);
  const shown = lines.map((line) =>
    (line.length > MAX_LINE ? `${line.slice(0, MAX_LINE)}…` : line).toWellFormed(),
  );
  const isAll = exit ? exit.lines <= lines.length && shown.join() === lines.join() : !startedAt;
  return {
    line: prompt,
    ...(exit ? { exit } : {}),
    shown: shown.join('\n'),
    ...(isAll ? {} : { more: page }),
  };
}

export const proposalViewOf = ({
  proposal,
  workspace,
}: {
  proposal: Proposal;
  workspace: { id: string; name: string };
}): TurnView => ({
  id: proposal.id,
  workspace: { id: workspace.id, name: workspace.name },
  state: proposal.state === 'done' ? 'done' : 'failed',
  answer: '',
  failure: null,
  proposal: {
    branch: proposal.branch,
    base: proposal.base,
    number: proposal.number ?? 0,
    url: proposal.url ?? '',
    failure: proposal.failure,
  },
});
