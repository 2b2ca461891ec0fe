// The contract of the terminals of a node: what they are given, what they offer, and their times. Knows no socket's state.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { ATTACH_TIMEOUT_MS, PING_EVERY_MS, type SessionInfo, type SharesOpen } from '../protocol.ts';
import type { Ptys, SpawnSpec } from '../sessions/pty.ts';
import type { CommandEnd } from '../sessions/commands.ts';
import type { Scrollback } from '../sessions/scrollback.ts';
import type { KeptSession } from '../sessions/workspace-sessions.ts';

export interface TicketClaims {
  workspace: string;
  user: string;
  access: number;
  jti: string;
  /** May type, or only look. */
  drive: boolean;
  name?: string;
  /** Of somebody else than the owner: by which share they are let in, and until when; ms since 1970. */
  guest?: { share: number; endsAt: number };
}

export interface TerminalWorkspace {
  running: boolean;
  access: number;
  /** Who else is let in, as far as the bot has said. */
  shares?: SharesOpen | undefined;
  /** Lines of a POSIX shell on pipes, as the workspace's user in its folder. Absent: no files go up or down. */
  pipe?: (script: string, words: string[]) => SpawnSpec;
  /** Somebody wants to hear of commands that took long. */
  tellsCommands?: boolean;
  /** What `shell` takes. */
  profiles?: readonly string[];
  /** It will run in a moment, and what ran in it goes on. */
  isStarting?: boolean;
  /** Throws an Error with `code` and `message` for an unknown profile. */
  shell(profile?: string): SpawnSpec;
  /** What `shell` marked so is gone. */
  hangUp?(mark: string): void;
}

export interface TerminalOptions {
  /** The one Origin that may open terminals, compared exactly. Read at each upgrade: the bot may move. */
  readonly origin: string;
  /** Throws on any bad ticket; also spends the `jti`. */
  verifyTicket(ticket: string): Promise<TicketClaims>;
  find(workspaceId: string): TerminalWorkspace | undefined;
  ptys: Ptys;
  /** Absent: nothing is left after a restart of the machine. */
  scrollback?: Scrollback;
  /** A person typed; `at` in ms since 1970. */
  onInput(workspaceId: string, at: number): void;
  onSessions(workspaceId: string, count: number): void;
  /** A command that took long has ended where nobody typed, and somebody wants to know. */
  onLongCommand?(workspaceId: string, end: CommandEnd): void;
  /** Per workspace. */
  maxSessions?: number;
  log?(message: string, fields?: object): void;
  /** All in ms; for tests. */
  timing?: Partial<Timing>;
}

export interface Timing {
  attachMs: number;
  /** For the check of a ticket. */
  verifyMs: number;
  pingMs: number;
  stallMs: number;
  resyncMs: number;
  killMs: number;
  /** People and their typing are told at most so often. */
  tellMs: number;
  /** Who typed nothing for so long does not type. */
  quietMs: number;
  /** A command that takes longer is long. */
  longMs: number;
  /** Who typed no longer ago sees for themselves what ends. */
  presentMs: number;
  saveMs: number;
}

export interface Terminals {
  /** For `GET /terminal` only; the caller routes. Answers with a bare status, or a WebSocket. */
  handleUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Drops the viewers whose access is lower, at once. `isEnding`: because the workspace stops or goes. */
  revoke(workspaceId: string, access: number, isEnding?: boolean): void;
  /** Drops those whose share is over, at once. */
  lookAtGuests(workspaceId: string): void;
  /** Whether somebody wants to hear of its commands may have changed. */
  follow(workspaceId: string): void;
  /**
   * Stopped or deleted: drops the viewers, ends every session and what runs in it. Resolves when all ptys are closed
   * and reaped, within twice `killMs`. Repeatable.
   */
  endWorkspace(workspaceId: string): Promise<void>;
  sessions(workspaceId: string): SessionInfo[];
  /** These go on from the agent's life before; of what ended with the machine there is something to read. */
  takeOver(kept: KeptSession[]): Promise<void>;
  /** Ends those of workspaces that are unknown or do not run: nobody else would. */
  endStray(): Promise<void>;
  /** Drops the viewers; sessions go on where they are held. */
  close(): Promise<void>;
}

export const TIMING: Timing = {
  attachMs: ATTACH_TIMEOUT_MS,
  verifyMs: 10_000,
  pingMs: PING_EVERY_MS,
  stallMs: 30_000,
  resyncMs: 500,
  killMs: 5_000,
  tellMs: 300,
  quietMs: 3_000,
  longMs: 30_000,
  presentMs: 10_000,
  saveMs: 60_000,
};
