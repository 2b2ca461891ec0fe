// What the bot tells a page as it comes: by events, or asked for again and again where none come through. Knows nothing of what is told.

export interface Listener {
  /** Listens until `stop`, while somebody looks. Repeatable. */
  start: () => void;
  stop: () => void;
}

interface ListenerOptions {
  /** Where to listen and to ask from now on. */
  address: () => string;
  /** The name of what is told. */
  event: string;
  /** False: it says nothing. */
  take: (text: string) => boolean;
  /** What else is told on the way, by its name. */
  beside?: Record<string, (text: string) => void>;
  /** It is told no more, and nobody listens on. Undefined: it is tried again. */
  onOver?: () => void;
}

/** A bot says something at once: silence means that something in between holds it back. */
const FIRST_MS = 5_000;
/** It beats every 15 s. */
const SILENCE_MS = 40_000;
const WATCH_MS = 1_000;
const POLL_MS = 3_000;
const SLOW_POLL_MS = 15_000;
/** What held events back may be gone by then. */
const STREAM_AGAIN_MS = 3 * 60_000;
const TIMEOUT_MS = 15_000;

interface Listening {
  source: EventSource | undefined;
  timer: ReturnType<typeof setTimeout> | undefined;
  isOver: boolean;
}

export function createListener(options: ListenerOptions): Listener {
  let wanted = false;
  let listening: Listening | undefined;
  const update = () => {
    const isDue = wanted && document.visibilityState === 'visible';
    if (isDue) listening ??= begin(mine);
    else if (listening) listening = silence(listening);
  };
  const want = (now: boolean) => () => {
    wanted = now;
    update();
  };
  const { onOver } = options;
  const end = () => {
    want(false)();
    onOver?.();
  };
  const mine: ListenerOptions = { ...options, ...(onOver && { onOver: end }) };
  document.addEventListener('visibilitychange', update);
  return { start: want(true), stop: want(false) };
}

export const ask = (url: string): Promise<Response> =>
  fetch(url, { headers: { accept: 'application/json' }, signal: AbortSignal.timeout(TIMEOUT_MS) });

function begin(options: ListenerOptions): Listening {
  const listening: Listening = { source: undefined, timer: undefined, isOver: false };
  listen(options, listening);
  return listening;
}

function listen(options: ListenerOptions, listening: Listening): void {
  const source = new EventSource(options.address());
  listening.source = source;
  let deadAt = Date.now() + FIRST_MS;
  const hear = () => (deadAt = Date.now() + SILENCE_MS);
  const giveUp = () => {
    source.close();
    clearTimeout(listening.timer);
    void poll(options, listening, Date.now() + STREAM_AGAIN_MS);
  };
  const watch = () => {
    if (Date.now() > deadAt) giveUp();
    else listening.timer = setTimeout(watch, WATCH_MS);
  };
  watch();
  source.addEventListener('beat', hear);
  source.addEventListener(options.event, (event) => {
    hear();
    options.take((event as MessageEvent<string>).data);
  });
  for (const [name, take] of Object.entries(options.beside ?? {}))
    source.addEventListener(name, (event) => {
      hear();
      take((event as MessageEvent<string>).data);
    });
  source.addEventListener('over', options.onOver ?? giveUp);
  // A break it mends by itself; a refusal it does not.
  source.addEventListener('error', () => source.readyState === EventSource.CLOSED && giveUp());
}

/** Goes on until it is silenced or may listen again, or until the bot answers that there is nothing to hear. */
async function poll(options: ListenerOptions, listening: Listening, streamAt: number): Promise<void> {
  const again = (ms: number) => {
    const next = () =>
      Date.now() < streamAt ? void poll(options, listening, streamAt) : listen(options, listening);
    if (!listening.isOver) listening.timer = setTimeout(next, ms);
  };
  try {
    const response = await ask(options.address());
    const text = await response.text();
    if (listening.isOver) return;
    if (response.ok && options.take(text)) return again(POLL_MS);
    // Any other answer is final; who asks for a ticket, as the page does now and then, hears what it means.
    const isPassing = response.status === 429 || response.status >= 500;
    if (isPassing || !options.onOver) again(SLOW_POLL_MS);
  } catch {
    again(SLOW_POLL_MS);
  }
}

function silence(listening: Listening): undefined {
  listening.isOver = true;
  listening.source?.close();
  clearTimeout(listening.timer);
}
