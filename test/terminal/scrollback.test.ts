// What is left of sessions after the machine went down: read by whoever comes back, sealed on the disk, gone in time.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createOutput } from '../../agent/sessions/output.ts';
import { createScrollback } from '../../agent/sessions/scrollback.ts';
import {
  attach,
  call,
  ended,
  hear,
  infoOf,
  open,
  resume,
  say,
  sees,
  snapshotOf,
  startNode,
  type,
  until,
} from './node.ts';

function makeFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'sam-scrollback-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const files = () => readdirSync(folder).filter((name) => name.endsWith('.sealed'));
  /** An agent of this machine. */
  const boot = async () => {
    const node = await startNode({ scrollback: createScrollback(folder), timing: { saveMs: 20 } });
    await node.terminals.takeOver([]);
    return node;
  };
  return { folder, files, boot };
}

/** A machine that went down with a session, whose id it gives. */
async function goDown({ folder, files, boot }: ReturnType<typeof makeFolder>): Promise<string> {
  const node = await boot();
  const viewer = await attach(node);
  const screen = await open(viewer, { name: 'mine' });
  type(viewer, screen, 'echo "the last $((6*7)) words"\n');
  await sees(screen, 'the last 42 words\r\n$ ');
  const [path, key] = [join(folder, `${screen.id}.sealed`), join(folder, 'key')];
  const saved = async () => (await createScrollback(folder).read()).get(screen.id)?.ring.end;
  await expect.poll(saved).toBe(infoOf(node, screen.id).end);
  const before = new Map([path, key].map((file) => [file, readFileSync(file)]));
  await node[Symbol.asyncDispose](); // which ends its sessions, and forgets them
  await until(() => files().length === 0, 'the file to go');
  for (const [file, bytes] of before) writeFileSync(file, bytes);
  return screen.id;
}

test('after a machine went down its sessions are there to be read, as lost, until somebody closes them', async () => {
  const place = makeFolder();
  const id = await goDown(place);
  expect(readFileSync(join(place.folder, `${id}.sealed`), 'latin1')).not.toContain('words');
  expect(statSync(join(place.folder, 'key')).mode & 0o777).toBe(0o600);
  await using node = await place.boot();
  expect(node.terminals.sessions('ws-a')).toEqual([]);
  const viewer = await attach(node);
  const screen = await resume(viewer, id);
  expect(await ended(screen)).toEqual({ code: 129, isLost: true });
  expect(snapshotOf(screen)).toContain('the last 42 words');
  const second = await attach(node);
  const again = await resume(second, id);
  expect(await ended(again)).toMatchObject({ isLost: true });
  say(second, { type: 'close', id });
  expect(await hear(second, 'gone')).toMatchObject({ id });
  await until(() => place.files().length === 0, 'the file to go');
});

test('a page lists what is left behind what lives, with its name', async () => {
  const place = makeFolder();
  const id = await goDown(place);
  await using node = await place.boot();
  const first = await attach(node);
  const { id: living } = await open(first);
  first.socket.terminate();
  expect(node.terminals.sessions('ws-a').map((one) => one.id)).toEqual([living]);
  const page = (await hear(await call(node), 'attached')).sessions;
  expect(page).toMatchObject([{ id: living }, { id, name: 'mine', isOver: true }]);
  expect(page[0]).not.toHaveProperty('isOver');
});

test('what is a week old, or not what was sealed, is not read and goes', async () => {
  const place = makeFolder();
  const id = await goDown(place);
  const path = join(place.folder, `${id}.sealed`);
  const bytes = readFileSync(path);
  const scrollback = createScrollback(place.folder);
  expect([...(await scrollback.read()).keys()]).toEqual([id]);
  const old = Date.now() / 1000 - 7 * 86_400 - 60;
  utimesSync(path, old, old);
  expect([...(await scrollback.read()).keys()]).toEqual([]);
  expect(place.files()).toEqual([]);
  bytes[40]! ^= 1;
  writeFileSync(path, bytes);
  expect([...(await scrollback.read()).keys()]).toEqual([]);
  expect(place.files()).toEqual([]);
});

test('what turns a week old while the agent runs goes then, too', async () => {
  const place = makeFolder();
  const id = await goDown(place);
  const almost = Date.now() / 1000 - 7 * 86_400 + 3;
  utimesSync(join(place.folder, `${id}.sealed`), almost, almost);
  await using node = await place.boot();
  const isListed = async () =>
    (await hear(await call(node), 'attached')).sessions.some((one) => one.id === id);
  await expect.poll(isListed).toBe(false);
  await until(() => place.files().length === 0, 'the file to go');
});

test('what was written by a clock that was far ahead is there all the same', async () => {
  const place = makeFolder();
  const id = await goDown(place);
  const ahead = Date.now() / 1000 + 60 * 86_400;
  utimesSync(join(place.folder, `${id}.sealed`), ahead, ahead);
  await using node = await place.boot();
  const { sessions } = await hear(await call(node), 'attached');
  expect(sessions.map((one) => one.id)).toContain(id);
});

test('what is there of nobody keeps no agent from its work', async () => {
  const place = makeFolder();
  await createScrollback(place.folder).save(
    'one',
    'of another version',
    createOutput([{ at: 0, cols: 80, rows: 24 }]),
  );
  await using node = await place.boot();
  await open(await attach(node));
  expect(readdirSync(place.folder)).not.toContain('one.sealed');
});

test('a stop of the workspace takes along what is left', async () => {
  const place = makeFolder();
  await goDown(place);
  await using node = await place.boot();
  await node.terminals.endWorkspace('ws-a');
  await until(() => place.files().length === 0, 'the file to go');
});
