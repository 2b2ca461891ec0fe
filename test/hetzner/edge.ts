// Cloudflare's edge, as a page meets it: a name leads to the machine behind its record, by TLS that the edge's own authority
// vouches for.
import { connect } from 'node:tls';
import { WebSocket, type ClientOptions } from 'ws';
import { Frame, FRAME_HEAD_BYTES, type TerminalMessage } from '../../agent/protocol.ts';
import { createWatch } from '../testers/watch.ts';
import type { Sam } from '../testers/sam.ts';
import { until } from '../until.ts';
import type { Clouds } from './clouds.ts';
import { withoutMarks } from '../testers/prompt-marks.ts';

const PATIENCE_MS = 60_000;

export interface Ticket {
  /** `wss://…` */
  url: string;
  ticket: string;
  origin: string;
}

/** What the page gets for the link that was shown last: a ticket, and where the terminal is. */
export async function askForTerminal(sam: Sam, shown = sam.link()): Promise<Ticket & { status: number }> {
  const link = new URL(shown);
  const body = { workspace: link.pathname.split('/').at(-1), code: link.hash.slice(1) };
  const response = await fetch(`${sam.bot.url}/api/terminal/token`, {
    method: 'POST',
    headers: { origin: sam.bot.url, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const { url, ticket } = (await response.json()) as Ticket;
  return { status: response.status, url, ticket, origin: sam.bot.url };
}

/** Opens a session, types `keys`, and gives the first group of `pattern` in what came. */
export async function typeThroughEdge(
  clouds: Clouds,
  { url, ticket, origin }: Ticket,
  keys: string,
  pattern: RegExp,
): Promise<string> {
  const { hostname } = new URL(url);
  await until(() => isCertified(clouds, hostname), PATIENCE_MS);
  const socket = new WebSocket(url, {
    origin,
    createConnection: () => handshake(clouds, hostname),
  } as ClientOptions);
  const watch = createWatch();
  let output = '';
  socket.on('open', () => {
    socket.send(JSON.stringify({ type: 'attach', ticket }));
    socket.send(JSON.stringify({ type: 'open', cols: 200, rows: 24 }));
  });
  socket.on('error', (error) => (output += `error: ${error.message}`));
  socket.on('close', (code) => (output += `closed: ${code}`));
  socket.on('message', (data: Buffer, isBinary) => {
    if (isBinary && data[0] === Frame.OUTPUT) output += data.subarray(FRAME_HEAD_BYTES).toString();
    const message = isBinary ? undefined : (JSON.parse(data.toString()) as TerminalMessage);
    if (message?.type === 'opened') {
      const head = Buffer.from([Frame.INPUT, 0, 0]);
      head.writeUInt16LE(message.n, 1);
      socket.send(Buffer.concat([head, Buffer.from(keys)]));
    }
    watch.changed();
  });
  try {
    return await watch.until(
      () => pattern.exec(withoutMarks(output))?.[1],
      () => `${String(pattern)} in ${JSON.stringify(output)}`,
    );
  } finally {
    socket.terminate();
  }
}

const handshake = ({ machines, cloudflare }: Clouds, servername: string) =>
  connect({
    ...machines.doorOf(servername.split('.')[0] ?? ''),
    servername,
    ca: cloudflare.authority,
  });

function isCertified(clouds: Clouds, hostname: string): Promise<boolean> {
  const socket = handshake(clouds, hostname);
  return new Promise((resolve) => {
    const end = (is: boolean) => {
      socket.destroy();
      resolve(is);
    };
    socket
      .once('secureConnect', () => end(true))
      .once('error', () => end(false))
      .once('close', () => end(false));
  });
}
