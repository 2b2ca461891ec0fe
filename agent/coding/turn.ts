// One turn of a task, from its beginning to its one end: the prompt, what comes of it, the questions, and why it ended. Knows no
// queue and no bot.
import { setTimeout as delay } from 'node:timers/promises';
import { describeError, type Log } from '../log.ts';
import type { DesiredTurn, TurnChanges, TurnHappening } from '../protocol.ts';
import { redact } from '../redact.ts';
import { AcpError, AUTHENTICATION_REQUIRED } from './acp.ts';
import type { CodingAgentKind } from './agents.ts';
import { rememberFiles, type Beginning } from './changes.ts';
import { TurnError, type Coder, type CodingPlace } from './coder.ts';
import { createListener, type Listener } from './happenings.ts';
import type { Journal } from './journal.ts';
import type { CodingProcess } from './process.ts';
import { createQuestions, type Questions } from './questions.ts';

export interface Times {
  initializeMs: number;
  idleMs: number;
  answerMs: number;
  /** What a coding agent that was told to stop has, before it is ended. */
  graceMs: number;
  joinMs: number;
  /** Of `minutes`. */
  minuteMs: number;
}

export interface TurnOptions {
  desired: DesiredTurn;
  place: CodingPlace;
  /** Whether the workspace still runs. */
  isRunning: () => boolean;
  journal: Journal;
  coder: Coder;
  kind: Pick<CodingAgentKind, 'mode' | 'meta' | 'saysSpent' | 'kindOf'> | undefined;
  times: Times;
  log: Log;
}

export interface Turn {
  /** The bot's newest word. */
  change: (desired: DesiredTurn) => void;
  /** The workspace stops, or this program does. */
  interrupt: () => void;
  /** Never rejects. */
  ended: Promise<void>;
}

/** Why a turn is stopped before its end. */
type Stop = 'cancelled' | 'turn-late' | 'interrupted';
type Ended = Extract<TurnHappening, { kind: 'ended' }>;
type Ending = Pick<Ended, 'outcome' | 'failure'>;

interface State extends TurnOptions {
  stopping: AbortController;
  listener: Listener;
  questions: Questions;
  tell: (happening: TurnHappening) => void;
  /** Its conversation took the place of one that was lost, and has not said yet what it costs. */
  count: { isNew: boolean };
}

const MAX_SAID = 500;

export function startTurn(options: TurnOptions): Turn {
  const { journal, times, place, kind } = options;
  let { desired } = options;
  const stopping = new AbortController();
  const stop = (why: Stop) => stopping.abort(new TurnStopped(why));
  const count = { isNew: false };
  const tell = (happening: TurnHappening) => journal.note(desired.turn, marked(happening, count));
  const listener = createListener({ dir: place.folder, tell, joinMs: times.joinMs });
  const questions = createQuestions({
    turn: desired.turn,
    policy: () => desired.policy,
    always: () => journal.memory().always,
    onAlways: (name) => journal.remember({ always: [...journal.memory().always, name] }),
    call: listener.call,
    kindOf: (wished) => kind?.kindOf?.(wished, place.folder) ?? wished.tool,
    clean: listener.clean,
    tell(happening) {
      listener.flush();
      tell(happening);
    },
    answerMs: times.answerMs,
  });
  const timer = setTimeout(() => stop('turn-late'), desired.minutes * times.minuteMs).unref();
  const ended = work({ ...options, stopping, listener, questions, tell, count }).finally(() =>
    clearTimeout(timer),
  );
  return {
    change(next) {
      desired = next;
      questions.decide(next.decisions);
      if (next.desired === 'cancelled') stop('cancelled');
    },
    interrupt: () => stop('interrupted'),
    ended,
  };
}

function marked(happening: TurnHappening, count: State['count']): TurnHappening {
  if (happening.kind !== 'cost' || !count.isNew) return happening;
  count.isNew = false;
  return { ...happening, isNew: true };
}

class TurnStopped extends Error {
  override readonly name = 'TurnStopped';
  readonly why: Stop;
  constructor(why: Stop) {
    super(why);
    this.why = why;
  }
}

async function work(state: State): Promise<void> {
  const { tell, listener, questions, coder, place, log, desired, journal } = state;
  tell({ kind: 'started' });
  const remembering = rememberFiles(place.git, place.dir).catch((error: unknown) => {
    log.warn('what a turn changes cannot be told', { task: desired.task, error: describeError(error) });
    return undefined;
  });
  const ending = await converse(state, remembering).catch((error: unknown) => explain(state, error));
  questions.cancel();
  listener.flush();
  // What it started in the background goes on only where all went well.
  if (ending.outcome === 'done') coder.release();
  else
    await coder
      .end()
      .catch((error: unknown) =>
        log.error('a coding agent could not be ended', { error: describeError(error) }),
      );
  const changes = await findChanges(state, await remembering);
  // A word of the end that comes late.
  listener.flush();
  tell({ kind: 'ended', ...ending, answer: listener.answer(), ...(changes && { changes }) });
  // The bot has heard of it before anything of the next turn.
  await journal.settle();
}

