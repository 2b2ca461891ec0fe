// The agent's own log: JSON lines on standard output, secrets cut out. Knows nothing of workspaces.
import { redact } from './redact.ts';

export interface Log {
  info: (message: string, fields?: object) => void;
  warn: (message: string, fields?: object) => void;
  error: (message: string, fields?: object) => void;
}

/** `write` gets whole lines, each with its line end. */
export function createLog(write: (line: string) => void): Log {
  const logAt =
    (level: string) =>
    (message: string, fields: object = {}) => {
      const line = { level, time: new Date().toISOString(), message, ...fields };
      write(`${redact(JSON.stringify(line, (_key, value: unknown) => plain(value)))}\n`);
    };
  return { info: logAt('info'), warn: logAt('warn'), error: logAt('error') };
}

// An error has no fields of its own that JSON would show.
function plain(value: unknown): unknown {
  return value instanceof Error ? describeError(value) : value;
}

/** What was thrown, in one line for the log; an error's cause is named too (fetch hides the reason there). */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
