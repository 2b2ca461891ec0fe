// The ports of workspaces, for the bot: a connection with a good ticket becomes the bytes of the program that listens there. Revocation
// ends what is open. Knows no protocol that programs speak, and not how one gets to them.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { z } from 'zod';
import { createVerifier, type TicketOptions } from '../identity/tickets.ts';
import { describeError } from '../log.ts';
import { PORT_PROTOCOL, PORT_REFUSAL_HEADER, PORT_REFUSALS, type PortRefusal } from '../protocol.ts';
import { PortError } from '../runtimes/runtime.ts';

/** Of one workspace. Browsers open six to a host, and a page may stand open in many of them. */
const MAX_OPEN = 500;

const payload = z.object({
  aud: z.string().regex(/^workspace:ws-[a-z2-7]{12}$/),
  sub: z.string().min(1),
  access: z.number().int().nonnegative(),
  port: z.number().int().min(1).max(65_535),
  jti: z.string().min(1).max(256),
  iat: z.number(),
  exp: z.number(),
});

/** A workspace of this node. */
export interface Connectable {
  running: boolean;
  access: number;
  /** Throws `PortError`. */
  connect: (port: number) => Promise<Duplex>;
}

export interface TunnelsOptions {
  tickets: TicketOptions;
  find: (workspace: string) => Connectable | undefined;
  log: (message: string, fields?: Record<string, unknown>) => void;
}

export interface Tunnels {
  handleUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  /** Ends all of this workspace whose ticket has a lower `access`; `isEnding`: it stops or goes, so all of them. */
  revoke: (workspace: string, access: number, isEnding?: boolean) => void;
  /** Ends all. */
  close: () => Promise<void>;
}

interface Open {
  workspace: string;
  access: number;
  socket: Duplex;
}

interface State extends TunnelsOptions {
  verify: (ticket: string) => Promise<z.infer<typeof payload>>;
  open: Set<Open>;
}

export function createTunnels(options: TunnelsOptions): Tunnels {
  const verify = createVerifier(options.tickets, new Map([['sam-port+jwt', payload]]));
  const state: State = { ...options, verify, open: new Set() };
  const end = (matches: (one: Open) => boolean) => {
    for (const one of state.open) if (matches(one)) one.socket.destroy();
  };
  return {
    handleUpgrade(request, socket, head) {
      socket.on('error', () => socket.destroy());
      void admit(state, request, socket, head);
    },
    revoke: (workspace, access, isEnding = false) =>
      end((one) => one.workspace === workspace && (isEnding || one.access < access)),
    async close() {
      end(() => true);
    },
  };
}

async function admit(state: State, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
  try {
    await join(state, request, socket, head);
  } catch (error) {
    const refusal = error instanceof Refused || error instanceof PortError ? error.code : 'no-way';
    if (refusal === 'no-way') state.log('no way to a port', { error: describeError(error) });
    const lines = [`HTTP/1.1 ${PORT_REFUSALS[refusal]}`, `${PORT_REFUSAL_HEADER}: ${refusal}`];
    socket.end([...lines, 'connection: close', 'content-length: 0', '', ''].join('\r\n'), () =>
      socket.destroy(),
    );
  }
}

class Refused extends Error {
  readonly code: PortRefusal;
  constructor(code: PortRefusal) {
    super(code);
    this.code = code;
  }
}

async function join(state: State, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
  const { workspace: id, access, port } = await readTicket(state, request);
  const workspace = state.find(id);
  if (!workspace) throw new Refused('not-here');
  if (!workspace.running) throw new Refused('not-running');
  if (access < workspace.access) throw new Refused('bad-ticket');
  if ([...state.open].filter((one) => one.workspace === id).length >= MAX_OPEN) throw new Refused('too-many');
  const one: Open = { workspace: id, access, socket };
  state.open.add(one);
  socket.once('close', () => state.open.delete(one));
  const program = await workspace.connect(port);
  // It was ended while somebody waited for the program.
  if (socket.destroyed) return void program.destroy();
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${PORT_PROTOCOL}\r\n\r\n`,
  );
  if (head.length > 0) program.write(head);
  // Back-pressure comes with it, and whichever side breaks takes the other along.
  program.on('error', () => socket.destroy()).once('close', () => socket.destroy());
  socket.once('close', () => program.destroy());
  socket.pipe(program).pipe(socket);
}

async function readTicket(state: State, { headers }: IncomingMessage) {
  const [, ticket] = /^Bearer (\S+)$/.exec(headers.authorization ?? '') ?? [];
  // Pages of whatever origin ask at no node.
  if (ticket === undefined || headers.origin !== undefined || headers.upgrade !== PORT_PROTOCOL)
    throw new Refused('bad-ticket');
  try {
    const { aud, ...claims } = await state.verify(ticket);
    return { ...claims, workspace: aud.slice('workspace:'.length) };
  } catch (error) {
    state.log('port: bad ticket', { error: describeError(error) });
    throw new Refused('bad-ticket');
  }
}
