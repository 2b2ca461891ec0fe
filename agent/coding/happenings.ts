// What a coding agent says, as happenings of a turn: pieces of text are joined, what is known is not said again, all of it has an end,
// and no secret and no folder of the node is in it. Knows no connection and no task.
import type { PlanEntry, TurnHappening } from '../protocol.ts';
import { redact } from '../redact.ts';
import type { SessionUpdate } from './acp.ts';

/** People read along: a few times a second is enough. */
const JOIN_MS = 250;
const MAX_ANSWER_BYTES = 64 << 10;
/** Of a turn; what is beyond is in its answer, or nowhere. */
const MAX_TEXT = 1 << 20;
const MAX_HAPPENINGS = 20_000;
const MAX_TITLE = 300;
/** Nobody looks for secrets in more at once. */
const MAX_CLEAN = 256 << 10;
const MAX_PIECE = 64 << 10;
const MAX_PLAN = 50;
/** A word may be a secret by half: it waits for its end, up to this size and for so many times. */
const MAX_WORD = 1_024;
const WORD_WAITS = 8;

/** What is known of a tool that is at work. */
export interface Call {
  tool: string;
  title: string;
  input: unknown;
}

export interface Listener {
  update: (update: SessionUpdate) => void;
  /** Of a call that was told. */
  call: (id: string) => Call | undefined;
  /** Says what is still held back. */
  flush: () => void;
  /** The last message, whole, within its bound. */
  answer: () => string;
  /** Fit to be said. */
  clean: (text: string) => string;
}

export interface ListenerOptions {
  /** The checkout: names of files are said as they are in there. */
  dir: string;
  tell: (happening: TurnHappening) => void;
  joinMs?: number;
}

export function createListener({ dir, tell, joinMs = JOIN_MS }: ListenerOptions): Listener {
  const clean = (text: string) =>
    redact(shortenTitle(text, MAX_CLEAN).replaceAll(`${dir}/`, '').replaceAll(dir, '.'));
  let left = MAX_HAPPENINGS;
  const tellBounded = (happening: TurnHappening) => void (left-- > 0 && tell(happening));
  const texts = createTexts({ clean, tell: tellBounded, joinMs });
  const calls = createCalls({ clean, tell: tellBounded });
  let cost = '';
  let costsLeft = MAX_HAPPENINGS;
  /** The newest, where there were too many to tell each. */
  let untold: TurnHappening | undefined;
  const tellCost = () => {
    if (untold) tell(untold);
    untold = undefined;
  };
  return {
    update(update) {
      switch (update.sessionUpdate) {
        case 'agent_message_chunk':
          if (update.content.type === 'text')
            texts.add(update.messageId ?? '', update.content.text.slice(0, 2 * MAX_PIECE));
          return;
        case 'plan':
          texts.flush();
          return tellBounded({ kind: 'plan', entries: planOf(update.entries, clean) });
        case 'tool_call':
        case 'tool_call_update':
          texts.breakOff();
          return calls.update(update);
        case 'usage_update': {
          const { amount, currency } = update.cost ?? { amount: 0, currency: '' };
          const said = Number.isFinite(amount) ? `${amount.toFixed(4)} ${currency}` : '';
          if (!update.cost || said === cost || said === '') return;
          cost = said;
          untold = { kind: 'cost', amount: amount.toFixed(4), currency: currency.slice(0, 8) };
          // Whatever else was told: it is what people pay.
          if (costsLeft-- > 0) tellCost();
          return;
        }
        default:
        // Thoughts, commands, modes: nobody asked for them.
      }
    },
    call: calls.find,
    flush() {
      texts.flush();
      tellCost();
    },
    answer: () => cutBytes(clean(texts.last().trim()), MAX_ANSWER_BYTES),
    clean,
  };
}

interface Telling {
  clean: (text: string) => string;
  tell: (happening: TurnHappening) => void;
}

