// Output under load: nothing lost, nothing doubled, nobody held up, nothing without bounds.
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WINDOW_BYTES } from '../../agent/protocol.ts';
import { ack, attach, bytesOf, ended, hear, infoOf, open, resume, run, say } from './node.ts';
import { sees, startNode, textOf, type, until, type Screen, type TestViewer } from './node.ts';

const RING_BYTES = 1 << 20;
let folder: string;
let file: string;
let flood: Buffer;

// Lines with colours and characters of up to four bytes, so that every cut hits one sooner or later.
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sam-flow-'));
  file = join(folder, 'flood');
  const line = (i: number) => `\u001b[3${i % 8}m${i}\u001b[0m ✓ ünïcode 日本語 🚀 ${'x'.repeat(i % 70)}\r\n`;
  flood = Buffer.from(Array.from({ length: 60_000 }, (_, i) => line(i)).join(''));
  writeFileSync(file, flood);
});
afterAll(() => rmSync(folder, { recursive: true }));

const sha = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const RAW = 'stty raw -echo;';
/** Says that it is ready, then waits for a key. */
const GATE = `${RAW} echo -n '>'; head -c 1 >/dev/null;`;

test('a few megabytes arrive as they were written', async () => {
  await using node = await startNode();
  const viewer = await attach(node);
  const screen = await open(viewer, { profile: run(`${RAW} cat ${file}`) });
  expect(await ended(screen)).toEqual({ code: 0 });
  expect(flood.length).toBeGreaterThan(4 * RING_BYTES);
  expect(sha(bytesOf(screen))).toBe(sha(flood));
});

test('a viewer that comes back with an offset gets exactly what it missed', async () => {
  await using node = await startNode();
  const part = 700_000;
  const parts = Math.ceil(flood.length / part);
  const script = `${RAW} for ((i = 0; i < ${parts}; i++)); do tail -c +$((i * ${part} + 1)) ${file} | head -c ${part}; head -c 1 >/dev/null; done`;
  let viewer = await attach(node);
  let screen = await open(viewer, { profile: run(script) });
  const received: Buffer[] = [];
  for (let i = 0; i < parts; i++) {
    const end = Math.min(flood.length, (i + 1) * part);
    await until(() => screen.at > i * part + 1000, 'some of the part');
    viewer.socket.terminate(); // in the middle of it
    await until(() => infoOf(node, screen.id).end === end, 'the whole part in the ring');
    received.push(bytesOf(screen));
    const { at } = screen;
    viewer = await attach(node);
    screen = await resume(viewer, screen.id, at);
    await until(() => screen.at === end, 'the rest of the part');
    expect([screen.from, screen.snapshots.length]).toEqual([at, 0]);
    type(viewer, screen, '.');
  }
  await ended(screen);
  expect(sha(Buffer.concat([...received, bytesOf(screen)]))).toBe(sha(flood));
});

test('resuming again and again in a flood leaves no gap and doubles nothing', async () => {
  await using node = await startNode();
  const viewer = await attach(node);
  const first = await open(viewer, { profile: run(`${GATE} cat ${file}`) });
  let asked = 0;
  viewer.onOutput = (screen) => {
    if (asked >= 8 || screen.n !== Math.max(...viewer.screens.keys()) || screen.at < (asked + 1) * 400_000)
      return;
    asked++;
    say(viewer, { type: 'resume', id: screen.id, offset: screen.at });
  };
  await sees(first, '>');
  type(viewer, first, '.');
  await until(() => viewer.messages.some(({ type }) => type === 'exit'), 'the end');
  expect(viewer.screens.size).toBe(9);
  const whole = Buffer.concat([Buffer.from('>'), flood]);
  for (const { from, at, parts } of viewer.screens.values()) {
    expect(Buffer.concat(parts).equals(whole.subarray(from, at))).toBe(true);
  }
  expect(Math.max(...[...viewer.screens.values()].map(({ at }) => at))).toBe(whole.length);
});

test('an offset beyond the end, or of a session that is no more, is gone', async () => {
  await using node = await startNode();
  const viewer = await attach(node);
  const { id } = await open(viewer, { profile: run('echo hello; sleep 1000') });
  await until(() => infoOf(node, id).end === 7, 'the output');
  say(viewer, { type: 'resume', id, offset: 8, ref: 1 });
  expect(await hear(viewer, 'gone')).toEqual({ type: 'gone', id, ref: 1 });
  const screen = await resume(viewer, id, 7);
  expect(screen.from).toBe(7);
});

test('a viewer that does not acknowledge gets the window and no more, and the program waits', async () => {
  await using node = await startNode();
  const viewer = await attach(node);
  viewer.acks = false;
  const screen = await open(viewer, { profile: run(`${RAW} cat ${file}`) });
  ack(viewer, screen, 1e12); // from the future: it counts for nothing
  await until(() => screen.at === WINDOW_BYTES, 'the window');
  expect(infoOf(node, screen.id).end).toBeLessThanOrEqual(WINDOW_BYTES + 4096);
  await roundTrip(viewer);
  expect(screen.at).toBe(WINDOW_BYTES);
  viewer.acks = true;
  ack(viewer, screen);
  await ended(screen);
  expect(sha(bytesOf(screen))).toBe(sha(flood));
});

