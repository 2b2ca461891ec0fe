// The tasks of this node: which turns are to be worked on, one at a time in a workspace, what is to be pushed between two of them, and
// what of it all the bot has still to hear.
// Knows no socket and no connection to a coding agent.
import type { Send } from '../bot-link/connection.ts';
import { describeError, type Log } from '../log.ts';
import { pushWork } from '../git/pushing.ts';
import type { CodingAgent, DesiredPush, DesiredTurn, PushResult, TaskEvent } from '../protocol.ts';
import { CODING_AGENT_KINDS, type CodingAgentKind } from './agents.ts';
import { createCoder, type Coder, type CodingPlace } from './coder.ts';
import { openJournals, type Journals } from './journal.ts';
import type { CodingPrograms } from './programs.ts';
import { markOfRun, startRun } from './run.ts';
import { startTurn, type Times, type Turn } from './turn.ts';

export interface Tasks {
  /** The bot wants these; what is not named is left alone. Repeatable. */
  want: (turns: DesiredTurn[], pushes?: DesiredPush[]) => void;
  stored: (task: string, seq: number) => void;
  /** A connection is open: what the bot may not have is said again. */
  open: (send: Send) => void;
  close: () => void;
  /** Something is otherwise with this workspace. */
  look: (workspace: string) => void;
  /** Whether a turn is being worked on. */
  isWorking: () => boolean;
  /** Ends what is at work. */
  end: () => Promise<void>;
}

/** How a workspace stands for coding agents. */
export type Standing = CodingPlace | 'waiting' | 'gone';

export interface TasksOptions {
  /** The agent's own. */
  dir: string;
  find: (workspace: string) => Standing;
  programs: CodingPrograms;
  /** A turn is worked on in it, at this time. */
  onActivity: (workspace: string, at: number) => void;
  log: Log;
  kinds?: Partial<Record<CodingAgent, CodingAgentKind>>;
  /** For tests. */
  times?: Partial<Times>;
}

const TIMES: Times = {
  initializeMs: 60_000,
  idleMs: 10 * 60_000,
  answerMs: 10 * 60_000,
  graceMs: 5_000,
  joinMs: 250,
  minuteMs: 60_000,
};
const ACTIVITY_EVERY_MS = 30_000;
const MAX_BATCH = 50;

interface Table extends Required<TasksOptions> {
  times: Times;
  journals: Journals;
  /** Not begun, in the order in which they came. */
  waiting: Map<string, DesiredTurn>;
  working: Map<string, { key: string; turn: Turn }>;
  coders: Map<string, Coder>;
  /** Asked for and not begun, by workspace; one that is under way; and what came of the last one. */
  pushes: Map<string, { push: DesiredPush; hasRun: boolean }>;
  pushing: Map<string, { id: string; stop: AbortController; ended: Promise<void> }>;
  pushed: Map<string, { id: string; result: PushResult }>;
  tellPushed: (workspace: string) => void;
  /** Command lines that an earlier life of this program may have left running, by workspace. */
  left: Map<string, string[]>;
  isEnding: boolean;
}

/** Turns that an earlier life of this program left in the middle have ended, as interrupted. */
export async function openTasks(options: TasksOptions): Promise<Tasks> {
  let send: Send | undefined;
  const say = (events: TaskEvent[]) => {
    for (let at = 0; at < events.length; at += MAX_BATCH)
      send?.({ type: 'task-events', events: events.slice(at, at + MAX_BATCH) });
  };
  const journals = await openJournals({ dir: options.dir, onWritten: say, log: options.log });
  const table: Table = {
    kinds: CODING_AGENT_KINDS,
    ...options,
    times: { ...TIMES, ...options.times },
    journals,
    waiting: new Map(),
    working: new Map(),
    coders: new Map(),
    pushes: new Map(),
    pushing: new Map(),
    pushed: new Map(),
    tellPushed(workspace) {
      const known = table.pushed.get(workspace);
      if (known) send?.({ type: 'pushed', workspace, ...known });
    },
    left: new Map(),
    isEnding: false,
  };
  for (const journal of journals.all()) {
    const { isOpen, turn, workspace, task } = journal.memory();
    if (!isOpen) continue;
    journal.note(turn, { kind: 'ended', outcome: 'failed', failure: { code: 'interrupted' }, answer: '' });
    const left = table.left.get(workspace) ?? [];
    table.left.set(workspace, [...left, markOfRun({ task, turn })]);
  }
  return {
    want(turns, pushes = []) {
      want(table, turns);
      for (const push of pushes) wantPush(table, push);
    },
    stored: (task, seq) => journals.find(task)?.stored(seq),
    open(to) {
      send = to;
      for (const journal of journals.all()) say(journal.unstored());
    },
    close: () => void (send = undefined),
    look: (workspace) => look(table, workspace),
    isWorking: () => table.working.size + table.pushing.size > 0,
    async end() {
      table.isEnding = true;
      const all = [...table.working.values()].map(({ turn }) => turn);
      for (const turn of all) turn.interrupt();
      for (const { stop } of table.pushing.values()) stop.abort();
      await Promise.all([...all, ...table.pushing.values()].map(({ ended }) => ended));
      await Promise.all([...table.coders.values()].map((coder) => coder.end()));
      await Promise.all(journals.all().map((journal) => journal.settle()));
    },
  };
}

const keyOf = ({ task, turn }: DesiredTurn): string => `${task}/${turn}`;

