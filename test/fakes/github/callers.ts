// Who calls the API: the App (a JWT), an installation, a person, a client with its secret, or nobody.
import { createPublicKey, randomBytes, verify } from 'node:crypto';
import { forbidden, unauthorized } from './refusal.ts';
import type { Account, Installation, Json, Level, Token, World } from './model.ts';

export type Caller =
  | { kind: 'none' }
  | { kind: 'app' }
  | { kind: 'client' }
  | Extract<Token, { kind: 'installation' }>
  | Extract<Token, { kind: 'user' }>;

const randomText = (bytes: number) => randomBytes(bytes).toString('hex');

/** Throws the 401 that GitHub gives. */
export function identify(world: World, header: string | undefined): Caller {
  if (!header) return { kind: 'none' };
  const [scheme = '', credential = ''] = header.split(/ (.*)/);
  if (scheme.toLowerCase() === 'basic') return identifyClient(world, credential);
  if (!['bearer', 'token'].includes(scheme.toLowerCase())) throw unauthorized();
  if (credential.split('.').length === 3) return (checkAppJwt(world, credential), { kind: 'app' });
  const token = world.tokens.get(credential);
  if (!token || token.expiresAt <= world.now()) throw unauthorized();
  if (token.kind === 'installation' && token.installation.suspendedAt) throw suspended();
  return token;
}

const suspended = () => unauthorized('This installation has been suspended');

function identifyClient(world: World, credential: string): Caller {
  const [id, secret] = Buffer.from(credential, 'base64').toString().split(':');
  if (id !== world.app.clientId || secret !== world.app.clientSecret) throw unauthorized();
  return { kind: 'client' };
}

function checkAppJwt(world: World, jwt: string): void {
  const [head = '', body = '', signature = ''] = jwt.split('.');
  const header = decode(head);
  const claims = decode(body);
  const undecodable = () => unauthorized('A JSON web token could not be decoded');
  if (!header || !claims || header['alg'] !== 'RS256') throw undecodable();
  if (!hasGoodSignature(world.app.publicKey, `${head}.${body}`, signature)) throw undecodable();
  const { iss, iat, exp } = claims;
  if (![String(world.app.id), world.app.clientId].includes(String(iss)))
    throw unauthorized('Integration not found');
  const now = Math.floor(world.now().getTime() / 1000);
  if (typeof exp !== 'number' || exp <= now) {
    const wanted = 'must be a numeric value representing the future time at which the assertion expires';
    throw unauthorized(`'Expiration time' claim ('exp') ${wanted}`);
  }
  if (exp > now + 600) throw unauthorized("'Expiration time' claim ('exp') is too far in the future");
  if (typeof iat !== 'number' || iat > now) {
    const wanted = 'must be an Integer representing the time that the assertion was issued';
    throw unauthorized(`'Issued at' claim ('iat') ${wanted}`);
  }
}

function hasGoodSignature(publicKey: string, signed: string, signature: string): boolean {
  if (publicKey === 'any') return true;
  return verify(
    'sha256',
    Buffer.from(signed),
    createPublicKey(publicKey),
    Buffer.from(signature, 'base64url'),
  );
}

function decode(part: string): Json | undefined {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString()) as Json;
  } catch {
    return undefined;
  }
}

const hourMs = 3_600_000;

export function issueInstallationToken(
  world: World,
  installation: Installation,
  permissions: Record<string, Level>,
  repositoryIds: Set<number> | undefined,
): Token {
  const token = `ghs_${randomText(18)}`;
  const expiresAt = new Date(world.now().getTime() + hourMs);
  const issued: Token = { kind: 'installation', token, installation, permissions, repositoryIds, expiresAt };
  return keep(world, issued);
}

export function issueUserToken(world: World, account: Account): Token {
  const expiresAt = new Date(world.now().getTime() + 8 * hourMs);
  return keep(world, { kind: 'user', token: `ghu_${randomText(18)}`, account, expiresAt });
}

function keep(world: World, token: Token): Token {
  world.tokens.set(token.token, token);
  world.secrets.push(token.token);
  return token;
}

export function checkUserAgent(header: string | undefined): void {
  if (!header) throw forbidden('Request forbidden by administrative rules. Please send a User-Agent header.');
}
