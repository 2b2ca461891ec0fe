// What a command line writes, without a process: what a terminal would leave of it, however much comes at once.
import { expect, test } from 'vitest';
import { createOutput } from '../../../agent/coding/output.ts';
import { createListener } from '../../../agent/coding/happenings.ts';
import type { TurnHappening } from '../../../agent/protocol.ts';

function outputOf(written: string) {
  const told: TurnHappening[] = [];
  const output = createOutput({ dir: '/checkout', tell: (one) => void told.push(one), joinMs: 10_000 });
  output.add(Buffer.from(written));
  const ended = output.end();
  const all = told.map((one) => (one.kind === 'text' ? one.text : '')).join('');
  return { ...ended, text: all };
}

test.each([
  ['10%\r50%\r100%\n', '100%\n'],
  ['a\r\nb\r\r\r\nc\r', 'a\nb\nc'],
  ['over\r\r\rwritten', 'written'],
  ['\r\r\n\r\nx', '\n\nx'],
  ['/checkout/src/a.ts in /checkout\n', 'src/a.ts in .\n'],
])('of %j a terminal leaves %j', (written, left) => {
  expect(outputOf(written).text).toBe(left);
});

test.each([
  ['one line', 'x'.repeat(600_000), { size: 600_000, lines: 1 }],
  ['returns alone', `${'\r'.repeat(500_000)}x`, { size: 1, lines: 1 }],
  ['returns before an end', `${'\r'.repeat(500_000)}\n`, { size: 1, lines: 1 }],
  ['one line over another', 'x\r'.repeat(250_000), { size: 1, lines: 1 }],
  ['empty lines', `${'\n'.repeat(500_000)}x`, { size: 500_001, lines: 500_001 }],
])('%s of half a million characters are read as they come', (_what, written, { size, lines }) => {
  const ended = outputOf(written);
  expect([ended.text.length, ended.lines, ended.skipped]).toEqual([size, lines, 0]);
});

test('what a turn costs is told after whatever else was', () => {
  const told: TurnHappening[] = [];
  const { update } = createListener({ dir: '/checkout', tell: (one) => void told.push(one) });
  for (let count = 0; count < 20_100; count++)
    update({
      sessionUpdate: 'tool_call',
      toolCallId: `c${count}`,
      kind: 'read',
      title: 'a',
      status: 'completed',
    });
  const costs = {
    sessionUpdate: 'usage_update',
    used: 1,
    size: 2,
    cost: { amount: 0.5, currency: 'USD' },
  } as const;
  update(costs);
  update(costs);
  expect(told).toHaveLength(20_001);
  expect(told.at(-1)).toEqual({ kind: 'cost', amount: '0.5000', currency: 'USD' });
});

test('of costs without end the newest is told, at the end', () => {
  const told: TurnHappening[] = [];
  const { update, flush } = createListener({ dir: '/checkout', tell: (one) => void told.push(one) });
  for (let count = 1; count <= 30_000; count++)
    update({ sessionUpdate: 'usage_update', used: 1, size: 2, cost: { amount: count, currency: 'USD' } });
  flush();
  expect(told.length).toBe(20_001);
  expect(told.at(-1)).toEqual({ kind: 'cost', amount: '30000.0000', currency: 'USD' });
  flush();
  expect(told.length).toBe(20_001);
});

test('the first words of a coding agent are told at once, and what follows is joined until it ends', () => {
  const told: TurnHappening[] = [];
  const { update, flush } = createListener({
    dir: '/checkout',
    tell: (one) => void told.push(one),
    joinMs: 10_000,
  });
  for (const text of ['The cl', 'ock', ' is wr', 'ong in ', 'two places.'])
    update({ sessionUpdate: 'agent_message_chunk', messageId: 'm1', content: { type: 'text', text } });
  const texts = () => told.map((one) => (one.kind === 'text' ? one.text : one.kind));
  expect(texts()).toEqual(['The ']);
  flush();
  expect(texts()).toEqual(['The ', 'clock is wrong in two places.']);
});