const planOf = (entries: PlanEntry[], clean: (text: string) => string): PlanEntry[] =>
  entries
    .slice(0, MAX_PLAN)
    .map(({ content, status }) => ({ content: clean(content).slice(0, MAX_TITLE), status }));

function createTexts({ clean, tell, joinMs }: Telling & { joinMs: number }) {
  let message = '';
  /** Of the message, and what of it waits. */
  let whole = '';
  let waiting = '';
  let told = 0;
  let part = 0;
  /** How often nothing came. */
  let quiet = 0;
  let toldAt = -joinMs;
  let timer: NodeJS.Timeout | undefined;
  /** As far as words have ended. */
  const tellWords = (isEnd: boolean) => {
    clearTimeout(timer);
    timer = undefined;
    const ended = isEnd ? waiting.length : (/\s\S*$/.exec(waiting)?.index ?? -1) + 1;
    const size = waiting.length - ended > MAX_WORD ? waiting.length : ended;
    const text = waiting.slice(0, size);
    waiting = waiting.slice(size);
    if (text === '' || told > MAX_TEXT) return;
    told += text.length;
    toldAt = performance.now();
    tell({ kind: 'text', message, text: clean(text) });
  };
  const wait = () => {
    timer = setTimeout(() => {
      tellWords(++quiet > WORD_WAITS);
      if (waiting !== '') wait();
    }, joinMs);
  };
  const begin = (id: string) => {
    tellWords(true);
    message = id;
    whole = '';
  };
  return {
    add(id: string, text: string) {
      // Who names none says a new one after each tool.
      const name = (id || `part-${part}`).slice(0, 100);
      if (name !== message) begin(name);
      if (whole.length < MAX_ANSWER_BYTES) whole += text;
      waiting += told > MAX_TEXT ? '' : text;
      quiet = 0;
      if (waiting.length > MAX_PIECE) tellWords(true);
      // After a silence people see at once that it speaks.
      else if (performance.now() - toldAt >= joinMs) tellWords(false);
      if (waiting !== '' && timer === undefined) wait();
    },
    breakOff() {
      tellWords(true);
      part++;
    },
    flush: () => tellWords(true),
    last: () => whole,
  };
}

function createCalls({ clean, tell }: Telling) {
  const calls = new Map<string, Call & { status: Status }>();
  return {
    find: (id: string): Call | undefined => calls.get(id),
    update({ toolCallId, kind, title, status, rawInput }: ToolUpdate) {
      const before = calls.get(toolCallId);
      const call = {
        tool: kind ?? before?.tool ?? 'other',
        title: title === null || title === undefined ? (before?.title ?? '') : title,
        status: STATUS[status ?? ''] ?? before?.status ?? 'running',
        input: rawInput ?? before?.input,
      };
      calls.set(toolCallId, call);
      const isKnown =
        before && before.tool === call.tool && before.title === call.title && before.status === call.status;
      if (isKnown) return;
      const shown = { tool: call.tool.slice(0, 40), title: shortenTitle(clean(call.title), MAX_TITLE) };
      tell({ kind: 'tool', call: toolCallId.slice(0, 100), ...shown, status: call.status });
    },
  };
}

type ToolUpdate = Omit<Extract<SessionUpdate, { sessionUpdate: 'tool_call_update' }>, 'sessionUpdate'>;
type Status = Extract<TurnHappening, { kind: 'tool' }>['status'];

const STATUS: Record<string, Status> = {
  pending: 'running',
  in_progress: 'running',
  completed: 'done',
  failed: 'failed',
};

/** Its beginning and its end: what a command does may stand in either. */
export function shortenTitle(title: string, max: number): string {
  if (title.length <= max) return title;
  const half = Math.floor((max - 20) / 2);
  return `${title.slice(0, half)} …+${title.length - 2 * half}… ${title.slice(-half)}`;
}

export function cutBytes(text: string, max: number): string {
  const bytes = Buffer.from(text);
  return bytes.length <= max
    ? text
    : bytes
        .subarray(0, max)
        .toString('utf8')
        .replace(/\uFFFD+$/, '');
}
