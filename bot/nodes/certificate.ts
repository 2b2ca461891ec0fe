// `/agent/certificate`: a node asks what it is called, and gets a certificate for that name and no other. The key stays with
// the node. Knows no vendor: who issues is given.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { z } from 'zod';
import { readNodeToken } from '../access/machines/bootstrap.ts';
import type { Keys } from '../access/keys.ts';
import { messageOf } from '../errors.ts';
import { fail, readBody, sendJson, type Route } from '../http/routes.ts';
import { readCertificateRequest } from './certificate-request.ts';
import type { Executor } from '../database/types.ts';
import { findNode } from '../workspaces/store/nodes.ts';

const MAX_BODY_BYTES = 8 * 1024;
const PER_HOUR = 6;
const HOUR_MS = 3600_000;

export interface CertificateOptions {
  db: Executor;
  keys: Keys;
  log: Logger;
  /** The host name of a node, in lower case; undefined: it has none, and its terminal is behind the bot. */
  hostnameOf: (node: { id: string; name: string; provider: string }) => string | undefined;
  /** Both PEM. Throws when the vendor does not issue. */
  issue: (csr: string, hostname: string) => Promise<string>;
  /** How many certificates a node gets in an hour. */
  perHour?: number;
}

type Handle = (
  node: { id: string; hostname: string },
  req: IncomingMessage,
  res: ServerResponse,
) => Promise<void> | void;

export function certificateRoutes(options: CertificateOptions): Route[] {
  const isWithinRate = createRate(options.perHour ?? PER_HOUR);
  const route = (method: 'GET' | 'POST', handle: Handle): Route => ({
    method,
    path: '/agent/certificate',
    handle: (req, res) => recognise(options, handle, req, res),
  });
  return [
    route('GET', ({ hostname }, _req, res) => sendJson(res, 200, { hostname })),
    route('POST', (node, req, res) => {
      if (isWithinRate(node.id)) return certify(options, node, req, res);
      return fail(
        res,
        429,
        'too-many',
        'This node has asked for too many certificates. It may ask again in an hour.',
      );
    }),
  ];
}

async function recognise(
  { db, keys, hostnameOf }: CertificateOptions,
  handle: Handle,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const id = await readNodeToken(keys, req.headers.authorization);
  if (id === undefined) return fail(res, 401, 'unauthorized', 'This needs the token of a node.');
  const node = await findNode(db, id);
  const hostname = node && node.phase !== 'deleted' ? hostnameOf(node) : undefined;
  if (hostname === undefined) return fail(res, 404, 'not-found', 'This node has no name of its own.');
  await handle({ id, hostname }, req, res);
}

const bodyShape = z.object({ csr: z.string().max(4096) });

async function certify(
  { issue, log }: CertificateOptions,
  { id, hostname }: { id: string; hostname: string },
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const asked = readRequest(await readBody(req, MAX_BODY_BYTES), hostname);
  if ('message' in asked) return fail(res, 400, 'bad-request', asked.message);
  try {
    sendJson(res, 200, { hostname, certificate: await issue(asked.csr, hostname) });
  } catch (error) {
    log.error({ node: id, error: messageOf(error) }, 'no certificate for a node');
    fail(res, 502, 'not-issued', 'The certificate could not be had just now. Ask again in a minute.');
  }
}

/** The request, if it is one that this node may make. */
function readRequest(body: Buffer, hostname: string): { csr: string } | { message: string } {
  try {
    const { csr } = bodyShape.parse(JSON.parse(body.toString('utf8')));
    const { hostnames } = readCertificateRequest(csr);
    const isOwn = hostnames.length > 0 && hostnames.every((name) => name === hostname);
    return isOwn ? { csr } : { message: `A node asks for its own name, ${hostname}, and for no other.` };
  } catch {
    return { message: 'Send {"csr"}: a PEM, signed with a key on P-256.' };
  }
}

/** Counts within this process: what several bots let through together is still little. */
function createRate(perHour: number): (key: string) => boolean {
  const asked = new Map<string, number[]>();
  return (key) => {
    const now = performance.now();
    for (const [old, times] of asked) if (times.every((at) => at < now - HOUR_MS)) asked.delete(old);
    const recent = (asked.get(key) ?? []).filter((at) => at >= now - HOUR_MS);
    if (recent.length >= perHour) return false;
    asked.set(key, [...recent, now]);
    return true;
  };
}
