// What agents say, checked before anyone believes it. The shapes are those of agent/protocol.ts; knows no socket.
import { z } from 'zod';
import {
  PREPARE_STEPS,
  PUSH_FAILURES,
  TURN_FAILURES,
  type AgentMessage,
  type CommandExit,
  type Environment,
  type Failure,
  type Limits,
  type Load,
  type LogLine,
  type ModelUsage,
  type PushResult,
  type TaskEvent,
  type TurnChanges,
  type TurnHappening,
  type Work,
  type WorkspaceReport,
} from '../../agent/protocol.ts';

/** Any moment of this century's first 125 years: what is added to it later still is a date. */
const MAX_TIME_MS = 4e12;
const MAX_WORKSPACES = 1_000;
const MAX_LINES = 10_000;

/** A terminal's colours, titles and moves. Each try ends at the next escape: node:util's takes minutes for a hostile megabyte. */
const SEQUENCES = new RegExp(
  String.raw`\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]P^_X][^\x07\x1b]{0,4000}(?:\x07|\x1b\\))`,
  'gu',
);
/** All that is neither a line's end nor a tab, and what turns the direction of the text that follows. */
const CONTROLS = /(?![\n\t])\p{Cc}|[\u202a-\u202e\u2066-\u2069]/gu;

/**
 * What programs on a node wrote is shown in chats and at the console, whose terminal would obey it. Postgres stores neither
 * NUL nor half a character, and one bad letter must not keep a node from saying the rest.
 */
const text = (max: number) =>
  z
    .string()
    .max(max)
    .transform((value) => value.toWellFormed().replaceAll(SEQUENCES, '').replaceAll(CONTROLS, ''));
const workspaceId = z.string().regex(/^ws-[a-z2-7]{12}$/);
const count = z.number().int().min(0).max(1e9);
const amount = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const time = z.number().min(0).max(MAX_TIME_MS);
const share = z.number().transform((value) => Math.min(1, Math.max(0, value)));

const counts = { changed: count, untracked: count, unpushed: count };
const place = z.object({
  // It stands among other words, in a code span.
  where: text(300).transform((path) => path.replace(/[^\p{L}\p{N}\w./+ -]/gu, '?')),
  kind: z.enum(['worktree', 'submodule', 'repository']).catch('repository'),
  ...counts,
});

const work: z.ZodType<Work> = z.object({ ...counts, places: z.exactOptional(z.array(place).max(100)) });

/** Of codes too that this version does not know: a sentence for those is made when it is shown. */
const details = z.record(z.string().max(100), z.union([text(4_000), z.number(), z.boolean()]));

const failure: z.ZodType<Failure> = z.object({
  class: z.enum(['transient', 'configuration', 'provider', 'internal']).catch('internal'),
  code: z.exactOptional(z.string().regex(/^[a-z][a-z0-9-]{0,99}$/)),
  details: z.exactOptional(details.catch({})),
  message: z.exactOptional(text(4_000)),
});

const limits: z.ZodType<Limits> = z.object({
  memory: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  processes: count,
  reached: z.exactOptional(
    z
      .array(z.unknown())
      .max(10)
      .transform((all) => (['memory', 'processes'] as const).filter((one) => all.includes(one))),
  ),
});

const STEPS = [...PREPARE_STEPS, 'check', 'saving'] as const;

const environment: z.ZodType<Environment> = z.object({
  runtime: z.enum(['devcontainer', 'host']),
  configuration: z.exactOptional(text(300)),
  isRecovery: z.exactOptional(z.literal(true)),
  dotfiles: z.exactOptional(
    z.object({
      code: z.enum(['clone-failed', 'install-failed', 'late']).catch('install-failed'),
      exit: z.exactOptional(z.number().int()),
    }),
  ),
  others: z.exactOptional(z.array(text(100)).max(20).catch([])),
  change: z.exactOptional(z.enum(['rebuilt', 'outdated'])),
  ports: z.exactOptional(z.array(z.number().int().min(1).max(65_535)).max(100).catch([])),
  steps: z.exactOptional(
    z
      .array(z.object({ step: z.enum(PREPARE_STEPS), ms: time }))
      .max(20)
      .catch([]),
  ),
});

const usage: z.ZodType<ModelUsage> = z.object({
  requests: count,
  input: amount,
  output: amount,
  cacheRead: amount,
  cacheWrite: amount,
});

const report: z.ZodType<WorkspaceReport> = z.object({
  id: workspaceId,
  phase: z.enum(['preparing', 'running', 'stopping', 'stopped', 'deleting', 'deleted', 'failed']),
  run: count,
  step: z.exactOptional(z.enum(STEPS)),
  attempt: z.exactOptional(z.object({ number: count, of: count })),
  environment: z.exactOptional(environment),
  failure: z.exactOptional(failure),
  activityAt: z.exactOptional(time),
  sessions: count,
  commit: z.exactOptional(text(100)),
  work: z.exactOptional(work),
  refused: z.exactOptional(work),
  saved: z.exactOptional(
    z.object({
      // People are told to fetch it: nothing but this shape may pass.
      ref: z.string().regex(/^refs\/sam\/ws-[a-z2-7]{12}$/),
      commit: z.string().regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/),
    }),
  ),
  limits: z.exactOptional(limits.nullable()),
  usage: z.exactOptional(usage),
  isEmpty: z.exactOptional(z.literal(true)),
  ports: z.exactOptional(z.array(z.number().int().min(1).max(65_535)).max(100).catch([])),
});
/** Newer agents have more to say of a workspace. What cannot be read of one keeps nobody from reading of the others. */
const reports = z
  .array(z.unknown())
  .max(MAX_WORKSPACES)
  .transform((all) => all.flatMap((one) => report.safeParse(withKnownStep(one)).data ?? []));

