// What the bot says, checked before anyone believes it. The shapes are those of protocol.ts.
import { z } from 'zod';
import type { Bootstrap, BotMessage, DesiredWorkspace } from './protocol.ts';

// An id becomes the name of a folder: nothing but this shape may pass.
const workspaceId = z.string().regex(/^ws-[a-z2-7]{12}$/);
const count = z.number().int().nonnegative();

export const desiredWorkspace: z.ZodType<DesiredWorkspace> = z.object({
  id: workspaceId,
  name: z.string().max(200),
  desired: z.enum(['running', 'stopped', 'deleted']),
  run: count,
  access: count,
  force: z.boolean(),
  repository: z.string().max(4096),
  ref: z.exactOptional(z.string().max(1024)),
});

const botMessage: z.ZodType<BotMessage> = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('desired'),
    all: z.boolean(),
    workspaces: z.array(desiredWorkspace),
    agent: z.exactOptional(z.object({ version: z.string().regex(/^[0-9A-Za-z.+-]{1,64}$/) })),
  }),
  z.object({ type: z.literal('logged'), id: z.number() }),
  z.object({ type: z.literal('revoke'), workspace: workspaceId, access: count }),
]);

const bootstrap: z.ZodType<Bootstrap> = z.object({
  node: z.string(),
  token: z.string().min(1),
  connect: z.url({ protocol: /^wss?$/ }),
  settings: z.object({
    tokenLifeMs: z.number().positive(),
    origin: z.string(),
    jwks: z.url({ protocol: /^https?$/ }),
    issuer: z.string(),
    terminal: z.enum(['loopback', 'tls']),
  }),
});

/** Undefined for what this version does not know: a newer bot may say more than an older agent understands. */
export function parseBotMessage(text: string): BotMessage | undefined {
  try {
    return botMessage.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** Throws on anything else than a `Bootstrap`. */
export function parseBootstrap(text: string): Bootstrap {
  return bootstrap.parse(JSON.parse(text));
}
