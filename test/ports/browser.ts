// A browser as far as ports go, without one: cookies are kept by host and sent to no other, redirects are followed. Every `*.localhost` is
// this machine, as in real ones.
import { request, type IncomingMessage, type RequestOptions } from 'node:http';
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';

export interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  body: string;
  /** Where it was in the end. */
  url: string;
}

export interface Browser {
  /** As a person opens an address: redirects are followed. */
  open(url: string): Promise<Answer>;
  /** One request; `options.headers` beside the cookies. */
  ask(url: string, options?: RequestOptions & { body?: string }): Promise<Answer>;
  /** The answer before its body has come. */
  begin(url: string, options?: RequestOptions): Promise<IncomingMessage>;
  connect(url: string, origin?: string): WebSocket;
  cookies(url: string): string;
  keep(url: string, cookie: string): void;
}

export function createBrowser(): Browser {
  const jar = new Map<string, Map<string, string>>();
  const cookiesOf = (host: string) => jar.get(host) ?? new Map<string, string>();
  const cookies = (url: string) =>
    [...cookiesOf(new URL(url).hostname)].map(([name, value]) => `${name}=${value}`).join('; ');
  const keep = (url: string, cookie: string) => {
    const { hostname } = new URL(url);
    const [, name = '', value = ''] = /^([^=;]+)=([^;]*)/.exec(cookie) ?? [];
    const kept = cookiesOf(hostname);
    if (/max-age=0(;|$)/i.test(cookie)) kept.delete(name);
    else kept.set(name, value);
    jar.set(hostname, kept);
  };
  const send: Browser['begin'] = (url, { headers, ...options } = {}) => {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const { host, port, pathname, search } = new URL(url);
    const asked = request(
      {
        host: '127.0.0.1',
        port,
        path: pathname + search,
        agent: false,
        headers: { host, cookie: cookies(url), ...(headers as Record<string, string>) },
        ...options,
      },
      (answer) => {
        for (const cookie of answer.headers['set-cookie'] ?? []) keep(url, cookie);
        resolve(answer);
      },
    );
    asked.on('error', reject);
    asked.end((options as { body?: string }).body);
    return promise;
  };
  const ask: Browser['ask'] = async (url, options) => {
    const answer = await send(url, options);
    let body = '';
    for await (const piece of answer) body += String(piece);
    return { status: answer.statusCode ?? 0, headers: answer.headers, body, url };
  };
  return {
    cookies,
    keep,
    async begin(url, options) {
      const answer = await send(url, options);
      onTestFinished(() => void answer.destroy());
      return answer;
    },
    ask,
    async open(url) {
      const headers = { accept: 'text/html', 'sec-fetch-mode': 'navigate' };
      let answer = await ask(url, { headers });
      for (let hops = 0; hops < 10 && answer.headers.location !== undefined; hops++)
        answer = await ask(new URL(answer.headers.location, answer.url).href, { headers });
      return answer;
    },
    connect(url, origin = new URL(url).origin) {
      const { host, port, pathname } = new URL(url);
      const socket = new WebSocket(`ws://127.0.0.1:${port}${pathname}`, {
        headers: { host, cookie: cookies(url) },
        origin,
      });
      onTestFinished(() => socket.terminate());
      return socket;
    },
  };
}
