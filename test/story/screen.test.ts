// The console's live screen, as a terminal shows it: cards stay whole, whatever is typed between two drawings.
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { PassThrough } from 'node:stream';
import headless from '@xterm/headless';
import { expect, test } from 'vitest';
import { createLiveScreen } from '../../bot/chat/console/screen.ts';

const COLUMNS = 20;

function openTerminal() {
  const terminal = new headless.Terminal({
    cols: COLUMNS,
    rows: 20,
    convertEol: true,
    allowProposedApi: true,
  });
  const input = new PassThrough();
  const output = Object.assign(new PassThrough(), { columns: COLUMNS, isTTY: true });
  output.on('data', (data: Buffer) => terminal.write(data));
  const reader: Interface = createInterface({ input, output, prompt: 'sam> ', terminal: true });
  const screen = createLiveScreen(output, () => reader);
  reader.on('line', (line) => screen.typed(line));
  reader.prompt();
  return {
    screen,
    type: async (line: string) => {
      const ended = once(reader, 'line');
      input.write(`${line}\r`);
      await ended;
    },
    rows: async (): Promise<string[]> => {
      const { promise, resolve } = Promise.withResolvers<void>();
      setImmediate(() => terminal.write('', resolve));
      await promise;
      const { active } = terminal.buffer;
      const rows = Array.from(
        { length: active.length },
        (_, y) => active.getLine(y)?.translateToString(true) ?? '',
      );
      return rows.slice(0, rows.findLastIndex((row) => row !== '') + 1);
    },
  };
}

test('a card that is drawn again stays whole when a line was typed meanwhile', async () => {
  const { screen, type, rows } = openTerminal();
  screen.show('a', ['demo: stopping', 'two'], '');
  await type('rm');
  screen.show('a', ['demo: stopped', 'two'], '');
  screen.freeze('a');
  expect(await rows()).toEqual(['sam> rm', 'demo: stopped', 'two', 'sam> ']);
});

test('a typed line that takes several rows counts as many', async () => {
  const { screen, type, rows } = openTerminal();
  screen.print('before');
  screen.show('a', ['one'], '');
  const line = 'up acme/a-long-name --ref main';
  await type(line);
  screen.show('a', ['other'], '');
  const typed = `sam> ${line}`;
  expect(await rows()).toEqual(['before', typed.slice(0, COLUMNS), typed.slice(COLUMNS), 'other', 'sam> ']);
});

test('without a card a typed line is left as it is', async () => {
  const { screen, type, rows } = openTerminal();
  await type('list');
  screen.print('NAME');
  expect(await rows()).toEqual(['sam> list', 'NAME', 'sam> ']);
});
