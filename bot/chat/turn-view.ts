// What is shown of a coding agent's work, before any front's markup: on a card while it lasts, in an answer when it is over. Pure.
import type { TurnChanges } from '../../agent/protocol.ts';
import type { SaidTurnFailure } from '../codes.ts';
import type { Turn, TurnQuestion } from '../database/types.ts';
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
  questions: Pick<TurnQuestion, 'number' | 'title'>[];
  /** `0.12 USD`. */
  cost?: string;
}

const PLAN = { completed: 'done', in_progress: 'doing', pending: 'todo' } as const;
const MAX_PLAN = 20;

/** Undefined: nothing is asked. `open`: turns that have not ended, in order. */
export function taskOf(open: readonly Turn[], now: Date): TaskView | undefined {
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
}

export function turnViewOf({
  turn,
  workspace,
}: {
  turn: Turn;
  workspace: { id: string; name: string };
}): TurnView {
  const { startedAt, endedAt, changes } = turn;
  return {
    id: `${turn.taskId}/${turn.turn}`,
    workspace: { id: workspace.id, name: workspace.name },
    state: turn.state,
    answer: turn.answer?.trim() ?? '',
    failure: turn.failure,
    ...(changes ? { changes } : {}),
    ...(startedAt && endedAt ? { elapsedMs: endedAt.getTime() - startedAt.getTime() } : {}),
    ...costOf(turn),
  };
}
