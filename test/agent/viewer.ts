// One viewer of a terminal, as the page is one: attaches with a ticket, opens a session, types, reads.
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { FRAME_HEAD_BYTES, Frame, OFFSET_BYTES, type TerminalMessage } from '../../agent/protocol.ts';
import { ORIGIN } from '../testers/node-bot.ts';
import type { Node } from '../testers/node.ts';
import { createWatch } from '../testers/watch.ts';
import { withoutMarks } from '../testers/prompt-marks.ts';

/** Resolves when the node has answered the ticket: `closed` is the code if it did not like it. */
export async function attach(port: number, ticket: string, origin = ORIGIN) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/terminal`, { origin });
  onTestFinished(() => socket.terminate());
  const watch = createWatch();
  const state = {
    messages: [] as TerminalMessage[],
    output: '',
    /** What came, byte by byte, and up to which offset of the session that is. */
    parts: [] as Buffer[],
    at: 0,
    snapshots: 0,
    screen: '',
    closed: undefined as number | undefined,
  };
  const takeMessage = (message: TerminalMessage) => {
    state.messages.push(message);
    if (message.type === 'resumed') state.at = message.offset;
  };
  const takeFrame = (frame: Buffer) => {
    if (frame[0] === Frame.SNAPSHOT) {
      state.snapshots++;
      state.screen += frame.toString('utf8', FRAME_HEAD_BYTES + OFFSET_BYTES);
      state.at = frame.readDoubleLE(FRAME_HEAD_BYTES);
      return;
    }
    const bytes = frame.subarray(FRAME_HEAD_BYTES);
    state.parts.push(bytes);
    state.output += bytes.toString();
    state.at += bytes.length;
    const ack = Buffer.alloc(FRAME_HEAD_BYTES + OFFSET_BYTES);
    ack[0] = Frame.ACK;
    frame.copy(ack, 1, 1, FRAME_HEAD_BYTES);
    ack.writeDoubleLE(state.at, FRAME_HEAD_BYTES);
    socket.send(ack);
  };
  socket.on('open', () => socket.send(JSON.stringify({ type: 'attach', ticket })));
  socket.on('error', () => undefined);
  socket.on('message', (data: Buffer, isBinary) => {
    if (isBinary) takeFrame(data);
    else takeMessage(JSON.parse(data.toString()) as TerminalMessage);
    watch.changed();
  });
  socket.on('close', (code) => {
    state.closed = code;
    watch.changed();
  });
  const heard = <Type extends TerminalMessage['type']>(type: Type) =>
    watch.until(
      () => state.messages.find((one): one is Extract<TerminalMessage, { type: Type }> => one.type === type),
      () => `${type}; there was ${JSON.stringify(state.messages)}`,
    );
  await watch.until(
    () => state.closed !== undefined || state.messages.length > 0,
    () => 'the answer to the ticket',
  );
  return {
    state,
    heard,
    async open(profile?: string) {
      socket.send(JSON.stringify({ type: 'open', cols: 200, rows: 24, ...(profile && { profile }) }));
      return heard('opened');
    },
    /** Goes on with a session, where `offset` is absent with its screen. Once. */
    async resume(id: string, offset?: number) {
      socket.send(JSON.stringify({ type: 'resume', id, offset }));
      return heard('resumed');
    },
    /** The end of what came. */
    tail: () => Buffer.concat(state.parts.slice(-12)).toString(),
    rename: (id: string, name: string) => socket.send(JSON.stringify({ type: 'rename', id, name })),
    close: (id: string) => socket.send(JSON.stringify({ type: 'close', id })),
    resize: (id: string, cols: number, rows: number) =>
      socket.send(JSON.stringify({ type: 'resize', id, cols, rows })),
    type(text: string) {
      const head = Buffer.from([Frame.INPUT, 0, 0]);
      const opened = state.messages.find((one) => one.type === 'opened' || one.type === 'resumed');
      head.writeUInt16LE(opened && 'n' in opened ? opened.n : 0, 1);
      socket.send(Buffer.concat([head, Buffer.from(text)]));
    },
    /** Waits for output that fits, and gives it. */
    reads: (pattern: RegExp) =>
      watch.until(
        () => pattern.exec(withoutMarks(state.output)) ?? undefined,
        () => `${String(pattern)} in ${JSON.stringify(state.output)}`,
      ),
    closes: () =>
      watch.until(
        () => state.closed,
        () => 'the end of the connection',
      ),
  };
}

/** Attaches to a workspace on this node, with a ticket of its bot. `claims`: other ones than a bot would write. */
export async function look({ bot }: Node, workspace: string, claims?: Record<string, unknown>) {
  return attach(bot.state.hellos.at(-1)!.terminalPort!, await bot.ticket(workspace, claims));
}
