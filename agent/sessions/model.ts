// What a session and its attachments are, and the states each goes through. Types alone: what happens to them lies beside.
// Knows no socket and no frame.
import type { CommandWatch, CommandWatchOptions } from './commands.ts';
import type { Output } from './output.ts';
import type { ExitStatus, SessionPty } from './pty.ts';
import type { Ring } from './ring.ts';
import type { Snapshots } from './snapshot.ts';

export interface Size {
  cols: number;
  rows: number;
}

export interface Session extends Output {
  readonly id: string;
  name: string;
  size: Size;
  state: SessionState;
  readonly pty: SessionPty;
  readonly commands: CommandWatch;
  /**
   * Up to which offset the viewers of the agent's life before may have got it: they are expected back. Undefined: one came, or
   * none for too long.
   */
  expected: number | undefined;
  readonly attachments: Set<Attachment>;
  /** Who sets the size: the viewer who typed last, else the first one who may type. */
  sizeOwner: Attachment | undefined;
  readonly options: SessionOptions;
}

/** Goes forward only; a running one may be paused and resumed on its way. */
export type SessionState =
  | { is: 'running' }
  /** The pty holds output back for its viewers. `timer`: when the next of them counts as stalled. */
  | { is: 'paused'; at: number; timer: NodeJS.Timeout }
  /** It was told to end, so nothing holds its output back any more. */
  | { is: 'closing' }
  /** The process is gone and all its output is in the ring. `timer`: when viewers behind it are let go. */
  | { is: 'ended'; status: ExitStatus; timer?: NodeJS.Timeout };

export interface SessionOptions extends Size {
  id: string;
  name: string;
  /** What its runtime knows it by. */
  mark?: string | undefined;
  snapshots: Snapshots;
  /** After so long without an acknowledgement that is owed, a viewer counts as detached. */
  stallMs: number;
  /** At least so long between two snapshots for a viewer that cannot keep up. */
  resyncMs: number;
  /** What of its commands somebody wants to know; absent: nothing. */
  commands?: CommandWatchOptions;
  onResize: (session: Session) => void;
  /** Before any viewer hears of it. */
  onEnd: (session: Session, status: ExitStatus) => void;
}

/** What all attachments of one viewer share: the way to it. */
export interface Line {
  /** Bytes that were sent and have not left yet. */
  backlog(): number;
  /** Those that wait for the backlog to shrink; they take turns. */
  readonly waiting: Set<Attachment>;
  /** Ends when the snapshots that were asked for on this line are sent. */
  drawing?: Promise<void>;
}

/** A viewer, as one of its attachments sees it. */
export interface Viewing {
  readonly line: Line;
  /** Whether its input and its size count. */
  readonly canWrite: boolean;
  /** Takes `length` bytes of output from offset `from`, which the ring holds; calls `done` when they have left. */
  readonly sendOutput: (ring: Ring, from: number, length: number, done: () => void) => void;
  /** The output goes on after this screen, at `offset`; calls `done` as its parts leave. */
  readonly sendSnapshot: (screen: Buffer, offset: number, done: () => void) => void;
  /** Called once, after the last byte. */
  readonly onExit: (status: ExitStatus) => void;
}

/** One viewer's view of one session. */
export interface Attachment extends Viewing {
  readonly session: Session;
  stage: Stage;
  pace: Pace;
  /** Output up to this offset was sent. */
  sent: number;
  /** Output up to this offset was parsed, as far as the viewer said. */
  acked: number;
  progressAt: number;
  /** When the last snapshot was drawn. */
  snapshotAt: number;
  size: Size | undefined;
}

/**
 * `drawing`: a snapshot is being made, output waits for it; `following`: output goes out as it comes; `queued`: it waits
 * for its turn on the line. What is `detached` stays so.
 */
export type Stage = 'drawing' | 'following' | 'queued' | 'detached';

/**
 * The window follows those who `keeps-up`: they have acknowledged something since they began. `untried` has not yet;
 * `stalled` owes an acknowledgement for so long that its session does not wait for it.
 */
export type Pace = 'untried' | 'keeps-up' | 'stalled';
