// What the bot has still to hear: which workspaces changed, log lines until it has stored them, how busy the node is. Knows no
// socket.
import { randomBytes } from 'node:crypto';
import { cpus, freemem, totalmem } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { Send } from './connection.ts';
import { redact } from '../redact.ts';
import {
  AGENT_PROTOCOL_VERSION,
  type AgentMessage,
  type Load,
  type LogLine,
  type WorkspaceReport,
} from '../protocol.ts';

const COALESCE_MS = 100;
const SETTLE_LOOK_MS = 20;
const LOAD_EVERY_MS = 30_000;
const LOAD_WINDOW_MS = 60_000;
const MAX_LINES = 2_000;
const MAX_BATCH_LINES = 200;
const MAX_LINE_CHARACTERS = 2_000;
const MAX_ENDS = 20;
const NEWS_MS = 10 * 60_000;

export interface Outbox {
  /** A connection is open: everything is said again. */
  open: (send: Send) => void;
  close: () => void;
  /** This workspace has news; they go out soon, together with other news. */
  changed: (workspace: string) => void;
  log: (workspace: string, step: string, text: string) => void;
  /** A command that took long has ended. News for a while: without a connection some of it is kept, and said once. */
  commandEnded: (workspace: string, end: { ms: number; code?: number }) => void;
  /** The bot has stored the lines up to this id. */
  logged: (id: number) => void;
  /** Resolves when the bot has stored every line, or after `withinMs`: for last words. */
  settle: (withinMs: number) => Promise<void>;
}

type CommandEnded = Extract<AgentMessage, { type: 'command-ended' }>;

export interface OutboxOptions {
  version: string;
  terminalPort: () => number | undefined;
  reports: () => WorkspaceReport[];
  now?: () => number;
}

interface Batch {
  id: number;
  lines: LogLine[];
}

export function createOutbox(options: OutboxOptions): Outbox {
  const { reports, now = Date.now } = options;
  const changed = new Set<string>();
  const lines = createLines(now);
  const measureLoad = createLoadMeter();
  const ends = createEnds(now);
  let send: Send | undefined;
  let timer: NodeJS.Timeout | undefined;
  let flushedAt = -Infinity;
  let loadTimer: NodeJS.Timeout | undefined;

  const flush = () => {
    timer = undefined;
    flushedAt = performance.now();
    if (send === undefined) return;
    const workspaces = reports().filter((report) => changed.has(report.id));
    changed.clear();
    if (workspaces.length > 0) send({ type: 'report', now: now(), workspaces });
    for (const batch of lines.takeNew()) send({ type: 'log', ...batch });
  };
  const flushSoon = () => {
    if (send === undefined) return;
    // The first news goes at once, together with what else this moment brings; the next ones wait a little.
    timer ??= setTimeout(flush, Math.max(0, flushedAt + COALESCE_MS - performance.now()));
  };
  return {
    open(to) {
      send = to;
      changed.clear();
      send(sayHello(options, now()));
      lines.sendAgain();
      flush();
      for (const end of ends.take()) send(end);
      const sendLoad = () => to({ type: 'report', now: now(), workspaces: [], load: measureLoad() });
      sendLoad();
      loadTimer = setInterval(sendLoad, LOAD_EVERY_MS);
    },
    close() {
      send = undefined;
      clearTimeout(timer);
      clearInterval(loadTimer);
      timer = undefined;
    },
    changed(workspace) {
      changed.add(workspace);
      flushSoon();
    },
    log(workspace, step, text) {
      lines.add({ workspace, at: now(), step, text: redact(text).slice(0, MAX_LINE_CHARACTERS) });
      flushSoon();
    },
    commandEnded(workspace, end) {
      ends.add(workspace, end);
      if (send) for (const one of ends.take()) send(one);
    },
    logged: (id) => lines.forget(id),
    async settle(withinMs) {
      const startedAt = performance.now();
      while (!lines.isEmpty() && performance.now() - startedAt < withinMs) await delay(SETTLE_LOOK_MS);
    },
  };
}

/** Those that nobody could be told of yet, as far as they are news. */
function createEnds(now: () => number) {
  let kept: { at: number; end: CommandEnded }[] = [];
  return {
    add(workspace: string, end: { ms: number; code?: number }) {
      const id = randomBytes(12).toString('base64url');
      kept = [...kept, { at: now(), end: { type: 'command-ended', workspace, id, ...end } as const }].slice(
        -MAX_ENDS,
      );
    },
    take(): CommandEnded[] {
      const news = kept.filter(({ at }) => now() - at < NEWS_MS);
      kept = [];
      return news.map(({ end }) => end);
    },
  };
}

function sayHello({ version, terminalPort, reports }: OutboxOptions, now: number) {
  const port = terminalPort();
  return {
    type: 'hello' as const,
    protocol: AGENT_PROTOCOL_VERSION,
    version,
    now,
    ...(port !== undefined && { terminalPort: port }),
    workspaces: reports(),
  };
}

/** Lines in numbered batches. A batch never changes once it was sent, so a second copy can be recognised. */
function createLines(now: () => number) {
  let fresh: LogLine[] = [];
  let kept: Batch[] = [];
  let sentId = 0;
  let lastId = 0;
  // The clock as a floor: ids go on rising after a restart of the agent.
  const nextId = () => (lastId = Math.max(lastId + 1, now()));
  return {
    add(line: LogLine) {
      fresh.push(line);
      const count = kept.reduce((sum, batch) => sum + batch.lines.length, fresh.length);
      if (count <= MAX_LINES) return;
      if (kept.length > 0) kept.shift();
      else fresh.shift();
    },
    takeNew(): Batch[] {
      for (; fresh.length > 0; fresh = fresh.slice(MAX_BATCH_LINES)) {
        kept.push({ id: nextId(), lines: fresh.slice(0, MAX_BATCH_LINES) });
      }
      const unsent = kept.filter((batch) => batch.id > sentId);
      sentId = lastId;
      return unsent;
    },
    sendAgain() {
      sentId = 0;
    },
    isEmpty: () => fresh.length + kept.length === 0,
    forget(id: number) {
      kept = kept.filter((batch) => batch.id > id);
    },
  };
}

/** Of all cores together since the system started, in any unit. */
export interface Times {
  busy: number;
  all: number;
}

interface Sample extends Times {
  at: number;
}

/** Each call looks back to the call that is nearest to a minute ago; the first one to the start of the system. */
export function createLoadMeter(read: () => Times = readTimes, now = () => performance.now()): () => Load {
  let samples: Sample[] = [{ at: now(), busy: 0, all: 0 }];
  return () => {
    const sample = { ...read(), at: now() };
    // The newest that is old enough stays, and all after it.
    const start = samples.findLastIndex(({ at }) => sample.at - at >= LOAD_WINDOW_MS);
    samples = [...samples.slice(Math.max(0, start)), sample];
    const [first = sample] = samples;
    const all = sample.all - first.all;
    const cpu = all > 0 ? (sample.busy - first.busy) / all : 0;
    return { cpu: Math.min(1, Math.max(0, cpu)), memory: 1 - freemem() / totalmem() };
  };
}

function readTimes(): Times {
  const sum: Times = { busy: 0, all: 0 };
  for (const { times } of cpus()) {
    const all = Object.values(times).reduce((total, time) => total + time, 0);
    sum.all += all;
    sum.busy += all - times.idle;
  }
  return sum;
}
