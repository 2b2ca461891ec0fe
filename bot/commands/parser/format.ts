// Writes a parsed command as the line that parses to it: for buttons, hints and resuming. The parser's inverse.
import { formatDuration } from './durations.ts';
import type { Flags, ParsedCommand } from './parsed.ts';
import { formatTarget } from './targets.ts';

/** One line; with an empty trigger it begins with the verb. */
export function formatCommand(
  { verb, target, value, words, flags }: Omit<ParsedCommand, 'line' | 'ignored'>,
  trigger: string,
): string {
  const parts = [
    trigger,
    verb,
    target ? quote(formatTarget(target)) : '',
    formatValue(value),
    ...Object.entries(flags).map(([name, flag]) => formatFlag(name, flag)),
    ...words.map(quote),
  ];
  return parts.filter((part) => part !== '').join(' ');
}

function formatValue(value: ParsedCommand['value']): string {
  if (value === undefined) return '';
  return typeof value === 'string' ? quote(value) : formatDuration(value);
}

function formatFlag(name: string, value: Flags[string]): string {
  if (value === true) return `--${name}`;
  return `--${name} ${typeof value === 'object' ? formatDuration(value) : quote(String(value))}`;
}

/** Quoted, a word is never a flag. */
function quote(word: string): string {
  return /^[\w./#@:+%,~][\w./#@:+%,~-]*$/.test(word) ? word : `"${word.replaceAll(/["\\]/g, '\\$&')}"`;
}
