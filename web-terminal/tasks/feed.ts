// What coding agents do in the workspace, as the bot tells it: by events that go on where they broke off, or asked for again and again
// where none come through; and what is said to the bot. Knows no DOM.

export interface Turn {
  task: string;
  turn: number;
  /** In the order in which they were asked. */
  order: number;
  by: string;
  /** Of what was said on a page: its key. */
  key?: string;
  prompt: string;
  state: 'queued' | 'running' | 'asking' | 'done' | 'failed' | 'cancelled';
  isEnding: boolean;
  /** ISO 8601. */
  at: string;
  plan: { label: string; state: string }[];
  questions: { request: string; number: number; title: string }[];
  decisions: { request: string; decision: string; by: string }[];
  answer: string;
  /** Commands in it stand between backticks. */
  failure?: string;
  changes?: { text: string; files: { path: string; added: number; removed: number }[] };
  cost?: string;
  elapsedMs?: number;
}

export type Happening =
  | { kind: 'text'; message: string; text: string }
  | { kind: 'tool'; call: string; tool: string; title: string; status: string }
  | { kind: 'question'; request: string; tool: string; title: string }
  | { kind: 'decided'; request: string; decision: string };

export interface Told {
  id: string;
  /** It does not go on with what was told before. */
  isNew: boolean;
  isShown: boolean;
  /** Why nothing can be asked now. */
  why?: string;
  refused?: { key: string; text: string };
  /** Those that changed. */
  turns: Turn[];
  happened: { task: string; turn: number; seq: number; event: Happening }[];
  hasOlder: boolean;
  isMore?: boolean;
}

export interface Feed {
  /** Listens until `stop`, while somebody looks. Repeatable. */
  start: () => void;
  stop: () => void;
  /** Says it to the bot once, however often it has to be sent. Resolves with what went wrong, or nothing. */
  say: (verb: string, body: object, key?: string) => Promise<string | undefined>;
  /** What was asked before that one. Undefined: it could not be had. */
  readBefore: (order: number) => Promise<Told | undefined>;
}

/** A bot says something at once: silence means that something in between holds it back. */
const FIRST_MS = 5_000;
/** It beats every 15 s. */
const SILENCE_MS = 40_000;
const WATCH_MS = 1_000;
const POLL_MS = 3_000;
const AGAIN_MS = 15_000;
const TIMEOUT_MS = 15_000;
const TRIES = 4;

interface State {
  wanted: boolean;
  source: EventSource | undefined;
  timer: ReturnType<typeof setTimeout> | undefined;
  /** When to give the stream up, in ms since 1970. */
  deadAt: number;
  /** Events are held back on their way. */
  isHeldBack: boolean;
  lastId: string;
}

export function createFeed(workspace: string, onTold: (told: Told) => void): Feed {
  const url = `/w/${encodeURIComponent(workspace)}/tasks`;
  const state: State = {
    wanted: false,
    source: undefined,
    timer: undefined,
    deadAt: 0,
    isHeldBack: false,
    lastId: '',
  };
  const take = (text: string): boolean => {
    const told = readTold(text);
    if (!told) return false;
    state.lastId = told.id;
    onTold(told);
    return true;
  };
  const update = () => {
    silence(state);
    if (!state.wanted || document.visibilityState !== 'visible') return;
    if (state.isHeldBack) void poll(url, state, take);
    else listen(url, state, take, update);
  };
  document.addEventListener('visibilitychange', update);
  const want = (now: boolean) => () => {
    if (state.wanted === now) return;
    state.wanted = now;
    update();
  };
  return {
    start: want(true),
    stop: want(false),
    say: (verb, body, key = newKey()) => say(`${url}/${verb}`, body, key),
    readBefore: async (order) => {
      try {
        const response = await ask(`${url}?before=${order}`);
        return response.ok ? readTold(await response.text()) : undefined;
      } catch {
        return undefined;
      }
    },
  };
}

export const newKey = (): string =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');

const ask = (url: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, {
    headers: { accept: 'application/json', ...headers },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });

function listen(url: string, state: State, take: (text: string) => boolean, update: () => void): void {
  const source = new EventSource(state.lastId ? `${url}?since=${state.lastId}` : url);
  state.source = source;
  state.deadAt = Date.now() + FIRST_MS;
  const hear = () => (state.deadAt = Date.now() + SILENCE_MS);
  const later = (ms: number) => {
    silence(state);
    state.timer = setTimeout(update, ms);
  };
  const watch = () => {
    state.isHeldBack = Date.now() > state.deadAt;
    if (state.isHeldBack) update();
    else state.timer = setTimeout(watch, WATCH_MS);
  };
  state.timer = setTimeout(watch, WATCH_MS);
  source.addEventListener('beat', hear);
  source.addEventListener('tasks', (event) => {
    hear();
    take((event as MessageEvent<string>).data);
  });
  source.addEventListener('over', () => later(AGAIN_MS));
  // A break it mends by itself; a refusal it does not.
  source.addEventListener('error', () => source.readyState === EventSource.CLOSED && later(AGAIN_MS));
}

async function poll(url: string, state: State, take: (text: string) => boolean): Promise<void> {
  const mine = setTimeout(() => undefined, 0);
  state.timer = mine;
  let ms = AGAIN_MS;
  try {
    const response = await ask(url, state.lastId ? { 'last-event-id': state.lastId } : {});
    const text = await response.text();
    if (state.timer === mine && response.ok && take(text)) ms = POLL_MS;
  } catch {
    // Later, then.
  }
  if (state.timer === mine) state.timer = setTimeout(() => void poll(url, state, take), ms);
}

function silence(state: State): void {
  state.source?.close();
  state.source = undefined;
  clearTimeout(state.timer);
  state.timer = undefined;
}

function readTold(text: string): Told | undefined {
  try {
    const told = JSON.parse(text) as Told | null;
    return Array.isArray(told?.turns) && Array.isArray(told.happened) ? told : undefined;
  } catch {
    return undefined;
  }
}

async function say(url: string, body: object, key: string): Promise<string | undefined> {
  for (let left = TRIES; left > 0; left--) {
    const answer = await send(url, body, key);
    if (answer.isFinal) return answer.message;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  return 'Sam does not answer. Try again in a moment.';
}

async function send(
  url: string,
  body: object,
  key: string,
): Promise<{ isFinal: boolean; message: string | undefined }> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'idempotency-key': key, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const answer = (await response.json().catch(() => ({}))) as { message?: unknown };
    const said = typeof answer.message === 'string' ? answer.message : `It was refused (${response.status}).`;
    return { isFinal: response.status < 500, message: response.ok ? undefined : said };
  } catch {
    return { isFinal: false, message: undefined };
  }
}
