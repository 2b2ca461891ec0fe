// Asks the bot for git's passwords and gives its answers to those who wait. Keeps none of them; knows no git and no file.
import type { Send } from '../bot-link/connection.ts';
import type { BotMessage, GitOperation, GitRefusal, GitToken } from '../protocol.ts';

const ANSWER_TIMEOUT_MS = 30_000;

export type Answer = GitToken | { error: GitRefusal };

export interface Tokens {
  /** A connection is open. */
  open: (send: Send) => void;
  /** It ended: all questions that wait are answered so. */
  close: () => void;
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
  const waiting = new Map<number, (answer: Answer) => void>();
  let send: Send | undefined;
  let last = 0;
  return {
    open: (to) => (send = to),
    close() {
      send = undefined;
      for (const give of waiting.values()) give(away('Sam went away'));
    },
    async ask(workspace, operation) {
      if (send === undefined) return away('Sam cannot be reached');
      const ref = ++last;
      const { promise, resolve } = Promise.withResolvers<Answer>();
      const timer = setTimeout(() => resolve(away('Sam does not answer')), timeoutMs);
      waiting.set(ref, resolve);
      send({ type: 'git-token', ref, workspace, operation });
      try {
        return await promise;
      } finally {
        clearTimeout(timer);
        waiting.delete(ref);
      }
    },
    answered: (answer) => waiting.get(answer.ref)?.(answer),
  };
}
