// Answers agents that ask for git's passwords. Knows rows and nodes; who mints the tokens, and for whom, is elsewhere.
import type { Logger } from 'pino';
import type {
  AgentMessage,
  BotMessage,
  DesiredWorkspace,
  GitOperation,
  GitToken,
} from '../../agent/protocol.ts';
import type { Workspace } from '../database/types.ts';
import { TERMINAL, wordRefusal } from '../chat/wording.ts';
import { messageOf, UserError } from '../errors.ts';
import { findWorkspace, type Executor } from '../workspaces/store.ts';

/** What a node has to know of a workspace's git beside its row. */
export type GitFacts = Pick<DesiredWorkspace, 'identity' | 'credentials'>;

export interface GitDesk {
  /** By workspace; who is not in it gets nothing. */
  facts(workspaces: Workspace[]): Promise<ReadonlyMap<string, GitFacts>>;
  /** For the workspace's repository alone, as much as its owner may now. Throws UserError. */
  token(workspace: Workspace, operation: GitOperation): Promise<GitToken>;
}

interface Asking {
  node: string;
  log: Logger;
  /** Answers that this agent waits for. */
  minting: number;
  /** What is left of its quota, as of a moment of `performance.now()`; absent: all of it. */
  quota?: { left: number; at: number };
}

type Question = AgentMessage & { type: 'git-token' };
type Reply = BotMessage & { type: 'git-token' };

/** A person types one command at a time; more is a program that runs wild. */
const MOST_AT_ONCE = 16;

/**
 * Each costs calls of an hour's 5,000 that everybody on that installation shares. A checkout that fetches its blobs when it
 * needs them asks often, for a while.
 */
const MOST_IN_A_BURST = 120;
const REFILL_MS = 4_000;

/** False: its quota is used up. */
function spend(asking: Asking): boolean {
  const now = performance.now();
  const { left, at } = asking.quota ?? { left: MOST_IN_A_BURST, at: now };
  const whole = Math.min(MOST_IN_A_BURST, left + (now - at) / REFILL_MS);
  asking.quota = { left: whole < 1 ? whole : whole - 1, at: now };
  return whole >= 1;
}

/** Never rejects. What it answers is never logged. */
export async function answerGit(
  desk: { db: Executor; git?: GitDesk | undefined },
  asking: Asking,
  { ref, workspace, operation }: Question,
): Promise<Reply> {
  const refuse = (code: string, message: string): Reply => ({
    type: 'git-token',
    ref,
    error: { code, message },
  });
  if (asking.minting >= MOST_AT_ONCE)
    return refuse('busy', 'Too many git commands ask for a password at once. Try again in a moment.');
  asking.minting++;
  try {
    const row = await findWorkspace(desk.db, workspace);
    const isHere = row && row.nodeId === asking.node && row.phase !== 'deleted';
    if (!isHere || !desk.git)
      return refuse(
        'no-workspace',
        'Sam has no password for this repository. Use your own: `git push` asks for it.',
      );
    if (!spend(asking))
      return refuse(
        'too-often',
        'Git has asked for a password too often in a short while. Wait a minute, then try again; your work is safe here.',
      );
    return { type: 'git-token', ref, ...(await desk.git.token(row, operation)) };
  } catch (error) {
    if (error instanceof UserError) return refuse(error.code, wordRefusal(error.said, TERMINAL.say).text);
    asking.log.warn({ workspace, operation, error: messageOf(error) }, 'git got no token');
    return refuse(
      'unavailable',
      'Sam could not get a password for this repository just now. Try again in a minute.',
    );
  } finally {
    asking.minting--;
  }
}