async function roundTrip(viewer: TestViewer): Promise<void> {
  say(viewer, { type: 'resume', id: 'nothing' });
  await hear(viewer, 'gone');
}

test('Ctrl-C in a flood is answered within a window, though the viewer is slow', async () => {
  await using node = await startNode();
  const viewer = await attach(node);
  viewer.acks = false;
  const screen = await open(viewer, { profile: run(`trap 'echo cau""ght; exit 3' INT; yes 0123456789`) });
  let most = 0;
  viewer.onOutput = ({ at, acked }) => (most = Math.max(most, at - acked));
  const parser = setInterval(() => {
    if (screen.at > screen.acked) ack(viewer, screen, Math.min(screen.at, screen.acked + 32_768));
  }, 4);
  await until(() => screen.at > 4 * WINDOW_BYTES, 'a flood');
  const { at } = screen;
  type(viewer, screen, '\u0003');
  expect(await ended(screen)).toEqual({ code: 3 });
  clearInterval(parser);
  expect(textOf(screen)).toContain('caught');
  expect(screen.at - at).toBeLessThan(WINDOW_BYTES + 3 * 65_536);
  expect(most).toBeLessThanOrEqual(WINDOW_BYTES);
});

test('a viewer that stalls holds up neither the program nor the one who works, and catches up', async () => {
  await using node = await startNode({ timing: { resyncMs: 50 } });
  const [worker, sleeper] = [await attach(node), await attach(node)];
  const mine = await open(worker, {
    profile: run(`${GATE} cat ${file}; head -c 1 >/dev/null`),
  });
  sleeper.acks = false;
  const theirs = await resume(sleeper, mine.id, 0);
  await sees(mine, '>');
  type(worker, mine, '.');
  await until(() => mine.at === flood.length + 1, 'everything at the one who works');
  expect(sha(bytesOf(mine).subarray(1))).toBe(sha(flood));
  await until(() => theirs.at === WINDOW_BYTES, 'the window at the other');
  sleeper.acks = true;
  ack(sleeper, theirs); // its offset left the ring long ago
  await until(() => theirs.snapshots.length > 0 && theirs.at === flood.length + 1, 'the newest at the other');
  type(worker, mine, '.');
  await Promise.all([ended(mine), ended(theirs)]);
});

test('a lone viewer that stalls counts as gone after a while, and the program goes on', async () => {
  await using node = await startNode({ timing: { stallMs: 100 } });
  const viewer = await attach(node);
  viewer.acks = false;
  const marker = join(folder, 'went-on');
  const screen = await open(viewer, {
    profile: run(`${RAW} cat ${file}; touch ${marker}; head -c 1 >/dev/null`),
  });
  await until(() => existsSync(marker), 'the end of the work');
  expect(screen.at).toBe(WINDOW_BYTES);
  ack(viewer, screen);
  await until(() => screen.snapshots.length > 0 && screen.at === flood.length, 'the newest');
});

test('without a viewer nothing holds the program up', async () => {
  await using node = await startNode();
  const viewer = await attach(node);
  const marker = join(folder, 'alone');
  const script = `${GATE} cat ${file}; touch ${marker}; sleep 1000`;
  const screen = await open(viewer, { profile: run(script) });
  await sees(screen, '>');
  type(viewer, screen, '.');
  viewer.socket.close();
  await until(() => existsSync(marker), 'the end of the work');
});

test('a viewer that leaves in a flood does not leave the program waiting', async () => {
  await using node = await startNode();
  const viewer = await attach(node);
  viewer.acks = false;
  const marker = join(folder, 'left');
  const screen = await open(viewer, { profile: run(`${RAW} cat ${file}; touch ${marker}; sleep 1000`) });
  await until(() => screen.at === WINDOW_BYTES, 'the window');
  viewer.socket.terminate();
  await until(() => existsSync(marker), 'the end of the work');
});

test('a program that ends while it is held up loses nothing: all bytes, then the code', async () => {
  await using node = await startNode();
  const viewer = await attach(node);
  viewer.acks = false;
  const length = WINDOW_BYTES + 2890;
  const screen = await open(viewer, { profile: run(`${RAW} echo $$; head -c ${length} ${file}; exit 5`) });
  await until(() => screen.at === WINDOW_BYTES, 'the window');
  const pid = Number.parseInt(textOf(screen));
  await until(() => !existsSync(`/proc/${pid}`), 'the end of the program');
  await roundTrip(viewer);
  expect(screen.status).toBeUndefined();
  ack(viewer, screen);
  expect(await ended(screen)).toEqual({ code: 5 });
  const output = bytesOf(screen);
  expect(output.subarray(output.indexOf('\n') + 1).equals(flood.subarray(0, length))).toBe(true);
});

test('eight floods on one socket each arrive whole, and an echo between them is not lost', async () => {
  await using node = await startNode();
  const viewer = await attach(node);
  const screens: Screen[] = [];
  for (let i = 0; i < 8; i++) screens.push(await open(viewer, { profile: run(`${RAW} cat ${file}`) }));
  const shell = await open(viewer);
  type(viewer, shell, "echo ec''ho\r");
  await sees(shell, 'echo\r\n');
  for (const screen of screens) {
    await ended(screen);
    expect(sha(bytesOf(screen))).toBe(sha(flood));
  }
});