function want(table: Table, turns: DesiredTurn[]): void {
  const { journals, waiting, working } = table;
  for (const desired of turns) {
    const key = keyOf(desired);
    const now = working.get(desired.workspace);
    if (now?.key === key) now.turn.change(desired);
    else if (desired.turn > (journals.find(desired.task)?.memory().turn ?? 0)) waiting.set(key, desired);
  }
  for (const workspace of new Set(turns.map((one) => one.workspace))) look(table, workspace);
}

function look(table: Table, workspace: string): void {
  const { working, find, waiting, journals, coders, pushes, pushing } = table;
  if (table.isEnding) return;
  const standing = find(workspace);
  keepPush(table, workspace, standing);
  const under = pushing.get(workspace);
  if (under) {
    if (typeof standing === 'string') under.stop.abort();
    return;
  }
  const now = working.get(workspace);
  if (now) {
    if (typeof standing === 'string') now.turn.interrupt();
    return;
  }
  if (standing === 'gone') {
    journals.retire(workspace);
    coders.delete(workspace);
    pushes.delete(workspace);
    table.pushed.delete(workspace);
    for (const [key, desired] of waiting) if (desired.workspace === workspace) waiting.delete(key);
    return;
  }
  if (standing !== 'waiting') endLeft(table, workspace, standing);
  const push = pushes.get(workspace);
  if (push && typeof standing !== 'string') return beginPush(table, push.push, standing);
  const desired = findNext(table, workspace);
  if (!desired) return;
  if (desired.desired === 'cancelled') {
    waiting.delete(keyOf(desired));
    journals
      .of(workspace, desired.task)
      .note(desired.turn, { kind: 'ended', outcome: 'cancelled', answer: '' });
    look(table, workspace);
  } else if (standing !== 'waiting') begin(table, desired, standing);
}

/** Nobody hears them any more, and they have failed. */
function endLeft({ left, log }: Table, workspace: string, { endCommand }: CodingPlace): void {
  const marks = left.get(workspace) ?? [];
  left.delete(workspace);
  for (const mark of marks)
    endCommand(mark).catch((error: unknown) =>
      log.error('a command could not be ended', { error: describeError(error) }),
    );
}

/** The one that came first; of its task the one that is first. */
function findNext({ waiting }: Table, workspace: string): DesiredTurn | undefined {
  const all = [...waiting.values()].filter((one) => one.workspace === workspace);
  const task = all[0]?.task;
  return all.filter((one) => one.task === task).toSorted((a, b) => a.turn - b.turn)[0];
}

function begin(table: Table, desired: DesiredTurn, place: CodingPlace): void {
  const { waiting, working, onActivity } = table;
  const { workspace } = desired;
  waiting.delete(keyOf(desired));
  const turn = desired.agent === 'shell' ? beginRun(table, desired, place) : beginTurn(table, desired, place);
  working.set(workspace, { key: keyOf(desired), turn });
  const note = () => onActivity(workspace, Date.now());
  note();
  const noting = setInterval(note, ACTIVITY_EVERY_MS).unref();
  void turn.ended.finally(() => {
    clearInterval(noting);
    note();
    working.delete(workspace);
    look(table, workspace);
  });
}

/** What was asked of a workspace that ran goes with its end: whoever still wants it then asks again. */
function keepPush({ pushes }: Table, workspace: string, standing: Standing): void {
  const waiting = pushes.get(workspace);
  if (waiting?.hasRun === true && standing === 'waiting') pushes.delete(workspace);
  if (waiting && typeof standing !== 'string') waiting.hasRun = true;
}

/** One that was asked for again is answered again. */
function wantPush(table: Table, push: DesiredPush): void {
  const { workspace, id } = push;
  if (table.pushed.get(workspace)?.id === id) return table.tellPushed(workspace);
  if (table.pushing.get(workspace)?.id === id) return;
  table.pushes.set(workspace, { push, hasRun: false });
  look(table, workspace);
}

function beginPush(table: Table, push: DesiredPush, { git, dir }: CodingPlace): void {
  const { pushes, pushing, pushed, kinds, log } = table;
  const { workspace, id, agent, ...wanted } = push;
  pushes.delete(workspace);
  const stop = new AbortController();
  const coAuthor = agent && (kinds[agent] as CodingAgentKind | undefined)?.author;
  const work = async () => {
    const signal = AbortSignal.any([stop.signal, ...(git.signal ? [git.signal] : [])]);
    const result = await pushWork({ ...wanted, git: { ...git, signal }, checkout: dir, coAuthor });
    pushed.set(workspace, { id, result });
    table.tellPushed(workspace);
  };
  const ended = work()
    // The workspace stops, or this program does: whoever waits for it learns that, too.
    .catch((error: unknown) => log.warn('a push was given up', { workspace, error: describeError(error) }))
    .finally(() => {
      pushing.delete(workspace);
      look(table, workspace);
    });
  pushing.set(workspace, { id, stop, ended });
}

function beginTurn(table: Table, desired: DesiredTurn, place: CodingPlace): Turn {
  const { coders, kinds, programs, times, log } = table;
  const { workspace } = desired;
  const coder = coders.get(workspace) ?? createCoder({ ...times, workspace, kinds, programs });
  coders.set(workspace, coder);
  const kind: CodingAgentKind | undefined = kinds[desired.agent as CodingAgent];
  return startTurn({ ...commonOf(table, desired), place, coder, kind, times, log });
}

const beginRun = (table: Table, desired: DesiredTurn, place: CodingPlace): Turn =>
  startRun({ ...commonOf(table, desired), place, times: table.times, log: table.log });

const commonOf = ({ journals, find }: Table, desired: DesiredTurn) => ({
  desired,
  isRunning: () => typeof find(desired.workspace) !== 'string',
  journal: journals.of(desired.workspace, desired.task),
});
