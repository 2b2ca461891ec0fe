// Screens that are made again from output: they must look like the terminal that saw it all.
import { SerializeAddon } from '@xterm/addon-serialize';
import headless from '@xterm/headless';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { createRing, pushRing } from '../../agent/sessions/ring.ts';
import { createModes, noteModes, renderModes } from '../../agent/sessions/modes.ts';
import { findSafeStart, safeLength, skipAhead } from '../../agent/sessions/sequences.ts';
import { createSnapshots } from '../../agent/sessions/snapshot.ts';
import { useWidths } from '../../agent/widths.ts';
import {
  attach,
  hear,
  open,
  resume,
  run,
  say,
  sees,
  snapshotOf,
  startNode,
  textOf,
  type,
  until,
} from './node.ts';
import { infoOf, type Screen } from './node.ts';

const snapshots = createSnapshots();
afterAll(() => snapshots.close());

const take = (text: string, rest: object = {}) =>
  snapshots.take({
    modes: '',
    from: 0,
    output: Buffer.from(text),
    sizes: [{ at: 0, cols: 80, rows: 24 }],
    ...rest,
  });

/** A terminal that got all this: what it shows, its modes, its cursor. */
async function look(feed: (string | Buffer)[], cols = 80, rows = 24, scrollback = 1000): Promise<object> {
  const terminal = new headless.Terminal({ cols, rows, scrollback, allowProposedApi: true });
  useWidths(terminal);
  const serializer = new SerializeAddon();
  terminal.loadAddon(serializer as unknown as Parameters<typeof terminal.loadAddon>[0]);
  const data = Buffer.concat(feed.map((part) => Buffer.from(part as string)));
  await new Promise<void>((done) => terminal.write(data, done));
  const { type, cursorX, cursorY } = terminal.buffer.active;
  return { type, cursorX, cursorY, modes: { ...terminal.modes }, text: serializer.serialize() };
}

const ESC = '\u001b';

test.each([
  ['plain lines', 'one\r\ntwo\r\nthree'],
  ['colours and wide characters', `${ESC}[1;31mred ${ESC}[0m日本語 🚀\r\n${ESC}[44m back`],
  ['more lines than the screen has', Array.from({ length: 300 }, (_, i) => `line ${i}\r\n`).join('')],
  [
    'an editor on the other screen',
    `shell$ vi\r\n${ESC}[?1049h${ESC}[?1h${ESC}[2J${ESC}[H~ editor${ESC}[10;20Hhere`,
  ],
  ['modes', `${ESC}[?2004h${ESC}[?1002h${ESC}[?1006h${ESC}[?7l$ `],
  ['nothing', ''],
])('a snapshot of %s looks like the terminal that saw it', async (_, output) => {
  const screen = await take(output);
  expect(await look(['old junk', screen])).toEqual(await look([output]));
});

test('a snapshot keeps what the screen does not show: hidden cursor, mouse encoding, title', async () => {
  const screen = (await take(`${ESC}[?25l${ESC}[?1006h${ESC}]0;my title\u0007`)).toString();
  for (const part of [`${ESC}[?25l`, `${ESC}[?1006h`, `${ESC}]2;my title\u0007`])
    expect(screen).toContain(part);
});

test('output is drawn at the width that the terminal had when it came', async () => {
  const output = `${ESC}[2;50HY${ESC}[1;30HX`;
  const sizes = [
    { at: 0, cols: 10, rows: 5 },
    { at: output.indexOf('Y') + 1, cols: 40, rows: 8 },
  ];
  const expected = await look([`${ESC}[2;10HY${ESC}[1;30HX`], 40, 8);
  expect(await look([await take(output, { sizes })], 40, 8)).toEqual(expected);
});

test('a thousand lines are kept above the screen', async () => {
  const screen = (await take(Array.from({ length: 5000 }, (_, i) => `line ${i}\r\n`).join(''))).toString();
  expect(screen.match(/line \d+/g)?.length).toBe(1023);
});

test('when the thread hangs, the end of the output stands in, and the next snapshot gets a new thread', async () => {
  const impatient = createSnapshots({ deadlineMs: 1 });
  const output = 'x'.repeat(200_000) + 'the end';
  const job = { modes: '', from: 0, sizes: [{ at: 0, cols: 80, rows: 24 }] };
  const screens = await Promise.all(
    [1, 2].map(() => impatient.take({ ...job, output: Buffer.from(output) })),
  );
  for (const screen of screens)
    expect(screen.toString()).toSatisfy(
      (text: string) => text.startsWith(`${ESC}c`) && text.endsWith('the end'),
    );
  await impatient.close();
});

