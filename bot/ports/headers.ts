// What of a request reaches a program, and what of its answer reaches the browser. A program sees a visitor at `localhost:<port>`, as
// its developer would come: that is what dev servers take, and one name everywhere is what their checks of origins take. Pure.
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { PortAddresses, PortName } from './addresses.ts';

/** Of one connection, not of what is said over it. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);
/** Who came how: nobody outside may say it, and a program that believed ours would not see `localhost` any more. */
const FORWARDING =
  /^(x-forwarded-.*|forwarded|x-real-ip|x-original-.*|x-rewrite-url|via|cf-.*|true-client-ip|x-client-ip)$/;

/** How often a request came through here: what leads to itself ends. */
export const HOPS_HEADER = 'x-sam-hops';
export const MAX_HOPS = 4;

/** Cookies that are ours, on the port's host. No program sees or sets them. */
export interface OwnCookies {
  names: readonly string[];
}

export interface Framing extends PortName {
  addresses: PortAddresses;
  cookies: OwnCookies;
}

export const hopsOf = ({ headers }: IncomingMessage): number => {
  const said = headers[HOPS_HEADER];
  return typeof said === 'string' && /^\d{1,3}$/.test(said)
    ? Number(said)
    : said === undefined
      ? 0
      : MAX_HOPS;
};

const localOrigin = (port: number): string => `http://localhost:${port}`;

/** `isUpgrade`: it is to become a WebSocket. */
export function toProgram(req: IncomingMessage, framing: Framing, isUpgrade = false): OutgoingHttpHeaders {
  const { headers } = req;
  const named = namedBy(headers.connection);
  const kept: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || HOP_BY_HOP.has(name) || named.has(name) || FORWARDING.test(name)) continue;
    // The wait for a `100 Continue` is over: this server has said it.
    if (name === 'expect' || name === HOPS_HEADER) continue;
    kept[name] = value;
  }
  kept['host'] = `localhost:${framing.port}`;
  kept[HOPS_HEADER] = String(hopsOf(req) + 1);
  for (const name of ['origin', 'referer'] as const) {
    const value = headers[name];
    if (value !== undefined) kept[name] = toLocal(value, framing);
  }
  const cookie = withoutOwn(headers.cookie, framing.cookies);
  if (cookie === undefined) delete kept['cookie'];
  else kept['cookie'] = cookie;
  if (isUpgrade) return { ...kept, connection: 'Upgrade', upgrade: 'websocket' };
  return { ...kept, ...bodyOf(req) };
}

/** Exactly one of the two that say how long a body is; Node's parser has let no request through that says both. */
function bodyOf({ method, headers }: IncomingMessage): OutgoingHttpHeaders {
  if (headers['transfer-encoding'] !== undefined) return { 'transfer-encoding': 'chunked' };
  // Also where `Connection` names it: without it the rest would be another request.
  if (headers['content-length'] !== undefined) return { 'content-length': headers['content-length'] };
  return ['POST', 'PUT', 'PATCH'].includes(method ?? '') ? { 'content-length': 0 } : {};
}

export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

function namedBy(connection: string | undefined): Set<string> {
  return new Set((connection ?? '').split(',').map((name) => name.trim().toLowerCase()));
}

/** An address of this workspace's ports, as programs there call it; any other stays. */
function toLocal(address: string, { workspace, addresses }: Framing): string {
  const url = URL.parse(address);
  if (!url) return address;
  const name = addresses.readOrigin(url.origin);
  return name?.workspace === workspace
    ? `${localOrigin(name.port)}${address.slice(url.origin.length)}`
    : address;
}

function withoutOwn(header: string | undefined, { names }: OwnCookies): string | undefined {
  const rest = (header ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '' && !names.includes(pair.split('=', 1)[0]?.trim() ?? ''));
  return rest.length > 0 ? rest.join('; ') : undefined;
}

