// Push services, as browsers name them: which addresses are called at all, and the call. Whoever subscribes chooses the address, so
// none leads into our own network. Knows no row.
import { lookup, type LookupAddress } from 'node:dns';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { BlockList, isIP, type LookupFunction } from 'node:net';

export interface PushRequest {
  endpoint: string;
  body: Buffer;
  authorization: string;
  /** How long it may wait for a device that is off, in s. */
  ttl: number;
  /** Of two with the same one that wait, the newer counts. */
  topic: string;
  urgency: 'normal' | 'high';
}

/** `gone`: the browser listens no more. `refused`: it would be again, as it is. */
export type PushOutcome =
  | { is: 'taken' | 'gone' }
  | { is: 'refused'; status: number }
  | { is: 'later'; why: string; afterMs: number | undefined };

const MAX_LENGTH = 1_000;
const TIMEOUT_MS = 15_000;

/** `own`: origins of services in a network of ours, which are called wherever they are. Undefined: nobody is to be called there. */
export function readEndpoint(text: string, own: readonly string[]): URL | undefined {
  const url = text.length > MAX_LENGTH ? null : URL.parse(text);
  if (!url || url.username || url.password || url.hash) return undefined;
  if (own.includes(url.origin)) return url;
  const isNamed = isIP(url.hostname.replace(/^\[|\]$/g, '')) === 0 && /\.[a-z]/i.test(url.hostname);
  // Where it leads is looked at when it is called: names change what they mean.
  return url.protocol === 'https:' && url.port === '' && isNamed ? url : undefined;
}

export interface Reach {
  /** Origins of services in a network of ours. */
  own: readonly string[];
  /** Tests have names of their own. */
  resolve?: typeof lookup | undefined;
}

/** Never throws. Follows nothing and reads nothing of the answer but its head. */
export function sendPush(
  { endpoint, body, authorization, ttl, topic, urgency }: PushRequest,
  { own, resolve = lookup }: Reach,
): Promise<PushOutcome> {
  const url = readEndpoint(endpoint, own);
  if (!url) return Promise.resolve({ is: 'gone' });
  const isOwn = own.includes(url.origin);
  const { promise, resolve: end } = Promise.withResolvers<PushOutcome>();
  const open = url.protocol === 'http:' ? httpRequest : httpsRequest;
  const sent = open(url, {
    method: 'POST',
    // A connection of its own, so that none is used that somebody else opened.
    agent: false,
    ...(isOwn ? {} : { lookup: onlyPublic(resolve) }),
    headers: {
      authorization,
      'content-encoding': 'aes128gcm',
      'content-type': 'application/octet-stream',
      'content-length': body.length,
      ttl: String(ttl),
      topic,
      urgency,
    },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  sent.on('response', (response) => {
    end(outcomeOf(response.statusCode ?? 0, response.headers['retry-after']));
    response.destroy();
  });
  sent.on('error', (error) => end({ is: 'later', why: error.message, afterMs: undefined }));
  sent.end(body);
  return promise;
}

function outcomeOf(status: number, retryAfter: string | undefined): PushOutcome {
  if (status >= 200 && status < 300) return { is: 'taken' };
  if (status === 404 || status === 410) return { is: 'gone' };
  if (status !== 429 && status < 500) return { is: 'refused', status };
  const seconds = Number(retryAfter);
  return { is: 'later', why: `status ${status}`, afterMs: seconds > 0 ? seconds * 1_000 : undefined };
}

const inside = new BlockList();
for (const [net, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const)
  inside.addSubnet(net, bits, 'ipv4');
// Tunnels, whose addresses hold one of the other kind, and documentation.
inside.addSubnet('2001::', 23, 'ipv6');
inside.addSubnet('2001:db8::', 32, 'ipv6');
inside.addSubnet('2002::', 16, 'ipv6');
inside.addSubnet('3fff::', 20, 'ipv6');
const outside = new BlockList();
outside.addSubnet('2000::', 3, 'ipv6');

/** An address of the internet, and none of a network of somebody's own. */
export function isPublic(address: string): boolean {
  if (isIP(address) === 4) return !inside.check(address, 'ipv4');
  return isIP(address) === 6 && outside.check(address, 'ipv6') && !inside.check(address, 'ipv6');
}

/** The socket connects to what this gives, and to nothing that a second question would. */
export const onlyPublic =
  (resolve: typeof lookup): LookupFunction =>
  (hostname, options, done) =>
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return done(error, []);
      const found = addresses.filter(({ address }) => isPublic(address));
      if (found.length === 0) return done(new Error(`${hostname} leads to no public address`), []);
      const [first] = found as [LookupAddress, ...LookupAddress[]];
      if (options.all) done(null, found);
      else done(null, first.address, first.family);
    });
