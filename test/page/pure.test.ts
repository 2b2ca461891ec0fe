import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Frame } from '../../agent/protocol.ts';
import { cutInput, decodeFrame, encodeAck, encodeFrame } from '../../web-terminal/connection/frames.ts';
import { toControl } from '../../web-terminal/touch/keys.ts';
import { parseCopy } from '../../web-terminal/session/offers.ts';
import { parseLink } from '../../web-terminal/session/links.ts';
import { isReport } from '../../agent/protocol.ts';
import { describeRefusal } from '../../web-terminal/screens.ts';
import { listShortcuts, readPageKey } from '../../web-terminal/settings/shortcuts.ts';
import { readTyped } from '../../web-terminal/tabs/ahead.ts';
import { cutTitle } from '../../web-terminal/tabs/bar.ts';
import { computeDelay } from '../../web-terminal/connection/socket.ts';

const n = fc.integer({ min: 0, max: 0xffff });

describe('frames', () => {
  test('output comes back as the bytes it was, whatever they are', () => {
    fc.assert(
      fc.property(n, fc.uint8Array(), (session, bytes) => {
        const frame = decodeFrame(encodeFrame(Frame.OUTPUT, session, bytes).buffer);
        expect(frame).toEqual({ type: 'output', n: session, bytes });
      }),
    );
  });

  test('an acknowledgement is 11 bytes: type, session, and the offset as a little-endian double', () => {
    fc.assert(
      fc.property(n, fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), (session, offset) => {
        const view = new DataView(encodeAck(session, offset).buffer);
        const read = [view.byteLength, view.getUint8(0), view.getUint16(1, true), view.getFloat64(3, true)];
        expect(read).toEqual([11, Frame.ACK, session, offset]);
      }),
    );
  });

  test('a frame that is cut off or of an unknown type is no frame, and never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), (bytes) => {
        const frame = decodeFrame(Uint8Array.from(bytes).buffer);
        if (bytes.length < 3 || ![Frame.OUTPUT, Frame.SNAPSHOT, Frame.DOWNLOAD].includes(bytes[0] as 0x80))
          expect(frame).toBeUndefined();
        if (bytes[0] === Frame.SNAPSHOT && bytes.length < 11) expect(frame).toBeUndefined();
      }),
    );
  });

  test('a paste is cut into pieces of at most 4 KiB that make the same paste', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20_000 }), (bytes) => {
        const pieces = [...cutInput(bytes)];
        expect(pieces.every((piece) => piece.length > 0 && piece.length <= 4096)).toBe(true);
        expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
      }),
    );
  });
});

describe('what is typed before there is a terminal', () => {
  const type = (key: string, held: Partial<KeyboardEvent> = {}) =>
    readTyped({ key, getModifierState: () => false, ...held } as KeyboardEvent);

  test('is what a key types, of one character or of several that combine', () => {
    const keys = ['a', ' ', '{', '日', '🚀', 'e\u0301', 'Enter', 'Backspace'];
    expect(keys.map((key) => type(key))).toEqual([...keys.slice(0, -2), '\r', '\x7f']);
    expect(type('@', { ctrlKey: true, altKey: true, getModifierState: () => true })).toBe('@');
  });

  test('is nothing of a key that types nothing, nor of one that is the browser’s', () => {
    const keys = ['Shift', 'F1', 'Dead', 'Unidentified', 'ArrowUp', 'Escape'];
    expect(keys.map((key) => type(key))).toEqual(keys.map(() => undefined));
    for (const held of ['altKey', 'ctrlKey', 'metaKey', 'isComposing'])
      expect(type('r', { [held]: true })).toBeUndefined();
  });
});

