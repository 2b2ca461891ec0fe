// Which commands of a session took long: by the marks of its shell, however its output is cut, and only where somebody wants to know.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { watchCommands, type CommandEnd } from '../../agent/sessions/commands.ts';
import { attach, open, run, sees, startNode, until } from './node.ts';

function openWatch({ longMs = 30_000, presentMs = 10_000 } = {}) {
  const state = { now: 0, isWanted: true };
  const ends: CommandEnd[] = [];
  const watch = watchCommands({
    isWanted: () => state.isWanted,
    onLong: (end) => ends.push(end),
    longMs,
    presentMs,
    now: () => state.now,
  });
  const say = (text: string) => {
    const bytes = Buffer.from(text);
    // What stands behind is of a read before.
    watch.take(Buffer.concat([bytes, Buffer.from('\x1b]133;C\x07')]), bytes.length);
  };
  return { state, ends, watch, say };
}

const [START, PROMPT] = ['\x1b]133;C\x07', '\x1b]133;A;jobs=0\x07'];
const end = (code: string) => `\x1b]133;D;${code}\x07${PROMPT}`;

describe('a command', () => {
  test('that took long is told of, with how it ended', () => {
    const { state, ends, say } = openWatch();
    say(START);
    state.now = 31_000;
    say(`output ${end('2')}`);
    expect(ends).toEqual([{ ms: 31_000, code: 2 }]);
  });

  test('that was short, whose beginning nobody saw, or whose prompt came without an end is not', () => {
    const { state, ends, say } = openWatch();
    say(START);
    state.now = 30_000;
    say(end('0'));
    state.now = 90_000;
    say(end('0'));
    say(START + PROMPT);
    state.now = 180_000;
    say(end('0'));
    expect(ends).toEqual([]);
  });

  test('is not told of to somebody who types there as it ends', () => {
    const { state, ends, say, watch } = openWatch();
    say(START);
    state.now = 55_000;
    watch.noteTyped();
    state.now = 60_000;
    say(end('0'));
    say(START);
    state.now = 120_000;
    say(end('0'));
    expect(ends).toEqual([{ ms: 60_000, code: 0 }]);
  });

  test('is not followed where nobody wants to know, and from then on where somebody does', () => {
    const { state, ends, say } = openWatch();
    state.isWanted = false;
    say(START);
    state.isWanted = true;
    state.now = 60_000;
    say(end('0'));
    say(START);
    state.now = 120_000;
    say('\x1b]133;D\x1b\\');
    expect(ends).toEqual([{ ms: 60_000 }]);
  });

  test('is seen however the output is cut, and whatever else is in it', () => {
    const noise = fc.constantFrom(
      '',
      'x',
      '\x1b',
      '\x1b]',
      '\x1b[31m',
      '\x1b]133',
      '\x1b]0;t\x07',
      'y'.repeat(100),
    );
    fc.assert(
      fc.property(noise, noise, fc.array(fc.nat(60), { maxLength: 8 }), (before, after, cuts) => {
        const { state, ends, say } = openWatch();
        say(START);
        state.now = 40_000;
        const text = `${before}${end('7')}${after}`;
        const places = [0, ...cuts.filter((cut) => cut < text.length).toSorted((a, b) => a - b), text.length];
        places.slice(1).forEach((to, at) => say(text.slice(places[at], to)));
        expect(ends).toEqual([{ ms: 40_000, code: 7 }]);
      }),
    );
  });

  test('whose shell began a mark and never ended it is seen to end all the same', () => {
    const { ends, say, state } = openWatch();
    say(START);
    state.now = 40_000;
    say(`\x1b]133;D;${'x'.repeat(100)}`);
    say(end('0'));
    expect(ends).toEqual([{ ms: 40_000, code: 0 }]);
  });
});

test('a node tells of them where its bot wants to know, from when it says so', async () => {
  const told: [string, CommandEnd][] = [];
  await using node = await startNode({
    onLongCommand: (id, end) => told.push([id, end]),
    timing: { longMs: 50, presentMs: 0 },
  });
  const viewer = await attach(node);
  const takes = (code: number) =>
    run(`printf '\\033]133;C\\007'; sleep 0.2; printf '\\033]133;D;${code}\\007done'; cat`);
  await sees(await open(viewer, { profile: takes(1) }), 'done');
  Object.assign(node.workspaces.get('ws-a')!, { tellsCommands: true });
  node.terminals.follow('ws-a');
  await sees(await open(viewer, { profile: takes(2) }), 'done');
  await until(() => told.length > 0, 'the end of a command');
  expect(told).toEqual([['ws-a', { ms: expect.any(Number) as number, code: 2 }]]);
});
