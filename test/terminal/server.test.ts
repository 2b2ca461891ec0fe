// Who gets in, who does not, and who is thrown out.
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { attach, call, closedWith, dial, hear, infoOf, open, ORIGIN, program, resume, say } from './node.ts';
import type { TicketClaims } from '../../agent/terminal/terminals.ts';
import { sees, startNode, ticketFor, type, until } from './node.ts';

test.each([
  null,
  'https://evil.example',
  'null',
  `${ORIGIN}.evil.example`,
  `${ORIGIN}/`,
  ORIGIN.toUpperCase(),
])('the origin %s is refused before any ticket is looked at', async (origin) => {
  await using node = await startNode();
  expect(await refusal(dial(node, origin))).toBe(403);
  expect(node.verified).toEqual([]);
});

async function refusal(socket: ReturnType<typeof dial>): Promise<number | undefined> {
  socket.on('error', () => {});
  const [, response] = (await once(socket, 'unexpected-response')) as [
    unknown,
    { statusCode?: number; destroy(): void },
  ];
  response.destroy();
  return response.statusCode;
}

test.each([
  ['bad', 4401],
  [ticketFor({ access: 0 }), 4401],
  [ticketFor({ workspace: 'ws-unknown' }), 4404],
  [ticketFor({ workspace: 'ws-stopped' }), 4410],
])('the ticket %s closes the socket with %i', async (ticket, code) => {
  await using node = await startNode();
  const viewer = await call(node, ticket);
  expect(await closedWith(viewer)).toBe(code);
  expect(viewer.messages).toEqual([]);
});

test.each(['{"type":"open","cols":80,"rows":24}', 'hello', Buffer.from([1, 1, 0, 65])])(
  'a first frame that is no ticket closes the socket: %s',
  async (frame) => {
    await using node = await startNode();
    const socket = dial(node);
    await once(socket, 'open');
    socket.send(frame);
    expect((await once(socket, 'close'))[0]).toBe(4401);
    expect(node.verified).toEqual([]);
  },
);

test('who says nothing is thrown out at the deadline', async () => {
  await using node = await startNode({ timing: { attachMs: 50 } });
  const socket = dial(node);
  expect((await once(socket, 'close'))[0]).toBe(4401);
});

test('a ticket whose check never ends does not hold its place', async () => {
  await using node = await startNode({ timing: { verifyMs: 50 }, verifyTicket: () => new Promise(() => {}) });
  expect(await closedWith(await call(node))).toBe(4401);
});

test('what is said right behind the ticket is heard after its check, in order', async () => {
  await using node = await startNode();
  const viewer = await call(node);
  for (const name of ['a', 'b', 'c']) say(viewer, { type: 'open', name, cols: 80, rows: 24 });
  await until(() => viewer.screens.size === 3, 'three sessions');
  expect(node.terminals.sessions('ws-a').map(({ name }) => name)).toEqual(['a', 'b', 'c']);
});

const crowd = (node: Parameters<typeof dial>[0], count: number, from?: string) =>
  Promise.all(
    Array.from({ length: count }, async () => {
      const socket = dial(node, ORIGIN, from);
      socket.on('error', () => {});
      await once(socket, 'open');
      return socket;
    }),
  );
const living = (sockets: ReturnType<typeof dial>[]): number =>
  sockets.filter(({ readyState }) => readyState === 1).length;

test('sixty-four that say nothing keep nobody out: the oldest of them makes room', async () => {
  await using node = await startNode();
  const waiting = await crowd(node, 64);
  const viewer = await attach(node);
  await until(() => living(waiting) === 63, 'the end of the oldest');
  // Attached, it takes no place any more.
  await crowd(node, 1);
  await open(viewer);
  expect(living(waiting)).toBe(63);
});

test('whose address holds the most gives up its own, whatever the order', async () => {
  await using node = await startNode();
  const few = await crowd(node, 4, '127.0.0.2');
  const many = await crowd(node, 60, '127.0.0.3');
  const more = await crowd(node, 40, '127.0.0.3');
  await until(() => living([...many, ...more]) === 60, 'room');
  expect(living(few)).toBe(4);
  few[0]!.send(JSON.stringify({ type: 'attach', ticket: ticketFor() }));
  await once(few[0]!, 'message');
});

test('who has shown a ticket goes after all who have not', async () => {
  const checks: (() => void)[] = [];
  const claims = JSON.parse(ticketFor()) as TicketClaims;
  await using node = await startNode({
    verifyTicket: () => new Promise((resolve) => void checks.push(() => resolve(claims))),
  });
  const viewer = await call(node);
  await until(() => checks.length === 1, 'the check');
  await crowd(node, 200);
  checks[0]!();
  await open(viewer);
});

test('a revocation drops those with a lower access at once, and nobody else', async () => {
  await using node = await startNode();
  const [old, fresh] = [await attach(node), await attach(node, { access: 2 })];
  const elsewhere = await attach(node, { workspace: 'ws-b' });
  const screen = await open(old);
  node.terminals.revoke('ws-a', 2);
  type(old, screen, "echo too la''te\r");
  expect(await closedWith(old)).toBe(4401);
  const theirs = await resume(fresh, screen.id, 0);
  type(fresh, theirs, "echo st''ill\r");
  await sees(theirs, 'still\r\n');
  expect(Buffer.concat(theirs.parts).toString()).not.toContain('too');
  expect(await closedWith(await call(node, ticketFor({ access: 1 })))).toBe(4401);
  await open(elsewhere);
});