test('the thread is gone when nobody wants a screen, and there again when somebody does', async () => {
  const lazy = createSnapshots({ idleMs: 1 });
  for (const text of ['one', 'two']) {
    const screen = await lazy.take({
      modes: '',
      from: 0,
      sizes: [{ at: 0, cols: 80, rows: 24 }],
      output: Buffer.from(text),
    });
    expect(screen.toString()).toContain(text);
    await new Promise((done) => setTimeout(done, 5));
  }
  await lazy.close();
});

test('a cut never splits a character or a sequence', () => {
  const pieces = [
    'a',
    '\n',
    'ü',
    '日',
    '🚀',
    `${ESC}[1;31m`,
    `${ESC}]0;title\u0007`,
    `${ESC}]8;;u${ESC}\\`,
    `${ESC}(B`,
  ];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 12 }), fc.nat(), (parts, where) => {
      const whole = Buffer.from(parts.join(''));
      const cut = where % (whole.length + 1);
      const ends = parts.reduce((sums, part) => [...sums, sums.at(-1)! + Buffer.byteLength(part)], [0]);
      const expected = Math.max(...ends.filter((end) => end <= cut));
      expect(safeLength(whole.subarray(0, cut))).toBe(expected);
    }),
  );
});

test('skipping ahead in a long output changes nothing of what is seen', async () => {
  const pieces = [
    'plain',
    `${ESC}[31mred`,
    `${ESC}[0m`,
    `${ESC}[m`,
    '日本',
    '\t',
    'over\rO',
    `${ESC}[K`,
    `${ESC}[1;4m`,
  ];
  const rare = [
    `${ESC}[A`,
    `${ESC}[H`,
    `${ESC}[?1049h`,
    `${ESC}[2;5r`,
    `${ESC}[?7l`,
    `${ESC}]2;t\u0007`,
    `${ESC}(0`,
    '\n',
  ];
  const word = fc.oneof({ weight: 40, arbitrary: fc.constantFrom(...pieces) }, fc.constantFrom(...rare));
  const line = fc.array(word, { maxLength: 6 }).map((words) => words.join(' ') + '\r\n');
  const output = fc
    .array(line, { minLength: 30, maxLength: 120, size: 'max' })
    .map((lines) => Buffer.from(lines.join('')));
  let skips = 0;
  const property = fc.asyncProperty(output, async (bytes) => {
    const { start, modes } = skipAhead(bytes, '', 26);
    skips += start > 0 ? 1 : 0;
    const show = (feed: (string | Buffer)[]) => look(feed, 20, 8, 10);
    expect(await show([modes, bytes.subarray(start)])).toEqual(await show([bytes]));
  });
  await fc.assert(property, { numRuns: 300 });
  expect(skips).toBeGreaterThan(20);
});

test('a ring that forgot its beginning is read from a line or a sequence on', () => {
  const ring = createRing(8192);
  const text = Buffer.from(`${'日'.repeat(4000)}\nnext line ${ESC}[1m`);
  for (const bytes of [Buffer.alloc(8192, 'x'), text]) pushRing(ring, bytes, bytes.length);
  expect(ring.first).toBeGreaterThan(0);
  expect(findSafeStart(ring)).toBe(8192 + text.indexOf('\n') + 1);
});

test('modes are remembered from bytes in any pieces', () => {
  const text = `a${ESC}[?1049;2004h${ESC}[?25lb${ESC}[?2004l${ESC}[?12h${ESC}[?99hc`;
  fc.assert(
    fc.property(fc.array(fc.nat(text.length)), (cuts) => {
      const modes = createModes();
      const at = [0, ...cuts.toSorted((a, b) => a - b), text.length];
      for (const [i, start] of at.slice(0, -1).entries())
        noteModes(modes, Buffer.from(text.slice(start, at[i + 1])));
      expect(renderModes(modes)).toBe(`${ESC}[?1049h${ESC}[?25l${ESC}[?2004l${ESC}[?12h`);
    }),
  );
});

test('an editor that began long before what is kept is still on the other screen', async () => {
  await using node = await startNode();
  const viewer = await attach(node);
  const lots =
    'for ((i = 0; i < 30000; i++)); do echo -e "\\e[H line $i of a long long long long long long text"; done';
  const screen = await open(viewer, {
    profile: run(`printf '\\e[?1049h\\e[?1000h'; ${lots}; echo done; sleep 1000`),
  });
  await sees(screen, 'done\r\n');
  expect(infoOf(node, screen.id).first).toBeGreaterThan(0);
  const again = await resume(await attach(node), screen.id);
  await until(() => again.snapshots.length > 0, 'the snapshot');
  expect(await look(again.feed)).toEqual(await look(screen.feed));
});

