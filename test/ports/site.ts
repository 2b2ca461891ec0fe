// The tester of ports: a whole bot with a workspace in which a program listens, and browsers that keep cookies as the real ones do, by host.
import { readFileSync } from 'node:fs';
import { request, type IncomingMessage, type RequestOptions } from 'node:http';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { findFreePort } from '../free-port.ts';
import { startSam, type Sam, type SamOptions } from '../testers/sam.ts';
import { openTerminal, spend, type OpenTerminal } from '../testers/terminal.ts';

const PROGRAM = readFileSync(join(import.meta.dirname, 'program.mjs'), 'utf8');

export interface Site {
  sam: Sam;
  /** The workspace's id. */
  workspace: string;
  /** Where the program listens. */
  port: number;
  /** `http://3000--ws-….localhost:PORT`. */
  origin: string;
  originOf(port: number): string;
  terminal: OpenTerminal;
}

/** Whose link is spent is signed in, in the way of codes. */
export async function startSite(options: SamOptions = {}): Promise<Site & AsyncDisposable> {
  const sam = await startSam(options);
  sam.place.repository('demo', { 'program.mjs': PROGRAM });
  await sam.say('up ./demo');
  const { id: workspace } = await sam.row('demo');
  const port = await findFreePort();
  const terminal = await openTerminal(sam.link());
  const { port: own } = new URL(sam.bot.url);
  const originOf = (number: number) => `http://${number}--${workspace}.localhost:${own}`;
  return {
    sam,
    workspace,
    port,
    origin: originOf(port),
    originOf,
    terminal,
    [Symbol.asyncDispose]: () => sam[Symbol.asyncDispose](),
  };
}

/** In the background of the site's shell. */
export async function startProgram({ terminal, port }: Pick<Site, 'terminal' | 'port'>): Promise<void> {
  await terminal.run(`node program.mjs ${port} &`, new RegExp(`listens on ${port}\\.`));
}

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
  const begin: Browser['begin'] = (url, { headers, ...options } = {}) => {
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
    onTestFinished(() => void asked.destroy());
    asked.end((options as { body?: string }).body);
    return promise;
  };
  const ask: Browser['ask'] = async (url, options) => {
    const answer = await begin(url, options);
    let body = '';
    for await (const piece of answer) body += String(piece);
    return { status: answer.statusCode ?? 0, headers: answer.headers, body, url };
  };
  return {
    cookies,
    keep,
    begin,
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

/** A browser in which the newest link was opened. */
export async function signIn({ sam }: Pick<Site, 'sam'>, link?: string): Promise<Browser> {
  const browser = createBrowser();
  if (link === undefined) await sam.say('open demo');
  const { cookie } = await spend(link ?? sam.link());
  browser.keep(sam.bot.url, cookie);
  return browser;
}
