// What becomes of a turn: by what its agent says of it, and by what happens to its workspace. Pure; knows no database and no front.
import type { TurnHappening } from '../../agent/protocol.ts';
import type { CostLimit, SaidTurnFailure } from '../codes.ts';
import type { Turn, TurnProgress, TurnState, Workspace } from '../database/types.ts';
import { isPast, later, type Timing } from '../workspaces/timing.ts';

/** What is written of it. */
export type TurnPatch = Partial<
  Pick<
    Turn,
    'state' | 'since' | 'progress' | 'answer' | 'failure' | 'changes' | 'startedAt' | 'endedAt' | 'isClosed'
  >
>;

const END_STATES = {
  done: 'done',
  failed: 'failed',
  cancelled: 'cancelled',
} as const satisfies Record<string, TurnState>;

/** Tools that a card could show; of more at once the newest count. */
const MAX_TOOLS = 5;
const MAX_QUESTIONS = 20;

/** What changes with it; nothing, where it is over already: the first end counts. */
export function applyHappening(turn: Turn, event: TurnHappening, now: Date): TurnPatch {
  if (event.kind === 'ended') return turn.endedAt ? { isClosed: true } : endedBy(turn, event, now);
  if (turn.endedAt) return {};
  const begun: TurnPatch = turn.startedAt ? {} : { state: 'running', startedAt: now, since: now };
  switch (event.kind) {
    case 'started':
    case 'text':
      return begun;
    case 'plan':
      return { ...begun, progress: { ...turn.progress, plan: event.entries } };
    case 'tool':
      return { ...begun, progress: { ...turn.progress, tools: toolsAfter(turn.progress, event) } };
    case 'cost':
      return {
        ...begun,
        progress: { ...turn.progress, cost: { amount: event.amount, currency: event.currency } },
      };
    case 'question':
      return { ...begun, state: 'asking', since: now, progress: progressAsking(turn.progress, event, now) };
    case 'decided':
      return { ...begun, ...decided(turn, event.request, now) };
    default:
      return event satisfies never;
  }
}

function endedBy(
  { progress, overspent, startedAt }: Pick<Turn, 'progress' | 'overspent' | 'startedAt'>,
  { outcome, failure, answer, changes, exit }: TurnHappening & { kind: 'ended' },
  now: Date,
): TurnPatch {
  const said = failure?.said === undefined ? {} : { said: failure.said };
  const why: SaidTurnFailure = { code: failure?.code ?? 'coding-agent-broken', details: said };
  // Nobody took it back: it was ended for what it cost. What it costs may be said with its end alone: then its answer is whole.
  const costly = overspent && costlyEnd(overspent, outcome === 'done', startedAt !== null);
  return {
    state: costly && outcome !== 'done' ? 'failed' : END_STATES[outcome],
    since: now,
    endedAt: now,
    isClosed: true,
    answer,
    ...(exit ? { progress: { ...progress, exit } } : {}),
    ...(changes && changes.count > 0 ? { changes } : {}),
    ...(outcome === 'failed' ? { failure: why } : {}),
    ...(costly ? { failure: costly } : {}),
  };
}

const costlyEnd = ({ limit, most, when }: CostLimit, isDone: boolean, isBegun: boolean): SaidTurnFailure => ({
  code: 'too-costly',
  details: {
    limit,
    most,
    ...(isDone ? { when: 'done' } : when === 'before' && !isBegun ? { when } : {}),
  },
});

function toolsAfter(
  { tools = [] }: TurnProgress,
  { call, title, status }: TurnHappening & { kind: 'tool' },
): NonNullable<TurnProgress['tools']> {
  const others = tools.filter((tool) => tool.call !== call);
  return status === 'running' ? [...others, { call, title }].slice(-MAX_TOOLS) : others;
}