test('an offset that the ring forgot is answered with a snapshot of now', async () => {
  await using node = await startNode();
  const viewer = await attach(node);
  const screen = await open(viewer, { profile: run('yes hello | head -c 3000000; echo done; sleep 1000') });
  await sees(screen, 'done\r\n');
  const other = await attach(node);
  const again = await resume(other, screen.id, 10);
  await until(() => again.snapshots.length > 0, 'the snapshot');
  expect(again.from).toBe(infoOf(node, screen.id).end);
  expect(snapshotOf(again)).toContain('done');
});

test('whoever comes in the middle of a sequence or a character sees it whole', async () => {
  await using node = await startNode();
  const viewer = await attach(node);
  const script =
    "stty -echo raw; printf 'a\\e[3'; head -c 1 >/dev/null; printf '1mred \\xe6\\x97'; head -c 1 >/dev/null; printf '\\xa5.'; sleep 1000";
  const screen = await open(viewer, { profile: run(script) });
  const seen: Screen[] = [];
  for (const [end, safe] of [
    [4, 1],
    [12, 10],
  ] as const) {
    await until(() => screen.at === end, 'the half of it');
    seen.push(await resume(await attach(node), screen.id));
    expect(seen.at(-1)?.from).toBe(safe);
    type(viewer, screen, '.');
  }
  for (const other of seen) {
    await until(() => other.at === 14 && other.snapshots.length > 0, 'the rest');
    expect(await look(other.feed)).toEqual(await look([`a${ESC}[31mred 日.`]));
  }
});

test('whoever comes into a flood ends up with the same screen as who was there', async () => {
  await using node = await startNode({ timing: { resyncMs: 20 } });
  const viewer = await attach(node);
  const script =
    'for ((i = 0; i < 60000; i++)); do echo -e "\\e[3$((i % 8))m$i ✓ 日本語 🚀"; done; echo done; sleep 1000';
  const screen = await open(viewer, { profile: run(script) });
  const others: Screen[] = [];
  for (const from of [100_000, 400_000, 900_000, 1_500_000]) {
    await until(() => screen.at > from, 'a flood');
    others.push(await resume(await attach(node), screen.id));
  }
  await sees(screen, 'done\r\n');
  for (const other of others) {
    await until(() => other.at === screen.at, 'the end');
    expect(bytesOfFeed(other)).toBe(true);
    expect(await tail(other)).toEqual(await tail(screen));
  }
  function bytesOfFeed({ from, at, parts }: Screen): boolean {
    const all = Buffer.concat(screen.parts);
    return Buffer.concat(parts).equals(all.subarray(from, at));
  }
});

test('whoever asks for a screen without end keeps nobody else waiting for theirs', async () => {
  await using node = await startNode();
  const viewer = await attach(node);
  const screen = await open(viewer, {
    profile: run('yes hello there | head -c 3000000; echo done; sleep 1000'),
  });
  await sees(screen, 'done\r\n');
  const greedy = await attach(node);
  for (let asked = 0; asked < 3_000; asked++) say(greedy, { type: 'resume', id: screen.id });
  await hear(greedy, 'resumed');
  const startedAt = performance.now();
  const again = await resume(await attach(node), screen.id);
  await until(() => again.snapshots.length > 0, 'the snapshot');
  // A screen, and not what stands in for one when the thread has too much to do.
  expect(snapshotOf(again).length).toBeLessThan(30_000);
  expect(performance.now() - startedAt).toBeLessThan(8_000);
  const last = () => [...greedy.screens.values()].at(-1)!;
  await until(() => last().n === 3_000 && last().snapshots.length > 0, 'the last one');
  expect(await look(last().feed)).toEqual(await look(again.feed));
});

/** The screen alone: how much is above it depends on where one came in. */
async function tail({ feed }: Screen): Promise<string[]> {
  const { text } = (await look(feed)) as { text: string };
  return text.split('\r\n').slice(-20);
}

test('a page that is loaded again shows the prompt it left', async () => {
  await using node = await startNode();
  const viewer = await attach(node);
  const screen = await open(viewer);
  type(viewer, screen, "echo -e '\\e[1mbo''ld\\e[0m'\r");
  await sees(screen, 'ld');
  await until(() => textOf(screen).endsWith('$ '), 'the prompt');
  say(viewer, { type: 'resize', id: screen.id, cols: 100, rows: 30 });
  const again = await resume(await attach(node), screen.id);
  await until(() => again.snapshots.length > 0, 'the snapshot');
  expect(await look(again.feed, 100, 30)).toEqual(await look(screen.feed, 100, 30));
});