test('a viewer that does not answer pings is let go, and its session lives on', async () => {
  await using node = await startNode({ timing: { pingMs: 100 } });
  const [deaf, alive] = [await attach(node), await attach(node)];
  const { id } = await open(deaf);
  const screen = await resume(alive, id);
  say(deaf, { type: 'resize', id, cols: 30, rows: 10 });
  await until(() => infoOf(node, id).cols === 30, 'the size of the deaf one');
  say(alive, { type: 'resize', id, cols: 90, rows: 20 });
  deaf.socket.pause();
  await until(() => infoOf(node, id).cols === 90, 'that the deaf one is gone');
  type(alive, screen, "echo he''re\r");
  await sees(screen, 'here\r\n');
});

test('a frame of more than 1 MiB ends its socket and no other', async () => {
  await using node = await startNode();
  const [loud, quiet] = [await attach(node), await attach(node)];
  const screen = await open(quiet);
  loud.socket.send(Buffer.alloc((1 << 20) + 1));
  expect(await closedWith(loud)).toBe(1009);
  type(quiet, screen, "echo fi''ne\r");
  await sees(screen, 'fine\r\n');
});

test('no garbage breaks the node or another viewer, and the sender is still heard', async () => {
  await using node = await startNode();
  const [sender, other] = [await attach(node), await attach(node)];
  const mine = await open(sender);
  const theirs = await open(other);
  const frames = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.string(), fc.json(), wrongMessages());
  for (const frame of fc.sample(frames, 500)) sender.socket.send(frame);
  say(sender, { type: 'resume', id: 'nothing', ref: 'last' });
  await until(
    () => sender.messages.some((message) => 'ref' in message && message.ref === 'last'),
    'the answer',
  );
  expect(sender.messages.some(({ type }) => type === 'error')).toBe(true);
  await resume(sender, mine.id);
  type(other, theirs, "echo fi''ne\r");
  await sees(theirs, 'fine\r\n');
});

function wrongMessages(): fc.Arbitrary<string> {
  const type = fc.constantFrom('open', 'resume', 'rename', 'resize', 'attach', '__proto__');
  const fields = fc.dictionary(
    fc.constantFrom('id', 'cols', 'rows', 'offset', 'name', 'ref', 'ticket'),
    fc.jsonValue(),
  );
  return fc.tuple(type, fields).map(([type, rest]) => JSON.stringify({ ...rest, type, cols: 'x' }));
}

test('acknowledging what was never sent is ignored', async () => {
  await using node = await startNode();
  const viewer = await attach(node);
  const screen = await open(viewer);
  const frame = Buffer.alloc(11);
  for (const offset of [1e15, NaN, -1, Infinity, 0.5]) {
    frame[0] = 0x02;
    frame.writeUInt16LE(screen.n, 1);
    frame.writeDoubleLE(offset, 3);
    viewer.socket.send(frame);
  }
  type(viewer, screen, "echo fi''ne\r");
  await sees(screen, 'fine\r\n');
  expect(viewer.messages.filter(({ type }) => type === 'error')).toHaveLength(4);
});

test('a paste for a program that does not read yet waits without burning the processor', async () => {
  await using node = await startNode();
  const viewer = await attach(node);
  const paste = randomBytes(150_000).toString('base64');
  const screen = await open(viewer, {
    profile: program(
      'bash',
      '-c',
      `stty raw -echo; echo pid $$ ready; kill -STOP $$; head -c ${paste.length + 5} | sha256sum`,
    ),
  });
  await sees(screen, 'ready');
  const pid = Number(/pid (\d+)/.exec(Buffer.concat(screen.parts).toString())?.[1]);
  for (let at = 0; at < paste.length; at += 4096) type(viewer, screen, paste.slice(at, at + 4096));
  await until(() => node.inputs.length >= paste.length / 4096, 'the paste');
  const before = process.cpuUsage();
  const since = performance.now();
  await new Promise((done) => setTimeout(done, 1_000));
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1000 / (performance.now() - since)).toBeLessThan(0.5);
  type(viewer, screen, 'later');
  process.kill(pid, 'SIGCONT');
  await sees(screen, createHash('sha256').update(`${paste}later`).digest('hex'));
});

test('more than 1 MiB of unread input is refused with an error, and what came before is kept', async () => {
  await using node = await startNode();
  const viewer = await attach(node);
  const screen = await open(viewer, {
    profile: program('bash', '-c', 'stty raw -echo; echo ready; exec sleep 1000'),
  });
  await sees(screen, 'ready');
  for (let i = 0; i < 6; i++) type(viewer, screen, Buffer.alloc(256 * 1024, 'x'));
  expect(await hear(viewer, 'error')).toMatchObject({ code: 'input-full' });
  expect(node.inputs.length).toBe(4);
});
