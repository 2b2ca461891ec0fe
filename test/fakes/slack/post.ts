// How requests leave the fake Slack: signed and posted, or through a socket of the app's. Knows no person.
import { createHmac } from 'node:crypto';
import type { Json, World } from './model.ts';
import type { Sockets } from './socket.ts';

/** One request to the app, as it went. */
export interface Sent {
  body: string;
  headers: Record<string, string>;
  /** 0: no answer within three seconds. */
  status: number;
  answer: string;
  ms: number;
}

export interface SendOptions {
  secret?: string;
  /** In seconds; now if not said. */
  at?: number;
  headers?: Record<string, string>;
}

export interface Post {
  send(body: string, kind: 'form' | 'json', options?: SendOptions): Promise<Sent>;
  /** The very bytes once more. */
  again(sent: Sent, headers?: Record<string, string>): Promise<Sent>;
}

const DEADLINE_MS = 3_000;

export function createPost(world: World, target: () => string, sockets: Sockets): Post {
  async function post(body: string, headers: Record<string, string>): Promise<Sent> {
    const from = performance.now();
    const ended = await (sockets.isOpen() ? sendEnvelope(body) : sendRequest(body, headers));
    return { body, headers, ...ended, ms: performance.now() - from };
  }

  const sendRequest = (
    body: string,
    headers: Record<string, string>,
  ): Promise<Pick<Sent, 'status' | 'answer'>> =>
    fetch(target(), { method: 'POST', body, headers, signal: AbortSignal.timeout(DEADLINE_MS) }).then(
      async (response) => ({ status: response.status, answer: await response.text() }),
      (error: unknown) => ({ status: 0, answer: String(error) }),
    );

  /** In Socket Mode nothing is signed: the socket is the proof. */
  async function sendEnvelope(body: string): Promise<Pick<Sent, 'status' | 'answer'>> {
    const isEvent = body.startsWith('{');
    const fields = isEvent ? {} : Object.fromEntries(new URLSearchParams(body));
    const { payload } = fields;
    const answer = isEvent
      ? await sockets.send('events_api', JSON.parse(body) as Json)
      : await (payload
          ? sockets.send('interactive', JSON.parse(payload) as Json)
          : sockets.send('slash_commands', fields));
    if (!answer) return { status: 0, answer: '' };
    return { status: 200, answer: Object.keys(answer).length > 0 ? JSON.stringify(answer) : '' };
  }

  return {
    send(
      body,
      kind,
      { secret = world.signingSecret, at = Math.floor(Date.now() / 1000), headers = {} } = {},
    ) {
      const signature = createHmac('sha256', secret).update(`v0:${at}:${body}`).digest('hex');
      return post(body, {
        'content-type': kind === 'form' ? 'application/x-www-form-urlencoded' : 'application/json',
        'x-slack-request-timestamp': String(at),
        'x-slack-signature': `v0=${signature}`,
        ...headers,
      });
    },
    again: (sent, headers = {}) => post(sent.body, { ...sent.headers, ...headers }),
  };
}
