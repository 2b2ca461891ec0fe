// The ways by which files come to the page: dropped on it, pasted, or chosen; and how a program in a terminal offers one (`sam-download`).
// Knows no transfer.
import type { Terminal } from '@xterm/xterm';
import { FILE_OSC } from '../../agent/protocol.ts';
import { createElement, getElement } from '../dom.ts';
import { showOffer } from '../offer.ts';

const SHOWN_CHARACTERS = 120;
const MAX_PATH_LETTERS = 8_000;

export function acceptFiles(upload: (files: File[]) => void): void {
  const panes = getElement('panes');
  const listen = <K extends 'dragover' | 'drop' | 'dragleave' | 'paste'>(
    type: K,
    hear: (event: HTMLElementEventMap[K]) => void,
  ) => panes.addEventListener(type, hear, { capture: true });
  const hint = (isOver: boolean) => panes.classList.toggle('dropping', isOver);
  listen('dragover', (event) => {
    if (!event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    hint(true);
  });
  listen('dragleave', (event) => {
    if (!panes.contains(event.relatedTarget as Node | null)) hint(false);
  });
  listen('drop', (event) => {
    hint(false);
    takeFiles(event, event.dataTransfer?.files);
  });
  // What is text as well, as cells of a table are, is pasted as text.
  listen('paste', (event) => {
    if (!event.clipboardData?.types.includes('text/plain')) takeFiles(event, event.clipboardData?.files);
  });
  // Beside the terminals a file that is dropped would take the place of the page.
  for (const type of ['dragover', 'drop'] as const)
    addEventListener(type, (event) => {
      if (event.dataTransfer?.types.includes('Files')) event.preventDefault();
    });
  function takeFiles(event: Event, files: FileList | undefined): void {
    if (!files || files.length === 0) return;
    event.preventDefault();
    event.stopPropagation();
    upload([...files]);
  }
}

/** Call it when somebody pressed something: browsers want that. */
export function chooseFiles(upload: (files: File[]) => void): void {
  const input = createElement('input', { attributes: { type: 'file', multiple: '' } });
  input.addEventListener('change', () => input.files && upload([...input.files]));
  input.click();
}

/** `canOffer`: whether somebody looks at it now, and what comes is no repetition of what was. Nothing is fetched unasked. */
export function offerDownloads(
  terminal: Terminal,
  canOffer: () => boolean,
  download: (path: string) => void,
): void {
  terminal.parser.registerOscHandler(FILE_OSC, (data) => {
    const path = parseDownload(data);
    if (path !== undefined && canOffer())
      showOffer({
        text: 'A program offers a file to save:',
        detail: showPath(path),
        yes: 'Save it',
        take: () => download(path),
      });
    return true;
  });
}

/** Undefined for what is no path. */
export function parseDownload(data: string): string | undefined {
  const [, payload = ''] = /^download;([\w+/]+=*)$/.exec(data) ?? [];
  if (payload === '' || payload.length > MAX_PATH_LETTERS) return undefined;
  try {
    const bytes = Uint8Array.from(atob(payload), (sign) => sign.charCodeAt(0));
    const path = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return path.includes('\0') ? undefined : path;
  } catch {
    return undefined;
  }
}

/** Its end, which says what it is; nothing in it turns the direction of writing. */
function showPath(path: string): string {
  const shown = path.replaceAll(/[\p{C}\p{Zl}\p{Zp}]+/gu, '�');
  return shown.length > SHOWN_CHARACTERS ? `…${shown.slice(-SHOWN_CHARACTERS)}` : shown;
}

/** As a shell takes it. */
export const quotePath = (path: string): string =>
  /^[\w./+@-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`;
