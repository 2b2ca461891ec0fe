// The keys that sign tickets and node tokens, both of these, and their checks. Knows no database and no person.
import {
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  randomUUID,
  generateKeyPairSync,
  randomBytes,
} from 'node:crypto';
import {
  calculateJwkThumbprint,
  decodeProtectedHeader,
  jwtVerify,
  SignJWT,
  type JWK,
  type JWTPayload,
} from 'jose';
import { messageOf, StartError } from '../errors.ts';
import { sendJson, type Route } from '../http/routes.ts';
import { link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

const ALGORITHM = 'EdDSA';
const TOLERANCE_SECONDS = 5;

/** `sam-guest+jwt`: a ticket for somebody else than the owner. Agents of before know only the owner's, and refuse it. */
export type TokenType = 'sam-ticket+jwt' | 'sam-guest+jwt' | 'sam-port+jwt' | 'sam-node+jwt';

export interface Claims extends JWTPayload {
  aud: string;
  sub: string;
}

export interface Keys {
  /** Of every token that we sign, and the only one that we take: BASE_URL. */
  issuer: string;
  /** Signs with the newest key. */
  sign(type: TokenType, claims: Claims, lifeSeconds: number): Promise<string>;
  /** Undefined: not ours, of another type, for another audience, or over. Whatever is wrong, the caller hears no more. */
  verify(token: string, wanted: { type: TokenType; audience: string }): Promise<Claims | undefined>;
  /** The public keys, the newest first. */
  jwks(): { keys: JWK[] };
}

interface Key {
  id: string;
  secret: KeyObject;
  open: KeyObject;
  jwk: JWK;
}

/** `pems`: PKCS #8, Ed25519; the first signs, all verify. Throws a StartError for anything else. */
export async function createKeys({ pems, issuer }: { pems: string[]; issuer: string }): Promise<Keys> {
  const keys = await Promise.all(pems.map(readKey));
  const [newest] = keys;
  if (!newest) throw new StartError('JWT_PRIVATE_KEY holds no key.');
  return {
    issuer,
    sign: (type, claims, lifeSeconds) =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: ALGORITHM, typ: type, kid: newest.id })
        .setIssuer(issuer)
        .setIssuedAt()
        .setExpirationTime(`${lifeSeconds} seconds`)
        .sign(newest.secret),
    verify: (token, wanted) => verify(keys, issuer, token, wanted),
    jwks: () => ({ keys: keys.map((key) => key.jwk) }),
  };
}

async function verify(
  keys: Key[],
  issuer: string,
  token: string,
  { type, audience }: { type: TokenType; audience: string },
): Promise<Claims | undefined> {
  try {
    const { kid } = decodeProtectedHeader(token);
    const key = keys.find((candidate) => candidate.id === kid);
    if (!key) return undefined;
    const { payload } = await jwtVerify(token, key.open, {
      algorithms: [ALGORITHM],
      typ: type,
      issuer,
      audience,
      clockTolerance: TOLERANCE_SECONDS,
      requiredClaims: ['exp', 'iat', 'sub'],
    });
    return { ...payload, aud: audience, sub: payload.sub ?? '' };
  } catch {
    return undefined;
  }
}

async function readKey(pem: string): Promise<Key> {
  const secret = parsePem(pem);
  if (secret.asymmetricKeyType !== 'ed25519')
    throw new StartError(`JWT_PRIVATE_KEY must be Ed25519, and this one is ${secret.asymmetricKeyType}.`);
  const open = createPublicKey(secret);
  const { kty, crv, x } = open.export({ format: 'jwk' }) as { kty: string; crv: string; x: string };
  // The id belongs to the key, not to the clock: every bot that has the key says the same one.
  const id = await calculateJwkThumbprint({ kty, crv, x });
  return { id, secret, open, jwk: { kty, crv, x, kid: id, alg: ALGORITHM, use: 'sig' } };
}

function parsePem(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    // OpenSSL's message names the fault, never the key; the cause could hold more.
    throw new StartError(`JWT_PRIVATE_KEY is no PKCS #8 key in PEM: ${messageOf(error)}`);
  }
}

const PEM = /-----BEGIN PRIVATE KEY-----[\s\S]+?-----END PRIVATE KEY-----/g;

/**
 * The keys in a configuration's text: one or two PEMs one after the other, with real line ends or `\\n` written out, or the
 * base64 of that, or two base64 texts with a comma between. Empty if there is none.
 */
export function parsePems(text: string): string[] {
  const found = (plain: string): string[] => plain.replaceAll('\\n', '\n').match(PEM) ?? [];
  const direct = found(text);
  if (direct.length > 0) return direct;
  return text.split(',').flatMap((part) => found(Buffer.from(part, 'base64').toString('utf8')));
}

/** An agent that meets a key it does not know fetches anew, so this may be longer than a new key waits to sign. */
const JWKS_CACHE_SECONDS = 300;

export function keyRoutes(keys: Keys): Route[] {
  const headers = { 'cache-control': `public, max-age=${JWKS_CACHE_SECONDS}` };
  return [
    {
      method: 'GET',
      path: '/.well-known/jwks.json',
      handle: (_req, res) => sendJson(res, 200, keys.jwks(), headers),
    },
  ];
}

export const TICKET_LIFE_SECONDS = 60;

export interface TicketFor {
  /** Its id. */
  workspace: string;
  user: string;
  /** The workspace's `access` now; the agent takes no lower one than it was told of. */
  access: number;
  /** Whether the viewer may type, open and close, or only look. */
  drive: boolean;
  /** For those who are there too. */
  name?: string | undefined;
  /** Of somebody else than the owner: what lets them in. */
  share?: { seq: number; until: Date } | undefined;
}

/**
 * A JWT for the audience `workspace:<id>`: `sam-ticket+jwt` for its owner, `sam-guest+jwt` for somebody else. An agent that knows
 * shares closes theirs by itself when they end; one of before could not, so that it must not let them in at all.
 */
export const issueTicket = (keys: Keys, ticket: TicketFor): Promise<string> => {
  const { workspace, user, access, drive, name, share } = ticket;
  const claims = {
    aud: `workspace:${workspace}`,
    sub: user,
    access,
    drive,
    jti: randomUUID(),
    ...(name !== undefined && { name }),
    ...(share && { share: share.seq, until: Math.floor(share.until.getTime() / 1000) }),
  };
  return keys.sign(share ? 'sam-guest+jwt' : 'sam-ticket+jwt', claims, TICKET_LIFE_SECONDS);
};

/**
 * The content of `folder/name`, made by `make` when there is none. Two bots that start together keep the same one:
 * the file appears whole or not at all, and never twice.
 */
export async function keepSecret(folder: string, name: string, make: () => string): Promise<string> {
  const path = join(folder, name);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const kept = await findFile(path);
  if (kept !== undefined) return kept;
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    await writeDurably(draft, make());
    await link(draft, path).catch(unlessThere);
  } finally {
    await rm(draft, { force: true });
  }
  return readFile(path, 'utf8');
}

async function findFile(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

function unlessThere(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}

/** A new Ed25519 key as PKCS #8 in PEM. */
export const makeSigningKey = (): string =>
  generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

/** 32 random bytes, base64. */
export const makeEncryptionKey = (): string => randomBytes(32).toString('base64');
