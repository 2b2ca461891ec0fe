// The state of a whole terminal, as sequences: modes, character sets, title, colours. Must not know cells.
import headless from '@xterm/headless';
import { coreOf, type Charset, type Core, type Terminal } from './inside.ts';

const PROTOCOLS: Record<string, number> = { X10: 9, VT200: 1000, DRAG: 1002, ANY: 1003 };
const ENCODINGS: Record<string, number> = { SGR: 1006, SGR_PIXELS: 1016 };
const CURSORS = { block: 2, underline: 4, bar: 6 };
const SHIFTS = ['', '\x0e', '\x1bn', '\x1bo'];

export function drawModes({
  coreService,
  coreMouseService,
  optionsService,
  _charsetService,
  _inputHandler,
}: Core): string {
  const { decPrivateModes: modes, modes: ansi, isCursorHidden } = coreService;
  const on = (isOn: boolean | number | undefined, mode: string) => (isOn ? `\x1b[${mode}` : '');
  const protocol = PROTOCOLS[coreMouseService.activeProtocol];
  const encoding = ENCODINGS[coreMouseService.activeEncoding];
  const shape = modes.cursorStyle && CURSORS[modes.cursorStyle] - (modes.cursorBlink ? 1 : 0);
  const charsets = _charsetService._charsets.map((charset, g) => {
    const name = nameCharset(charset);
    return name && `\x1b${'()*+'[g]}${name}`;
  });
  return [
    on(modes.applicationCursorKeys, '?1h'),
    on(modes.applicationKeypad, '?66h'),
    on(modes.bracketedPasteMode, '?2004h'),
    on(modes.reverseWraparound, '?45h'),
    on(modes.sendFocus, '?1004h'),
    on(!modes.wraparound, '?7l'),
    on(isCursorHidden, '?25l'),
    on(ansi.insertMode, '4h'),
    on(optionsService.options.convertEol, '20h'),
    on(protocol, `?${protocol}h`),
    on(encoding, `?${encoding}h`),
    on(shape, `${shape} q`),
    ...charsets,
    SHIFTS[_charsetService.glevel] ?? '',
    _inputHandler._windowTitle && `\x1b]2;${_inputHandler._windowTitle}\x07`,
    on(modes.synchronizedOutput, '?2026h'),
  ].join('');
}

export function watchColors({ _inputHandler }: Core): () => string {
  const set = new Map<number, string>();
  _inputHandler.onColor((changes) => {
    for (const { type, index, color } of changes) {
      if (type === 1 && index !== undefined && color)
        set.set(index, `rgb:${color.map((part) => part.toString(16).padStart(2, '0')).join('/')}`);
      if (type === 2 && index !== undefined) set.delete(index);
      if (type === 2 && index === undefined)
        for (const known of set.keys()) if (known < 256) set.delete(known);
    }
  });
  return () =>
    [...set]
      .map(([index, color]) => `\x1b]${index < 256 ? `4;${index}` : index - 246};${color}\x07`)
      .join('');
}

// An option and no mode: whoever did not hear it set cannot tell it from how the page began.
export function watchBlink(terminal: Terminal): () => string {
  let last = '';
  for (const final of ['h', 'l'])
    terminal.parser.registerCsiHandler({ prefix: '?', final }, (params) => {
      if (params.includes(12)) last = `\x1b[?12${final}`;
      return false; // the terminal handles it too
    });
  return () => last;
}

let charsetNames: Map<object, string> | undefined;

/** The letter that chooses it; empty for ASCII. */
export function nameCharset(charset: Charset): string {
  if (!charset) return '';
  charsetNames ??= listCharsets();
  return charsetNames.get(charset) ?? '';
}

/** A terminal is asked for its own tables: they are the same objects in all of them. */
function listCharsets(): Map<object, string> {
  const terminal = new headless.Terminal({ allowProposedApi: true, logLevel: 'off' }); // it warns of `writeSync`
  const core = coreOf(terminal) as Core & { writeSync(text: string): void };
  const names = new Map<object, string>();
  for (const name of '0A4C5RQKYE6ZH7=') {
    core.writeSync(`\x1b(${name}`);
    const [charset] = core._charsetService._charsets;
    if (charset && !names.has(charset)) names.set(charset, name);
  }
  terminal.dispose();
  return names;
}
