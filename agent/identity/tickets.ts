// Verifies the tickets of viewers against the bot's public keys; each is good once. Knows no socket.
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { z } from 'zod';

const TOLERANCE_S = 5;
/** At most one look for an unknown key in this time: a forged `kid` must not make us ask the bot for each frame. */
const REFETCH_MS = 5_000;
const KEYS_FRESH_MS = 60 * 60_000;
const KEYS_TIMEOUT_MS = 5_000;

export interface Claims {
  workspace: string;
  user: string;
  access: number;
  jti: string;
  /** Whether this viewer may type; the others look on. */
  drive: boolean;
  /** What the person is called, for those who are there too. */
  name?: string;
  /** It is somebody else's workspace: the number of the share that lets them in, and its end, ms since 1970. */
  guest?: { share: number; endsAt: number };
}

const payload = z.object({
  aud: z.string().regex(/^workspace:ws-[a-z2-7]{12}$/),
  sub: z.string().min(1),
  access: z.number().int().nonnegative(),
  jti: z.string().min(1).max(256),
  drive: z.boolean(),
  name: z.string().max(200).exactOptional(),
  iat: z.number(),
  exp: z.number(),
});

const guestPayload = payload.extend({ share: z.number().int().positive(), until: z.number() });

type Payload = z.infer<typeof payload> & Partial<z.infer<typeof guestPayload>>;

const SHAPES: ReadonlyMap<string, z.ZodType<Payload>> = new Map<string, z.ZodType<Payload>>([
  ['sam-ticket+jwt', payload],
  ['sam-guest+jwt', guestPayload],
]);

export interface TicketOptions {
  /** These two are read at each ticket: the bot may move. */
  readonly jwks: string;
  readonly issuer: string;
  /** ms since 1970. What an earlier life of this agent spent is not known: tickets from before are refused. */
  startedAt: number;
  now?: () => number;
  refetchMs?: number;
}

/** Spends the ticket. Throws for one that is not good, whatever the reason. */
export function createTicketVerifier(options: TicketOptions): (ticket: string) => Promise<Claims> {
  const verify = createVerifier(options, SHAPES);
  return async (ticket) => {
    const { aud, sub, access, jti, drive, name, share, until } = await verify(ticket);
    return {
      workspace: aud.slice('workspace:'.length),
      user: sub,
      access,
      jti,
      drive,
      ...(name !== undefined && { name }),
      ...(share !== undefined && until !== undefined && { guest: { share, endsAt: until * 1000 } }),
    };
  };
}

/** Of these kinds of tickets, by `typ`: another kind is worth nothing here. Spends them, too. */
export function createVerifier<Payload extends { jti: string; iat: number; exp: number }>(
  options: TicketOptions,
  shapes: ReadonlyMap<string, z.ZodType<Payload>>,
): (ticket: string) => Promise<Payload> {
  const { startedAt, now = Date.now, refetchMs = REFETCH_MS } = options;
  const keysAt = (jwks: string) => ({
    jwks,
    keys: createRemoteJWKSet(new URL(jwks), {
      cooldownDuration: refetchMs,
      cacheMaxAge: KEYS_FRESH_MS,
      timeoutDuration: KEYS_TIMEOUT_MS,
    }),
  });
  let known = keysAt(options.jwks);
  const spend = createSpent(now);
  return async (ticket) => {
    if (known.jwks !== options.jwks) known = keysAt(options.jwks);
    const { typ = '' } = decodeProtectedHeader(ticket);
    const shape = shapes.get(typ);
    if (!shape) throw new Error('ticket: of another kind');
    const verified = await jwtVerify(ticket, known.keys, {
      algorithms: ['EdDSA'],
      typ,
      issuer: options.issuer,
      clockTolerance: TOLERANCE_S,
      currentDate: new Date(now()),
    });
    const claims = shape.parse(verified.payload);
    if (claims.iat < Math.floor(startedAt / 1000)) throw new Error('ticket: older than this agent');
    spend(claims.jti, claims.exp);
    return claims;
  };
}

/** Remembers ids for as long as their tickets could be good; `exp` in seconds since 1970. */
function createSpent(now: () => number): (jti: string, exp: number) => void {
  const spent = new Map<string, number>();
  return (jti, exp) => {
    const nowS = now() / 1000;
    for (const [old, until] of spent) if (until + TOLERANCE_S < nowS) spent.delete(old);
    if (spent.has(jti)) throw new Error('ticket: used before');
    spent.set(jti, exp);
  };
}
