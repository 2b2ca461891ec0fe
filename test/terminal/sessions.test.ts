// Sessions as a person has them: type, look, leave, come back.
import { expect, test } from 'vitest';
import {
  attach,
  ended,
  hear,
  open,
  resume,
  say,
  sees,
  snapshotOf,
  startNode,
  textOf,
  type,
  until,
} from './node.ts';

test('what is typed runs in a shell and its output comes back', async () => {
  await using node = await startNode();
  const viewer = await attach(node);
  const screen = await open(viewer);
  type(viewer, screen, 'echo $((6*7))\r');
  await sees(screen, '\r\n42\r\n');
  expect(node.inputs).toContain('ws-a');
  expect(node.counts).toEqual([1]);
});

test('two sessions on one socket do not mix', async () => {
  await using node = await startNode();
  const viewer = await attach(node);
  const [one, two] = [await open(viewer), await open(viewer)];
  type(viewer, one, "echo on''e\r");
  type(viewer, two, "echo tw''o\r");
  await Promise.all([sees(one, '\r\none\r\n'), sees(two, '\r\ntwo\r\n')]);
  expect(textOf(one)).not.toContain('two');
  expect(textOf(two)).not.toContain('one');
});

test('two viewers see the same session', async () => {
  await using node = await startNode();
  const [first, second] = [await attach(node), await attach(node)];
  const mine = await open(first);
  const theirs = await resume(second, mine.id);
  type(second, theirs, "echo bo''th\r");
  await Promise.all([sees(mine, '\r\nboth\r\n'), sees(theirs, '\r\nboth\r\n')]);
});

test('a page that comes back sees the screen as it was, then what happens', async () => {
  await using node = await startNode();
  const before = await attach(node);
  const { id, n } = await open(before);
  type(before, before.screens.get(n)!, "echo be''fore\r");
  await sees(before.screens.get(n)!, '\r\nbefore\r\n');
  before.socket.terminate();
  const after = await attach(node);
  const screen = await resume(after, id);
  await until(() => snapshotOf(screen).includes('before'), 'the snapshot');
  type(after, screen, "echo af''ter\r");
  await sees(screen, '\r\nafter\r\n');
  expect(textOf(screen)).not.toContain('before');
});

test('the end of a program says its code and its signal', async () => {
  await using node = await startNode();
  const viewer = await attach(node);
  const one = await open(viewer);
  type(viewer, one, 'exit 7\r');
  expect(await ended(one)).toEqual({ code: 7 });
  const two = await open(viewer);
  type(viewer, two, 'kill -TERM $$; kill -9 $$\r');
  expect(await ended(two)).toEqual({ code: 0, signal: 9 });
  say(viewer, { type: 'resume', id: two.id, ref: 'r' });
  expect(await hear(viewer, 'gone')).toEqual({ type: 'gone', id: two.id, ref: 'r' });
});
