// A push service and the browsers that listen at it, as strict as the real ones: it takes what RFC 8030, 8188, 8291 and 8292 allow and
// nothing else, and opens each message with the browser's own keys, by another library than the one that sealed it.
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { webcrypto } from 'node:crypto';
import { decodeProtectedHeader, importJWK, jwtVerify } from 'jose';

const { subtle } = webcrypto;
const MAX_BYTES = 4096;

export interface PushMessage {
  /** Opened. */
  text: string;
  ttl: number;
  topic: string | undefined;
  urgency: string | undefined;
  /** What the sender says of itself. */
  claims: { aud?: unknown; sub?: unknown; exp?: number };
}

export interface Device {
  /** As `PushSubscription.toJSON()` has it. */
  subscription: { endpoint: string; keys: { p256dh: string; auth: string } };
  messages: PushMessage[];
  /** Its browser listens no more. */
  leave(status?: 404 | 410): void;
}

export interface PushService {
  origin: string;
  /** A browser subscribes with the key of whoever may send to it. */
  subscribe(sender: string): Promise<Device>;
  /** Why requests were refused, oldest first. */
  complaints: string[];
  /** The next requests are answered so, and do nothing else; `after`: they are done before. */
  answerNext(status: number, more?: { headers?: Record<string, string>; after?: boolean }): void;
  close(): Promise<void>;
}

interface Mailbox extends Device {
  sender: string;
  keys: webcrypto.CryptoKeyPair;
  auth: Buffer;
  gone: number | undefined;
}

class Complaint extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const insist = (isRight: boolean, status: number, message: string): void => {
  if (!isRight) throw new Complaint(status, message);
};

