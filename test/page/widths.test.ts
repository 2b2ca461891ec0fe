// How many cells characters take: what the C library of the shells says, on the page and in the screens that the agent draws.
import headless from '@xterm/headless';
import { describe, expect, test } from 'vitest';
import { createSnapshots } from '../../agent/sessions/snapshot.ts';
import { useWidths, widthOf } from '../../agent/widths.ts';
import { browserMissing } from '../browser.ts';
import { useVisits } from './visits.ts';
/** `wcwidth` of glibc 2.36 under C.UTF-8, asked by `ctypes.CDLL('libc.so.6').wcwidth(c)`, for U+0020 up to U+10FFFF. */
import known from './widths.json' with { type: 'json' };

const pick = (text: string) =>
  text.split(' ').map((range) => {
    const [first = 0, last = first] = range.split('-').map((end) => Number.parseInt(end, 16));
    return [first, last] as const;
  });

test('each character that the C library knows has its width', () => {
  const widths = new Int8Array(0x110000).fill(1);
  for (const [first, last] of pick(known.zero)) widths.fill(0, first, last + 1);
  for (const [first, last] of pick(known.wide)) widths.fill(2, first, last + 1);
  for (const [first, last] of pick(known.unassigned)) widths.fill(-1, first, last + 1);
  const wrong: string[] = [];
  for (let point = 0x20; point < widths.length; point++) {
    const isSkipped = (point >= 0x7f && point < 0xa0) || (point >= 0xd800 && point < 0xe000);
    if (!isSkipped && widths[point] !== -1 && widthOf(point) !== widths[point])
      wrong.push(point.toString(16));
  }
  expect(wrong).toEqual([]);
  expect([0x1fae8, 0x1fadf, 0x10a, 0x1b].map(widthOf), 'emoji of Unicode 15 and 16').toEqual([2, 2, 1, 0]);
});

const place = async (text: string | Uint8Array) => {
  const terminal = new headless.Terminal({ cols: 80, rows: 5, allowProposedApi: true });
  useWidths(terminal);
  await new Promise<void>((done) => terminal.write(text, done));
  return terminal;
};

test('a terminal puts the next character where programs take it to be', async () => {
  const columns = [
    ['🫠', 2],
    ['🥲🦾', 4],
    ['👨‍👩‍👧‍👦', 8],
    ['👍🏽', 4],
    ['🇩🇪', 2],
    ['❤️', 1],
    ['e\u0301', 1],
    ['䷀', 2],
    ['日本', 4],
    ['한', 2],
  ] as const;
  for (const [text, column] of columns) expect((await place(text)).buffer.active.cursorX, text).toBe(column);
});

test('a screen that is drawn again has the same cells', async () => {
  const snapshots = createSnapshots();
  const output = `${'🫠'.repeat(41)}|\r\n👨‍👩‍👧‍👦|\r\ne\u0301\u0302|❤️|`;
  const screen = await snapshots.take({
    modes: '',
    from: 0,
    output: Buffer.from(output),
    sizes: [{ at: 0, cols: 80, rows: 5 }],
  });
  await snapshots.close();
  const cells = async (text: string | Uint8Array) => {
    const { active } = (await place(text)).buffer;
    const rows = Array.from({ length: 5 }, (_, y) => active.getLine(y));
    return [
      active.cursorX,
      rows.map((row) => Array.from({ length: 80 }, (_, x) => row?.getCell(x)?.getChars() ?? '')),
    ];
  };
  expect(await cells(screen)).toEqual(await cells(output));
});

describe.skipIf(browserMissing)('emoji in a browser', { timeout: 120_000 }, () => {
  const visits = useVisits();

  test('take the cells that the shell counts, so that what is typed after them can be edited', async () => {
    const ann = await visits.arrive();
    await ann.run(`IFS='[;' read -rsd R -p $'\\r🫠🥲\\e[6n' _ _ column; echo; echo "column $column"`);
    await ann.sees(/^column 5$/m);
    await ann.page.keyboard.insertText('echo 🫠🫠x');
    await ann.page.keyboard.press('Home');
    await ann.page.keyboard.press('Control+k'); // the shell rubs out as many cells as it takes them to be
    await ann.run('echo done-$((1+1))');
    await ann.sees(/^api-412 \$ echo done-\$\(\(1\+1\)\)\ndone-2$/m);
  });
});
