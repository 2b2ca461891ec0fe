// Asks the bot for git's passwords and gives its answers to those who wait. Keeps none of them; knows no git and no file.
import { createQuestions, type Questions } from '../bot-link/questions.ts';
import type { BotMessage, GitOperation, GitRefusal, GitToken } from '../protocol.ts';

const ANSWER_TIMEOUT_MS = 30_000;

export type Answer = GitToken | { error: GitRefusal };

export interface Tokens extends Pick<Questions<Answer>, 'open' | 'close'> {
  /** Never rejects: without the bot the answer says what to do. */
  ask: (workspace: string, operation: GitOperation) => Promise<Answer>;
  /** The bot's answer; one that comes too late is dropped. */
  answered: (message: BotMessage & { type: 'git-token' }) => void;
}

const away = (why: string): Answer => ({
  error: {
    code: 'away',
    message: `${why}, and it has the password for this repository. Your work is safe here; try again in a minute.`,
  },
});

export function createTokens({ timeoutMs = ANSWER_TIMEOUT_MS } = {}): Tokens {
  const questions = createQuestions(away, timeoutMs);
  return {
    open: questions.open,
    close: questions.close,
    ask: (workspace, operation) => questions.ask((ref) => ({ type: 'git-token', ref, workspace, operation })),
    answered: (answer) => questions.answered(answer.ref, answer),
  };
}
