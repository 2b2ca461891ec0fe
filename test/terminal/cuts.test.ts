// A network that breaks again and again, in the middle of whatever goes over it: every byte of a session arrives, in order and once.
// `CUTS=200 SEED=7` for more of them, and for the same ones again.
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import {
  ACK_EVERY_BYTES,
  FRAME_HEAD_BYTES,
  Frame,
  OFFSET_BYTES,
  type TerminalMessage,
} from '../../agent/protocol.ts';
import { createDice, type Dice } from '../chaos/dice.ts';
import { attach, open, ORIGIN, run, startNode, ticketFor, until } from './node.ts';

const CUTS = Number(process.env['CUTS'] ?? 40);
/** What the program says at once: less than the node keeps, so that nobody needs a screen in its place. */
const PIECE = 300_000;
const PIECES = 8;
/** The most that goes over a connection before it breaks. */
const LONGEST = 200_000;

/** Loses what it has in hand, passes on a half of it, or has held back all of it for a while. */
const WAYS = ['drop', 'halve', 'delay'] as const;

interface Plan {
  how: (typeof WAYS)[number];
  /** What is counted: what the viewer says, or what it hears. */
  side: 'viewer' | 'node';
  left: number;
}

interface Network {
  port: number;
  cuts: Record<(typeof WAYS)[number], number>;
}

/** Between viewers and the node, until it has broken so often. */
async function startNetwork(to: number, dice: Dice): Promise<Network> {
  const network: Network = { port: 0, cuts: { drop: 0, halve: 0, delay: 0 } };
  const count = () => Object.values(network.cuts).reduce((sum, cuts) => sum + cuts, 0);
  const sockets = new Set<Socket>();
  const server = createServer((viewer) => {
    const node = connect(to, '127.0.0.1');
    const side = dice.pick(['viewer', 'node', 'node'] as const);
    const left = dice.between(0, side === 'viewer' ? 600 : LONGEST);
    const plan: Plan = { how: dice.pick(WAYS), side, left };
    const cut = () => {
      network.cuts[plan.how]++;
      viewer.resetAndDestroy();
      node.resetAndDestroy();
    };
    for (const [socket, other, name] of [
      [viewer, node, 'viewer'],
      [node, viewer, 'node'],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => {}).on('close', () => other.destroy());
      const takePiece = createPasser(other, plan, dice, cut);
      socket.on('data', (bytes) => takePiece(bytes, name === side && count() < CUTS));
    }
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return Object.assign(network, { port: (server.address() as AddressInfo).port });
}

function createPasser(to: Socket, plan: Plan, dice: Dice, cut: () => void) {
  let isCut = false;
  let before = Promise.resolve();
  return (bytes: Buffer, isCounted: boolean): void => {
    if (isCut) return;
    if (isCounted) plan.left -= bytes.length;
    isCut = isCounted && plan.left < 0;
    if (isCut && plan.how === 'halve') return void to.write(bytes.subarray(0, bytes.length / 2), cut);
    if (isCut) return cut();
    if (plan.how !== 'delay') return void to.write(bytes);
    const waitMs = dice.between(0, 3);
    before = before
      .then(() => new Promise((done) => setTimeout(done, waitMs)))
      .then(() => void (isCut || to.write(bytes)));
  };
}

/** Comes back as the page does, with the offset up to which it has all. */
function follow(port: number, id: string) {
  const hash = createHash('sha256');
  const seen = { at: 0, connects: 0, hash, fault: undefined as string | undefined };
  let socket: WebSocket | undefined;
  let isOver = false;
  const begin = () => {
    if (isOver) return;
    seen.connects++;
    const current = (socket = new WebSocket(`ws://127.0.0.1:${port}/terminal`, { origin: ORIGIN }));
    let acked = seen.at;
    current.on('error', () => {}).on('close', begin);
    current.on('open', () => current.send(JSON.stringify({ type: 'attach', ticket: ticketFor() })));
    current.on('message', (data: Buffer, isBinary) => {
      if (!isBinary) {
        const message = JSON.parse(data.toString()) as TerminalMessage;
        if (message.type === 'attached')
          current.send(JSON.stringify({ type: 'resume', id, offset: seen.at }));
        if (message.type === 'resumed' && message.offset !== seen.at) seen.fault ??= 'another offset';
        return;
      }
      if (data[0] !== Frame.OUTPUT) seen.fault ??= `a frame of type ${data[0]}`;
      hash.update(data.subarray(FRAME_HEAD_BYTES));
      seen.at += data.length - FRAME_HEAD_BYTES;
      if (seen.at - acked < ACK_EVERY_BYTES) return;
      acked = seen.at;
      const ack = Buffer.alloc(FRAME_HEAD_BYTES + OFFSET_BYTES, data.subarray(0, FRAME_HEAD_BYTES));
      ack[0] = Frame.ACK;
      ack.writeDoubleLE(acked, FRAME_HEAD_BYTES);
      current.send(ack);
    });
  };
  begin();
  onTestFinished(() => {
    isOver = true;
    socket?.terminate();
  });
  return seen;
}

test(
  `over ${CUTS} cuts of the network every byte arrives, in order and once`,
  { timeout: 600_000 },
  async () => {
    const dice = createDice();
    const folder = mkdtempSync(join(tmpdir(), 'sam-cuts-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const text = randomBytes(PIECE * PIECES);
    writeFileSync(join(folder, 'text'), text);
    execFileSync('mkfifo', [join(folder, 'wanted')]);
    await using node = await startNode();
    const network = await startNetwork(node.port, dice);
    const first = await attach(node);
    // It is told on another way what it is to say: nothing of that breaks.
    const script = `stty raw -echo; while read -r n; do tail -c +$((n * ${PIECE} + 1)) text | head -c ${PIECE}; done < wanted`;
    const { id } = await open(first, { profile: run(`cd ${folder}; ${script}`) });
    first.socket.terminate();
    const wanted = openSync(join(folder, 'wanted'), 'w');
    onTestFinished(() => closeSync(wanted));
    const seen = follow(network.port, id);
    const said = createHash('sha256');
    const count = () => Object.values(network.cuts).reduce((sum, cuts) => sum + cuts, 0);
    for (let piece = 0; count() < CUTS; piece++) {
      said.update(text.subarray((piece % PIECES) * PIECE, ((piece % PIECES) + 1) * PIECE));
      writeSync(wanted, `${piece % PIECES}\n`);
      await until(() => seen.at >= (piece + 1) * PIECE, `piece ${piece} (seed ${dice.seed})`);
    }
    expect(seen.fault, `seed ${dice.seed}`).toBeUndefined();
    expect(seen.hash.digest('hex'), `seed ${dice.seed}`).toBe(said.digest('hex'));
    expect(seen.connects).toBeGreaterThanOrEqual(CUTS);
    expect(
      Math.min(...Object.values(network.cuts)),
      `each way of breaking, seed ${dice.seed}`,
    ).toBeGreaterThan(0);
  },
);
