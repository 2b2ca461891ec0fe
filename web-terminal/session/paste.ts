// What is pasted, dropped or put in whole by a keyboard's own menu, on its way into a terminal. Such text was written by others:
// it may neither press keys nor end a bracketed paste. Knows no session and no socket.
import type { Terminal } from '@xterm/xterm';
import { askPerson, showNotice } from '../dialogs.ts';

// All of C0, DEL and C1, but tabs and line breaks.
const CONTROL = /[\0-\x08\v\f\x0e-\x1f\x7f-\x9f]/; // oxlint-disable-line no-control-regex
const CONTROLS = new RegExp(CONTROL, 'g');
const LINE_BREAKS = /\r\n|\r|\n/g;
const SHOWN_CHARACTERS = 2_000;

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
  const { text, isCut, lines } = cleanPaste(pasted);
  const isBracketed = () => terminal.modes.bracketedPasteMode;
  if (lines > 0 && !isBracketed() && !(await confirm(text, lines))) return terminal.focus();
  terminal.focus();
  send(isBracketed() ? `\x1b[200~${text}\x1b[201~` : text);
  terminal.scrollToBottom();
  if (isCut) showNotice('Control characters in what you pasted were left out.');
}

function confirm(text: string, lines: number): Promise<boolean> {
  const shown = text.replaceAll('\r', '\n');
  return askPerson({
    title: lines === 1 ? 'Paste a line that ends?' : `Paste ${lines} lines?`,
    text: 'The program in this terminal takes each line break as Enter: what is in the lines may run at once.',
    detail: shown.length > SHOWN_CHARACTERS ? `${shown.slice(0, SHOWN_CHARACTERS)}…` : shown,
    yes: 'Paste',
  });
}
