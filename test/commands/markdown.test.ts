// What GitHub shows as something else than plain text says nothing, and what it shows as plain text is read as it was typed.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse } from '../../bot/commands/parser/parse.ts';
import { command, commands, github } from './table.ts';

const RUNS = { numRuns: 300 };
const rm = { verb: 'rm', flags: { force: true }, ignored: [] };

/** `%` stands for the line that says something. */
const apart: [string, string][] = [
  ['<pre>\n%\n</pre>', 'preformatted text'],
  ['<blockquote>\n%\n</blockquote>', 'a quote in HTML'],
  ['<blockquote>\n\n%\n\n</blockquote>', 'a quote in HTML with a paragraph of its own'],
  ['<div><blockquote>\n\nso\n\n</div>\n\n%', 'a quote in HTML that never ends'],
  ['<details><summary>Log</summary>\n\n%\n\n</details>', 'folded text'],
  ['<details>\n\n- one\n\n  %\n\n</details>', 'a list in folded text'],
  ['<code>\n%\n</code>', 'code in HTML'],
  ['so <code>\n%\n</code> so', 'code in HTML within a paragraph'],
  ['so <b>\n\n%', 'bold text that never ends'],
  ['<table><tr><td>\n\n%\n\n</td></tr></table>', 'a table in HTML'],
  ['</details>\n%', 'HTML that a blank line does not end'],
  ['<div\n\n%\n\n>', 'a tag that never ends'],
  ['<a title="\n%\n">x</a>', 'what a tag says of itself'],
  ['<!-- so\n%\n-->', 'a comment'],
  ['so <!-- so\n%\n-->', 'a comment within a paragraph'],
  ['<!--\n\n%', 'a comment that never ends'],
  ['<![CDATA[\n%\n]]>', 'a section of characters'],
  ['`so\n%\nso`', 'a code span over three lines'],
  ['``\n%\n``', 'a code span whose marks are lines of their own'],
  ['so `so ``\n%\n`` so` so', 'a code span that holds other marks'],
  ['```\n%\n```', 'fenced code'],
  ['~~~md\n%', 'fenced code that never ends'],
  ['- so\n  ```\n  %\n  ```', 'fenced code in a list'],
  ['so\n\n    %', 'indented code'],
  ['- so\n\n      %', 'indented code in a list'],
  ['> %', 'a quote'],
  ['> so\n%', 'a quote that goes on without its mark'],
  ['- > %', 'a quote in a list'],
  ['> - %', 'a list in a quote'],
  ['> [!NOTE]\n> %', 'an alert'],
  ['| a | b |\n|---|---|\n| %', 'a table'],
  ['a | b\n--|--\n%', 'a row of a table without its bars'],
  ['%\n|-|', 'the head of a table with one column'],
  ['so[^1]\n\n[^1]: so\n%', 'a footnote'],
  ['[^1]: so\n\n    %', 'a second paragraph of a footnote'],
  ['[so\n%\n](https://example.com)', 'a link'],
  ['[so](https://example.com "\n%\n")', 'what a link shows when it is pointed at'],
  ['[so\n%\n][1]\n\n[1]: https://example.com', 'a link that is defined elsewhere'],
  ['[1]: https://example.com "\n%\n"', 'the definition of a link'],
  ['![so\n%\n](https://example.com/x.png)', 'what stands for a picture'],
  ['~~so\n%\nso~~', 'what is struck out'],
  ['~so\n%\nso~', 'what is struck out with one sign'],
  ['$$\n%\n$$', 'mathematics'],
  ['$$\nx\n\n%\n\n$$', 'mathematics with a blank line'],
  ['so $x\n%\nx$ so', 'mathematics in a line'],
  ['%\n---', 'a heading'],
  ['# %', 'a heading with its sign'],
  ['- [ ] %', 'something to do'],
  ['- [x] so\n  %', 'something done'],
  ['\\%', 'a line whose sign is escaped'],
];

