// One request, or one WebSocket, of somebody who may see the port: to the program and back, as it comes. Nothing is gathered: whoever is
// slower holds up the other. Knows no cookie and no right.
import { ServerResponse, type ClientRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { pipeline, type Duplex } from 'node:stream';
import { hasBody, isAnswer, toBrowser, toProgram, type Framing } from './headers.ts';
import { sendTrouble } from './pages.ts';
import { troubleOf } from './troubles.ts';
import type { Tunnels, Way } from './tunnels.ts';

export interface Passing {
  tunnels: Tunnels;
  way: Way;
  framing: Framing;
  /** How long a program may be silent before it has begun to answer. */
  answerWithinMs: number;
  /** It did not come there. */
  onTrouble: () => void;
}

/** Resolves when it is over, however it ended. */
export function forward(passing: Passing, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const over = Promise.withResolvers<void>();
  res.once('close', over.resolve);
  send(passing, req, res, true);
  return over.promise;
}

/** A program may have closed an idle connection a moment ago: then the same is asked once more on a new one. */
function send(passing: Passing, req: IncomingMessage, res: ServerResponse, mayRepeat: boolean): void {
  const { tunnels, way, framing } = passing;
  const { method = 'GET' } = req;
  const asked = tunnels.request(way, { method, path: pathOf(req), headers: toProgram(req, framing) });
  const end = () => asked.destroy();
  const patience = beginPatience(passing, req, asked);
  let isOver = false;
  const fail = (error: Error): void => {
    if (isOver) return;
    isOver = true;
    patience.end();
    res.off('close', end);
    passing.onTrouble();
    if (res.headersSent) return void res.destroy();
    if (res.destroyed) return;
    const isRepeatable = mayRepeat && asked.reusedSocket && !hasBody(req) && IDEMPOTENT.has(method);
    if (isRepeatable) return send(passing, req, res, false);
    sendTrouble(req, res, troubleOf(error, framing.port));
  };
  const refuse = (): void => {
    asked.destroy();
    fail(nonsense());
  };
  res.once('close', end);
  asked.once('response', (answer) => {
    patience.end();
    if (!isAnswer(answer)) return refuse();
    const headers = toBrowser(answer, req.headers, framing);
    // Of an answer that came before the question was heard to its end the connection goes with it.
    if (!req.complete) headers.push(['connection', 'close']);
    res.writeHead(answer.statusCode ?? 502, answer.statusMessage, headers.flat());
    // What is told as it happens begins before its first event.
    res.flushHeaders();
    pipeline(answer, res, () => {});
  });
  // Whoever answers like that to a plain request has not understood it. Nothing more comes of it, not even an error.
  asked.once('upgrade', (_answer, socket) => {
    socket.destroy();
    refuse();
  });
  asked.on('error', fail);
  if (!hasBody(req)) return void asked.end();
  // Who goes in the middle takes the question along.
  req.once('close', () => req.complete || asked.destroy());
  req.pipe(asked);
}

const nonsense = (): Error =>
  Object.assign(new Error('an answer that nobody can pass on'), { code: 'NONSENSE' });

const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Also of one that names the whole address, as proxies are asked. */
function pathOf({ url = '/' }: IncomingMessage): string {
  if (url.startsWith('/') || url === '*') return url;
  const whole = URL.parse(url);
  return whole ? whole.pathname + whole.search : '/';
}

/** Whoever sends a long question is not late as long as it moves. */
function beginPatience({ answerWithinMs }: Passing, req: IncomingMessage, asked: ClientRequest) {
  const late = () => asked.destroy(Object.assign(new Error('no answer in time'), { code: 'LATE' }));
  const timer = setTimeout(late, answerWithinMs);
  const moves = () => void timer.refresh();
  // Listening alone makes it flow: that begins with the pipe.
  if (hasBody(req)) req.on('data', moves).pause();
  return {
    end() {
      clearTimeout(timer);
      req.off('data', moves);
    },
  };
}

/** The same for what is to become a WebSocket. */
export function forwardUpgrade(
  { tunnels, way, framing, answerWithinMs }: Passing,
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  const over = Promise.withResolvers<void>();
  socket.once('close', over.resolve);
  const headers = toProgram(req, framing, true);
  const asked = tunnels.request(way, { method: 'GET', path: pathOf(req), headers });
  const timer = setTimeout(
    () => asked.destroy(Object.assign(new Error('no answer in time'), { code: 'LATE' })),
    answerWithinMs,
  );
  socket.once('close', () => asked.destroy());
  asked.once('upgrade', (answer, program, first) => {
    clearTimeout(timer);
    const lines = toBrowser(answer, req.headers, framing, true).map(([name, value]) => `${name}: ${value}`);
    socket.write(['HTTP/1.1 101 Switching Protocols', ...lines, '', ''].join('\r\n'), 'latin1');
    if (first.length > 0) socket.write(first);
    if (head.length > 0) program.write(head);
    program.on('error', () => socket.destroy()).once('close', () => socket.destroy());
    socket.once('close', () => program.destroy());
    socket.pipe(program).pipe(socket);
  });
  let is: 'asked' | 'answered' | 'over' = 'asked';
  const fail = (error: Error): void => {
    clearTimeout(timer);
    // What it began to say cannot be taken back.
    if (is === 'answered') socket.destroy();
    else if (is === 'asked' && !socket.destroyed)
      sendTrouble(req, plainAnswer(req, socket), troubleOf(error, framing.port));
    is = 'over';
  };
  asked.once('response', (answer) => {
    clearTimeout(timer);
    if (!isAnswer(answer)) {
      asked.destroy();
      return fail(nonsense());
    }
    is = 'answered';
    const res = plainAnswer(req, socket);
    res.writeHead(
      answer.statusCode ?? 502,
      answer.statusMessage,
      toBrowser(answer, req.headers, framing).flat(),
    );
    // What comes after it may break off: it was refused all the same.
    res.flushHeaders();
    pipeline(answer, res, () => {});
  });
  asked.on('error', fail);
  asked.end();
  return over.promise;
}

/** An answer on a socket that wanted to be something else; it is the last one there. */
export function plainAnswer(req: IncomingMessage, socket: Duplex): ServerResponse {
  const res = new ServerResponse(req);
  res.shouldKeepAlive = false;
  res.assignSocket(socket as Socket);
  res.once('finish', () => socket.end());
  return res;
}
