// What is shown of a coding agent's work, before any front's markup: on a card while it lasts, in an answer when it is over. Pure.
import type { CommandExit, TurnChanges } from '../../agent/protocol.ts';
import type { SaidTurnFailure } from '../codes.ts';
import type { Turn, TurnQuestion } from '../database/types.ts';
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
    questions: openQuestions(turn),
    ...costOf(turn),
  };
}

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
  elapsedMs?: number;
  cost?: string;
  /** It was a command line. */
  run?: RunView;
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
  { turn, workspace }: { turn: WorkedTurn; workspace: { id: string; name: string } },
  { outputAt }: { outputAt: OutputAt },
): TurnView {
  const { startedAt, endedAt, changes } = turn;
  const id = `${turn.taskId}/${turn.turn}`;
  return {
    id,
    workspace: { id: workspace.id, name: workspace.name },
    state: turn.state,
    answer: turn.answer?.trim() ?? '',
    failure: turn.failure,
    ...(changes ? { changes } : {}),
    ...(startedAt && endedAt ? { elapsedMs: endedAt.getTime() - startedAt.getTime() } : {}),
    ...costOf(turn),
    ...(turn.agent === 'shell' ? { run: runOf(turn, outputAt(workspace.id, id)) } : {}),
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
