// What the agent remembers of tasks over its own restart: which turns were begun and ended, the conversation, and every event that
// the bot has not stored yet. Lines are added, and are on the disk before anybody hears of them. Knows no coding agent.
import { mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describeError, type Log } from '../log.ts';
import type { TaskEvent, TurnHappening } from '../protocol.ts';
import { writeText } from '../system/files.ts';

/** Of one task. */
export interface TaskMemory {
  workspace: string;
  task: string;
  /** Of the last event. */
  seq: number;
  /** The last one that was begun, and whether it has not ended. */
  turn: number;
  isOpen: boolean;
  /** The coding agent's name for the conversation. */
  session?: string | undefined;
  /** What was allowed for the rest of the task. */
  always: string[];
}

export interface Journal {
  memory: () => Readonly<TaskMemory>;
  /** Numbers the event, and writes it soon. */
  note: (turn: number, event: TurnHappening) => void;
  remember: (change: { session: string } | { always: string[] }) => void;
  /** Those that are on the disk, and not known to be in the database. */
  unstored: () => TaskEvent[];
  stored: (seq: number) => void;
  /** Resolves when nothing waits to be written; not while the disk takes nothing. */
  settle: () => Promise<void>;
}

export interface Journals {
  /** Makes it, if there is none. */
  of: (workspace: string, task: string) => Journal;
  find: (task: string) => Journal | undefined;
  all: () => Journal[];
  /** The task's workspace is gone: nothing of it is kept but what the bot has still to hear. */
  retire: (workspace: string) => void;
}

export interface JournalsOptions {
  /** Beside the workspaces, the agent's own. */
  dir: string;
  /** These are on the disk now. */
  onWritten: (events: TaskEvent[]) => void;
  log: Log;
  now?: () => number;
}

const FOLDER = 'tasks';
const SUFFIX = '.jsonl';
/** A disk that was full is not tried again at once. */
const RETRY_MS = 2_000;
/** What was stored stays in the file until there is so much of it. */
const MAX_LINES = 500;

type Line =
  | { head: TaskMemory }
  | { event: TaskEvent }
  | { stored: number }
  | { session: string }
  | { always: string[] };

/** Reads back all of them. What cannot be read is left out. */
export async function openJournals(options: JournalsOptions): Promise<Journals> {
  const folder = join(options.dir, FOLDER);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const journals = new Map<string, ReturnType<typeof createJournal>>();
  const add = (kept: Kept) => {
    const path = join(folder, `${kept.memory.task}${SUFFIX}`);
    const journal = createJournal(path, kept, options, () => journals.delete(kept.memory.task));
    journals.set(kept.memory.task, journal);
    return journal;
  };
  for (const name of await readdir(folder)) {
    if (!name.endsWith(SUFFIX)) await rm(join(folder, name), { force: true });
    else {
      const kept = await readKept(join(folder, name)).catch(() => undefined);
      if (kept) add(kept);
      else options.log.error('what was kept of a task cannot be read', { task: name });
    }
  }
  return {
    of: (workspace, task) =>
      journals.get(task) ??
      add({
        memory: { workspace, task, seq: 0, turn: 0, isOpen: false, always: [] },
        events: [],
        lines: Infinity,
      }),
    find: (task) => journals.get(task),
    all: () => [...journals.values()],
    retire(workspace) {
      for (const one of journals.values()) if (one.memory().workspace === workspace) one.retire();
    },
  };
}

interface Kept {
  memory: TaskMemory;
  events: TaskEvent[];
  /** In the file. More than may be: it is written anew. */
  lines: number;
}

async function readKept(path: string): Promise<Kept | undefined> {
  const text = await readFile(path, 'utf8');
  let kept: Kept | undefined;
  for (const one of text.split('\n')) {
    // The last of them may have been cut off: nobody has heard of it.
    const line = parseLine(one);
    if (line && 'head' in line) kept = { memory: line.head, events: [], lines: 0 };
    else if (line && kept) take(kept, line);
  }
  if (kept) kept.lines = text.endsWith('\n') ? text.split('\n').length : Infinity;
  return kept;
}

function parseLine(text: string): Line | undefined {
  try {
    return text === '' ? undefined : (JSON.parse(text) as Line);
  } catch {
    return undefined;
  }
}

