// Files up and down on the node's side: what is refused, what is never touched, and that nothing grows without bound.
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createTransfers, type Transfers } from '../../agent/files/transfers.ts';
import { FILE_WINDOW_BYTES, Frame, MAX_FILE_BYTES, type FileMessage } from '../../agent/protocol.ts';
import { attach, call, hear, say, startNode, ticketFor, until } from './node.ts';

let folder: string;
beforeEach(() => void (folder = mkdtempSync(path.join(tmpdir(), 'sam-files-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' };
const pipe = (script: string, words: string[]) => ({
  file: '/bin/sh',
  args: ['-c', script, 'sam', ...words],
  env,
  cwd: folder,
});
const left = () => readdirSync(folder).toSorted();

interface Desk {
  transfers: Transfers;
  told: FileMessage[];
  sent: number;
}

function openDesk(): Desk {
  const desk = { told: [] as FileMessage[], sent: 0 } as Desk;
  desk.transfers = createTransfers({
    pipe,
    tell: (message) => desk.told.push(message),
    send: (_, bytes) => (desk.sent += bytes.length),
  });
  return desk;
}

const last = ({ told }: Desk, transfer: number) => told.findLast((one) => one.transfer === transfer);
const isOver = (desk: Desk, transfer: number) => () =>
  ['done', 'failed'].includes(last(desk, transfer)?.is ?? '');

async function upload(desk: Desk, transfer: number, name: string, text: string): Promise<FileMessage> {
  desk.transfers.upload(transfer, name, Buffer.byteLength(text));
  if (text) desk.transfers.take(transfer, Buffer.from(text));
  await until(isOver(desk, transfer), `the end of ${name}`);
  return last(desk, transfer)!;
}

describe('a file that goes up', () => {
  test('touches nothing that is there: neither files, nor folders, nor what a link leads to', async () => {
    const desk = openDesk();
    writeFileSync(path.join(folder, 'a.tar.gz'), 'mine');
    symlinkSync(path.join(folder, 'elsewhere'), path.join(folder, 'link'));
    expect(await upload(desk, 1, 'a.tar.gz', 'new')).toMatchObject({
      path: path.join(folder, 'a.tar (1).gz'),
    });
    expect(await upload(desk, 2, 'link', 'new')).toMatchObject({ path: path.join(folder, 'link (1)') });
    expect(await upload(desk, 3, '.env', '')).toMatchObject({ path: path.join(folder, '.env') });
    expect(await upload(desk, 4, '.env', 'x')).toMatchObject({ path: path.join(folder, '.env (1)') });
    expect(await upload(desk, 5, '-n $(id) `id`', 'x')).toMatchObject({ is: 'done' });
    expect(readFileSync(path.join(folder, 'a.tar.gz'), 'utf8')).toBe('mine');
    expect(existsSync(path.join(folder, 'elsewhere'))).toBe(false);
    expect(left()).toEqual(
      ['a.tar.gz', 'a.tar (1).gz', 'link', 'link (1)', '.env', '.env (1)', '-n $(id) `id`'].toSorted(),
    );
  });

  test('has as many bytes as were said, or is not there', async () => {
    const desk = openDesk();
    desk.transfers.upload(1, 'more', 3);
    desk.transfers.take(1, Buffer.from('more'));
    expect(last(desk, 1)).toMatchObject({ is: 'failed', code: 'bad-frame' });
    desk.transfers.upload(2, 'less', 10);
    desk.transfers.take(2, Buffer.from('less'));
    await until(() => last(desk, 2)?.is === 'taken', 'a piece');
    desk.transfers.cancel(2);
    await until(() => left().length === 0, 'nothing left');
  });

  test('does not wait in memory for a disk that is slow: whoever sends past the window is done', async () => {
    const desk = openDesk();
    desk.transfers.upload(1, 'flood', 100 * FILE_WINDOW_BYTES);
    for (let count = 0; count < 5; count++) desk.transfers.take(1, Buffer.alloc(FILE_WINDOW_BYTES));
    expect(last(desk, 1)).toMatchObject({ is: 'failed', code: 'bad-frame' });
    await until(() => left().length === 0, 'nothing left');
  });

  test('is refused where it is too large, where there are too many, and where its user may not write', async () => {
    const desk = openDesk();
    desk.transfers.upload(1, 'large', MAX_FILE_BYTES + 1);
    expect(last(desk, 1)).toMatchObject({ is: 'failed', code: 'too-large' });
    for (let id = 2; id < 7; id++) desk.transfers.upload(id, `file-${id}`, 1);
    expect(last(desk, 6)).toMatchObject({ is: 'failed', code: 'too-many' });
    desk.transfers.cancelAll();
    const away = createTransfers({
      pipe: (script, words) => ({ ...pipe(script, words), cwd: '/proc' }),
      tell: (message) => desk.told.push(message),
      send: () => {},
    });
    away.upload(9, 'file', 0);
    await until(isOver(desk, 9), 'a no');
    expect(last(desk, 9)).toMatchObject({ is: 'failed' });
  });
});

describe('a file that goes down', () => {
  test('waits for whoever fetches it', async () => {
    const desk = openDesk();
    writeFileSync(path.join(folder, 'large'), Buffer.alloc(8 * FILE_WINDOW_BYTES));
    desk.transfers.download(1, 'large');
    await until(() => desk.sent >= FILE_WINDOW_BYTES, 'a window');
    expect(last(desk, 1)).toMatchObject({ is: 'begun', name: 'large', size: 8 * FILE_WINDOW_BYTES });
    const before = desk.sent;
    await new Promise((done) => setImmediate(done));
    expect(desk.sent).toBe(before);
    expect(before).toBeLessThan(2 * FILE_WINDOW_BYTES);
    while (!isOver(desk, 1)()) {
      desk.transfers.acknowledge(1, desk.sent);
      await new Promise((done) => setImmediate(done));
    }
    expect(desk.sent).toBe(8 * FILE_WINDOW_BYTES);
    expect(last(desk, 1)).toMatchObject({ is: 'done' });
  });

  test.each(['/nowhere', '.', '/dev/zero'])('is one: %s is none', async (name) => {
    const desk = openDesk();
    desk.transfers.download(1, name);
    await until(isOver(desk, 1), 'a no');
    expect(last(desk, 1)).toMatchObject({ is: 'failed', code: 'no-file' });
    expect(desk.sent).toBe(0);
  });
});

describe('a viewer of a node', () => {
  const start = () =>
    startNode({
      find: () => ({ running: true, access: 1, pipe, shell: () => ({ ...pipe('', []), cwd: '/' }) }),
    });

  test('sends a file by one name, which leads nowhere else', async () => {
    await using node = await start();
    const ann = await attach(node);
    for (const name of ['../x', '/x', '.', '..', '', 'a\nb', 'x'.repeat(300)]) {
      say(ann, { type: 'upload', transfer: 1, name, size: 0 });
      expect(await hear(ann, 'error'), name).toMatchObject({ code: 'bad-message' });
    }
    say(ann, { type: 'upload', transfer: 1, name: 'x', size: 2 });
    expect(await hear(ann, 'file')).toMatchObject({ is: 'begun' });
    ann.socket.send(Buffer.from([Frame.UPLOAD, 1, 0, 0x68, 0x69]));
    expect(await hear(ann, 'file')).toMatchObject({ is: 'taken', bytes: 2 });
    expect(await hear(ann, 'file')).toMatchObject({ is: 'done', path: path.join(folder, 'x') });
    expect(node.inputs.length).toBeGreaterThan(0);
  });

  test('that may only look neither sends nor fetches, and is not told that it could', async () => {
    await using node = await start();
    const ann = await call(node);
    expect(await hear(ann, 'attached')).toMatchObject({ takesFiles: true });
    const ben = await call(node, ticketFor({ drive: false }));
    expect(await hear(ben, 'attached')).not.toHaveProperty('takesFiles');
    for (const what of [
      { type: 'upload', transfer: 1, name: 'x', size: 1 },
      { type: 'download', transfer: 2, path: '/etc/hostname' },
    ]) {
      say(ben, what);
      expect(await hear(ben, 'error')).toMatchObject({ code: 'look-only' });
    }
    ben.socket.send(Buffer.from([Frame.UPLOAD, 1, 0, 0x68]));
    expect(left()).toEqual([]);
  });

  test('that goes takes with it what it was sending', async () => {
    await using node = await start();
    const ann = await attach(node);
    say(ann, { type: 'upload', transfer: 1, name: 'x', size: 100 });
    await hear(ann, 'file');
    await until(() => left().length === 1, 'a part');
    ann.socket.terminate();
    await until(() => left().length === 0, 'nothing left');
  });
});