describe('reconnecting', () => {
  test('the delay grows from half a second to thirty seconds, never more, never less, and by chance', () => {
    fc.assert(
      fc.property(
        fc.nat(5_000),
        fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
        (attempt, chance) => {
          const delay = computeDelay(attempt, chance);
          expect(delay).toBeGreaterThanOrEqual(500);
          expect(delay).toBeLessThanOrEqual(30_000);
          expect(computeDelay(attempt + 1, chance)).toBeGreaterThanOrEqual(delay);
        },
      ),
    );
    expect([computeDelay(0, 0), computeDelay(0, 0.999) < 1_000, computeDelay(9, 0.5)]).toEqual([
      500,
      true,
      22_500,
    ]);
  });
});

describe('keys', () => {
  test('Ctrl and a letter make its control character; what has none stays as it is', () => {
    expect(['c', 'C', '[', ' ', '?', '_', '/'].map(toControl)).toEqual([
      '\x03',
      '\x03',
      '\x1b',
      '\0',
      '\x7f',
      '\x1f',
      '\x1f',
    ]);
    expect(['é', '1', 'ab', ''].map(toControl)).toEqual(['é', '1', 'ab', '']);
  });

  const press = (key: string, code: string, held = '', mac = false, on = true) =>
    readPageKey(
      {
        key,
        code,
        altKey: held.includes('alt'),
        ctrlKey: held.includes('ctrl'),
        shiftKey: held.includes('shift'),
        metaKey: held.includes('cmd'),
        getModifierState: (name: string) => held.includes(name.toLowerCase()),
      } as KeyboardEvent,
      { mac, on },
    );

  test('the page takes Alt with a digit and three keys with Ctrl+Shift, and leaves every other to the shell', () => {
    expect(press('3', 'Digit3', 'alt')).toEqual({ do: 'select', index: 2 });
    expect(press('0', 'Digit0', 'alt')).toEqual({ do: 'tabs' });
    expect(press('Enter', 'Enter', 'ctrl shift')).toEqual({ do: 'new' });
    expect(press('C', 'KeyI', 'ctrl shift'), 'a Dvorak keyboard').toEqual({ do: 'copy' });
    expect(press('М', 'KeyV', 'ctrl shift'), 'a Cyrillic one').toEqual({ do: 'paste' });
    expect(press('1', 'Digit1', 'alt shift'), 'a French one').toEqual({ do: 'select', index: 0 });
    const shells = [
      press('c', 'KeyC', 'ctrl'),
      press('w', 'KeyW', 'ctrl'),
      press('t', 'KeyT', 'alt'),
      press('Enter', 'Enter'),
      press('1', 'Digit1'),
      press('4', 'Numpad4', 'alt'),
      press('{', 'Digit7', 'ctrl alt'),
      press('{', 'Digit7', 'altgraph'),
    ];
    expect(shells.every((key) => key === undefined)).toBe(true);
  });

  test('what Option types on a Mac is the shell’s, on every keyboard; Ctrl with Cmd picks a tab', () => {
    const typed = [
      ['[', 'Digit5'],
      [']', 'Digit6'],
      ['|', 'Digit7'],
      ['{', 'Digit8'],
      ['}', 'Digit9'],
      ['#', 'Digit3'],
      ['¡', 'Digit1'],
      ['1', 'Digit1'],
    ];
    for (const [key = '', code = ''] of typed) expect(press(key, code, 'alt', true)).toBeUndefined();
    expect(press('[', 'Digit5', 'alt')).toBeUndefined();
    expect(press('2', 'Digit2', 'ctrl cmd', true)).toEqual({ do: 'select', index: 1 });
    expect(press('0', 'Digit0', 'ctrl cmd', true)).toEqual({ do: 'tabs' });
    expect(press('V', 'KeyV', 'ctrl shift', true)).toBeUndefined();
    expect(listShortcuts(true).flat().join()).not.toContain('Alt');
    expect(listShortcuts(false).flat().join()).not.toContain('⌘');
  });

  test('turned off, all of them are the shell’s, but for the way out of the terminal', () => {
    const taken = [
      press('3', 'Digit3', 'alt', false, false),
      press('Enter', 'Enter', 'ctrl shift', false, false),
      press('2', 'Digit2', 'ctrl cmd', true, false),
    ];
    expect(taken).toEqual([undefined, undefined, undefined]);
    expect(press('F6', 'F6', 'ctrl', false, false)).toEqual({ do: 'tabs' });
  });

  test('answers of the terminal are told from what people type', () => {
    const answers = [
      '\x1b[?1;2c',
      '\x1b[>0;276;0c',
      '\x1b[12;40R',
      '\x1b[0n',
      '\x1b[?2026;2$y',
      '\x1b[I',
      '\x1b[8;24;80t',
    ];
    const strings = [
      '\x1b]11;rgb:0f0f/1313/1717\x1b\\',
      '\x1b]10;rgb:d6d6/dddd/e5e5\x07',
      '\x1bP1$r0m\x1b\\',
    ];
    expect([...answers, ...strings, answers.join('')].filter((text) => !isReport(text))).toEqual([]);
    const typed = [
      'c',
      '\x1b',
      '\x1b[A',
      '\x1bOA',
      '\x1b[1;5C',
      '\x1b[200~x\x1b[201~',
      '\x1b[0nls',
      '\r',
      '',
    ];
    expect(typed.filter(isReport)).toEqual([]);
  });
});

