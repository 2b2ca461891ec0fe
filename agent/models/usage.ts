// Counts what a model's answer says that it cost, from the bytes as they pass. Changes none of them; knows no socket.
import type { ModelUsage } from '../protocol.ts';

/** What one answer adds, but for the request itself. */
export type Tokens = Omit<ModelUsage, 'requests'>;

/** An answer that is no stream, or an event of one, and is larger is not read; it passes all the same. */
const MAX_READ_BYTES = 4 << 20;
const NEWLINE = 10;

interface Said {
  input_tokens?: unknown;
  output_tokens?: unknown;
  cache_read_input_tokens?: unknown;
  cache_creation_input_tokens?: unknown;
  prompt_tokens?: unknown;
  completion_tokens?: unknown;
}

export interface Meter {
  take: (bytes: Buffer) => void;
  /** What was said until now; the last word counts. */
  read: () => Tokens;
}

/** `isStream`: server-sent events; else one JSON object. */
export function createMeter(isStream: boolean): Meter {
  let tokens: Tokens = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 };
  let rest: Buffer[] = [];
  let size = 0;
  const hear = (text: string) => {
    tokens = { ...tokens, ...findTokens(text) };
  };
  const keep = (bytes: Buffer) => {
    size += bytes.length;
    if (size <= MAX_READ_BYTES) rest.push(bytes);
    else rest = [];
  };
  const flush = (): Buffer => {
    const [first = Buffer.alloc(0), ...more] = rest;
    const whole = more.length === 0 ? first : Buffer.concat(rest);
    rest = [];
    size = 0;
    return whole;
  };
  return {
    take(bytes) {
      const end = isStream ? bytes.lastIndexOf(NEWLINE) : -1;
      if (end < 0) return keep(bytes);
      keep(bytes.subarray(0, end));
      hearLines(flush(), hear);
      if (end + 1 < bytes.length) keep(Buffer.from(bytes.subarray(end + 1)));
    },
    read() {
      const whole = flush();
      if (isStream) hearLines(whole, hear);
      else hear(whole.toString('utf8'));
      return tokens;
    },
  };
}

// In what models write a quote is escaped: only a name of the event itself looks so.
const NAME = Buffer.from('"usage"');

function hearLines(lines: Buffer, hear: (json: string) => void): void {
  for (let at = lines.indexOf(NAME); at >= 0;) {
    const start = lines.lastIndexOf(NEWLINE, at) + 1;
    const found = lines.indexOf(NEWLINE, at);
    const end = found < 0 ? lines.length : found;
    const line = lines.toString('utf8', start, end);
    if (line.startsWith('data:')) hear(line.slice('data:'.length));
    at = lines.indexOf(NAME, end);
  }
}

/** Of a message, of its beginning, of what was added to it; nothing for whatever else it is. */
function findTokens(json: string): Partial<Tokens> {
  try {
    const said = JSON.parse(json) as {
      usage?: Said;
      message?: { usage?: Said };
      response?: { usage?: Said };
    };
    return readUsage(said.usage ?? said.message?.usage ?? said.response?.usage ?? {});
  } catch {
    return {};
  }
}

function readUsage(said: Said): Partial<Tokens> {
  const counts: [keyof Tokens, unknown][] = [
    ['input', said.input_tokens ?? said.prompt_tokens],
    ['output', said.output_tokens ?? said.completion_tokens],
    ['cacheRead', said.cache_read_input_tokens],
    ['cacheWrite', said.cache_creation_input_tokens],
  ];
  return Object.fromEntries(
    counts.filter(([, count]) => typeof count === 'number' && Number.isSafeInteger(count) && count >= 0),
  );
}

export const addUsage = (before: ModelUsage | undefined, tokens: Tokens): ModelUsage => ({
  requests: (before?.requests ?? 0) + 1,
  input: (before?.input ?? 0) + tokens.input,
  output: (before?.output ?? 0) + tokens.output,
  cacheRead: (before?.cacheRead ?? 0) + tokens.cacheRead,
  cacheWrite: (before?.cacheWrite ?? 0) + tokens.cacheWrite,
});