const plain: [string, string][] = [
  ['%', 'alone'],
  ['so\n%\nso', 'within a paragraph'],
  ['> so\n\n%\n\n> so', 'between quotes'],
  ['- %', 'in a list'],
  ['1. so\n2. %', 'in a list with numbers'],
  ['- so\n  - so\n\n    %', 'in a list in a list'],
  ['<details>\n\nso\n\n</details>\n\n%', 'below folded text'],
  ['<ul>\n<li>one\n<li>two\n</ul>\n\n%', 'below a list in HTML whose items do not end'],
  ['<p align="center">\n\n<img src="x"><br>\n\n%', 'below a picture'],
  ['a List<String> and a <T>\n\n%', 'below what only looks like HTML'],
  ['so `so` *so* ~~so~~ <b>so</b> [so](x) $x$\n%', 'below all kinds of things that ended'],
  ['one ` and one ~ and 5$\n%\nand $HOME and ~3', 'between signs that mean nothing'],
  ['costs $5\n%\nor $6', 'between prices'],
  ['*so\n%\nso*', 'in a text with a slant'],
  ['`%`', 'as a hint of ours, pasted'],
  ['```\nso\n```\n%', 'below fenced code'],
  ['| a |\n|---|\n| b |\n\n%', 'below a table'],
  ['\uFEFF%', 'behind the mark that some editors put first'],
  ['so\r\n%\r\nso', 'between line ends of Windows'],
  ['%\\\nso', 'before a break that a backslash makes'],
];

const say = (frame: string, line: string): string => frame.replace('%', () => line);

describe('what is shown apart from plain text', () => {
  test.each(apart)('%j is no command: %s', (frame) => {
    expect(parse(say(frame, '/sam rm --force'), github).kind).toBe('ignore');
    expect(parse(`so\n\n${say(frame, '/sam rm --force')}`, github).kind).toBe('ignore');
  });

  test('whatever is said there, with whatever around it', () => {
    const frames = fc.constantFrom(...apart.map(([frame]) => frame));
    const triggers = fc.constantFrom(...github.triggers, '／sam', '＠sam:', '/SAM');
    const verbs = fc.constantFrom(...commands.map(({ name }) => name), '');
    const words = fc.constantFrom('', ' api-412', ' --force', ' `x`', ' a_b_c', ' *', ' <b>', ' $5', ' ~');
    const around = fc.constantFrom('', 'Thanks!\n\n', '- so\n- so\n\n', 'a `b` c\n\n', '> so\n\n');
    fc.assert(
      fc.property(frames, triggers, verbs, words, around, (frame, trigger, verb, word, before) => {
        const line = `${trigger} ${verb}${word}`;
        expect(parse(before + say(frame, line), github).kind).toBe('ignore');
      }),
      RUNS,
    );
  });
});

describe('what is shown as plain text', () => {
  test.each(plain)('%j is a command: %s', (frame) => {
    expect(command(say(frame, '/sam rm --force'), github)).toMatchObject(rm);
  });

  test('whatever is said there arrives', () => {
    const frames = fc.constantFrom(
      ...plain.map(([frame]) => frame).filter((frame) => !frame.includes('`%`')),
    );
    const values = [
      'feature_x_y',
      '*',
      '**a**',
      '<T>',
      '<url>',
      '[a](b)',
      '~x~',
      '$HOME',
      '&amp;',
      '!x',
      '#7',
      '|',
    ];
    fc.assert(
      fc.property(frames, fc.constantFrom(...values), (frame, value) => {
        const parsed = command(say(frame, `/sam probe --node "${value}" -q`), github);
        expect(parsed).toMatchObject({ verb: 'probe', flags: { node: value, quiet: true } });
      }),
      RUNS,
    );
  });

  test.each([
    ['/sam up acme/api@feature_x_y', { name: 'api', ref: 'feature_x_y' }],
    ['/sam up <https://github.com/acme/api>', { owner: 'acme', name: 'api' }],
    ['/sam up [api](https://github.com/acme/api)', { owner: 'acme', name: 'api' }],
    ['/sam up acme/api@a*b*c', undefined],
  ])('%s is read as it was typed', (line, target) => {
    const parsed = parse(line, github);
    if (target) expect(parsed).toMatchObject({ kind: 'command', target });
    else expect(parsed).toMatchObject({ kind: 'error', code: 'bad-ref' });
  });

  test('a comment behind a command is no part of it', () => {
    expect(command('/sam rm <!-- so\nso --> --force', github)).toMatchObject({ verb: 'rm', flags: {} });
    expect(command('so <!-- a --> so\n/sam rm --force <!-- b -->', github)).toMatchObject(rm);
  });
});

test('a comment that is made to take long takes a moment', () => {
  const hostile = '[|](|](<|~|~~|*_|`a``b|>|- |1. |<a b="|<!--|$|&|![|[^1]: |\n|a|b\n|<b>|\\'.split('|');
  for (const pattern of hostile) {
    const text = `/sam up\n\n${pattern.repeat(65_000 / pattern.length)}`;
    const start = process.threadCpuUsage().user;
    parse(text, github);
    // A tenth of it is usual; quadratic would be minutes.
    expect(process.threadCpuUsage().user - start).toBeLessThan(2_000_000);
  }
});
