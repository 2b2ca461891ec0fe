// The keys of the owners of workspaces, asked of the bot when a model is asked: in memory alone, and for a short time. Knows no HTTP.
import type { Send } from '../bot-link/connection.ts';
import { createQuestions } from '../bot-link/questions.ts';
import type { BotMessage, KeyRefusal, ModelProvider } from '../protocol.ts';

const ANSWER_TIMEOUT_MS = 15_000;
/** What the bot said last counts so long, also while the bot is away; then it is in no memory. */
const KEPT_MS = 60_000;

export type Key = { value: string } | { error: KeyRefusal };

export interface Keys {
  /** A connection is open; what was kept from the one before is forgotten. */
  open: (send: Send) => void;
  /** It ended: all questions that wait are answered so. */
  close: () => void;
  /** Never rejects. */
  find: (workspace: string, provider: ModelProvider) => Promise<Key>;
  /** The bot's answer; one that comes too late is dropped. */
  answered: (message: BotMessage & { type: 'credential' }) => void;
  /** All that is kept is worth nothing any more. */
  forget: () => void;
}

/** Nothing is known of the key itself: the same question has another answer in a while. */
const PASSING = new Set(['away', 'busy', 'unavailable']);

export const isPassing = ({ code }: KeyRefusal): boolean => PASSING.has(code);

const away = (why: string): Key => ({
  error: { code: 'away', message: `${why}, and it has your key. Try again in a minute.` },
});

interface Entry {
  key: Promise<Key>;
  ending: NodeJS.Timeout;
}

export function createKeys({ timeoutMs = ANSWER_TIMEOUT_MS, keptMs = KEPT_MS } = {}): Keys {
  const questions = createQuestions(away, timeoutMs);
  const kept = new Map<string, Entry>();
  const drop = (name: string, entry: Entry) => {
    clearTimeout(entry.ending);
    if (kept.get(name) === entry) kept.delete(name);
  };
  const forget = () => {
    for (const [name, entry] of kept) drop(name, entry);
  };
  return {
    open(to) {
      questions.open(to);
      forget();
    },
    close: questions.close,
    find(workspace, provider) {
      const name = `${workspace} ${provider}`;
      const known = kept.get(name);
      if (known) return known.key;
      const entry: Entry = {
        key: questions.ask((ref) => ({ type: 'credential', ref, workspace, provider })),
        ending: setTimeout(() => drop(name, entry), keptMs).unref(),
      };
      kept.set(name, entry);
      // A refusal may be mended at any moment: only those who ask at the same time share it.
      return entry.key.then((key) => {
        if ('error' in key) drop(name, entry);
        return key;
      });
    },
    answered({ ref, ...key }) {
      questions.answered(ref, 'value' in key ? { value: key.value } : { error: key.error });
    },
    forget,
  };
}
