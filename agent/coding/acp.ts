// The client's side of the Agent Client Protocol over a program's pipes: requests with an end, updates in order, bounded lines.
// The only file that knows the protocol's library. Knows no task and no process.
import type { Readable, Writable } from 'node:stream';
import {
  client,
  methods,
  PROTOCOL_VERSION,
  RequestError,
  type AnyMessage,
  type ClientConnection,
  type NewSessionRequest,
  type RequestPermissionRequest,
  type RequestPermissionResponse,
  type SessionUpdate,
} from '@agentclientprotocol/sdk';

export type { SessionUpdate };

/** What the coding agent may not do unasked. */
export interface Permission {
  session: string;
  call: string;
  /** As far as it is said here; the call itself was told before. */
  tool: string | undefined;
  title: string | undefined;
  input: unknown;
  /** What it is about. */
  paths: string[];
}

export type Permitted = 'allow' | 'deny' | 'cancelled';

export interface AcpOptions {
  input: Readable;
  output: Writable;
  onUpdate: (session: string, update: SessionUpdate) => void;
  onPermission: (permission: Permission) => Promise<Permitted>;
  /** So much came, what is skipped too. */
  onBytes: (count: number) => void;
}

/** A conversation's beginning: where, and what the coding agent is told in its own terms. */
export interface SessionPlace {
  cwd: string;
  meta: Record<string, unknown> | undefined;
}

/** Each call throws `AcpError`, or what its signal aborted with. */
export interface Acp {
  initialize: (signal: AbortSignal) => Promise<void>;
  /** A new conversation; its id. */
  create: (place: SessionPlace, signal: AbortSignal) => Promise<string>;
  /** Goes on with one. False: it is not known any more. */
  resume: (session: string, place: SessionPlace, signal: AbortSignal) => Promise<boolean>;
  setMode: (session: string, mode: string, signal: AbortSignal) => Promise<void>;
  /** Resolves at the end of the turn, with why it ended. */
  prompt: (session: string, text: string) => Promise<string>;
  /** The prompt under way is to end. */
  cancel: (session: string) => Promise<void>;
  close: () => void;
}

/** The coding agent said no, or said nothing more. */
export class AcpError extends Error {
  override readonly name = 'AcpError';
  /** Of JSON-RPC; undefined: the connection is gone. */
  readonly code: number | undefined;
  /** The kind that some coding agents add. */
  readonly kind: string | undefined;
  constructor(message: string, code?: number, kind?: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.kind = kind;
  }
}

/** Codes of the protocol. */
export const AUTHENTICATION_REQUIRED = -32_000;
const NOT_FOUND = -32_002;
/** How one says the same that has no code for it. */
const LOST = /no rollout found/;

const MAX_LINE_BYTES = 16 << 20;
const MAX_PATHS = 20;

export function connectAcp(options: AcpOptions): Acp {
  const connection = connect(options);
  const { agent } = connection;
  return {
    async initialize(signal) {
      const asked = agent.request(methods.agent.initialize, {
        protocolVersion: PROTOCOL_VERSION,
        // No files and no terminals: it is where its work is.
        clientCapabilities: {},
        clientInfo: { name: 'sam', version: '1' },
      });
      const { protocolVersion } = await ended(asked, signal);
      if (protocolVersion !== PROTOCOL_VERSION) throw new AcpError(`it speaks version ${protocolVersion}`);
    },
    async create(place, signal) {
      const made = agent.request(methods.agent.session.new, paramsOf(place));
      return (await ended(made, signal)).sessionId;
    },
    async resume(sessionId, place, signal) {
      try {
        await ended(agent.request(methods.agent.session.resume, { sessionId, ...paramsOf(place) }), signal);
        return true;
      } catch (error) {
        if (error instanceof AcpError && (error.code === NOT_FOUND || LOST.test(error.message))) return false;
        throw error;
      }
    },
    async setMode(sessionId, modeId, signal) {
      await ended(agent.request(methods.agent.session.setMode, { sessionId, modeId }), signal);
    },
    async prompt(sessionId, text) {
      const asked = agent.request(methods.agent.session.prompt, {
        sessionId,
        prompt: [{ type: 'text', text }],
      });
      const { stopReason } = await ended(asked);
      return stopReason;
    },
    cancel: (sessionId) => ended(agent.notify(methods.agent.session.cancel, { sessionId })),
    close: () => connection.close(),
  };
}

