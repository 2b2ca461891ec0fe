// Passes one request on to a model and its answer back, both as they come: byte for byte, at the pace of whoever reads. Puts the
// key in; knows no workspace.
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { pipeline } from 'node:stream/promises';
import { Transform } from 'node:stream';
import { headersAnswered, headersAsked } from './headers.ts';
import type { Service } from './services.ts';
import { createMeter, type Meter, type Tokens } from './usage.ts';

/** What models take at most. */
export const MAX_BODY_BYTES = 32 << 20;
/** A model that thinks sends pings meanwhile. */
const SILENCE_MS = 10 * 60_000;
const CONNECT_MS = 30_000;

/** What became of a request. `passed`: as far as both sides wanted; `refused`: nothing was sent, the caller answers. */
export type Passed =
  | { is: 'passed'; tokens: Tokens | undefined }
  | { is: 'refused'; status: number; type: string; message: string };

export interface Forwarding {
  /** The base of the service's address. */
  base: string;
  service: Service;
  key: string;
  /** Ends both sides. */
  signal: AbortSignal;
}

type Refused = Passed & { is: 'refused' };

const TOO_LARGE: Refused = {
  is: 'refused',
  status: 413,
  type: 'request_too_large',
  message: `The request is larger than ${MAX_BODY_BYTES} bytes.`,
};

/**
 * Behind a head that promises no body its bytes would be the head of another request, on a connection that the next one to ask
 * shares, with its key.
 */
const NO_BODY: Refused = {
  is: 'refused',
  status: 400,
  type: 'invalid_request_error',
  message: 'A request of this kind has no body.',
};

const hasBody = ({ method }: IncomingMessage): boolean => method === 'POST';

/** Never rejects. Resolves when the last byte was given to whoever reads, or when a side has ended before. */
export async function forward(
  req: IncomingMessage,
  res: ServerResponse,
  forwarding: Forwarding,
): Promise<Passed> {
  const length = Number(req.headers['content-length'] ?? 0);
  if (length > MAX_BODY_BYTES) return TOO_LARGE;
  if (!hasBody(req) && (length > 0 || req.headers['transfer-encoding'] !== undefined)) return NO_BODY;
  if (res.destroyed) return { is: 'passed', tokens: undefined };
  const ended = new AbortController();
  const hangUp = () => ended.abort();
  res.once('close', hangUp);
  const signal = AbortSignal.any([forwarding.signal, ended.signal]);
  const asked = ask(req, forwarding, signal);
  let meter: Meter | undefined;
  try {
    const answer = await asked.answer;
    // The key is for that address alone.
    if (isRedirect(answer)) return { ...UNREACHABLE, message: REDIRECTED };
    meter = findMeter(answer, forwarding.service);
    await passBack(answer, res, meter);
  } catch (error) {
    const isOver = res.headersSent || signal.aborted;
    if (!isOver) return error === TOO_LARGE ? TOO_LARGE : UNREACHABLE;
    // What was cut must look so: an answer by half has no end.
    res.destroy();
  } finally {
    res.off('close', hangUp);
    asked.end();
  }
  return { is: 'passed', tokens: meter?.read() };
}

const UNREACHABLE: Refused = {
  is: 'refused',
  status: 502,
  type: 'api_error',
  message: 'The model cannot be reached from here at this moment. Try again in a minute.',
};

function ask(req: IncomingMessage, { base, service, key }: Forwarding, signal: AbortSignal) {
  const url = new URL(`${base}${service.path}`);
  // By the global agents, which go through the node's proxy where it has one.
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const headers = { ...headersAsked(req.headers), 'accept-encoding': 'identity', ...service.authorize(key) };
  const asking = request(url, { method: req.method ?? 'GET', headers, signal, timeout: SILENCE_MS });
  const answer = Promise.withResolvers<IncomingMessage>();
  asking.once('response', answer.resolve).once('error', answer.reject);
  asking.once('timeout', () => asking.destroy(new Error('the model is silent')));
  asking.once('socket', (socket) => {
    if (!socket.connecting) return;
    const timer = setTimeout(() => asking.destroy(new Error('no connection in time')), CONNECT_MS);
    for (const event of ['connect', 'close']) socket.once(event, () => clearTimeout(timer));
  });
  // An answer may come before all was asked: a refusal.
  if (hasBody(req)) pipeline(req, measure(), asking).catch(answer.reject);
  else asking.end();
  return { answer: answer.promise, end: () => void asking.destroy() };
}

function measure(): Transform {
  let size = 0;
  return new Transform({
    transform(bytes: Buffer, _encoding, done) {
      size += bytes.length;
      done(size > MAX_BODY_BYTES ? (TOO_LARGE as never) : null, bytes);
    },
  });
}

const isRedirect = ({ statusCode = 0 }: IncomingMessage): boolean => statusCode >= 300 && statusCode < 400;

const REDIRECTED = 'The model is elsewhere: its address answers with a redirect, which Sam does not follow.';

/** Only what a model said is counted. */
function findMeter({ statusCode = 0, headers }: IncomingMessage, { isAnswer }: Service): Meter | undefined {
  const isGood = statusCode >= 200 && statusCode < 300;
  const isStream = /^text\/event-stream/i.test(headers['content-type'] ?? '');
  return isAnswer && isGood ? createMeter(isStream) : undefined;
}

/** What came with one read of the socket goes out with one write: an answer is many small pieces. */
function passBack(answer: IncomingMessage, res: ServerResponse, meter: Meter | undefined): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let pieces: Buffer[] = [];
  const flush = () => {
    const [first, ...more] = pieces;
    if (first === undefined) return;
    const bytes = more.length === 0 ? first : Buffer.concat(pieces);
    pieces = [];
    meter?.take(bytes);
    if (!res.write(bytes)) answer.pause();
  };
  // At once: whoever asked waits for the first byte.
  res.writeHead(answer.statusCode ?? 502, headersAnswered(answer.headers)).flushHeaders();
  answer.on('data', (piece: Buffer) => {
    if (pieces.push(piece) === 1) process.nextTick(flush);
  });
  res.on('drain', () => answer.resume());
  answer.once('end', () => {
    flush();
    res.end();
  });
  answer.once('error', reject).once('close', () => {
    if (!answer.readableEnded) reject(new Error('the model broke off'));
  });
  res.once('finish', resolve).once('close', () => reject(new Error('nobody reads any more')));
  return promise;
}
