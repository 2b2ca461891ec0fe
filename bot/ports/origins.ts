// Which pages may ask a port: those of the same workspace, and whoever opens its address. Reads headers alone; knows no row and no cookie.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { PortAddresses, PortName } from './addresses.ts';

const FRAMES: ReadonlySet<string> = new Set(['iframe', 'frame', 'embed', 'object', 'fencedframe']);

/** Browsers send the port's cookie along for whatever page of the same site asks, and others' programs are of the same site. */
export function isFromThere(
  addresses: PortAddresses,
  { headers, method }: IncomingMessage,
  name: PortName,
): boolean {
  const isOurs = (address: string | undefined): boolean =>
    addresses.readOrigin(URL.parse(address ?? '')?.origin ?? '')?.workspace === name.workspace;
  const { origin, referer, 'sec-fetch-site': site, 'sec-fetch-mode': mode, 'sec-fetch-dest': dest } = headers;
  // In a frame of somebody's page whoever clicks does not see whose it is.
  const isVisit = mode === 'navigate' && !FRAMES.has(dest ?? '') && (method === 'GET' || method === 'HEAD');
  // A page that tells nobody where it is (`Referrer-Policy: no-referrer`) posts its own forms with `Origin: null`.
  if (isVisit || site === 'same-origin') return true;
  if (origin !== undefined) return isOurs(origin);
  return site === undefined || site === 'none' || isOurs(referer);
}

/** Of a page on another port of the workspace. Browsers send no cookie along with it: what comes after it is looked at. */
export function isPreflight(
  addresses: PortAddresses,
  { headers, method }: IncomingMessage,
  name: PortName,
): boolean {
  const from = addresses.readOrigin(headers.origin ?? '');
  const isAsked = headers['access-control-request-method'] !== undefined;
  return method === 'OPTIONS' && isAsked && from?.workspace === name.workspace && from.port !== name.port;
}

export function answerPreflight({ headers }: IncomingMessage, res: ServerResponse): undefined {
  const wanted = headers['access-control-request-headers'];
  res
    .writeHead(204, {
      'access-control-allow-origin': headers.origin,
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': headers['access-control-request-method'],
      ...(wanted !== undefined && { 'access-control-allow-headers': wanted }),
      vary: 'origin',
    })
    .end();
}