function withKnownStep(one: unknown): unknown {
  if (!(one instanceof Object) || !('step' in one) || STEPS.some((known) => known === one.step)) return one;
  const { step: _news, ...rest } = one;
  return rest;
}

const load: z.ZodType<Load> = z.object({ cpu: share, memory: share });

const line: z.ZodType<LogLine> = z.object({
  workspace: workspaceId,
  at: time,
  step: text(1_000),
  text: text(1 << 20),
});

const taskId = z.string().regex(/^tk-[a-z2-7]{12}$/);
const nth = z.number().int().min(1).max(1e9);

const changes: z.ZodType<TurnChanges> = z.object({
  branch: z.exactOptional(text(250)),
  files: z.array(z.object({ path: text(1_000), added: count, removed: count })).max(100),
  count,
});

const commandExit: z.ZodType<CommandExit> = z.object({
  code: z.exactOptional(z.number().int().min(0).max(255)),
  signal: z.exactOptional(z.string().regex(/^[A-Z0-9a-z]{1,20}$/)),
  lines: amount,
  skipped: amount,
});

const happening: z.ZodType<TurnHappening> = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('started') }),
  z.object({ kind: z.literal('text'), message: text(200), text: text(64 << 10) }),
  z.object({
    kind: z.literal('plan'),
    entries: z
      .array(z.object({ content: text(500), status: z.enum(['pending', 'in_progress', 'completed']) }))
      .max(100),
  }),
  z.object({
    kind: z.literal('tool'),
    call: text(200),
    tool: text(100),
    title: text(1_000),
    status: z.enum(['running', 'done', 'failed']),
  }),
  z.object({
    kind: z.literal('question'),
    request: text(200),
    tool: text(100),
    title: text(1_000),
    minutes: z.number().min(0).max(1_440),
  }),
  z.object({
    kind: z.literal('decided'),
    request: text(200),
    decision: z.enum(['allow', 'always', 'deny', 'late', 'cancelled']),
  }),
  z.object({
    kind: z.literal('cost'),
    amount: z.string().regex(/^\d{1,9}(\.\d{1,9})?$/),
    currency: text(10),
    isNew: z.exactOptional(z.literal(true)),
  }),
  z.object({
    kind: z.literal('ended'),
    outcome: z.enum(['done', 'cancelled', 'failed']),
    failure: z.exactOptional(
      z.object({
        code: z.enum(TURN_FAILURES).catch('coding-agent-broken'),
        said: z.exactOptional(text(4_000)),
      }),
    ),
    answer: text(128 << 10),
    exit: z.exactOptional(commandExit),
    changes: z.exactOptional(changes),
  }),
]);

/** What this version cannot read of a turn changes nothing, and must not hold up what comes after it. */
const nothing: TurnHappening = { kind: 'text', message: '', text: '' };

const taskEvent: z.ZodType<TaskEvent> = z.object({
  workspace: workspaceId,
  task: taskId,
  turn: nth,
  seq: nth,
  at: time,
  event: happening.catch(nothing),
});

const pushResult: z.ZodType<PushResult> = z.union([
  z.object({ commit: text(100), subject: text(1_000) }),
  z.object({
    failure: z.object({
      code: z.enum(PUSH_FAILURES).catch('git-failed'),
      said: z.exactOptional(text(4_000)),
    }),
  }),
]);

const agentMessage: z.ZodType<AgentMessage> = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('hello'),
    protocol: count,
    version: text(200),
    now: time,
    terminalPort: z.exactOptional(z.number().int().min(1).max(65_535)),
    workspaces: reports,
  }),
  z.object({
    type: z.literal('report'),
    now: time,
    workspaces: reports,
    load: z.exactOptional(load),
  }),
  z.object({ type: z.literal('log'), id: z.number(), lines: z.array(line).max(MAX_LINES) }),
  z.object({
    type: z.literal('git-token'),
    ref: count,
    workspace: workspaceId,
    operation: z.enum(['fetch', 'push']),
  }),
  z.object({
    type: z.literal('credential'),
    ref: count,
    workspace: workspaceId,
    provider: z.enum(['anthropic', 'openai', 'claude']),
  }),
  z.object({ type: z.literal('task-events'), events: z.array(taskEvent).max(1_000) }),
  z.object({
    type: z.literal('command-ended'),
    workspace: workspaceId,
    id: z.string().regex(/^[\w-]{8,64}$/),
    ms: time,
    code: z.exactOptional(z.number().int().min(0).max(255)),
  }),
  z.object({ type: z.literal('pushed'), workspace: workspaceId, id: text(100), result: pushResult }),
]);

/**
 * Undefined for what this version does not know, or what no agent of ours would say. Never throws. `onSkipped` hears of
 * how many workspaces it could not read.
 */
export function parseAgentMessage(
  data: string,
  onSkipped: (count: number) => void = () => {},
): AgentMessage | undefined {
  try {
    const said: unknown = JSON.parse(data);
    const message = agentMessage.safeParse(said).data;
    const skipped = message ? countReports(said) - countReports(message) : 0;
    if (skipped > 0) onSkipped(skipped);
    return message;
  } catch {
    return undefined;
  }
}

const countReports = (said: unknown): number =>
  said instanceof Object && 'workspaces' in said && Array.isArray(said.workspaces)
    ? said.workspaces.length
    : 0;
