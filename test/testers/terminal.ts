// A terminal as the page opens one, without a browser: spends a link, attaches, types, reads, and hears how it ends.
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { FRAME_HEAD_BYTES, Frame, type TerminalMessage } from '../../agent/protocol.ts';
import { until } from '../until.ts';
import { withoutMarks } from './prompt-marks.ts';

export interface OpenTerminal {
  /** Types a line and waits for output that fits. */
  run(line: string, wanted: RegExp): Promise<string>;
  /** The code it is closed with. */
  closes(): Promise<number>;
}

/** What the bot answers to whoever comes with this link; `cookie` is the browser's from then on. */
export async function spend(
  link: string,
  cookie = '',
): Promise<{ status: number; body: unknown; cookie: string }> {
  const { origin, pathname, hash } = new URL(link);
  const response = await fetch(`${origin}/api/terminal/token`, {
    method: 'POST',
    headers: { origin, 'content-type': 'application/json', cookie },
    body: JSON.stringify({
      workspace: pathname.split('/').at(-1),
      ...(hash ? { code: hash.slice(1) } : {}),
    }),
  });
  const set = response.headers.get('set-cookie')?.split(';')[0];
  return { status: response.status, body: await response.json(), cookie: set ?? cookie };
}

export async function openTerminal(link: string, cookie = ''): Promise<OpenTerminal> {
  const { status, body } = await spend(link, cookie);
  if (status !== 200) throw new Error(`no ticket: ${JSON.stringify(body)}`);
  const { ticket, url } = body as { ticket: string; url: string };
  const socket = new WebSocket(url, { origin: new URL(link).origin });
  onTestFinished(() => socket.terminate());
  let output = '';
  let closed: number | undefined;
  let n: number | undefined;
  socket.on('open', () => socket.send(JSON.stringify({ type: 'attach', ticket })));
  socket.on('error', () => undefined);
  socket.on('close', (code) => (closed = code));
  socket.on('message', (data: Buffer, isBinary) => {
    if (isBinary) {
      if (data[0] === Frame.OUTPUT) output += data.subarray(FRAME_HEAD_BYTES).toString();
      return;
    }
    const message = JSON.parse(data.toString()) as TerminalMessage;
    if (message.type === 'attached') socket.send(JSON.stringify({ type: 'open', cols: 120, rows: 30 }));
    if (message.type === 'opened') n = message.n;
  });
  await until(() => n !== undefined || closed !== undefined);
  if (closed !== undefined) throw new Error(`closed with ${closed}`);
  return {
    async run(line, wanted) {
      const head = Buffer.from([Frame.INPUT, 0, 0]);
      head.writeUInt16LE(n ?? 0, 1);
      socket.send(Buffer.concat([head, Buffer.from(`${line}\r`)]));
      await until(() => closed !== undefined || wanted.test(withoutMarks(output)));
      if (!wanted.test(withoutMarks(output))) throw new Error(`closed with ${closed}`);
      return wanted.exec(withoutMarks(output))?.[0] ?? '';
    },
    async closes() {
      await until(() => closed !== undefined);
      return closed ?? 0;
    },
  };
}
