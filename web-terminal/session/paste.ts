// What is pasted, dropped or put in whole by a keyboard's own menu, on its way into a terminal. Such text was written by others:
// it may neither press keys nor end a bracketed paste. Knows no session and no socket.
import type { Terminal } from '@xterm/xterm';
import { askPerson, showNotice } from '../dialogs.ts';
import { describeBytes } from '../progress.ts';
import { readSettings } from '../settings/settings.ts';

// All of C0, DEL and C1, but tabs and line breaks.
const CONTROL = /[\0-\x08\v\f\x0e-\x1f\x7f-\x9f]/; // oxlint-disable-line no-control-regex
const CONTROLS = new RegExp(CONTROL, 'g');
const LINE_BREAKS = /\r\n|\r|\n/g;
const SHOWN_CHARACTERS = 2_000;
/** More than that nobody pastes on purpose, and a program may take long over it. */
const LARGE_BYTES = 1_000_000;
const MAX_BYTES = 32_000_000;

/** `isCut`: control characters were left out. `lines`: how often a line ends in it, as Enter would end it. */
export function cleanPaste(text: string): { text: string; isCut: boolean; lines: number } {
  const clean = text.replace(CONTROLS, '').replace(LINE_BREAKS, '\r');
  return { text: clean, isCut: CONTROL.test(text), lines: clean.split('\r').length - 1 };
}

/**
 * Takes over every way by which text comes in whole. The returned function does the same for a text in hand. A program that
 * did not ask for bracketed pastes takes a line break for Enter, so a person is asked first.
 */
export function acceptPastes(
  pane: HTMLElement,
  terminal: Terminal,
  send: (text: string) => void,
): (text: string) => void {
  const paste = (text: string) => void pasteInto(terminal, text, send);
  const take = (event: Event, text: string) => {
    event.preventDefault();
    event.stopPropagation();
    if (text) paste(text);
  };
  // Before xterm's own listeners, which would send it as it is.
  const listen = <K extends keyof HTMLElementEventMap>(
    type: K,
    hear: (event: HTMLElementEventMap[K]) => void,
  ) => pane.addEventListener(type, hear, { capture: true });
  listen('paste', (event) => take(event, readText(event.clipboardData)));
  listen('dragover', (event) => event.preventDefault());
  listen('drop', (event) => {
    take(event, readText(event.dataTransfer));
    terminal.focus();
  });
  listen('beforeinput', (event) => {
    // A keyboard that thinks better of a word: what was sent cannot be taken back.
    if (event.inputType === 'insertReplacementText') return event.preventDefault();
    const text = event.data ?? readText(event.dataTransfer);
    if (event.cancelable && isWhole(event.inputType, text)) take(event, text);
  });
  return paste;
}

const readText = (from: DataTransfer | null) => from?.getData('text/plain') ?? '';

/** A key types one character; a keyboard's clipboard, a dictation or a drop puts in more, line breaks among it. */
function isWhole(inputType: string, text: string): boolean {
  if (inputType === 'insertFromPaste' || inputType === 'insertFromDrop') return true;
  return text.length > 1 && (CONTROL.test(text) || /[\r\n]/.test(text));
}

async function pasteInto(terminal: Terminal, pasted: string, send: (text: string) => void): Promise<void> {
  // Whoever looks on, or at what has ended, is asked and told nothing: it would go nowhere.
  if (terminal.options.disableStdin) return;
  const { text, isCut, lines } = cleanPaste(pasted);
  const isBracketed = () => terminal.modes.bracketedPasteMode;
  const size = new TextEncoder().encode(text).length;
  if (size > MAX_BYTES)
    return showNotice(
      `That is ${describeBytes(size)}, and a paste has ${describeBytes(MAX_BYTES)} at most. Nothing was sent: drop it as a file.`,
    );
  const isLarge = size > LARGE_BYTES && readSettings().askLargePaste;
  const pressesEnter = lines > 0 && !isBracketed();
  if ((isLarge || pressesEnter) && !(await confirm(text, { lines, size, isLarge, pressesEnter })))
    return terminal.focus();
  terminal.focus();
  send(isBracketed() ? `\x1b[200~${text}\x1b[201~` : text);
  terminal.scrollToBottom();
  if (isCut) showNotice('Control characters in what you pasted were left out.');
}

interface Pasted {
  lines: number;
  size: number;
  isLarge: boolean;
  pressesEnter: boolean;
}

function confirm(text: string, { lines, size, isLarge, pressesEnter }: Pasted): Promise<boolean> {
  const shown = text.slice(0, SHOWN_CHARACTERS + 1).replaceAll('\r', '\n');
  const named = lines === 1 ? 'Paste a line that ends?' : `Paste ${lines} lines?`;
  return askPerson({
    title: isLarge ? `Paste ${describeBytes(size)}?` : named,
    text: pressesEnter
      ? 'The program in this terminal takes each line break as Enter: what is in the lines may run at once.'
      : 'The program in this terminal gets it in one piece, and may take long over it.',
    detail: shown.length > SHOWN_CHARACTERS ? `${shown.slice(0, SHOWN_CHARACTERS)}…` : shown,
    yes: 'Paste',
  });
}
