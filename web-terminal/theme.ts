// The colours and the font of the terminals; style.css has those of the page around them.
import type { ITheme } from '@xterm/xterm';
import { readSettings } from './settings/settings.ts';

const dark: ITheme = {
  background: '#0f1317',
  foreground: '#d6dde5',
  cursor: '#8fd3b6',
  cursorAccent: '#0f1317',
  selectionBackground: '#33424f',
  black: '#2a323b',
  red: '#e58b8b',
  green: '#8fce9b',
  yellow: '#e3c17a',
  blue: '#83b3ea',
  magenta: '#c5a1e6',
  cyan: '#7fcbd0',
  white: '#c8d0d8',
  brightBlack: '#77838f',
  brightRed: '#f2a7a7',
  brightGreen: '#a9e0b3',
  brightYellow: '#f0d596',
  brightBlue: '#a4c9f4',
  brightMagenta: '#d7bbf1',
  brightCyan: '#a0dee2',
  brightWhite: '#f3f6f9',
};

const light: ITheme = {
  background: '#fdfdfb',
  foreground: '#24292f',
  cursor: '#1f7a56',
  cursorAccent: '#fdfdfb',
  selectionBackground: '#cfe3f5',
  black: '#24292f',
  red: '#b3383d',
  green: '#28713f',
  yellow: '#8a5d00',
  blue: '#1f62b0',
  magenta: '#7c4aa8',
  cyan: '#1a6f78',
  white: '#6b7480',
  brightBlack: '#59626c',
  brightRed: '#a02c31',
  brightGreen: '#1f6134',
  brightYellow: '#734e00',
  brightBlue: '#184f90',
  brightMagenta: '#66398d',
  brightCyan: '#135a62',
  brightWhite: '#3b424a',
};

/** Sizes in px; a line is `lineHeight` times as high as the font's own. */
export function getFont() {
  return {
    fontFamily: 'ui-monospace, "SF Mono", SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace',
    fontSize: readSettings().fontSize,
    lineHeight: 1, // more, and the lines of boxes have gaps
  };
}

const askForLight = (): MediaQueryList => matchMedia('(prefers-color-scheme: light)');

/**
 * Options of a terminal for what the system asks for now. On a light ground most programs' colours are too pale, so xterm
 * deepens them; on a dark one that costs more than it gives: it would grey all inverse text.
 */
export function getColours(): { theme: ITheme; minimumContrastRatio: number } {
  return askForLight().matches
    ? { theme: light, minimumContrastRatio: 4.5 }
    : { theme: dark, minimumContrastRatio: 1 };
}

/** For what a search finds: all of it, and the one that it stands at. */
export function getSearchColours() {
  const [match, active] = askForLight().matches ? ['#f2e2b0', '#f0b955'] : ['#4a4326', '#8a6a1f'];
  return {
    matchBackground: match,
    matchOverviewRuler: match,
    activeMatchBackground: active,
    activeMatchColorOverviewRuler: active,
  };
}

export function onThemeChange(listen: () => void): void {
  askForLight().addEventListener('change', listen);
}

/** Repeatable only by reloading the page: it changes two functions of this document. */
export function allowStrictStyles(): void {
  const make = document.createElement.bind(document) as (
    tag: string,
    options?: ElementCreationOptions,
  ) => Element;
  const patched = (tag: string, options?: ElementCreationOptions): Element =>
    tag.toLowerCase() === 'style' ? createSheetElement(make('xterm-style')) : make(tag, options);
  document.createElement = patched as typeof document.createElement;

  HTMLSpanElement.prototype.setAttribute = function (name, value) {
    if (name === 'style') this.style.cssText = value;
    else Element.prototype.setAttribute.call(this, name, value);
  };
}

/** Stands in for a <style>: its text becomes a sheet of the document for as long as the element is not removed. */
function createSheetElement(stand: Element): Element {
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets.push(sheet);
  Object.defineProperty(stand, 'textContent', {
    set: (text: string) => {
      sheet.replaceSync(text);
    },
  });
  Object.defineProperty(stand, 'remove', {
    value: () => {
      document.adoptedStyleSheets = document.adoptedStyleSheets.filter((other) => other !== sheet);
      Element.prototype.remove.call(stand);
    },
  });
  return stand;
}