async function converse(state: State, remembering: Promise<unknown>): Promise<Ending> {
  const { desired, place, coder, listener, questions, stopping } = state;
  let session: string | undefined;
  const hearing = {
    onUpdate: (from: string, update: Parameters<Listener['update']>[0]) => {
      if (from === session) listener.update(update);
    },
    onPermission: questions.ask,
  };
  const process = await coder.take(place, desired.agent, hearing, stopping.signal);
  const starting = AbortSignal.any([stopping.signal, AbortSignal.timeout(state.times.initializeMs)]);
  session = await openSession(state, process, starting);
  await remembering;
  stopping.signal.throwIfAborted();
  const reason = await prompt(state, process, session);
  // What it said before its answer is heard before it, too.
  await delay(0);
  stopping.signal.throwIfAborted();
  return { outcome: reason === 'cancelled' ? 'cancelled' : 'done' };
}

/** The conversation of the task goes on; where it is lost, a new one begins. */
async function openSession(
  { journal, place, kind, desired, count }: State,
  { acp }: CodingProcess,
  signal: AbortSignal,
): Promise<string> {
  const before = journal.memory().session;
  const at = { cwd: place.folder, meta: kind?.meta?.(desired) };
  const isThere = before !== undefined && (await acp.resume(before, at, signal));
  const session = isThere ? before : await acp.create(at, signal);
  if (session !== before) journal.remember({ session });
  count.isNew = before !== undefined && !isThere;
  await acp.setMode(session, kind?.mode ?? '', signal);
  return session;
}

/** Why it ended. Who is stopped has a moment to end by itself. */
async function prompt(
  { desired, stopping, questions, times }: State,
  process: CodingProcess,
  session: string,
): Promise<string> {
  const { promise: over, resolve } = Promise.withResolvers<string>();
  const stop = () => {
    questions.cancel();
    process.acp.cancel(session).catch(() => undefined);
    setTimeout(() => resolve('cancelled'), times.graceMs).unref();
  };
  stopping.signal.addEventListener('abort', stop, { once: true });
  try {
    const prompting = process.acp.prompt(session, desired.prompt);
    return await Promise.race([prompting, over]);
  } finally {
    stopping.signal.removeEventListener('abort', stop);
  }
}

async function findChanges(
  { desired, log }: State,
  beginning: Beginning | undefined,
): Promise<TurnChanges | undefined> {
  if (!beginning) return undefined;
  try {
    return await beginning.compare();
  } catch (error) {
    log.warn('what a turn changed cannot be told', { task: desired.task, error: describeError(error) });
    return undefined;
  } finally {
    await beginning.close();
  }
}

// --- why there is no answer ---------------------------------------------------------------------------------------

const fail = (code: NonNullable<Ending['failure']>['code'], said = ''): Ending => ({
  outcome: 'failed',
  failure: { code, ...(said !== '' && { said }) },
});

async function explain(
  { stopping, coder, isRunning, listener, kind }: State,
  error: unknown,
): Promise<Ending> {
  const said = (text: string) => redact(listener.clean(text.trim())).slice(-MAX_SAID);
  const { reason } = stopping.signal as { reason: unknown };
  if (reason instanceof TurnStopped)
    return reason.why === 'cancelled' ? { outcome: 'cancelled' } : fail(reason.why);
  if (!isRunning()) return fail('interrupted');
  if (error instanceof TurnError) return fail(error.code, said(error.message));
  if (error instanceof AcpError && kind?.saysSpent?.test(error.message)) return fail('budget-spent');
  // The connection alone says nothing.
  if (!(error instanceof AcpError) || error.code === undefined)
    return fail('coding-agent-broken', said((await coder.said()) || describeError(error)));
  if (error.code === AUTHENTICATION_REQUIRED || KEY_KINDS.has(error.kind ?? ''))
    return fail('no-model-key', said(error.message));
  const isModel = error.kind !== undefined ? MODEL_KINDS.has(error.kind) : MODEL_SAYS.test(error.message);
  return fail(isModel ? 'model-unavailable' : 'coding-agent-broken', said(error.message));
}

/** What coding agents call what models answer. */
const KEY_KINDS = new Set(['authentication_failed', 'oauth_org_not_allowed']);
const MODEL_KINDS = new Set([
  'rate_limit',
  'overloaded',
  'server_error',
  'billing_error',
  'account_on_hold',
  'model_not_found',
  'invalid_request',
  'unknown',
]);
const MODEL_SAYS =
  /API Error|rate.?limit|overloaded|usage limit|quota|stream (?:disconnected|closed)|\b(?:429|5\d\d)\b/i;