/** What a program may not say for a host that is ours: who speaks there else, for how long browsers have to come by TLS, what others keep. */
const NOT_THEIRS = new Set([
  'strict-transport-security',
  'alt-svc',
  'public-key-pins',
  'set-cookie2',
  'surrogate-control',
  'cdn-cache-control',
  'cloudflare-cdn-cache-control',
]);

/** A program may begin its answer with whatever it likes, and Node reads it; one that no server can give is none. */
export const isAnswer = ({ statusCode = 0, statusMessage = '' }: IncomingMessage): boolean =>
  statusCode >= 200 && /^[\t\x20-\x7e\x80-\xff]*$/.test(statusMessage);

/** As a list of names and values, the way they came. `asked`: the headers of the request. */
export function toBrowser(
  answer: IncomingMessage,
  asked: IncomingHttpHeaders,
  framing: Framing,
  isUpgrade = false,
): [string, string][] {
  const named = namedBy(answer.headers.connection);
  const kept: [string, string][] = [];
  for (let at = 0; at + 1 < answer.rawHeaders.length; at += 2) {
    const name = answer.rawHeaders[at] ?? '';
    const value = changed(name.toLowerCase(), answer.rawHeaders[at + 1] ?? '', asked, framing);
    const isHop = HOP_BY_HOP.has(name.toLowerCase()) || named.has(name.toLowerCase());
    if (!isHop && !NOT_THEIRS.has(name.toLowerCase()) && value !== undefined) kept.push([name, value]);
  }
  // What a cache on the way keeps it gives to anybody: it is for browsers alone.
  if (!kept.some(([name]) => name.toLowerCase() === 'cache-control')) kept.push(['cache-control', 'private']);
  return isUpgrade ? [...kept, ['connection', 'Upgrade'], ['upgrade', 'websocket']] : kept;
}

/** Undefined: it is left out. */
function changed(
  name: string,
  value: string,
  asked: IncomingHttpHeaders,
  framing: Framing,
): string | undefined {
  switch (name) {
    case 'set-cookie':
      return narrowed(value, framing.cookies);
    case 'clear-site-data':
      return withoutCookies(value);
    case 'cache-control':
      return privately(value);
    case 'location':
    case 'content-location':
      return toOuter(value, framing);
    case 'access-control-allow-origin':
      return asked.origin !== undefined && value === toLocal(asked.origin, framing) ? asked.origin : value;
    default:
      return value;
  }
}

function privately(value: string): string {
  const said = value.split(',').map((one) => one.trim());
  return ['private', ...said.filter((one) => one && !/^(public|private|s-maxage)\b/i.test(one))].join(', ');
}

/** For the very host that it came from: with a Domain it would reach other ports, and Sam's own pages. */
function narrowed(cookie: string, { names }: OwnCookies): string | undefined {
  const [pair = '', ...attributes] = cookie.split(';');
  if (names.includes(pair.split('=', 1)[0]?.trim() ?? '')) return undefined;
  return [pair, ...attributes.filter((one) => !/^\s*domain\s*(=|$)/i.test(one))].join(';');
}

/** Browsers would clear those of the whole site, Sam's among them. What is stored of this origin is the program's own. */
function withoutCookies(value: string): string | undefined {
  const kept = value
    .split(',')
    .map((one) => one.trim())
    .filter((one) => /^"(cache|storage|executionContexts|prefetchCache|prerenderCache)"$/.test(one));
  if (value.includes('"*"')) return '"cache", "storage", "executionContexts"';
  return kept.length > 0 ? kept.join(', ') : undefined;
}

const OWN = /^https?:\/\/(?:localhost|127\.0\.0\.1|\[::1\]|0\.0\.0\.0)(?::(\d{1,5}))?(?=[/?#]|$)/i;

/** Where a program sends its developer, it sends the visitor. */
function toOuter(address: string, { workspace, addresses }: Framing): string {
  const [origin, port = '80'] = OWN.exec(address) ?? [];
  if (origin === undefined || Number(port) < 1 || Number(port) > 65_535) return address;
  return addresses.origin({ workspace, port: Number(port) }) + address.slice(origin.length);
}
