// What shares one connection: a session that waited goes on when there is room again, whatever had filled it; and whoever says that they
// have what they never read is let go.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { WebSocket } from 'ws';
import { FILE_WINDOW_BYTES, Frame } from '../../agent/protocol.ts';
import { attachViewer, startAttachment } from '../../agent/sessions/attachment.ts';
import type { Attachment, Viewing } from '../../agent/sessions/model.ts';
import type { Ptys } from '../../agent/sessions/pty.ts';
import { openSession, type Listening } from '../../agent/sessions/session.ts';
import { createWorkspaceSessions } from '../../agent/sessions/workspace-sessions.ts';
import { createViewer, handleReceived } from '../../agent/terminal/viewer.ts';
import { until } from './node.ts';

const nothing = () => {};
const FULL = 2 << 20;
const options = {
  snapshots: {
    take: () => Promise.resolve(Buffer.from('screen')),
    warm: nothing,
    close: () => Promise.resolve(),
  },
  stallMs: 30_000,
  resyncMs: 500,
};

/** A program that puts out what the test says. */
function createProgram() {
  const listening: Listening[] = [];
  const pty = {
    pid: 0,
    started: Promise.resolve(),
    pause: nothing,
    resume: nothing,
    resize: nothing,
    write: () => true,
    close: nothing,
    relabel: nothing,
  };
  return {
    open: (one: Listening) => {
      listening.push(one);
      return pty;
    },
    put: (size: number) => {
      for (const one of listening) {
        one.onBytes(Buffer.alloc(size, 'x'), size);
        one.onBatch();
      }
    },
  };
}

function lookOn() {
  const program = createProgram();
  const how = { id: 's', name: '1', cols: 80, rows: 24, ...options, onResize: nothing, onEnd: nothing };
  const session = openSession(how, program.open);
  const state = { backlog: 0, sent: 0, leaving: [] as (() => void)[] };
  const viewing: Viewing = {
    line: { backlog: () => state.backlog, waiting: new Set<Attachment>() },
    canWrite: true,
    sendOutput(_ring, _from, length, done) {
      state.sent += length;
      state.leaving.push(done);
    },
    sendSnapshot: (_screen, _offset, done) => void state.leaving.push(done),
    onExit: nothing,
  };
  /** All that is on its way. */
  const leave = () => {
    state.backlog = 0;
    for (const done of state.leaving.splice(0)) done?.();
  };
  const attachment = attachViewer(session, viewing)!;
  startAttachment(attachment);
  return { ...program, state, attachment, leave };
}

test('what waits behind a screen goes on when that has left', async () => {
  const { put, state, attachment, leave } = lookOn();
  await until(() => attachment.stage === 'following', 'the screen');
  state.backlog = FULL;
  put(20_000);
  expect([attachment.stage, state.sent]).toEqual(['queued', 0]);
  leave();
  expect([attachment.stage, state.sent]).toEqual(['following', 20_000]);
});

test('what is small goes past a full line, but not without end', async () => {
  const { put, state, attachment, leave } = lookOn();
  await until(() => attachment.stage === 'following', 'the screen');
  state.backlog = FULL;
  put(100);
  expect(state.sent).toBe(100);
  state.backlog = 8 * FULL;
  put(100);
  expect(state.sent).toBe(100);
  leave();
  expect(state.sent).toBe(200);
});

/** A viewer with a session, who fetches a file of so many bytes. */
async function fetchFile(size: number) {
  const folder = mkdtempSync(join(tmpdir(), 'sam-line-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'file'), Buffer.alloc(size));
  const program = createProgram();
  const ptys: Ptys = { open: program.open, warm: nothing };
  const env = { PATH: process.env['PATH'] ?? '' };
  const workspace = createWorkspaceSessions('ws-a', {
    ...options,
    ptys,
    scrollback: undefined,
    maxSessions: 1,
    killMs: 1,
    onSessions: nothing,
    onGone: nothing,
    log: nothing,
  });
  const frames: { type: number; size: number; left: () => void }[] = [];
  const socket = {
    bufferedAmount: 0,
    isGone: false,
    send(data: Buffer | string, how: object, left: () => void) {
      if (typeof data !== 'string') frames.push({ type: data[0]!, size: data.length - 3, left });
    },
    terminate() {
      socket.isGone = true;
    },
  };
  const viewer = createViewer(socket as unknown as WebSocket, workspace, {
    access: 1,
    canWrite: true,
    profiles: undefined,
    shell: () => ({ file: 'sh', args: [], env, cwd: '/' }),
    pipe: (script, words) => ({ file: '/bin/sh', args: ['-c', script, 'sam', ...words], env, cwd: folder }),
    onInput: nothing,
  });
  onTestFinished(() => viewer.transfers?.cancelAll());
  const say = (message: object) =>
    handleReceived(viewer, { data: Buffer.from(JSON.stringify(message)), isBinary: false });
  const sizeOf = (type: number) =>
    frames.filter((one) => one.type === type).reduce((sum, one) => sum + one.size, 0);
  say({ type: 'open', cols: 80, rows: 24 });
  say({ type: 'download', transfer: 1, path: 'file' });
  await until(() => sizeOf(Frame.DOWNLOAD) >= Math.min(size, FILE_WINDOW_BYTES), 'a window of the file');
  return { put: program.put, socket, frames, say, sizeOf };
}

test('a terminal that waits behind a file goes on when that has left', async () => {
  const { put, socket, frames, sizeOf } = await fetchFile(100_000);
  socket.bufferedAmount = FULL;
  put(20_000);
  expect(sizeOf(Frame.OUTPUT)).toBe(0);
  socket.bufferedAmount = 0;
  for (const { type, left } of frames) if (type === Frame.DOWNLOAD) left();
  expect(sizeOf(Frame.OUTPUT)).toBe(20_000);
});

test('whoever says that they have of a file what they never read is let go: nothing piles up for them', async () => {
  const { socket, say, sizeOf } = await fetchFile(4 * FILE_WINDOW_BYTES);
  const before = sizeOf(Frame.DOWNLOAD);
  socket.bufferedAmount = 40 << 20;
  say({ type: 'taken', transfer: 1, bytes: before });
  await until(() => socket.isGone, 'its end');
  expect(sizeOf(Frame.DOWNLOAD)).toBe(before);
});
