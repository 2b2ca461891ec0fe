// The pure parts of the page's log: colours out of lines, and lines into steps.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readPieces } from '../../../web-terminal/log/colours.ts';
import { addLines, countLines, cut, spentMs, wordSpent, type Step } from '../../../web-terminal/log/steps.ts';

const textOf = (line: string) =>
  readPieces(line)
    .map(({ text }) => text)
    .join('');

describe('colours', () => {
  test('of each kind have a name; what ends them ends them', () => {
    const line =
      '\u001b[1;31mbold\u001b[22m red\u001b[39m\u001b[38;5;10m palette \u001b[38;2;1;2;3mtrue\u001b[m none';
    expect(readPieces(line)).toEqual([
      { text: 'bold', classes: ['c1', 'bold'] },
      { text: ' red', classes: ['c1'] },
      { text: ' palette ', classes: ['c10'] },
      { text: 'true', classes: [] },
      { text: ' none', classes: [] },
    ]);
  });

  test('are all that is left of what is said to terminals: links, titles, cursors, and what is cut off', () => {
    expect(textOf('\u001b]8;;https://evil.example\u0007a link\u001b]8;;\u0007')).toBe('a link');
    expect(textOf('a\u001b[2Jb\u001b[10;10Hc\u001bcd\u009be')).toBe('abcde');
    expect(textOf('cut \u001b[3')).toBe('cut ');
    expect(textOf('x\u202e\u2066y\u200b\u0000z\tt')).toBe('xyz    t');
  });

  test('whatever a line is, nothing that is not seen comes out of it, and what is plain comes out as it is', () => {
    const unit = fc.constantFrom(...'\u001b[]m;0123Ka\u0007\u202e\n \u009b'.split(''), 'é', '🙂');
    fc.assert(
      fc.property(fc.string({ unit }), (line) => {
        // oxlint-disable-next-line no-control-regex
        expect(textOf(line)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/);
        for (const { classes } of readPieces(line))
          for (const one of classes) expect(one).toMatch(/^(c1?\d|bold|dim|italic|underline)$/);
      }),
    );
    const plain = fc.stringMatching(/^[ -~]*$/);
    fc.assert(
      fc.property(plain, (line) => {
        expect(textOf(line)).toBe(line);
      }),
    );
  });
});

describe('steps', () => {
  const at = (second: number) => new Date(second * 1_000).toISOString();
  const line = (id: number, step: string) => ({ id, at: at(id), step, text: `${id}` });

  test('are made of lines that follow each other; the same one later is another', () => {
    const steps: Step[] = [];
    addLines(steps, [line(1, 'clone'), line(2, 'clone'), line(3, 'build')]);
    addLines(steps, [line(7, 'build'), line(9, 'clone')]);
    expect(steps.map(({ id, name, lines }) => [id, name, lines.length])).toEqual([
      [1, 'clone', 2],
      [3, 'build', 2],
      [9, 'clone', 1],
    ]);
    expect(spentMs(steps[1]!, steps[2])).toBe(6_000);
    expect(spentMs(steps[1]!, undefined)).toBe(4_000);
  });

  test('lose their oldest lines, and go with the last of them', () => {
    const steps: Step[] = [];
    addLines(steps, [line(1, 'clone'), line(2, 'build'), line(3, 'build')]);
    expect(cut(steps, 3)).toBe(false);
    expect(cut(steps, 1)).toBe(true);
    expect([countLines(steps), steps[0]?.id, steps[0]?.lines[0]?.id]).toEqual([1, 2, 3]);
    expect(spentMs(steps[0]!, undefined)).toBe(1_000);
  });

  test('say how long they took', () => {
    expect([0, 400, 12_345, 125_000].map(wordSpent)).toEqual(['0.0 s', '0.4 s', '12 s', '2 min 5 s']);
  });
});
