// Server-sent events to whoever listens: told when something moved, asked again with every beat whether they still may. Knows no page
// and no table.
import type { ServerResponse } from 'node:http';
import { sendJson } from '../http/routes.ts';
import type { Source } from '../jobs/loop.ts';

/** `isOver`: they may hear nothing more, and what is said is the last of it. */
export interface Telling {
  text: string;
  isOver?: boolean;
  /** There is more to say, at once. */
  isMore?: boolean;
  /** Nobody can say just now whether they may hear it: it is told with a later beat. */
  isOwed?: boolean;
}

export interface Listening {
  /** What they listen to: as `readVersions` has it. */
  key: string;
  user: string;
  /** Whether they may hear nothing more, or nobody can say, asked with each beat; `tell` knows which. May reject where nobody can say. */
  isRefused(): Promise<boolean>;
  /** What is new since it was called last. */
  tell(): Promise<Telling>;
}

export interface Streams {
  /** Answers with a stream, or refuses where too many listen. */
  open(res: ServerResponse, listening: Listening): Promise<void>;
  /** For the loop of the chats, which comes by with every hint and every now and then. Takes nothing away from anybody. */
  source: Source;
  /** Ends all of them: whoever listened comes again. */
  end(): void;
}

export interface StreamsOptions {
  name: string;
  /** Of each key a text that changes with what is told of it. */
  readVersions: (keys: string[]) => Promise<Map<string, string>>;
  /** How often they hear that somebody is there; tests pass their own. */
  beatMs?: number | undefined;
  /** What is told changes with more than the versions say: it is looked at with each beat. */
  isToldWithBeats?: boolean;
  /** What a reader may leave unread, beside what is said at once. */
  maxUnreadBytes?: number;
}

interface Listener extends Listening {
  res: ServerResponse;
  maxUnreadBytes: number;
  version: string | undefined;
  /** How often there was something to tell it. */
  asked: number;
  isTelling: boolean;
  /** It has not read what was said, and there is more. */
  isFull: boolean;
  /** What there was could not be told. */
  isOwed: boolean;
}

const TOO_MANY = { error: 'too-many', message: 'Too many pages listen at once.' };
const MAX_OF_A_PERSON = 8;
const MAX = 2_000;
const BEAT_MS = 15_000;
/** Hints come in swarms: between two looks is so many times what the last one took, within these bounds. */
const REST_TIMES = 10;
const MIN_REST_MS = 40;
const MAX_REST_MS = 1_000;
const MAX_UNREAD_BYTES = 2 * 1024 * 1024;
const BEAT = 'event: beat\ndata:\n\n';

export function createStreams(options: StreamsOptions): Streams {
  const { beatMs = BEAT_MS, isToldWithBeats = false, maxUnreadBytes = MAX_UNREAD_BYTES } = options;
  const listeners = new Set<Listener>();
  const beatAll = () => Promise.all([...listeners].map((one) => beat(one, isToldWithBeats)));
  const beating = setInterval(() => void beatAll(), beatMs);
  beating.unref();
  return {
    async open(res, listening) {
      // Nothing says any more that it closes.
      if (res.destroyed) return;
      const mine = [...listeners].filter(({ user }) => user === listening.user).length;
      if (mine >= MAX_OF_A_PERSON || listeners.size >= MAX)
        return sendJson(res, 429, TOO_MANY, { 'retry-after': '15' });
      res.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'x-accel-buffering': 'no',
      });
      const state = { version: undefined, asked: 0, isTelling: false, isFull: false, isOwed: false };
      const listener: Listener = { ...listening, ...state, res, maxUnreadBytes };
      listeners.add(listener);
      res.on('close', () => listeners.delete(listener));
      // Something at once, so that whoever is behind a proxy that holds everything back notices.
      send(listener, BEAT);
      await tell(listener);
    },
    source: createSource(options, listeners),
    end() {
      clearInterval(beating);
      for (const { res } of listeners) res.end();
    },
  };
}

function createSource(
  { name, readVersions }: Pick<StreamsOptions, 'name' | 'readVersions'>,
  listeners: Set<Listener>,
): Source {
  let nextLook = 0;
  const restMs = (): number => nextLook - performance.now();
  return {
    name,
    dueInMs: () => Promise.resolve(listeners.size > 0 && restMs() > 0 ? restMs() : undefined),
    async take() {
      if (listeners.size === 0 || restMs() > 0) return undefined;
      const startedAt = performance.now();
      // Also where the look fails.
      nextLook = startedAt + MIN_REST_MS;
      const versions = await readVersions([...new Set([...listeners].map(({ key }) => key))]);
      const tookMs = performance.now() - startedAt;
      nextLook += Math.min(Math.max(0, REST_TIMES * tookMs - MIN_REST_MS), MAX_REST_MS);
      const moved = [...listeners].filter((one) => one.version !== versions.get(one.key));
      if (moved.length === 0) return undefined;
      for (const one of moved) one.version = versions.get(one.key);
      return async () => void (await Promise.all(moved.map(tell)));
    },
  };
}

/** What changes while it is read is read again, and never said before what is older. */
async function tell(listener: Listener): Promise<void> {
  listener.asked += 1;
  if (listener.isTelling || listener.isFull) return;
  listener.isTelling = true;
  try {
    for (let seen = 0; seen !== listener.asked && !listener.isFull && !isOver(listener);) {
      seen = listener.asked;
      const { text, isOver: isLast, isMore, isOwed = false } = await listener.tell();
      listener.isOwed = isOwed;
      if (text) send(listener, text);
      if (isMore) goOn(listener);
      if (isLast && !isOver(listener)) listener.res.end('event: over\ndata:\n\n');
    }
  } catch (error) {
    listener.isOwed = true;
    throw error;
  } finally {
    listener.isTelling = false;
  }
}

/** At once where there is room, or else when what was said is read: meanwhile nobody waits for it. */
function goOn(listener: Listener): void {
  const { res } = listener;
  listener.asked += 1;
  if (!res.writableNeedDrain) return;
  listener.isFull = true;
  res.once('drain', () => {
    listener.isFull = false;
    void tell(listener).catch(() => undefined);
  });
}

const isOver = ({ res }: Listener): boolean => res.writableEnded || res.destroyed;

/** A right that was taken back ends what it began; that nobody can say does not. */
async function beat(listener: Listener, isToldWithBeats: boolean): Promise<void> {
  const isRefused = await listener.isRefused().catch(() => undefined);
  if (isOver(listener)) return;
  // Whoever reads nothing is told nothing, not even that.
  if (isRefused === true && listener.isFull) return void listener.res.destroy();
  // What is owed stays so until somebody can say again.
  if (isRefused === true || (isRefused === false && (listener.isOwed || isToldWithBeats)))
    await tell(listener).catch(() => undefined);
  send(listener, BEAT);
}

function send(listener: Listener, text: string): void {
  const { res, maxUnreadBytes } = listener;
  if (isOver(listener)) return;
  if (res.writableLength > maxUnreadBytes) res.destroy();
  else res.write(text);
}
