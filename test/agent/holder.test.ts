// Holders themselves, and the agent's side of them: how they come and go, what is refused, whom they let in.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createHearer, frameOf, Word } from '../../agent/holder/frames.ts';
import { pull, type Held } from '../../agent/holder/held.ts';
import { createHolders, type Holders } from '../../agent/holder/holders.ts';
import { createLog } from '../../agent/log.ts';
import { createOutput } from '../../agent/sessions/output.ts';
import type { ExitStatus, SessionPty } from '../../agent/sessions/pty.ts';
import { pushRing } from '../../agent/sessions/ring.ts';
import { eventually } from '../testers/watch.ts';

function makePlace(idleMs = 60_000) {
  const dir = mkdtempSync(join(tmpdir(), 'sam-holder-'));
  const lines: string[] = [];
  const all: Holders[] = [];
  onTestFinished(() => {
    for (const one of all) one.leave();
    rmSync(dir, { recursive: true, force: true }); // whatever is held ends with it
  });
  const sockets = () => readdirSync(join(dir, 'holder')).filter((name) => name.endsWith('.sock'));
  return {
    dir,
    lines,
    sockets,
    /** An agent's. */
    begin: () => {
      const log = createLog((line) => void lines.push(line));
      const holders = createHolders({ dir, env: { SAM_NODE: 'nd-x', SECRET: 'x' }, log, idleMs });
      all.push(holders);
      return holders;
    },
  };
}

interface Seen {
  pty: SessionPty;
  output: string;
  status: ExitStatus | undefined;
}

function run(holders: Holders, script: string): Seen {
  const seen: Omit<Seen, 'pty'> = { output: '', status: undefined };
  const pty = holders.open({
    file: 'bash',
    args: ['--norc', '-c', script],
    env: { PATH: process.env['PATH'] ?? '' },
    cwd: '/',
    cols: 80,
    rows: 24,
    label: 'a label',
    onBytes: (bytes, length) => (seen.output += bytes.toString('latin1', 0, length)),
    onBatch: () => {},
    onEnd: (status) => (seen.status = status),
  });
  return Object.assign(seen, { pty });
}

test('a session begins before its holder does, is told from the start, and ends with its code', async () => {
  const one = run(makePlace().begin(), 'read -r line; stty size; echo "got $line"; exit 9');
  one.pty.resize(90, 30);
  one.pty.write(Buffer.from('early\n'));
  await one.pty.started;
  expect(one.pty.pid).toBeGreaterThan(0);
  await eventually(() => one.status, 'the end');
  expect(one.output).toContain('30 90\r\ngot early\r\n');
  expect(one.status).toEqual({ code: 9 });
});

