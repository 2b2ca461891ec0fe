// How replies print what can be typed and what was typed. Everything in code spans, so that no reply is a command.
import type { ParseContext } from './parser/parsed.ts';

const SHOWN = 60;

/** Prints a line that can be sent as it is, with the trigger the front needs: `` `/sam stop` ``. */
export type Say = (line: string) => string;

/** The trigger that replies print; empty on the console, which needs none. */
export function shownTrigger({ front, triggers }: Pick<ParseContext, 'front' | 'triggers'>): string {
  return front === 'console' ? '' : (triggers[0] ?? '');
}

export function createSay(trigger: string): Say {
  return (line) => `\`${trigger === '' ? line : `${trigger} ${line}`}\``;
}

/** The text without the credentials of its addresses. Masks too much rather than too little. */
export function maskCredentials(text: string): string {
  return text.split(' ').map(maskWord).join(' ');
}

function maskWord(word: string): string {
  const start = word.search(/:[\\/]/);
  const end = word.lastIndexOf('@');
  return start >= 0 && end > start ? `${word.slice(0, start)}://…${word.slice(end)}` : word;
}

/** What was typed, safe for one code span: no credentials, no control characters, `length` characters at most. */
export function plain(text: string, length = SHOWN): string {
  const masked = maskCredentials(text).replaceAll('`', "'").replaceAll(/\p{C}/gu, '?');
  return masked.length > length ? `${masked.slice(0, length - 1).toWellFormed()}…` : masked;
}

/** What was typed, in a code span. */
export function shown(text: string): string {
  return text === '' ? 'nothing' : `\`${plain(text)}\``;
}