export async function startPushService(): Promise<PushService> {
  const boxes = new Map<string, Mailbox>();
  const complaints: string[] = [];
  const answers: { status: number; headers?: Record<string, string>; after?: boolean }[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const next = answers.shift();
      if (next && !next.after) return void response.writeHead(next.status, next.headers).end();
      receive(boxes, origin, request.method, request.url, request.headers, Buffer.concat(parts)).then(
        (status) => response.writeHead(next?.status ?? status, next?.headers).end(),
        (error: unknown) => {
          complaints.push(String(error));
          response.writeHead(error instanceof Complaint ? error.status : 500).end();
        },
      );
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    complaints,
    subscribe: (sender) => subscribe(boxes, origin, sender),
    answerNext: (status, more) => void answers.push({ status, ...more }),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function subscribe(boxes: Map<string, Mailbox>, origin: string, sender: string): Promise<Device> {
  const path = `/push/${Buffer.from(webcrypto.getRandomValues(new Uint8Array(18))).toString('base64url')}`;
  const keys = await subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, true, ['deriveBits']);
  const auth = Buffer.from(webcrypto.getRandomValues(new Uint8Array(16)));
  const p256dh = Buffer.from(await subtle.exportKey('raw', keys.publicKey)).toString('base64url');
  const endpoint = origin + path;
  const box: Mailbox = {
    subscription: { endpoint, keys: { p256dh, auth: auth.toString('base64url') } },
    messages: [],
    leave: (status = 410) => void (box.gone = status),
    sender,
    keys,
    auth,
    gone: undefined,
  };
  boxes.set(path, box);
  return box;
}

async function receive(
  boxes: Map<string, Mailbox>,
  origin: string,
  method = '',
  path = '',
  headers: IncomingHttpHeaders,
  body: Buffer,
): Promise<number> {
  insist(method === 'POST', 405, 'only POST');
  const box = boxes.get(path);
  if (!box) throw new Complaint(404, 'no such subscription');
  if (box.gone !== undefined) return box.gone;
  const claims = await checkSender(headers.authorization ?? '', origin, box.sender);
  const ttl = headers['ttl'] === undefined ? NaN : Number(headers['ttl']);
  insist(Number.isInteger(ttl) && ttl >= 0, 400, 'TTL is missing');
  insist(body.length <= MAX_BYTES, 413, 'too large');
  insist(headers['content-encoding'] === 'aes128gcm', 400, 'not aes128gcm');
  const topic = headers['topic'] as string | undefined;
  insist(
    topic === undefined || /^[\w-]{1,32}$/.test(topic),
    400,
    'a topic of 32 base64url characters at most',
  );
  const urgency = headers['urgency'] as string | undefined;
  insist(urgency === undefined || ['very-low', 'low', 'normal', 'high'].includes(urgency), 400, 'urgency');
  const text = await open(body, box);
  // What waits gives way to what has the same topic.
  if (topic !== undefined) {
    const waiting = box.messages.findIndex((one) => one.topic === topic);
    if (waiting >= 0) box.messages.splice(waiting, 1);
  }
  box.messages.push({ text, ttl, topic, urgency, claims });
  return 201;
}

/** RFC 8292. */
async function checkSender(header: string, origin: string, sender: string): Promise<PushMessage['claims']> {
  const [, token = '', key = ''] = /^vapid t=([\w.-]+), ?k=([\w-]+)$/.exec(header) ?? [];
  insist(token !== '', 401, `no vapid: ${header}`);
  insist(key === sender, 403, 'not who the browser subscribed with');
  const point = Buffer.from(key, 'base64url');
  insist(point.length === 65 && point[0] === 4, 401, 'k is no uncompressed point');
  const jwk = {
    kty: 'EC',
    crv: 'P-256',
    x: point.subarray(1, 33).toString('base64url'),
    y: point.subarray(33).toString('base64url'),
  };
  insist(decodeProtectedHeader(token).typ === 'JWT', 401, 'typ is not JWT');
  const { payload } = await jwtVerify(token, await importJWK(jwk, 'ES256'), {
    algorithms: ['ES256'],
    audience: origin,
    requiredClaims: ['exp'],
  }).catch((error: unknown) => {
    throw new Complaint(403, String(error));
  });
  insist((payload.exp ?? 0) <= Date.now() / 1000 + 24 * 3600, 403, 'exp is more than a day away');
  insist(payload.sub === undefined || /^(mailto:|https:)/.test(payload.sub), 403, 'sub is no address');
  return payload;
}

/** RFC 8188 and 8291. */
async function open(body: Buffer, { keys, auth }: Mailbox): Promise<string> {
  const salt = body.subarray(0, 16);
  insist(body.readUInt32BE(16) > 17, 400, 'a record that holds nothing');
  insist(body[20] === 65, 400, 'the key id is no point');
  const theirs = body.subarray(21, 86);
  const sender = await subtle.importKey('raw', theirs, { name: 'ECDH', namedCurve: 'P-256' }, true, []);
  const secret = await subtle.deriveBits({ name: 'ECDH', public: sender }, keys.privateKey, 256);
  const own = Buffer.from(await subtle.exportKey('raw', keys.publicKey));
  const info = Buffer.concat([Buffer.from('WebPush: info\0'), own, theirs]);
  const shared = await derive(secret, auth, info, 256);
  const raw = await derive(shared, salt, Buffer.from('Content-Encoding: aes128gcm\0'), 128);
  const iv = await derive(shared, salt, Buffer.from('Content-Encoding: nonce\0'), 96);
  const key = await subtle.importKey('raw', raw, 'AES-GCM', false, ['decrypt']);
  const plain = Buffer.from(await subtle.decrypt({ name: 'AES-GCM', iv }, key, body.subarray(86)));
  const end = plain.findLastIndex((byte) => byte !== 0);
  insist(plain[end] === 2, 400, 'the last record has no end');
  return plain.subarray(0, end).toString('utf8');
}

async function derive(secret: ArrayBuffer, salt: Buffer, info: Buffer, bits: number): Promise<ArrayBuffer> {
  const key = await subtle.importKey('raw', secret, 'HKDF', false, ['deriveBits']);
  return subtle.deriveBits({ name: 'HKDF', hash: 'SHA-256', salt, info }, key, bits);
}