test('a holder with no session goes after a while, and the next session has another', async () => {
  const { begin, sockets } = makePlace(50);
  const holders = begin();
  const first = run(holders, 'echo "$PPID"');
  await eventually(() => first.status, 'the end');
  const pid = Number(first.output.trim());
  await eventually(() => !isAlive(pid), 'the end of the holder');
  expect(sockets()).toEqual([]);
  const second = run(holders, 'echo "$PPID"');
  await eventually(() => second.status, 'the end of the second');
  expect(Number(second.output.trim())).not.toBe(pid);
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('one of a protocol that nobody knows is told to end, what a dead one left goes, and sessions begin elsewhere', async () => {
  const { dir, lines, sockets, begin } = makePlace();
  mkdirSync(join(dir, 'holder'));
  spawnSync(process.execPath, [
    '-e',
    `require('net').createServer().listen(${JSON.stringify(join(dir, 'holder/dead.sock'))}, () => process.kill(process.pid, 9))`,
  ]);
  const said: number[] = [];
  const hello = { protocol: 99, pid: 1, sessions: [{ label: 'a label' }] };
  const server = createServer((socket) => {
    socket.on('data', createHearer({ streamed: [], onPart() {}, onFrame: (word) => said.push(word) }));
    socket.on('error', () => {});
    socket.write(frameOf(Word.HELLO, 0, Buffer.from(JSON.stringify(hello))));
  });
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(join(dir, 'holder/other.sock'), resolve));
  expect(sockets()).toEqual(['dead.sock', 'other.sock']);
  const holders = begin();
  expect(await holders.find()).toEqual([]);
  await eventually(() => said.includes(Word.END), 'the word to end');
  expect(sockets()).toEqual([]);
  expect(lines.join()).toContain('protocol 99');
  const one = run(holders, 'exit 3');
  await eventually(() => one.status, 'the end');
  expect(one.status).toEqual({ code: 3 });
});

test('input for a program that does not read is refused at a megabyte, also by the next agent; then all of it arrives', async () => {
  const { begin } = makePlace();
  const first = begin();
  const one = run(
    first,
    'stty raw -echo; echo ready; while [ ! -e /dev/fd/9 ]; do read -r -n1 c && [ "$c" = g ] && break; done; head -c 800000 | sha256sum; read -r _',
  );
  await eventually(() => one.output.includes('ready'), 'the program');
  process.kill(one.pty.pid, 'SIGSTOP');
  const piece = Buffer.alloc(50_000, 'x');
  expect(one.pty.write(Buffer.from('g'))).toBe(true);
  let taken = 0;
  while (taken < 3_000_000 && one.pty.write(piece)) taken += piece.length;
  expect([taken > 900_000, taken < 1_100_000]).toEqual([true, true]);
  await run(first, 'exit').pty.started; // so what was typed before is there
  first.leave();
  const second = begin();
  const [kept] = await second.find();
  const seen: { output: string } = { output: '' };
  const pty = kept!.takeOver({
    onBytes: (bytes, length) => (seen.output += bytes.toString('latin1', 0, length)),
    onBatch: () => {},
    onEnd: () => {},
  });
  expect(pty.write(Buffer.alloc(500_000))).toBe(false);
  process.kill(pty.pid, 'SIGCONT');
  const hash = createHash('sha256').update(Buffer.alloc(800_000, 'x')).digest('hex');
  await eventually(() => seen.output.includes(hash), 'the hash of what was typed');
  process.kill(pty.pid, 'SIGKILL');
});

test('what waits for an agent that does not read takes little more memory than it has bytes, however small its pieces', () => {
  const waiting: Buffer[] = [];
  const line = {
    send: (frame: Buffer) => waiting.push(frame) > 0,
    backlog: () => 0,
    isExpected: () => false,
  };
  const output = createOutput([{ at: 0, cols: 80, rows: 24 }]);
  const held = {
    n: 1,
    ...output,
    sent: 0,
    leftAt: 0,
    isPaused: false,
    isBehind: false,
    isStill: false,
  } as Held;
  for (let piece = 0; piece < 2_000; piece++) {
    pushRing(held.ring, Buffer.from('x'), 1);
    pull(held, line);
  }
  expect(waiting).toHaveLength(2_000);
  const blocks = [...new Set(waiting.map(({ buffer }) => buffer))];
  expect(blocks.reduce((sum, { byteLength }) => sum + byteLength, 0)).toBeLessThan(1 << 20);
});

test.skipIf(process.getuid?.() !== 0)(
  'nobody but the agent’s own user gets to a holder, and it has nothing of the agent',
  async () => {
    const { dir, begin, sockets } = makePlace();
    const one = run(begin(), 'tr "\\0" "\\n" < /proc/$PPID/environ; echo end; read -r _');
    await eventually(() => one.output.includes('end'), 'its environment');
    expect(one.output).toBe('SAM_NODE=nd-x\r\nend\r\n');
    for (const [path, mode] of [
      ['.', 0o700],
      [sockets()[0]!, 0o600],
    ] as const)
      expect(statSync(join(dir, 'holder', path)).mode & 0o777).toBe(mode);
    statSync(dir);
    const socket = join(dir, 'holder', sockets()[0]!);
    const code = `require('net').connect(${JSON.stringify(socket)}).on('error', (e) => console.log(e.code)).on('connect', () => console.log('in'))`;
    spawnSync('chmod', ['0711', dir]);
    const { stdout } = spawnSync(process.execPath, ['-e', code], {
      uid: 65534,
      gid: 65534,
      encoding: 'utf8',
      timeout: 20_000,
    });
    expect(stdout.trim()).toBe('EACCES');
  },
);
