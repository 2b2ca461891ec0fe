// How the workspace stands while there is no terminal, as the bot tells it: by events, or asked for again and again where none
// come through. Knows no socket and no DOM.

export interface LiveState {
  name: string;
  look: string;
  /** There is a terminal to go to. */
  isOpen: boolean;
  title: string;
  /** Commands in it stand between backticks. */
  text: string;
  steps: { label: string; state: 'done' | 'doing' | 'todo' | 'failed' }[];
  /** The last lines that its making wrote. */
  log: string[];
  /** To copy into the chat, without the trigger. */
  command?: string;
  trigger?: string;
  /** `turn`: of the state that the button belongs to. */
  press?: { verb: string; label: string; turn?: number };
  /** Why the last press came to nothing. */
  refused?: string;
}

export interface Live {
  /** Listens until `stop`, while somebody looks. Repeatable. */
  start: () => void;
  stop: () => void;
  /** Says it to the bot once, however often it has to be sent. Resolves with what went wrong, or nothing. */
  press: (verb: string, turn: number | undefined) => Promise<string | undefined>;
}

export interface LiveEvents {
  onState: (state: LiveState) => void;
  /** It is told no more: who asks for a ticket hears why. */
  onOver: () => void;
}

/** A bot says something at once: silence means that something in between holds it back. */
const FIRST_MS = 5_000;
/** It beats every 15 s. */
const SILENCE_MS = 40_000;
const WATCH_MS = 1_000;
const POLL_MS = 3_000;
const SLOW_POLL_MS = 15_000;
const PRESS_TRIES = 4;
const TIMEOUT_MS = 15_000;

interface Listening {
  source: EventSource | undefined;
  polling: ReturnType<typeof setTimeout> | undefined;
  watching: ReturnType<typeof setInterval>;
  /** When to give it up, in ms since 1970. */
  deadAt: number;
}

export function createLive(workspace: string, events: LiveEvents): Live {
  const base = `/w/${encodeURIComponent(workspace)}`;
  let wanted = false;
  let listening: Listening | undefined;
  const update = () => {
    const isDue = wanted && document.visibilityState === 'visible';
    if (isDue) listening ??= listen(`${base}/events`, end);
    else if (listening) listening = silence(listening);
  };
  const end: LiveEvents = {
    onState: events.onState,
    onOver: () => {
      wanted = false;
      update();
      events.onOver();
    },
  };
  document.addEventListener('visibilitychange', update);
  const want = (now: boolean) => () => {
    wanted = now;
    update();
  };
  return {
    start: want(true),
    stop: want(false),
    press: (verb, turn) => press(`${base}/${verb}${turn === undefined ? '' : `?turn=${turn}`}`),
  };
}

function listen(url: string, events: LiveEvents): Listening {
  const source = new EventSource(url);
  const listening: Listening = {
    source,
    polling: undefined,
    watching: setInterval(() => Date.now() > listening.deadAt && poll(), WATCH_MS),
    deadAt: Date.now() + FIRST_MS,
  };
  const hear = () => (listening.deadAt = Date.now() + SILENCE_MS);
  const poll = () => {
    if (!listening.source) return;
    listening.source.close();
    listening.source = undefined;
    clearInterval(listening.watching);
    void ask(url, events, listening);
  };
  source.addEventListener('beat', hear);
  source.addEventListener('state', (event) => {
    hear();
    const state = readState((event as MessageEvent<string>).data);
    if (state) events.onState(state);
  });
  source.addEventListener('over', () => events.onOver());
  // A break it mends by itself; a refusal it does not.
  source.addEventListener('error', () => source.readyState === EventSource.CLOSED && poll());
  return listening;
}

/** Goes on by itself until it is silenced, or until the bot answers that there is nothing to hear. */
async function ask(url: string, events: LiveEvents, listening: Listening): Promise<void> {
  const isOver = () => listening.deadAt === 0;
  const again = (ms: number) => {
    listening.polling = setTimeout(() => void ask(url, events, listening), ms);
  };
  try {
    const response = await fetch(url, {
      headers: { accept: 'application/json' },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await response.text();
    if (isOver()) return;
    const state = response.ok ? readState(text) : undefined;
    if (state) events.onState(state);
    // Any other answer is final; who asks for a ticket, as the page does now and then, hears what it means.
    if (state || response.status === 429 || response.status >= 500) again(state ? POLL_MS : SLOW_POLL_MS);
  } catch {
    if (!isOver()) again(SLOW_POLL_MS);
  }
}

function silence(listening: Listening): undefined {
  listening.source?.close();
  listening.source = undefined;
  listening.deadAt = 0;
  clearInterval(listening.watching);
  clearTimeout(listening.polling);
}

function readState(text: string): LiveState | undefined {
  try {
    const state = JSON.parse(text) as LiveState | null;
    return typeof state?.title === 'string' && Array.isArray(state.steps) && Array.isArray(state.log)
      ? state
      : undefined;
  } catch {
    return undefined;
  }
}

async function press(url: string): Promise<string | undefined> {
  const key = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16)).join('');
  for (let left = PRESS_TRIES; left > 0; left--) {
    const answer = await send(url, key);
    if (answer.isFinal) return answer.message;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  return 'Sam does not answer. Try again in a moment.';
}

async function send(url: string, key: string): Promise<{ isFinal: boolean; message: string | undefined }> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'idempotency-key': key },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const body = (await response.json().catch(() => ({}))) as { message?: unknown };
    const said = typeof body.message === 'string' ? body.message : `It was refused (${response.status}).`;
    const message = response.ok ? undefined : said;
    return { isFinal: response.status < 500, message };
  } catch {
    return { isFinal: false, message: undefined };
  }
}
