// How a new node gets its token, and every later one: a one-time right bound to a key, then the key alone.
// Whatever is wrong, the answer is the same 404. Knows no workspace and no person.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { calculateJwkThumbprint, compactVerify, EmbeddedJWK } from 'jose';
import { z } from 'zod';
import type { Bootstrap, Trusted } from '../../../agent/protocol.ts';
import { fail, readBody, sendJson, type Route } from '../../http/routes.ts';
import type { Traits } from '../../providers/provider.ts';
import type { Keys } from '../keys.ts';
import { bearerOf, hashSecret, newSecret } from '../secrets.ts';
import { bindAgentKey, findBootstrapNode, findNodeByKey, insertBootstrapToken } from '../store/tokens.ts';
import type { Executor } from '../../database/types.ts';

const TOKEN_LIFE_SECONDS = 15 * 60;
/** How long the first key may ask again: its answer may have got lost. */
const REPEAT_SECONDS = 5 * 60;
/** How far an agent's clock may be off. */
const MAX_SKEW_SECONDS = 5 * 60;
const MAX_BODY_BYTES = 4096;
const DAY_MS = 24 * 3600 * 1000;

/** What a node token is for. */
export const AGENT_AUDIENCE = 'agent';

export interface BootstrapOptions {
  db: Executor;
  keys: Keys;
  /** The bot as agents and browsers reach it, without a slash at the end. */
  baseUrl: string;
  /** Of the provider that a node's row names. */
  traitsOf: (provider: string) => Pick<Traits, 'terminal' | 'users'>;
  /** How long a node token lives; agents renew at half of it. A day unless told. */
  tokenLifeMs?: number;
}

type BoundNode = { id: string; provider: string };

/** A new node's one-time right to fetch its credentials; 15 minutes by the database's clock. Only its hash is kept. */
export async function createBootstrapToken(db: Executor, nodeId: string): Promise<string> {
  const token = newSecret();
  await insertBootstrapToken(db, {
    hash: hashSecret(token),
    node: nodeId,
    lifeSeconds: TOKEN_LIFE_SECONDS,
  });
  return token;
}

export function bootstrapRoutes(options: BootstrapOptions): Route[] {
  return [
    {
      method: 'POST',
      path: '/api/bootstrap',
      handle: (req, res) => answer(options, req, res, () => redeem(options.db, req)),
    },
    {
      method: 'POST',
      path: '/agent/token',
      handle: (req, res) => answer(options, req, res, () => recognise(options.db, req)),
    },
  ];
}

/** The node of an `Authorization` header with a node token; undefined: it is none, or over. */
export async function readNodeToken(keys: Keys, header: string | undefined): Promise<string | undefined> {
  const token = bearerOf(header);
  const claims = token && (await keys.verify(token, { type: 'sam-node+jwt', audience: AGENT_AUDIENCE }));
  return claims ? claims.sub : undefined;
}

/** The node that boots with this token: it may say how that goes, also after its agent has redeemed it. */
export async function findBootingNode(db: Executor, header: string | undefined): Promise<string | undefined> {
  const token = bearerOf(header);
  return token && findBootstrapNode(db, hashSecret(token));
}

async function answer(
  options: BootstrapOptions,
  req: IncomingMessage,
  res: ServerResponse,
  identify: () => Promise<BoundNode | undefined>,
): Promise<void> {
  const node = await identify();
  if (!node) return fail(res, 404, 'not-found', 'Not found.');
  sendJson(res, 200, await credentialsFor(options, node));
}

async function redeem(db: Executor, req: IncomingMessage): Promise<BoundNode | undefined> {
  const token = bearerOf(req.headers.authorization);
  const proof = await readProof(req);
  if (!token || !proof) return undefined;
  return bindAgentKey(db, { ...proof, hash: hashSecret(token), repeatSeconds: REPEAT_SECONDS });
}

async function recognise(db: Executor, req: IncomingMessage): Promise<BoundNode | undefined> {
  const proof = await readProof(req);
  return proof && findNodeByKey(db, proof.node, proof.key);
}

const proofClaims = z.object({ node: z.string().regex(/^nd-[a-z2-7]{12}$/), iat: z.number() });

/** Who signed the body, with which key (its RFC 7638 thumbprint); undefined if it is no fresh signature. */
async function readProof(req: IncomingMessage): Promise<{ node: string; key: string } | undefined> {
  if (!/^application\/jose(;|$)/i.test(req.headers['content-type'] ?? '')) return undefined;
  try {
    const jws = (await readBody(req, MAX_BODY_BYTES)).toString('utf8').trim();
    const { payload, protectedHeader } = await compactVerify(jws, EmbeddedJWK, { algorithms: ['EdDSA'] });
    const { node, iat } = proofClaims.parse(JSON.parse(new TextDecoder().decode(payload)));
    const isFresh = Math.abs(Date.now() / 1000 - iat) <= MAX_SKEW_SECONDS;
    const { jwk } = protectedHeader;
    return isFresh && jwk ? { node, key: await calculateJwkThumbprint(jwk) } : undefined;
  } catch {
    return undefined;
  }
}

/** What agents hear at each connect too: BASE_URL may be another one than at their bootstrap. */
export const trustedBy = ({ issuer }: Keys): Trusted => ({
  origin: new URL(issuer).origin,
  jwks: `${issuer}/.well-known/jwks.json`,
  issuer,
});

async function credentialsFor(
  { keys, baseUrl, traitsOf, tokenLifeMs = DAY_MS }: BootstrapOptions,
  node: BoundNode,
): Promise<Bootstrap> {
  const { terminal, users } = traitsOf(node.provider);
  const claims = { aud: AGENT_AUDIENCE, sub: node.id };
  return {
    node: node.id,
    token: await keys.sign('sam-node+jwt', claims, Math.ceil(tokenLifeMs / 1000)),
    connect: `${baseUrl.replace(/^http/, 'ws')}/agent/connect`,
    settings: {
      tokenLifeMs,
      ...trustedBy(keys),
      terminal: terminal === 'pipe' ? 'loopback' : terminal,
      users,
    },
  };
}
