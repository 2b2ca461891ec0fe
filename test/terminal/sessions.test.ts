// Sessions as a person has them: type, look, leave, come back.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { attach, closedWith, ended, hear, infoOf, open, program, resume, run, say } from './node.ts';
import { sees, snapshotOf, startNode, textOf, type, until, type TestViewer } from './node.ts';

test('what is typed runs in a shell and its output comes back', async () => {
  await using node = await startNode();
  const viewer = await attach(node);
  const screen = await open(viewer);
  type(viewer, screen, 'echo $((6*7))\r');
  await sees(screen, '42\r\n');
  expect(node.inputs).toContain('ws-a');
  expect(node.counts).toEqual([1]);
});

test('two sessions on one socket do not mix', async () => {
  await using node = await startNode();
  const viewer = await attach(node);
  const [one, two] = [await open(viewer), await open(viewer)];
  type(viewer, one, "echo on''e\r");
  type(viewer, two, "echo tw''o\r");
  await Promise.all([sees(one, 'one\r\n'), sees(two, 'two\r\n')]);
  expect(textOf(one)).not.toContain('two');
  expect(textOf(two)).not.toContain('one');
});

test('two viewers see the same session', async () => {
  await using node = await startNode();
  const [first, second] = [await attach(node), await attach(node)];
  const mine = await open(first);
  const theirs = await resume(second, mine.id);
  type(second, theirs, "echo bo''th\r");
  await Promise.all([sees(mine, 'both\r\n'), sees(theirs, 'both\r\n')]);
});

