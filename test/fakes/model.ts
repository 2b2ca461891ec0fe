// A model over HTTP whose answers a test scripts: it streams the events of Anthropic's Messages API, and keeps what it was asked.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Asked {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  body: string;
}

export interface FakeModel {
  url: string;
  asked: Asked[];
  /** What was asked, byte for byte. */
  bodies: Buffer[];
  /** Answers every request from now on; without one a message streams that says `hello`. */
  answer: (asked: Asked, res: ServerResponse) => void | Promise<void>;
  close(): Promise<void>;
}

/** `sk-ant-api03-` and what a key has behind it. */
export const KEY = 'sk-ant-api03-canary-0123456789abcdefghijklmnopqrstuvwxyz';
/** `sk-ant-oat01-`: of a plan. */
export const PLAN = 'sk-ant-oat01-canary-0123456789abcdefghijklmnopqrstuvw-plan';

export async function startModel(): Promise<FakeModel> {
  const model: FakeModel = { url: '', asked: [], bodies: [], answer: sayHello, close };
  const server = createServer((req, res) => {
    const answer = (bytes: Buffer) => {
      const asked = {
        method: req.method ?? '',
        path: req.url ?? '',
        headers: req.headers,
        body: bytes.toString('utf8'),
      };
      model.bodies.push(bytes);
      model.asked.push(asked);
      return model.answer(asked, res);
    };
    // Who hangs up before all was asked gets no answer.
    void readBody(req).then(answer, () => res.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  model.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  async function close(): Promise<void> {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }
  onTestFinished(close);
  return model;
}

async function readBody(req: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of req) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

const sayHello = ({ body }: Asked, res: ServerResponse): void => sendMessage(res, body, [says('hello')]);

export type Block =
  | { type: 'text'; text: string }
  | { type: 'tool_use'; id: string; name: string; input: object };

type Event = { type: string } & Record<string, unknown>;

export const says = (text: string): Block => ({ type: 'text', text });
export const calls = (name: string, input: object): Block => ({
  type: 'tool_use',
  id: `toolu_${Math.random().toString(36).slice(2, 14)}`,
  name,
  input,
});

let lastMessage = 0;

/** A whole answer, streamed if `body` asks for that: 12 tokens in, 34 out, 5 and 6 of the cache. */
export function sendMessage(res: ServerResponse, body: string, blocks: Block[]): void {
  const { stream = false } = JSON.parse(body || '{}') as { stream?: boolean };
  const usage = { input_tokens: 12, cache_read_input_tokens: 5, cache_creation_input_tokens: 6 };
  const stop_reason = blocks.some(({ type }) => type === 'tool_use') ? 'tool_use' : 'end_turn';
  const message = {
    id: `msg_${++lastMessage}`,
    type: 'message',
    role: 'assistant',
    model: 'scripted',
    stop_sequence: null,
  };
  if (!stream) {
    const whole = { ...message, content: blocks, stop_reason, usage: { ...usage, output_tokens: 34 } };
    res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(whole));
    return;
  }
  res.writeHead(200, { 'content-type': 'text/event-stream' });
  const events: Event[] = [
    {
      type: 'message_start',
      message: { ...message, content: [], stop_reason: null, usage: { ...usage, output_tokens: 1 } },
    },
    ...blocks.flatMap(eventsOf),
    { type: 'message_delta', delta: { stop_reason, stop_sequence: null }, usage: { output_tokens: 34 } },
    { type: 'message_stop' },
  ];
  for (const event of events) res.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  res.end();
}

function eventsOf(block: Block, index: number): Event[] {
  const [start, delta] =
    block.type === 'text'
      ? [
          { type: 'text', text: '' },
          { type: 'text_delta', text: block.text },
        ]
      : [
          { ...block, input: {} },
          { type: 'input_json_delta', partial_json: JSON.stringify(block.input) },
        ];
  return [
    { type: 'content_block_start', index, content_block: start },
    { type: 'content_block_delta', index, delta },
    { type: 'content_block_stop', index },
  ];
}