function progressAsking(
  progress: TurnProgress,
  { request, tool, title, minutes }: TurnHappening & { kind: 'question' },
  now: Date,
): TurnProgress {
  const { questions = [], asked = 0 } = progress;
  if (questions.some((one) => one.request === request) || questions.length >= MAX_QUESTIONS) return progress;
  const until = later(now, minutes * 60_000).toISOString();
  return {
    ...progress,
    asked: asked + 1,
    questions: [...questions, { number: asked + 1, request, tool, title, until }],
  };
}

function decided({ progress, state }: Turn, request: string, now: Date): TurnPatch {
  const questions = (progress.questions ?? []).filter((one) => one.request !== request);
  const goesOn: TurnPatch =
    questions.length === 0 && state === 'asking' ? { state: 'running', since: now } : {};
  return { ...goesOn, progress: { ...progress, questions } };
}

export type TurnStep =
  | { do: 'end'; state: 'failed'; failure: SaidTurnFailure }
  | { do: 'end'; state: 'cancelled' }
  /** Nothing until then; null: until something happens. */
  | { do: 'wait'; until: Date | null };

/** Where a turn is worked on. */
export type TurnPlace = Pick<Workspace, 'desired' | 'phase' | 'runningAt'> & {
  /** Another turn of the workspace comes first. */
  hasOneAhead: boolean;
};

const failed = (
  code: 'workspace-stopped' | 'workspace-deleted' | 'workspace-failed' | 'never-begun',
): TurnStep => ({
  do: 'end',
  state: 'failed',
  failure: { code, details: {} },
});

/** What a person has to think about before they answer. */
const QUESTION_MS = 15 * 60_000;

/** Agents say how turns end. This is for those that nobody works on, or whose agent never says it. */
export function nextTurnStep(
  turn: Pick<
    Turn,
    'desired' | 'state' | 'since' | 'startedAt' | 'endedAt' | 'minutes' | 'progress' | 'overspent'
  >,
  place: TurnPlace,
  now: Date,
  timing: Pick<Timing, 'turnStartMs' | 'turnEndMs'>,
): TurnStep {
  if (turn.endedAt) return { do: 'wait', until: null };
  if (place.desired === 'deleted' || place.phase === 'deleted') return failed('workspace-deleted');
  if (place.desired === 'stopped') return failed('workspace-stopped');
  if (place.phase === 'failed') return failed('workspace-failed');
  if (turn.desired === 'cancelled') return whileCancelled(turn, now, timing);
  if (turn.startedAt) {
    const ms = turn.minutes * 60_000 + (turn.progress.asked ?? 0) * QUESTION_MS + timing.turnEndMs;
    const late: TurnStep = { do: 'end', state: 'failed', failure: { code: 'turn-late', details: {} } };
    return before(later(turn.startedAt, ms), now, late);
  }
  // The end of the one before it, or the workspace's start, wakes it.
  if (place.hasOneAhead || place.phase !== 'running' || !place.runningAt)
    return { do: 'wait', until: later(now, timing.turnEndMs) };
  const since = place.runningAt > turn.since ? place.runningAt : turn.since;
  return before(later(since, timing.turnStartMs), now, failed('never-begun'));
}

function whileCancelled(
  { startedAt, since, overspent }: Pick<Turn, 'startedAt' | 'since' | 'overspent'>,
  now: Date,
  { turnEndMs }: Pick<Timing, 'turnEndMs'>,
): TurnStep {
  const end: TurnStep = overspent
    ? { do: 'end', state: 'failed', failure: costlyEnd(overspent, false, startedAt !== null) }
    : { do: 'end', state: 'cancelled' };
  return startedAt ? before(later(since, turnEndMs), now, end) : end;
}

const before = (deadline: Date, now: Date, step: TurnStep): TurnStep =>
  isPast(deadline, now) ? step : { do: 'wait', until: deadline };

/** Those that nobody has answered yet. */
export function openQuestions({
  progress,
  decisions,
  endedAt,
}: Pick<Turn, 'progress' | 'decisions' | 'endedAt'>): NonNullable<TurnProgress['questions']> {
  if (endedAt) return [];
  return (progress.questions ?? []).filter(
    ({ request }) => !decisions.some((decision) => decision.request === request),
  );
}