test('a page that comes back sees the screen as it was, then what happens', async () => {
  await using node = await startNode();
  const before = await attach(node);
  const { id, n } = await open(before);
  type(before, before.screens.get(n)!, "echo be''fore\r");
  await sees(before.screens.get(n)!, 'before\r\n');
  before.socket.terminate();
  const after = await attach(node);
  const screen = await resume(after, id);
  await until(() => snapshotOf(screen).includes('before'), 'the snapshot');
  type(after, screen, "echo af''ter\r");
  await sees(screen, 'after\r\n');
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

test('a viewer hears of sessions that others open, rename, resize and end', async () => {
  await using node = await startNode();
  const [worker, other] = [await attach(node), await attach(node)];
  const { id } = await open(worker, { name: ' build ' });
  expect((await hear(other, 'session')).session).toMatchObject({ id, name: 'build', cols: 80, rows: 24 });
  say(worker, { type: 'rename', id, name: 'tests', ref: 1 });
  expect((await hear(other, 'session')).session.name).toBe('tests');
  say(worker, { type: 'resize', id, cols: 100, rows: 30, ref: 2 });
  expect((await hear(other, 'session')).session).toMatchObject({ cols: 100, rows: 30 });
  say(worker, { type: 'close', id, ref: 3 });
  expect(await hear(other, 'exit')).toMatchObject({ id });
  await until(() => refsHeard(worker).length === 3, 'the answers');
  expect(refsHeard(worker)).toEqual([1, 2, 3]);
  expect(node.terminals.sessions('ws-a')).toEqual([]);
});

function refsHeard({ messages }: TestViewer) {
  return messages.flatMap((message) => ('ref' in message ? [message.ref] : []));
}

test('sessions without a name get the lowest free number', async () => {
  await using node = await startNode();
  const viewer = await attach(node);
  await open(viewer);
  await open(viewer, { name: '  ' });
  await open(viewer, { name: 'logs' });
  await open(viewer);
  expect(node.terminals.sessions('ws-a').map(({ name }) => name)).toEqual(['1', '2', 'logs', '3']);
});

test.each([
  { type: 'open', cols: 0, rows: 24 },
  { type: 'open', cols: 80, rows: 1001 },
  { type: 'open', cols: 80.5, rows: 24 },
  { type: 'open', cols: 80, rows: 24, name: 'a\u001b[2Jb' },
  { type: 'open', cols: 80, rows: 24, name: 'x'.repeat(65) },
  { type: 'resume', id: 'x', offset: -1 },
  { type: 'list' },
  { type: 'attach', ticket: 'again' },
  {},
])('a message that makes no sense is answered with an error: %j', async (message) => {
  await using node = await startNode();
  const viewer = await attach(node);
  say(viewer, { ...message, ref: 'r1' });
  expect(await hear(viewer, 'error')).toMatchObject({ code: 'bad-message', ref: 'r1' });
  expect(node.terminals.sessions('ws-a')).toEqual([]);
  await open(viewer);
});

test('an unknown profile is answered with the reason', async () => {
  await using node = await startNode();
  const viewer = await attach(node);
  say(viewer, { type: 'open', cols: 80, rows: 24, profile: 'fish', ref: 4 });
  const message = 'There is no profile fish.';
  expect(await hear(viewer, 'error')).toEqual({ type: 'error', code: 'unknown-profile', message, ref: 4 });
});

test('a workspace has no more sessions than it may', async () => {
  await using node = await startNode({ maxSessions: 2 });
  const viewer = await attach(node);
  await open(viewer);
  const second = await open(viewer);
  say(viewer, { type: 'open', cols: 80, rows: 24, ref: 5 });
  expect(await hear(viewer, 'error')).toMatchObject({ code: 'too-many-sessions', ref: 5 });
  say(viewer, { type: 'close', id: second.id });
  await ended(second);
  await open(viewer);
});

test('who may only look sees everything, changes nothing, and is told once', async () => {
  await using node = await startNode();
  const [worker, guest] = [await attach(node), await attach(node, { drive: false })];
  const mine = await open(worker);
  const theirs = await resume(guest, mine.id);
  type(guest, theirs, "echo gu''est\r");
  type(guest, theirs, "echo gu''est\r");
  for (const request of [
    { type: 'open', cols: 80, rows: 24 },
    { type: 'close', id: mine.id },
  ]) {
    say(guest, { ...request, ref: request.type });
  }
  say(guest, { type: 'resize', id: mine.id, cols: 20, rows: 10 });
  await until(() => refsHeard(guest).includes('close'), 'the last answer');
  type(worker, mine, "echo wor''ker\r");
  await sees(theirs, 'worker\r\n');
  expect(textOf(theirs)).not.toContain('guest\r\n');
  const errors = guest.messages.filter((message) => message.type === 'error');
  expect(errors.map(({ code }) => code)).toEqual(['look-only', 'look-only', 'look-only', 'look-only']);
  worker.socket.close();
  await closedWith(worker);
  say(guest, { type: 'resize', id: mine.id, cols: 20, rows: 10, ref: 'alone' });
  await until(() => refsHeard(guest).includes('alone'), 'the answer to the one who is left');
  expect(infoOf(node, mine.id)).toMatchObject({ cols: 80, rows: 24 });
});

test('the last who typed sets the size; when they leave, the other one does', async () => {
  await using node = await startNode();
  const [laptop, phone] = [await attach(node), await attach(node)];
  const mine = await open(laptop, { cols: 120, rows: 40 });
  const theirs = await resume(phone, mine.id);
  say(phone, { type: 'resize', id: mine.id, cols: 40, rows: 20, ref: 1 });
  await until(() => refsHeard(phone).includes(1), 'the answer');
  expect(infoOf(node, mine.id).cols).toBe(120);
  type(phone, theirs, 'stty size\r');
  await sees(theirs, '20 40\r\n');
  phone.socket.terminate();
  await until(() => infoOf(node, mine.id).cols === 120, 'the size of the laptop');
  type(laptop, mine, 'stty size\r');
  await sees(mine, '40 120\r\n');
});

test('a second session sees no descriptor of the first', async () => {
  await using node = await startNode();
  const viewer = await attach(node);
  await open(viewer);
  const screen = await open(viewer, { profile: run('ls -l /proc/self/fd; echo shell: $(ls /proc/$$/fd)') });
  await ended(screen);
  const held = [...textOf(screen).matchAll(/ (\d+) -> (\S+)/g)].map(([, fd, to]) => [fd, to]);
  expect(held.slice(0, 3).map(([fd]) => fd)).toEqual(['0', '1', '2']);
  expect(held.slice(3)).toEqual([['3', expect.stringMatching(/^\/proc\/\d+\/fd$/)]]);
  expect(textOf(screen)).toMatch(/shell: 0 1 2( 3)?\r\n/); // 3: the pipe of $( )
});

test('a session has a colour terminal and the environment it was given', async () => {
  await using node = await startNode();
  const viewer = await attach(node);
  const screen = await open(viewer, { profile: program('env') });
  await ended(screen);
  const env = textOf(screen).split('\r\n');
  expect(env).toEqual(
    expect.arrayContaining([
      'TERM=xterm-256color',
      'COLORTERM=truecolor',
      'PS1=$ ',
      'LANG=C.UTF-8',
      'HOME=/',
    ]),
  );
  expect(textOf(screen)).not.toMatch(/sam/i);
});

test('closing a session ends its programs, though they ignore the hang-up', async () => {
  await using node = await startNode({ timing: { killMs: 200 } });
  const viewer = await attach(node);
  const screen = await open(viewer, {
    profile: run('trap "" HUP; echo pid $$; while :; do sleep 1000; done'),
  });
  await sees(screen, '\r\n');
  const pid = Number(/pid (\d+)/.exec(textOf(screen))?.[1]);
  expect(isAlive(pid)).toBe(true);
  say(viewer, { type: 'close', id: screen.id });
  expect(await ended(screen)).toEqual({ code: 0, signal: 9 });
  expect(isAlive(pid)).toBe(false);
});

test('ending a workspace leaves no process, not even a job in the background', async () => {
  await using node = await startNode({ timing: { killMs: 300 } });
  const [viewer, elsewhere] = [await attach(node), await attach(node, { workspace: 'ws-b' })];
  const other = await open(elsewhere);
  const script = 'set -m; trap "" HUP; sleep 1000 & echo pid $!; setsid -w true; echo pid $$; sleep 1001';
  const screen = await open(viewer, { profile: run(script) });
  await open(viewer);
  await until(() => textOf(screen).split('pid').length === 3, 'both ids');
  const pids = [...textOf(screen).matchAll(/pid (\d+)/g)].map(([, id]) => Number(id));
  await node.terminals.endWorkspace('ws-a');
  expect(pids.filter(isAlive)).toEqual([]);
  expect(node.terminals.sessions('ws-a')).toEqual([]);
  expect(await closedWith(viewer)).toBe(4410);
  type(elsewhere, other, "echo li''ves\r");
  await sees(other, 'lives\r\n');
});

function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
