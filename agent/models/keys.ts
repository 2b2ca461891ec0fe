// The keys of the owners of workspaces, asked of the bot when a model is asked: in memory alone, and for a short time. Knows no HTTP.
import type { Send } from '../bot-link/connection.ts';
import type { BotMessage, KeyRefusal, ModelProvider } from '../protocol.ts';

const ANSWER_TIMEOUT_MS = 15_000;
/** What the bot said last counts so long, also while the bot is away. */
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

export const AWAY = 'away';

const away = (why: string): Key => ({
  error: { code: AWAY, message: `${why}, and it has your key. Try again in a minute.` },
});

export interface KeysOptions {
  timeoutMs?: number;
  keptMs?: number;
  now?: () => number;
}

export function createKeys({
  timeoutMs = ANSWER_TIMEOUT_MS,
  keptMs = KEPT_MS,
  now = () => performance.now(),
}: KeysOptions = {}): Keys {
  const waiting = new Map<number, (key: Key) => void>();
  const kept = new Map<string, { key: Promise<Key>; until: number }>();
  let send: Send | undefined;
  let last = 0;

  const ask = async (workspace: string, provider: ModelProvider): Promise<Key> => {
    if (send === undefined) return away('Sam cannot be reached');
    const ref = ++last;
    const { promise, resolve } = Promise.withResolvers<Key>();
    const timer = setTimeout(() => resolve(away('Sam does not answer')), timeoutMs);
    waiting.set(ref, resolve);
    send({ type: 'credential', ref, workspace, provider });
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      waiting.delete(ref);
    }
  };
  const forget = () => kept.clear();
  return {
    open(to) {
      send = to;
      forget();
    },
    close() {
      send = undefined;
      for (const give of waiting.values()) give(away('Sam went away'));
    },
    find(workspace, provider) {
      const name = `${workspace} ${provider}`;
      const known = kept.get(name);
      if (known && known.until > now()) return known.key;
      const entry = { key: ask(workspace, provider), until: now() + keptMs };
      kept.set(name, entry);
      // A refusal may be mended at any moment: only those who ask at the same time share it.
      return entry.key.then((key) => {
        if ('error' in key && kept.get(name) === entry) kept.delete(name);
        return key;
      });
    },
    answered({ ref, ...key }) {
      waiting.get(ref)?.('value' in key ? { value: key.value } : { error: key.error });
    },
    forget,
  };
}
