// Lines out of pieces, as programs write them; nothing of them grows without bound.
import { expect, test } from 'vitest';
import { createLines } from '../../../agent/system/run.ts';

test('lines are heard as they end, however they were cut; what a meter writes over itself is lines, too', () => {
  const heard: string[] = [];
  const lines = createLines((line) => heard.push(line));
  for (const piece of ['on', 'e\ntw', 'o\r10%\r', '20%\n\n', 'last']) lines.add(piece);
  expect(heard).toEqual(['one', 'two', '10%', '20%']);
  lines.end();
  expect(heard.at(-1)).toBe('last');
});

test('of a line that does not end its last 64 Ki characters are kept', () => {
  const heard: string[] = [];
  const lines = createLines((line) => heard.push(line));
  for (let piece = 0; piece < 100; piece++) lines.add('x'.repeat(10_000));
  lines.add('y\n');
  expect(heard).toHaveLength(1);
  expect(heard[0]!.length).toBe((64 << 10) + 1);
  expect(heard[0]).toMatch(/^x+y$/);
});
