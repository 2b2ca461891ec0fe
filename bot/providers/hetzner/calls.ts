// One call to Hetzner: its turn in the budget, its time, its answer in the shape we need, or an error of ours.
// Knows no server, and not what carries the call.
import type { z } from 'zod';
import { retryAfterMs, type Budget, type Clock, type Headers } from './budget.ts';
import { NOT_FOUND, fault, toFault, type Refusal } from './errors.ts';

export interface Request {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  path: string;
  query?: Record<string, string | number>;
  body?: unknown;
}

/** `body` is parsed JSON, or text that was none. Status 0: no answer came, and `lost` has the system's code. */
export interface Reply {
  status: number;
  headers: Headers;
  body: unknown;
  lost?: string;
}

/** Never throws, and its replies hold nothing of the request. */
export type Send = (request: Request & { timeoutMs: number }) => Promise<Reply>;

export interface CallRequest<T> extends Request {
  shape: z.ZodType<T>;
  /** For a call that is no GET: it may be repeated as it is, so that a lost answer does no harm. */
  isSafe?: boolean;
  /** Codes of refusals that answer the question: the call gives `undefined`. By default "not found". */
  emptyOn?: ReadonlySet<string>;
}

export type Call = <T>(request: CallRequest<T>) => Promise<T | undefined>;

export interface Operation {
  name: string;
  /** On the clock: when all its calls must have ended. */
  endsAt: number;
  call: Call;
}

export interface CallsOptions {
  send: Send;
  budget: Budget;
  clock: Clock;
  timeoutMs: number;
  /** Is cut out of whatever Hetzner says. */
  token: string;
}

/** All calls of one operation share its time. `secrets` are cut out of its errors, beside the token. */
export function createOperations(options: CallsOptions) {
  return (
    name: string,
    { endsAt = options.clock.now() + options.timeoutMs, secrets = [] as string[] } = {},
  ) =>
    ({
      name,
      endsAt,
      call: (request) => callOnce(options, { name, endsAt, secrets: [options.token, ...secrets] }, request),
    }) satisfies Operation as Operation;
}

interface Frame {
  name: string;
  endsAt: number;
  secrets: string[];
}

async function callOnce<T>(
  options: CallsOptions,
  frame: Frame,
  { shape, isSafe = false, emptyOn = NOT_FOUND, ...request }: CallRequest<T>,
): Promise<T | undefined> {
  const isHarmless = isSafe || request.method === 'GET';
  await takeTurn(options, frame, isHarmless);
  const reply = await sendCounted(options, request, frame.endsAt - options.clock.now());
  const refusal = refusalIn(reply, isHarmless, frame.secrets);
  if (refusal && refusal.status >= 400 && refusal.status < 500 && emptyOn.has(refusal.code)) return undefined;
  if (refusal) throw toFault(frame.name, refusal);
  const parsed = shape.safeParse(reply.body);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues[0]?.path.join('.') ?? '';
  throw toFault(frame.name, {
    ...badReply(reply, isHarmless),
    detail: `nothing we can read, at "${where}".`,
  });
}

/** What changes something is not begun without time to hear the answer. */
async function takeTurn({ budget, clock, timeoutMs }: CallsOptions, frame: Frame, isHarmless: boolean) {
  const patienceMs = frame.endsAt - clock.now() - (isHarmless ? 0 : timeoutMs / 4);
  if (patienceMs < 0) throw fault(frame.name, { retryable: true }, 'no time was left for it.');
  const waitMs = await budget.take(patienceMs);
  if (waitMs === 0) return;
  const seconds = Math.ceil(waitMs / 1_000);
  throw fault(
    frame.name,
    { retryable: true, retryAfterMs: waitMs },
    `the calls that Hetzner takes from us are used up; the next is free in ${seconds} s.`,
  );
}

async function sendCounted({ send, budget }: CallsOptions, request: Request, leftMs: number): Promise<Reply> {
  let reply: Reply = { status: 0, headers: {}, body: undefined };
  try {
    reply = await send({ ...request, timeoutMs: Math.max(1, Math.ceil(leftMs)) });
  } finally {
    budget.settle(reply.status, reply.headers);
  }
  return reply;
}

function refusalIn(reply: Reply, isSafe: boolean, secrets: string[]): Refusal | undefined {
  const { status, headers, body, lost = 'network' } = reply;
  if (status === 0) return { status, code: lost, detail: '', retryAfterMs: undefined, isSafe };
  if (status >= 200 && status < 300)
    return typeof body === 'object' && body !== null ? undefined : badReply(reply, isSafe);
  const { code, message } = errorIn(body);
  return { status, code, detail: scrub(message, secrets), retryAfterMs: retryAfterMs(headers), isSafe };
}

const badReply = ({ status }: Reply, isSafe: boolean): Refusal => ({
  status,
  code: 'bad_reply',
  detail: '',
  retryAfterMs: undefined,
  isSafe,
});

function errorIn(body: unknown): { code: string; message: string } {
  const error = field(body, 'error');
  const code = field(error, 'code');
  const message = field(error, 'message');
  const isCode = typeof code === 'string' && /^[a-z_]{1,60}$/.test(code);
  return { code: isCode ? code : 'bad_reply', message: typeof message === 'string' ? message : '' };
}

const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;

/** Hetzner's words, in one short line without what we sent in confidence. */
function scrub(text: string, secrets: string[]): string {
  const open = secrets.filter(Boolean).reduce((rest, secret) => rest.replaceAll(secret, '[…]'), text);
  return open
    .replace(/\p{C}+|\s+/gu, ' ')
    .trim()
    .slice(0, 200);
}