describe('links', () => {
  test('only http and https are links', () => {
    expect(parseLink('https://example.org/a?b#c')?.href).toBe('https://example.org/a?b#c');
    const others = [
      'javascript:alert(1)',
      ' JaVaScRiPt:alert(1)',
      'data:text/html,x',
      'file:///etc/passwd',
      'vbscript:x',
      '/w/x',
      '',
    ];
    expect(others.map(parseLink)).toEqual(others.map(() => undefined));
  });
});

describe('what programs say to the page', () => {
  const copy = (text: string) => `c;${Buffer.from(text).toString('base64')}`;

  test('a text for the clipboard loses what presses keys; a question, bytes and a flood are none', () => {
    expect(parseCopy(copy('ls\r\n\x1b[201~rm\t-rf\x07'))).toBe('ls\n[201~rm\t-rf');
    expect(parseCopy(copy('é'))).toBe('é');
    const others = [
      'c;?',
      '?',
      '',
      'c;',
      'c;!',
      `c;${Buffer.of(0xff, 0xfe).toString('base64')}`,
      copy('x'.repeat(200_000)),
    ];
    expect(others.map(parseCopy)).toEqual(others.map(() => undefined));
  });

  test('a title is one short line, that cannot turn the direction of writing', () => {
    expect(cutTitle('  vim\u202e\n a.txt\u0007')).toBe('vim a.txt');
    expect(cutTitle('x'.repeat(1_000_000))).toHaveLength(64);
  });
});

describe('screens', () => {
  test('a sign-in is offered where the bot says there is one, and nowhere else', () => {
    const signIn = '/login/github?returnTo=%2Fw%2Fws-1';
    expect(describeRefusal({ reason: 'sign-in', signIn }, undefined)).toMatchObject({
      signIn,
      command: 'open',
    });
    expect(describeRefusal({ reason: 'sign-in-ended', signIn }, undefined).signIn).toBe(signIn);
    expect(describeRefusal({ reason: 'sign-in' }, undefined).signIn).toBeUndefined();
    expect(describeRefusal({ reason: 'not-found', signIn }, undefined).signIn).toBeUndefined();
  });

  test("the bot's own words and command win over the page's", () => {
    const refusal = { reason: 'not-running', message: 'It is stopping.', command: 'start api-7' } as const;
    expect(describeRefusal(refusal, 'api-412')).toMatchObject({
      text: 'It is stopping.',
      command: 'start api-7',
    });
    expect(describeRefusal({ reason: 'stopped' }, 'api-412').command).toBe('start api-412');
  });
});
