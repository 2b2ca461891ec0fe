// The bot's log in a test: every line of it, from `trace` on.
import { pino, type Logger } from 'pino';

export interface Log {
  logger: Logger;
  /** What was written, as one text. */
  text(): string;
  /** The messages of lines of that level. */
  messages(level: 'warn' | 'error'): string[];
}

const LEVELS = { warn: 40, error: 50 };

export function openLog(): Log {
  const lines: string[] = [];
  const logger = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
  const parsed = () => lines.map((line) => JSON.parse(line) as { level: number; msg?: string });
  return {
    logger,
    text: () => lines.join(''),
    messages: (level) =>
      parsed()
        .filter((line) => line.level === LEVELS[level])
        .map(({ msg = '' }) => msg),
  };
}
