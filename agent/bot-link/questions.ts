// Questions to the bot, each with a number, and who waits for its answer. Keeps no answer; knows not what is asked.
import type { AgentMessage } from '../protocol.ts';
import type { Send } from './connection.ts';

export interface Questions<Answer> {
  /** A connection is open. */
  open: (send: Send) => void;
  /** It ended: all questions that wait are answered so. */
  close: () => void;
  /** Never rejects: without the bot the answer says why there is none. */
  ask: (word: (ref: number) => AgentMessage) => Promise<Answer>;
  /** The bot's answer; one that comes too late is dropped. */
  answered: (ref: number, answer: Answer) => void;
}

/** `away`: the answer without the bot, for whoever asked. */
export function createQuestions<Answer>(away: (why: string) => Answer, timeoutMs: number): Questions<Answer> {
  const waiting = new Map<number, (answer: Answer) => void>();
  let send: Send | undefined;
  let last = 0;
  return {
    open: (to) => void (send = to),
    close() {
      send = undefined;
      for (const give of waiting.values()) give(away('Sam went away'));
    },
    async ask(word) {
      if (send === undefined) return away('Sam cannot be reached');
      const ref = ++last;
      const { promise, resolve } = Promise.withResolvers<Answer>();
      const timer = setTimeout(() => resolve(away('Sam does not answer')), timeoutMs);
      waiting.set(ref, resolve);
      send(word(ref));
      try {
        return await promise;
      } finally {
        clearTimeout(timer);
        waiting.delete(ref);
      }
    },
    answered: (ref, answer) => waiting.get(ref)?.(answer),
  };
}
