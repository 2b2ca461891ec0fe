// What a program wants to put on the clipboard (OSC 52): offered to whoever looks at it, never done unasked. The clipboard is never
// read. Knows no session and no socket.
import type { Terminal } from '@xterm/xterm';
import { writeClipboard } from '../dialogs.ts';
import { createButton, createElement, getElement } from '../dom.ts';
import { cleanPaste } from './paste.ts';

const MAX_LETTERS = 140_000;
const SHOWN_CHARACTERS = 80;
const OFFER_MS = 30_000;
let ending: ReturnType<typeof setTimeout> | undefined;

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

/** No dialog: whoever types goes on typing. The next one takes its place. */
function offer(text: string): void {
  const strip = getElement('offer');
  const end = () => {
    strip.hidden = true;
    strip.replaceChildren();
  };
  const take = () => {
    end();
    void writeClipboard(text);
  };
  const shown = text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
  strip.replaceChildren(
    createElement('span', { text: `A program offers ${describeLength(text)} for your clipboard:` }),
    createElement('code', { text: shown }),
    createButton('Copy it', take, { class: 'primary' }),
    createButton('No', end),
  );
  strip.hidden = false;
  clearTimeout(ending);
  ending = setTimeout(end, OFFER_MS);
}

const describeLength = ({ length }: string): string =>
  length === 1 ? 'one character' : `${length} characters`;
