// What a shell is given of what people typed: the line as it was meant, and no more than the line.
import { expect, test } from 'vitest';
import { formatCommand } from '../../bot/commands/parser/format.ts';
import { parse } from '../../bot/commands/parser/parse.ts';
import { command, console_, failure, github, mention, slash } from './table.ts';

test.each([
  ['run npm test -- --watch  -x "a b"', 'npm test -- --watch  -x "a b"'],
  ['run --ws api-7 --timeout 10m make -j4 X=1', 'make -j4 X=1'],
  ['run -- --version', '--version'],
  ['exec ls --ws api-7', 'ls --ws api-7'],
])('`%s` runs `%s`', (typed, line) => {
  expect(command(typed)).toMatchObject({ verb: 'run', prompt: line });
});

test('flags stand before it', () => {
  expect(command('run --ws api-7 --timeout 10m make')).toMatchObject({
    flags: { ws: 'api-7', timeout: { ms: 600_000 } },
    target: { kind: 'name', name: 'api-7' },
  });
  const typed = command('run -- --ws is no flag here');
  expect(command(formatCommand(typed, '')).prompt).toBe(typed.prompt);
});

test('what stands below it is talk, and is given to no shell', () => {
  const text = '/sam run npm test\nrm -rf .\n\n```\nrm -rf /\n```\n/sam stop';
  expect(command(text, github)).toMatchObject({ prompt: 'npm test', ignored: ['stop'] });
  expect(command('<@U0SAM> run npm test\nplease', mention).prompt).toBe('npm test');
});

test('a code span around it is none of it, and what a keyboard made of dashes is undone', () => {
  expect(command('/sam run `npm test`', github).prompt).toBe('npm test');
  expect(command('`/sam run npm test`', github).prompt).toBe('npm test');
  expect(command('run npm test —watch', slash).prompt).toBe('npm test --watch');
  expect(command('run git commit -m “fix”', slash).prompt).toBe('git commit -m "fix"');
});

test('where somebody quoted by hand every sign was meant', () => {
  expect(command('/sam run git commit -m "a – b" && echo `date`', github).prompt).toBe(
    'git commit -m "a – b" && echo `date`',
  );
  expect(command('run grep -c "a &amp;&amp; b" &lt; x', slash).prompt).toBe('grep -c "a && b" < x');
});

test('nothing, too much, and what no shell should read is no command', () => {
  expect(failure('/sam run', github)).toMatchObject({ code: 'no-line' });
  expect(failure('/sam run --timeout 5m', github)).toMatchObject({ code: 'no-line' });
  expect(failure(`/sam run echo ${'x'.repeat(40 * 1024)}`, github)).toMatchObject({ code: 'long-prompt' });
  expect(failure('run echo \x1b[31m "red"', console_)).toMatchObject({ code: 'control-characters' });
  expect(failure('run echo "a\0b"', console_)).toMatchObject({ code: 'control-characters' });
  expect(failure('run --timeout soon make', console_)).toMatchObject({ code: 'bad-duration' });
  expect(parse('/sam run --help', github)).toEqual({ kind: 'help', topic: 'run' });
});
