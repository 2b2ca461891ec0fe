// What the bot says, checked before anyone believes it. The shapes are those of protocol.ts.
import { z } from 'zod';
import { isValidRef } from '../git/git.ts';
import type {
  Bootstrap,
  BotMessage,
  CodingAgent,
  DesiredPush,
  DesiredTurn,
  DesiredWorkspace,
  TurnWorker,
} from '../protocol.ts';

// An id becomes the name of a folder: nothing but this shape may pass.
const workspaceId = z.string().regex(/^ws-[a-z2-7]{12}$/);
const count = z.number().int().nonnegative();
const identity = z.object({ name: z.string().max(200), email: z.string().max(400) });

export const desiredWorkspace: z.ZodType<DesiredWorkspace> = z.object({
  id: workspaceId,
  name: z.string().max(200),
  desired: z.enum(['running', 'stopped', 'deleted']),
  run: count,
  access: count,
  shares: z.exactOptional(z.object({ upTo: count, open: z.array(count).max(1_000) })),
  force: z.boolean(),
  save: z.exactOptional(z.literal(true)),
  repository: z.string().max(4096),
  ref: z.exactOptional(z.string().max(1024)),
  commit: z.exactOptional(z.string().regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/)),
  configuration: z.exactOptional(z.string().max(200)),
  size: z.exactOptional(z.enum(['small', 'medium', 'large'])),
  identity: z.exactOptional(identity),
  credentials: z.exactOptional(z.enum(['sam', 'none'])),
  claude: z.exactOptional(z.enum(['key', 'plan'])),
  tellsCommands: z.exactOptional(z.literal(true)),
  dotfiles: z.exactOptional(z.string()),
});

/** Newer bots have more to ask. What cannot be read of one workspace leaves that one as it is, and no other. */
const desiredWorkspaces = z
  .array(z.unknown())
  .transform((all) => all.flatMap((one) => desiredWorkspace.safeParse(one).data ?? []));

// Git reads them line by line.
const oneLine = z.string().regex(/^[\x20-\x7e]{1,4096}$/);
const refusal = z.object({ code: z.string().max(100), message: z.exactOptional(z.string().max(2_000)) });
const gitAnswer = z.object({ type: z.literal('git-token'), ref: count });

const trusted = z.object({ origin: z.string(), jwks: z.url({ protocol: /^https?$/ }), issuer: z.string() });

const environments = z.object({
  runtime: z.enum(['auto', 'host']),
  defaultImage: z.exactOptional(z.string().regex(/^[A-Za-z0-9][\w./:@-]{0,299}$/)),
});
const webAddress = z.url({ protocol: /^https?$/ });
// It becomes the line of a header.
const keyAnswer = z.object({ type: z.literal('credential'), ref: count });

const toolNames = z.array(z.string().max(4_096)).max(200);
// It becomes the name of a file.
const taskId = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);
const MAX_PROMPT = 1 << 20;
const desiredTurn: z.ZodType<DesiredTurn> = z.object({
  workspace: workspaceId,
  task: taskId,
  turn: count.min(1),
  // One that only a newer agent knows ends as such.
  agent: z.custom<TurnWorker>((name) => typeof name === 'string'),
  prompt: z.string().max(MAX_PROMPT),
  policy: z.object({ allow: toolNames, deny: toolNames }),
  budgetUsd: z.exactOptional(z.number().positive()),
  minutes: z
    .number()
    .positive()
    .max(7 * 24 * 60),
  desired: z.enum(['done', 'cancelled']),
  decisions: z.array(z.object({ request: z.string(), decision: z.enum(['allow', 'always', 'deny']) })),
});

/** As with workspaces. */
const desiredTurns = z
  .array(z.unknown())
  .transform((all) => all.flatMap((one) => desiredTurn.safeParse(one).data ?? []));

const desiredPush: z.ZodType<DesiredPush> = z.object({
  workspace: workspaceId,
  id: z.string().max(100),
  branch: z.string().max(255).refine(isValidRef),
  subject: z.string().max(400),
  author: z.exactOptional(identity),
  agent: z.exactOptional(z.custom<CodingAgent>((name) => typeof name === 'string')),
});

/** As with workspaces. */
const desiredPushes = z
  .array(z.unknown())
  .transform((all) => all.flatMap((one) => desiredPush.safeParse(one).data ?? []));

const botMessage: z.ZodType<BotMessage> = z.union([
  z.object({
    type: z.literal('desired'),
    all: z.boolean(),
    workspaces: desiredWorkspaces,
    agent: z.exactOptional(z.object({ version: z.string().regex(/^[0-9A-Za-z.+-]{1,64}$/) })),
    settings: z.exactOptional(trusted.extend({ environments: z.exactOptional(environments) })),
    models: z.exactOptional(z.object({ anthropic: webAddress, openai: webAddress })),
    packages: z.exactOptional(webAddress),
  }),
  z.object({ type: z.literal('logged'), id: z.number() }),
  z.object({ type: z.literal('revoke'), workspace: workspaceId, access: count }),
  gitAnswer.extend({ username: oneLine, password: oneLine, expiresAt: z.number() }),
  gitAnswer.extend({
    error: refusal,
  }),
  keyAnswer.extend({ value: oneLine }),
  keyAnswer.extend({ error: refusal }),
  z.object({ type: z.literal('credentials-changed') }),
  z.object({
    type: z.literal('turns'),
    turns: desiredTurns,
    pushes: z.exactOptional(desiredPushes),
  }),
  z.object({ type: z.literal('task-events-stored'), task: taskId, seq: count }),
]);

const bootstrap: z.ZodType<Bootstrap> = z.object({
  node: z.string(),
  token: z.string().min(1),
  connect: z.url({ protocol: /^wss?$/ }),
  settings: trusted.extend({
    tokenLifeMs: z.number().positive(),
    terminal: z.enum(['loopback', 'tls']),
    users: z.exactOptional(z.enum(['own', 'per-workspace'])),
  }),
});

/**
 * Undefined for what this version does not know: a newer bot may say more than an older agent understands. `onSkipped` hears
 * of how many workspaces it could not read.
 */
export function parseBotMessage(
  text: string,
  onSkipped: (count: number) => void = () => {},
): BotMessage | undefined {
  try {
    const said: unknown = JSON.parse(text);
    const message = botMessage.safeParse(said).data;
    const skipped = message ? countGoals(said) - countGoals(message) : 0;
    if (skipped > 0) onSkipped(skipped);
    return message;
  } catch {
    return undefined;
  }
}

const countGoals = (said: unknown): number =>
  said instanceof Object && 'workspaces' in said && Array.isArray(said.workspaces)
    ? said.workspaces.length
    : 0;

/** Throws on anything else than a `Bootstrap`. */
export function parseBootstrap(text: string): Bootstrap {
  return bootstrap.parse(JSON.parse(text));
}