/** The one place where a line becomes what is remembered. */
function take({ memory, events }: Kept, line: Exclude<Line, { head: TaskMemory }>): void {
  if ('session' in line) memory.session = line.session;
  if ('always' in line) memory.always = line.always;
  if ('stored' in line) events.splice(0, events.findLastIndex(({ seq }) => seq <= line.stored) + 1);
  if (!('event' in line) || line.event.seq <= memory.seq) return;
  const { event, seq, turn } = line.event;
  memory.seq = seq;
  memory.turn = turn;
  memory.isOpen = event.kind !== 'ended';
  events.push(line.event);
}

function createJournal(
  path: string,
  kept: Kept,
  options: JournalsOptions,
  onOver: () => void,
): Journal & { retire: () => void } {
  const { memory, events } = kept;
  const { now = Date.now } = options;
  const writer = createWriter(path, kept, options, onOver);
  const add = (line: Exclude<Line, { head: TaskMemory }>) => {
    take(kept, line);
    // What was said is not kept for longer than it has to be.
    if ('stored' in line && events.length === 0 && !memory.isOpen) kept.lines = Infinity;
    writer.add(line);
  };
  return {
    memory: () => memory,
    note: (turn, event) =>
      add({
        event: {
          workspace: memory.workspace,
          task: memory.task,
          turn,
          seq: memory.seq + 1,
          at: now(),
          event,
        },
      }),
    remember: add,
    unstored: () => events.filter(({ seq }) => seq <= writer.written()),
    stored: (seq) => add({ stored: Math.min(seq, writer.written()) }),
    settle: writer.settle,
    retire: writer.retire,
  };
}

/** Adds lines to the file, one writing at a time, with all that has come meanwhile. */
function createWriter(path: string, kept: Kept, { onWritten, log }: JournalsOptions, onOver: () => void) {
  const { memory, events } = kept;
  let pending: Line[] = [];
  let written = memory.seq;
  let writing: Promise<void> | undefined;
  let isRetired = false;
  let isBlocked = false;
  const isOver = () => isRetired && events.length === 0;
  const writeOnce = async () => {
    // A copy: others are added meanwhile, which are not on the disk with these.
    const lines = [...pending];
    if (kept.lines + lines.length > MAX_LINES) kept.lines = await writeAnew(path, kept);
    else kept.lines += await addLines(path, lines);
    pending = pending.slice(lines.length);
    const fresh = lines.flatMap((line) => ('event' in line ? [line.event] : []));
    written = fresh.at(-1)?.seq ?? written;
    if (fresh.length > 0) onWritten(fresh);
  };
  const write = async () => {
    try {
      while (pending.length > 0 && !isOver()) await writeOnce();
      if (!isOver()) return;
      pending = [];
      await rm(path, { force: true });
      onOver();
    } catch (error) {
      log.error('a task cannot be written down', { task: memory.task, error: describeError(error) });
      // Half a line may be there.
      kept.lines = Infinity;
      isBlocked = true;
      setTimeout(() => {
        isBlocked = false;
        wake();
      }, RETRY_MS).unref();
    }
  };
  const wake = (): void => {
    if (isBlocked) return;
    writing ??= write().finally(() => {
      writing = undefined;
      if (pending.length > 0) wake();
    });
  };
  return {
    add(line: Line) {
      pending.push(line);
      wake();
    },
    written: () => written,
    settle: async (): Promise<void> => {
      while (writing) await writing;
    },
    retire: (): void => {
      isRetired = true;
      wake();
    },
  };
}

async function addLines(path: string, lines: Line[]): Promise<number> {
  const file = await open(path, 'a', 0o600);
  try {
    await file.appendFile(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    await file.sync();
  } finally {
    await file.close();
  }
  return lines.length;
}

/** Its folder is there. */
async function writeAnew(path: string, { memory, events }: Kept): Promise<number> {
  // As it was before the first of these, which are read back one after the other.
  const first = events[0];
  const head = first ? { ...memory, seq: first.seq - 1 } : memory;
  const lines: Line[] = [{ head }, ...events.map((event) => ({ event }))];
  await writeText(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return lines.length;
}
