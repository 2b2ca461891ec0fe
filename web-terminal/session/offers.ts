// What a program wants to put on the clipboard (OSC 52): offered to whoever looks at it, never done unasked. The clipboard is never
// read. Knows no session and no socket.
import type { Terminal } from '@xterm/xterm';
import { writeClipboard } from '../dialogs.ts';
import { showOffer } from '../offer.ts';
import { cleanPaste } from './paste.ts';

const MAX_LETTERS = 140_000;
const SHOWN_CHARACTERS = 80;

/** `canOffer`: whether somebody looks at it now, and what comes is no repetition of what was. */
export function offerCopies(terminal: Terminal, canOffer: () => boolean): void {
  terminal.parser.registerOscHandler(52, (data) => {
    const text = parseCopy(data);
    if (text && canOffer()) offer(text);
    return true;
  });
}

/** Undefined for a question (`?`), for what is no text, and for what is too long. What presses keys is left out. */
export function parseCopy(data: string): string | undefined {
  const [, payload = ''] = /^[cps0-7]*;([\w+/]+=*)$/.exec(data) ?? [];
  if (payload === '' || payload.length > MAX_LETTERS) return undefined;
  try {
    const bytes = Uint8Array.from(atob(payload), (sign) => sign.charCodeAt(0));
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return cleanPaste(text).text.replaceAll('\r', '\n');
  } catch {
    return undefined;
  }
}

function offer(text: string): void {
  const shown = text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
  showOffer({
    text: `A program offers ${describeLength(text)} for your clipboard:`,
    detail: shown,
    yes: 'Copy it',
    take: () => void writeClipboard(text),
  });
}

const describeLength = ({ length }: string): string =>
  length === 1 ? 'one character' : `${length} characters`;
