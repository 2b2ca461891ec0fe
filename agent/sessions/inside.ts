// The inside of @xterm/headless, as far as screens are drawn from it: its API tells less than half. The package is pinned.
import headless from '@xterm/headless';

export type Terminal = InstanceType<typeof headless.Terminal>;

export interface Attributes {
  fg: number;
  bg: number;
  extended: { _ext: number; urlId: number; underlineColor: number };
  isBold(): number;
  isDim(): number;
  isItalic(): number;
  isBlink(): number;
  isInverse(): number;
  isInvisible(): number;
  isStrikethrough(): number;
  isOverline(): number;
  isProtected(): number;
}

export interface Cell extends Attributes {
  getChars(): string;
  getWidth(): number;
}

export interface Line {
  length: number;
  isWrapped: boolean;
  loadCell(x: number, cell: Cell): Cell;
}

export type Charset = object | undefined;

export interface Buffer {
  lines: { length: number; get(y: number): Line | undefined };
  x: number;
  y: number;
  ybase: number;
  scrollTop: number;
  scrollBottom: number;
  tabs: Record<number, boolean>;
  savedX: number;
  savedY: number;
  savedCurAttrData: Attributes;
  savedCharset: Charset;
}

interface Modes {
  applicationCursorKeys: boolean;
  applicationKeypad: boolean;
  bracketedPasteMode: boolean;
  cursorBlink: boolean | undefined;
  cursorStyle: 'block' | 'underline' | 'bar' | undefined;
  origin: boolean;
  reverseWraparound: boolean;
  sendFocus: boolean;
  synchronizedOutput: boolean;
  wraparound: boolean;
}

export interface Core {
  cols: number;
  rows: number;
  buffers: { normal: Buffer; alt: Buffer; active: Buffer };
  coreService: { modes: { insertMode: boolean }; decPrivateModes: Modes; isCursorHidden: boolean };
  coreMouseService: { activeProtocol: string; activeEncoding: string };
  optionsService: { options: { convertEol: boolean } };
  _charsetService: { _charsets: Charset[]; glevel: number };
  _inputHandler: {
    _curAttrData: Attributes;
    _windowTitle: string;
    onColor(listen: (changes: ColorChange[]) => void): void;
  };
  _oscLinkService: { getLinkData(id: number): { id?: string; uri: string } | undefined };
}

/** 0 asks, 1 sets, 2 takes back: one colour, or all of the palette. 256 to 258: foreground, background, cursor. */
export interface ColorChange {
  type: 0 | 1 | 2;
  index?: number;
  color?: [number, number, number];
}

export const coreOf = (terminal: Terminal): Core => (terminal as unknown as { _core: Core })._core;
