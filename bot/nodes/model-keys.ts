// Keys of models for agents that ask for one: the owner's own, for a workspace of theirs that is wanted running there. Keeps none.
import type { Logger } from 'pino';
import type { AgentMessage, BotMessage, ModelProvider, ModelServices } from '../../agent/protocol.ts';
import { UnreadableError } from '../access/vault.ts';
import type { KeyRefusalCodes, Said } from '../codes.ts';
import type { Executor } from '../database/types.ts';
import { messageOf } from '../errors.ts';
import { desiredOf } from './desired.ts';
import { findWorkspace } from '../workspaces/store/workspaces.ts';

export interface KeyAnswering {
  db: Executor;
  /** Opens what the person has left. Absent: nobody can leave anything here. */
  openKey?: ((owner: string, provider: ModelProvider) => Promise<string | undefined>) | undefined;
  /** What these people have left for Claude Code; who has left nothing is not in it. */
  findClaude?: ((owners: string[]) => Promise<ReadonlyMap<string, 'key' | 'plan'>>) | undefined;
  /** Where the dotfiles of each of them are. */
  findDotfiles?: ((owners: string[]) => Promise<ReadonlyMap<string, string>>) | undefined;
  /** Where coding agents come from. */
  packages?: () => Promise<string | undefined>;
  /** Where models are, for agents. */
  models?: ModelServices;
  /** A refusal as the sentence that the asking program shows in its terminal. */
  wordKeyRefusal?: (refusal: Said<KeyRefusalCodes>) => string;
}

interface Asking {
  node: string;
  log: Logger;
  /** Answers that this agent waits for. */
  unsealing: number;
}

type Question = AgentMessage & { type: 'credential' };
type Reply = BotMessage & { type: 'credential' };

/** An agent keeps an answer for a while: more at once is none of ours. */
const MAX_AT_ONCE = 32;

/** Never rejects. What it answers is never logged. */
export async function answerKey(
  answering: KeyAnswering,
  asking: Asking,
  { ref, workspace, provider }: Question,
): Promise<Reply> {
  const refuse = (said: Said<KeyRefusalCodes>): Reply => {
    const message = answering.wordKeyRefusal?.(said);
    const error = { code: said.code, ...(message !== undefined && { message }) };
    return { type: 'credential', ref, error };
  };
  if (asking.unsealing >= MAX_AT_ONCE) return refuse({ code: 'busy', details: {} });
  asking.unsealing++;
  try {
    const row = await findWorkspace(answering.db, workspace);
    const isServed = row?.nodeId === asking.node && desiredOf(row)?.desired === 'running';
    if (!row || !isServed) return refuse({ code: 'not-running', details: {} });
    // Whoever sent that code must not spend what its owner pays for.
    if (row.fork) return refuse({ code: 'fork', details: {} });
    const value = await answering.openKey?.(row.owner, provider);
    return value === undefined
      ? refuse({ code: 'none', details: { provider } })
      : { type: 'credential', ref, value };
  } catch (error) {
    asking.log.warn({ workspace, provider, error: messageOf(error) }, 'a model got no key');
    return refuse({ code: error instanceof UnreadableError ? 'unreadable' : 'unavailable', details: {} });
  } finally {
    asking.unsealing--;
  }
}
