// What a click on a link in a terminal does. Programs write these links, so none is trusted: http(s) only, a tab of its own.
import type { IBufferRange, ILinkHandler, Terminal } from '@xterm/xterm';
import { askPerson } from '../dialogs.ts';

/** The address a browser would open, or undefined when it is not http(s). */
export function parseLink(text: string): URL | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  return url.protocol === 'http:' || url.protocol === 'https:' ? url : undefined;
}

/** For links that are written out: what one sees is what one gets. */
export function openLink(text: string): void {
  const url = parseLink(text);
  if (url) window.open(url.href, '_blank', 'noopener,noreferrer');
}

/** For OSC 8, where a program chooses text and address apart: asks when they differ. */
export function createHyperlinks(getTerminal: () => Terminal): ILinkHandler {
  return {
    allowNonHttpProtocols: false,
    activate: (_event, address, range) => {
      const url = parseLink(address);
      if (!url) return;
      if (readRange(getTerminal(), range) === address) return openLink(address);
      void confirmLink(url);
    },
  };
}

async function confirmLink(url: URL): Promise<void> {
  const yes = await askPerson({
    title: `Open ${url.host}?`,
    text: 'A program in the terminal wrote this link. It leads to:',
    detail: url.href,
    yes: 'Open in a new tab',
  });
  if (yes) openLink(url.href);
}

function readRange(terminal: Terminal, { start, end }: IBufferRange): string {
  const line = terminal.buffer.active.getLine(start.y - 1);
  return line?.translateToString(true, start.x - 1, end.x) ?? '';
}
