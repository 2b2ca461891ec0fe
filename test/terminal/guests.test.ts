// Somebody else in an owner's workspace: what lets them in, what puts them out at once, and who hears that they are there.
import { expect, test } from 'vitest';
import type { PersonPresent, TerminalMessage } from '../../agent/protocol.ts';
import type { TicketClaims } from '../../agent/terminal/terminals.ts';
import {
  attach,
  call,
  closedWith,
  open,
  resume,
  say,
  startNode,
  ticketFor,
  type,
  until,
  type Node,
  type TestViewer,
} from './node.ts';

const HOUR_MS = 3_600_000;

const guest = (share: number, more: Partial<TicketClaims> = {}): Partial<TicketClaims> => ({
  user: 'bob',
  name: 'bob',
  drive: false,
  guest: { share, endsAt: Date.now() + HOUR_MS },
  ...more,
});

const shared = (node: Node, upTo: number, open: number[]): void => {
  node.workspaces.set('ws-a', { running: true, access: 1, shares: { upTo, open } });
  node.terminals.lookAtGuests('ws-a');
};

test('when a share ends its people are put out at once, and the owner and the others stay', async () => {
  await using node = await startNode();
  shared(node, 4, [3, 4]);
  const owner = await attach(node, { user: 'ada' });
  const [bob, eve] = [await attach(node, guest(3)), await attach(node, guest(4, { user: 'eve' }))];
  shared(node, 4, [4]);
  expect(await closedWith(bob)).toBe(4401);
  await open(owner);
  say(eve, { type: 'resume', id: 'none', ref: 1 });
  await until(() => refsOf(eve).includes(1), 'the answer to whoever is still let in');
  expect([owner.closed, eve.closed]).toEqual([undefined, undefined]);
});

test('a ticket of a share that is over is worth nothing, and one that the bot has not told of yet lets in', async () => {
  await using node = await startNode();
  shared(node, 4, [4]);
  expect(await closedWith(await call(node, ticketFor(guest(3))))).toBe(4401);
  const fresh = await attach(node, guest(5));
  shared(node, 5, [4]);
  expect(await closedWith(fresh)).toBe(4401);
});

test('a share ends by its own time, though nobody says so', async () => {
  await using node = await startNode();
  const late = guest(1, { guest: { share: 1, endsAt: Date.now() - 1 } });
  expect(await closedWith(await call(node, ticketFor(late)))).toBe(4401);
  const bob = await attach(node, guest(1, { guest: { share: 1, endsAt: Date.now() + 300 } }));
  expect(await closedWith(bob)).toBe(4401);
});

test('what ends every right ends that of a guest too', async () => {
  await using node = await startNode();
  const bob = await attach(node, guest(1));
  node.terminals.revoke('ws-a', 2);
  expect(await closedWith(bob)).toBe(4401);
});

const requests = (id: string) => [
  { type: 'open', cols: 80, rows: 24 },
  { type: 'close', id },
  { type: 'rename', id, name: 'mine' },
  { type: 'resize', id, cols: 20, rows: 10 },
];

test.each(requests('').map(({ type: name }) => name))(
  'whoever looks on is refused to %s by the agent',
  async (name) => {
    await using node = await startNode();
    const owner = await attach(node, { user: 'ada' });
    const mine = await open(owner);
    const bob = await attach(node, guest(1));
    await resume(bob, mine.id);
    say(bob, { ...requests(mine.id).find((one) => one.type === name), ref: 'r' });
    await until(() => refsOf(bob).includes('r'), 'the answer');
    expect(bob.messages.find((one) => 'ref' in one && one.ref === 'r')).toMatchObject({
      type: 'error',
      code: 'look-only',
    });
    expect(node.terminals.sessions('ws-a')).toEqual([
      expect.objectContaining({ name: '1', cols: 80, rows: 24 }),
    ]);
  },
);