const paramsOf = ({ cwd, meta }: SessionPlace): NewSessionRequest => ({
  cwd,
  mcpServers: [],
  ...(meta && { _meta: meta }),
});

function connect({ input, output, onUpdate, onPermission, onBytes }: AcpOptions): ClientConnection {
  const readable = readLines(input, onBytes);
  const writable = new WritableStream<AnyMessage>({
    write: (message) =>
      new Promise((resolve, reject) => {
        output.write(`${JSON.stringify(message)}\n`, (error) => (error ? reject(error) : resolve()));
      }),
  });
  return client({ name: 'sam' })
    .onNotification(methods.client.session.update, ({ params }) => onUpdate(params.sessionId, params.update))
    .onRequest(methods.client.session.requestPermission, async ({ params }) =>
      answer(params, await onPermission(permissionOf(params))),
    )
    .connect({ readable, writable });
}

const permissionOf = ({ sessionId, toolCall }: RequestPermissionRequest): Permission => ({
  session: sessionId,
  call: toolCall.toolCallId,
  tool: toolCall.kind ?? undefined,
  title: toolCall.title ?? undefined,
  input: toolCall.rawInput,
  paths: (toolCall.locations ?? []).slice(0, MAX_PATHS).map(({ path }) => path),
});

/** Never for longer than this once: what was said for the rest of a task is remembered here, not by the coding agent. */
function answer({ options }: RequestPermissionRequest, permitted: Permitted): RequestPermissionResponse {
  const wanted = permitted === 'allow' ? 'allow_once' : 'reject_once';
  const option = options.find(({ kind }) => kind === wanted);
  if (permitted === 'cancelled' || !option) return { outcome: { outcome: 'cancelled' } };
  return { outcome: { outcome: 'selected', optionId: option.optionId } };
}

/** The answer, or an `AcpError`; who stops waiting hears its signal's reason. */
async function ended<Value>(asked: Promise<Value>, signal?: AbortSignal): Promise<Value> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal?.reason as Error);
  signal?.addEventListener('abort', abort, { once: true });
  if (signal?.aborted) abort();
  try {
    return await Promise.race([asked, aborted.promise]);
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof RequestError))
      throw new AcpError('the connection is gone', undefined, undefined, { cause: error });
    const { data } = error;
    const kind = data instanceof Object && 'errorKind' in data ? String(data.errorKind) : undefined;
    const more = data instanceof Object && 'details' in data ? `: ${String(data.details)}` : '';
    throw new AcpError(`${error.message}${more}`, error.code, kind, { cause: error });
  } finally {
    signal?.removeEventListener('abort', abort);
    asked.catch(() => undefined);
    aborted.promise.catch(() => undefined);
  }
}

/** One message a line. What is none is skipped: programs print what they like. */
function readLines(input: Readable, onBytes: (count: number) => void): ReadableStream<AnyMessage> {
  return ReadableStream.from(messagesOf(input, onBytes));
}

async function* messagesOf(input: Readable, onBytes: (count: number) => void): AsyncGenerator<AnyMessage> {
  let pieces: Buffer[] = [];
  let size = 0;
  for await (const chunk of input as AsyncIterable<Buffer>) {
    onBytes(chunk.length);
    let from = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      const message = parse(Buffer.concat([...pieces, chunk.subarray(from, end)]));
      pieces = [];
      size = 0;
      from = end + 1;
      if (message) yield message;
    }
    size += chunk.length - from;
    if (size > MAX_LINE_BYTES) throw new Error('a line has no end');
    if (from < chunk.length) pieces.push(chunk.subarray(from));
  }
}

function parse(line: Buffer): AnyMessage | undefined {
  // Whatever else it is, no message.
  if (line[0] !== 0x7b) return undefined;
  try {
    const said = JSON.parse(line.toString()) as AnyMessage;
    return 'method' in said || 'id' in said ? said : undefined;
  } catch {
    return undefined;
  }
}
