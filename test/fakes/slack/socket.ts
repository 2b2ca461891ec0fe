// Socket Mode's side of the fake Slack: a WebSocket that the app dials, envelopes out, acknowledgements in.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Json } from './model.ts';

export interface Sockets {
  url: string;
  /** How often somebody has dialled. */
  dials(): number;
  /** Resolves with what was acknowledged; undefined: nobody is there, or nobody did in time. */
  send(type: 'slash_commands' | 'interactive' | 'events_api', payload: Json): Promise<Json | undefined>;
  isOpen(): boolean;
  /** Slack moves its connections now and then, and says so. */
  recycle(): void;
  close(): Promise<void>;
}

const DEADLINE_MS = 3_000;

export async function startSockets(): Promise<Sockets> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const waiting = new Map<string, (answer: Json) => void>();
  let open: WebSocket | undefined;
  let dials = 0;
  server.on('connection', (socket) => {
    dials += 1;
    open = socket;
    socket.on('message', (data: Buffer) => {
      const { envelope_id: id, payload = {} } = JSON.parse(data.toString()) as {
        envelope_id: string;
        payload?: Json;
      };
      waiting.get(id)?.(payload);
    });
    socket.on('close', () => {
      if (open === socket) open = undefined;
    });
    socket.send(JSON.stringify({ type: 'hello', num_connections: 1, connection_info: { app_id: 'A0APP' } }));
  });
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    dials: () => dials,
    isOpen: () => open !== undefined,
    async send(type, payload) {
      const id = randomUUID();
      const acknowledged = new Promise<Json>((resolve) => waiting.set(id, resolve));
      open?.send(
        JSON.stringify({ type, envelope_id: id, payload, accepts_response_payload: type !== 'events_api' }),
      );
      const late = new AbortController();
      const timer = setTimeout(() => late.abort(), DEADLINE_MS);
      const answer = await Promise.race([acknowledged, once(late.signal, 'abort').then(() => undefined)]);
      clearTimeout(timer);
      waiting.delete(id);
      return answer;
    },
    recycle: () => open?.send(JSON.stringify({ type: 'disconnect', reason: 'refresh_requested' })),
    async close() {
      for (const socket of server.clients) socket.terminate();
      server.close();
      await once(server, 'close');
    },
  };
}