test('everybody hears who is there and who types, as soon as they are several', async () => {
  await using node = await startNode({ timing: { tellMs: 20, quietMs: 150 } });
  const owner = await attach(node, { user: 'ada', name: 'ada' });
  const mine = await open(owner);
  type(owner, mine, 'x');
  const bob = await attach(node, guest(1, { drive: true }));
  await attach(node, guest(2, { user: 'eve', name: 'eve' }));
  await tells(owner, [{ name: 'ada', isYou: true }, { name: 'bob' }, { name: 'eve', isLooking: true }]);
  const theirs = await resume(bob, mine.id);
  type(bob, theirs, 'y');
  await tells(owner, [
    { name: 'ada', isYou: true },
    { name: 'bob', isTyping: true },
    { name: 'eve', isLooking: true },
  ]);
  await tells(owner, [{ name: 'ada', isYou: true }, { name: 'bob' }, { name: 'eve', isLooking: true }]);
  await tells(bob, [{ name: 'bob', isYou: true }, { name: 'ada' }, { name: 'eve', isLooking: true }]);
  expect(heard(owner).filter(({ people }) => people.length === 1)).toEqual([]);
});

test('who typed is told once, however many keys it were', async () => {
  await using node = await startNode({ timing: { tellMs: 20 } });
  const owner = await attach(node, { user: 'ada', name: 'ada' });
  const mine = await open(owner);
  const bob = await attach(node, guest(1, { drive: true }));
  const theirs = await resume(bob, mine.id);
  await tells(owner, [{ name: 'ada', isYou: true }, { name: 'bob' }]);
  const before = heard(owner).length;
  for (let key = 0; key < 200; key++) type(bob, theirs, 'k');
  await tells(owner, [
    { name: 'ada', isYou: true },
    { name: 'bob', isTyping: true },
  ]);
  expect(heard(owner)).toHaveLength(before + 1);
});

test('a person with two pages is there once, and gone when both are', async () => {
  await using node = await startNode({ timing: { tellMs: 20 } });
  const owner = await attach(node, { user: 'ada', name: 'ada' });
  const [laptop, phone] = [await attach(node, guest(1)), await attach(node, guest(1))];
  const both: PersonPresent[] = [
    { name: 'ada', isYou: true },
    { name: 'bob', isLooking: true },
  ];
  await tells(owner, both);
  laptop.socket.close();
  phone.socket.close();
  await tells(owner, [{ name: 'ada', isYou: true }]);
});

test('of very many the first are named, and whoever hears it is among them', async () => {
  await using node = await startNode({ timing: { tellMs: 20 } });
  const viewers: TestViewer[] = [];
  for (let at = 0; at < 25; at++)
    viewers.push(await attach(node, guest(1, { user: `p${at}`, name: `p${at}` })));
  const last = viewers.at(-1)!;
  await until(() => lastHeard(last)?.more === 5, 'the five that are not named');
  expect(lastHeard(last)?.people).toHaveLength(20);
  expect(lastHeard(last)?.people[0]).toMatchObject({ name: 'p24', isYou: true });
});

type Presence = Extract<TerminalMessage, { type: 'presence' }>;

const heard = ({ messages }: TestViewer): Presence[] =>
  messages.filter((message): message is Presence => message.type === 'presence');
const lastHeard = (viewer: TestViewer): Presence | undefined => heard(viewer).at(-1);

/** Waits until the last that was heard is this. */
const tells = (viewer: TestViewer, people: PersonPresent[]): Promise<void> =>
  until(
    () => JSON.stringify(lastHeard(viewer)?.people) === JSON.stringify(reordered(people)),
    `${JSON.stringify(people)}; there was ${JSON.stringify(heard(viewer))}`,
  );

/** With the members in the order in which they are sent. */
const reordered = (people: PersonPresent[]): PersonPresent[] =>
  people.map(({ name, isLooking, isTyping, isYou }) => ({
    name,
    ...(isLooking && { isLooking }),
    ...(isTyping && { isTyping }),
    ...(isYou && { isYou }),
  }));

const refsOf = ({ messages }: TestViewer): unknown[] =>
  messages.flatMap((message) => ('ref' in message ? [message.ref] : []));
