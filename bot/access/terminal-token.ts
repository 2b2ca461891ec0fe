// POST /api/terminal/token: who asks, may they, and where is the terminal. Knows no agent and opens no socket.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import type { Executor, FrontName, Node, Workspace } from '../database/types.ts';
import { BodyError, fail, isFromOrigin, readBody, sendJson, type Route } from '../http/routes.ts';
import type { Traits } from '../providers/provider.ts';
import { type Keys, issueTicket } from './keys.ts';
import { spendCode } from './links.ts';
import type { RepositoryGuard, RightLeft } from './repository-guard.ts';
import { entryOf, isCurrent, isKnownFor, type Entry } from './rights.ts';
import { admit, cookieOf, hasSessionCookie, readSession, type Session } from './people/sessions.ts';
import { signInPath } from './people/sign-in-attempts.ts';
import { BROWSER, record, recordRefusal, type Act, type AuditEntry } from './store/audit.ts';
import { findPlace } from './store/places.ts';
import { findUserName } from './store/people.ts';

const MAX_BODY_BYTES = 4096;

export interface TicketOptions {
  db: Executor;
  keys: Keys;
  /** The bot as browsers reach it, without a slash at the end. */
  baseUrl: string;
  /** Of the provider that a node's row names. */
  traitsOf: (provider: string) => Pick<Traits, 'terminal'>;
  /** Where people can sign in; without one a code is the only way in. */
  forges: readonly { name: string }[];
  /** What a command begins with, by front; the page names commands as the owner types them. */
  triggers?: Partial<Record<FrontName, string>>;
  /** Whether its owner still has the right that `open` takes. Absent: nobody can be asked. */
  mayStill?: RepositoryGuard | undefined;
}

export interface Refusal {
  status: number;
  code: string;
  message: string;
  extra?: Record<string, unknown>;
}

interface Grant {
  ticket: string;
  url: string;
  workspace: { id: string; name: string; phase: string; repository: string; ref?: string };
  trigger?: string;
  /** They may look on, and not type. */
  isLooking?: true;
  /** It is somebody else's, and shared with them until then; ISO 8601. */
  sharedUntil?: string;
}

type Answer = { grant: Grant } | { refusal: Refusal };

const request = z.object({
  workspace: z.string().regex(/^[\w-]{1,100}$/),
  code: z.string().min(1).max(200).optional(),
  /** The signature in the page's address: a sign-in comes back to it. */
  s: z.string().max(200).optional().catch(undefined),
});
type Request = z.infer<typeof request>;

export function ticketRoutes(options: TicketOptions): Route[] {
  const handle = (req: IncomingMessage, res: ServerResponse) => serve(options, req, res);
  return [{ method: 'POST', path: '/api/terminal/token', handle }];
}

async function serve(options: TicketOptions, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const asked = await readRequest(options, req);
  if ('refusal' in asked) return refuse(res, asked.refusal);
  const session = await readSession(options.db, options.baseUrl, req.headers.cookie);
  const entry = asked.code === undefined ? { session } : await enter(options, asked, asked.code, session);
  if ('refusal' in entry) return refuse(res, entry.refusal);
  // The code is spent even if there is no terminal yet: the cookie is what the page comes back with.
  if (asked.code !== undefined && entry.session)
    res.setHeader('set-cookie', cookieOf(options.baseUrl, entry.session));
  const wasSomebody = hasSessionCookie(options.baseUrl, req.headers.cookie);
  const answer = await decide(options, asked, entry.session, wasSomebody);
  if ('refusal' in answer) return refuse(res, answer.refusal);
  sendJson(res, 200, answer.grant);
}

export const refuse = (res: ServerResponse, { status, code, message, extra }: Refusal): void =>
  fail(res, status, code, message, extra);

async function readRequest(
  options: TicketOptions,
  req: IncomingMessage,
): Promise<Request | { refusal: Refusal }> {
  if (!isFromOrigin(req, new URL(options.baseUrl).origin)) return { refusal: wrongOrigin(options) };
  if (!/^application\/json(;|$)/i.test(req.headers['content-type'] ?? ''))
    return { refusal: { status: 415, code: 'wrong-content-type', message: 'Send application/json.' } };
  try {
    return request.parse(JSON.parse((await readBody(req, MAX_BODY_BYTES)).toString('utf8')));
  } catch (error) {
    if (error instanceof BodyError && error.status === 413)
      return { refusal: { status: 413, code: 'too-large', message: error.message } };
    return { refusal: { status: 400, code: 'bad-request', message: 'Send {"workspace", "code"?}.' } };
  }
}

/** Our own page sends people there: at another address of this bot (127.0.0.1, a forwarded port) nothing opens. */
export const wrongOrigin = ({ baseUrl }: Pick<TicketOptions, 'baseUrl'>): Refusal => ({
  status: 403,
  code: 'wrong-origin',
  message: 'Only our own page may ask this.',
  extra: { address: baseUrl },
});

/** Spends the code and lets the browser in, in one transaction: a crash in between loses neither. */
async function enter(
  options: TicketOptions,
  { workspace }: Request,
  code: string,
  session: Session | undefined,
): Promise<{ session: Session } | { refusal: Refusal }> {
  const entered = await options.db.transaction(async (tx) => {
    const spent = await spendCode(tx, code, workspace, session?.user);
    if (typeof spent === 'string') return spent;
    const place = await findPlace(tx, workspace, spent.user);
    await record(tx, opened('link-spent', spent.user, workspace, place && entryOf(spent.user, place)));
    return admit(tx, spent.user, { id: workspace, access: spent.access }, session);
  });
  if (entered === 'other-person') return { refusal: notFound };
  if (entered === 'spent') return { refusal: await codeSpent(options, workspace, session) };
  return { session: entered };
}

async function codeSpent(
  options: TicketOptions,
  workspaceId: string,
  session: Session | undefined,
): Promise<Refusal> {
  const place = session && (await findPlace(options.db, workspaceId, session.user));
  const mayKnow = place && isKnownFor(session, workspaceId) && entryOf(session.user, place)?.is === 'owner';
  return {
    status: 410,
    code: 'code-spent',
    message: 'This link was used already, or is too old. Ask the chat for a new one.',
    extra: mayKnow
      ? { command: `open ${place.workspace.name}`, ...triggerOf(options, place.front) }
      : { command: 'open' },
  };
}

export const notFound: Refusal = {
  status: 404,
  code: 'not-found',
  message: 'There is no such workspace, or it is not yours.',
};

/** The same for every workspace, but for the id that was asked for. */
export function signInRequired(
  options: Pick<TicketOptions, 'forges'>,
  { workspace, s }: Pick<Request, 'workspace' | 's'>,
): Refusal {
  const path = `/w/${workspace}${s === undefined ? '' : `?s=${encodeURIComponent(s)}`}`;
  const signIn = signInPath(options.forges, path);
  return {
    status: 401,
    code: 'sign-in-required',
    message: signIn
      ? 'This link says which workspace, not who you are. Sign in, or ask for a link of your own where you started it:'
      : 'This link says which workspace, not who you are. Ask for a new link where you started it:',
    extra: { command: 'open', ...(signIn && { signIn }) },
  };
}

/** For a browser that was somebody until its session was over, or until access to the workspace was revoked. */
export const signInEnded = (
  options: Pick<TicketOptions, 'forges'>,
  asked: Pick<Request, 'workspace' | 's'>,
): Refusal => ({
  ...signInRequired(options, asked),
  code: 'sign-in-ended',
  message: `What let this browser in has expired or was revoked. ${options.forges.length > 0 ? 'Sign in again, or ask' : 'Ask'} for a new link where you started it:`,
});

/** Unknown, deleted and somebody else's end in one place, after one and the same statement. */
async function decide(
  options: TicketOptions,
  asked: Request,
  session: Session | undefined,
  wasSomebody: boolean,
): Promise<Answer> {
  const { workspace: workspaceId } = asked;
  if (!session) return { refusal: (wasSomebody ? signInEnded : signInRequired)(options, asked) };
  if (!isKnownFor(session, workspaceId)) return { refusal: signInRequired(options, asked) };
  const place = await findPlace(options.db, workspaceId, session.user);
  const entry = place && entryOf(session.user, place);
  if (place && !entry) await recordRefusal(options.db, refusedTicket(session.user, workspaceId, notFound));
  if (!entry) return { refusal: notFound };
  const { workspace, node } = place;
  const trigger = triggerOf(options, place.front);
  const isOff = workspace.desired !== 'running' || workspace.phase !== 'running';
  // A stop ends what a code began. Its page still hears how the workspace stands, until there is something to open.
  if (!isOff && !isCurrent(session, workspace))
    return { refusal: withExtra(signInEnded(options, asked), { ...trigger, phase: workspace.phase }) };
  const right = await rightOf(options, entry, workspace);
  if (right.is !== 'there') {
    const refusal = refusalOf(right, workspace);
    await recordRefusal(options.db, refusedTicket(session.user, workspaceId, refusal));
    return { refusal };
  }
  if (isOff) return { refusal: withExtra(notRunning(workspace, entry), trigger) };
  const url = node && terminalUrl(options, node);
  if (!url) return { refusal: withExtra(nodeSilent(workspace), trigger) };
  await record(options.db, opened('ticket', session.user, workspaceId, entry));
  const ticket = await issueTicket(options.keys, {
    workspace: workspace.id,
    user: session.user,
    access: workspace.access,
    drive: entry.may === 'drive',
    name: await findUserName(options.db, session.user),
    ...(entry.is === 'guest' && { share: entry.share }),
  });
  return { grant: { ticket, url, workspace: summarise(workspace), ...trigger, ...entryFacts(entry) } };
}

/** Where nobody can be asked it is the owner's alone. */
async function rightOf({ mayStill }: TicketOptions, entry: Entry, workspace: Workspace): Promise<RightLeft> {
  if (!mayStill) return { is: entry.is === 'owner' ? 'there' : 'gone' };
  return mayStill(entry.is === 'guest' ? { ...workspace, guest: entry.share.person } : workspace);
}

const entryFacts = (entry: Entry): Pick<Grant, 'isLooking' | 'sharedUntil'> => ({
  ...(entry.may === 'view' && { isLooking: true }),
  ...(entry.is === 'guest' && { sharedUntil: entry.share.until.toISOString() }),
});

const RIGHTS = { owner: 'owner', guest: 'share' } as const satisfies Record<Entry['is'], string>;

/** For the audit. `entry`: by which they are let in; undefined: by nothing any more, and the code says no more than who they are. */
const opened = (action: Act, actor: string, workspace: string, entry: Entry | undefined): AuditEntry => ({
  actor,
  front: BROWSER,
  action,
  workspace,
  right: entry ? RIGHTS[entry.is] : 'self',
  result: 'ok',
});

const refusedTicket = (actor: string, workspace: string, { code }: Refusal) => ({
  actor,
  front: BROWSER,
  action: 'ticket',
  workspace,
  result: code,
});

/** Who lost the right is told no more than somebody who never had it. */
export function refusalOf(right: Exclude<RightLeft, { is: 'there' }>, { name }: Workspace): Refusal {
  switch (right.is) {
    case 'gone':
      return notFound;
    case 'unknown':
      return {
        status: 503,
        code: 'forge-silent',
        message: `${right.title} does not answer, so nobody can say whether ${name} is still yours to open. Try again in a minute.`,
      };
    case 'too-often':
      return {
        status: 429,
        code: 'too-often',
        message: 'You have opened terminals very often in a short while. Try again in a minute.',
      };
    default:
      return right satisfies never;
  }
}

/** Nothing where nobody knows: the workspace was made by nobody's words, or that front is off. */
const triggerOf = ({ triggers }: TicketOptions, front: FrontName | null): { trigger?: string } => {
  const trigger = front === null ? undefined : triggers?.[front];
  return trigger === undefined ? {} : { trigger };
};

const withExtra = (refusal: Refusal, more: Record<string, unknown>): Refusal => ({
  ...refusal,
  extra: { ...refusal.extra, ...more },
});

function notRunning(workspace: Workspace, { is }: Entry): Refusal {
  const { id, name } = workspace;
  const phase = phaseToCome(workspace);
  const isGuest = is === 'guest';
  return {
    status: 409,
    code: 'not-running',
    message: `${name} is not running: it is ${phase}.${isGuest ? ' Its owner can start it.' : ''}`,
    extra: { phase, command: isGuest ? `status ${id}` : `${nextVerb(workspace)} ${name}` },
  };
}

/** A wish that was not acted upon yet counts: a workspace that is about to stop runs no more. */
function phaseToCome({ desired, phase }: Workspace): string {
  if (desired === 'deleted') return 'deleting';
  return desired === 'stopped' && phase === 'running' ? 'stopping' : phase;
}

function nextVerb(workspace: Workspace): string {
  if (workspace.phase === 'failed') return 'retry';
  return workspace.desired === 'stopped' ? 'start' : 'status';
}

const nodeSilent = (workspace: Workspace): Refusal => ({
  status: 503,
  code: 'node-silent',
  message: `The machine of ${workspace.name} does not answer at the moment. It is looked after; try again soon.`,
  extra: { command: `status ${workspace.name}`, phase: workspace.phase },
});

/** Undefined: nobody knows now where its terminals are. A node beside the bot is reached through it, so that one port is enough. */
function terminalUrl({ baseUrl, traitsOf }: TicketOptions, node: Node): string | undefined {
  if (node.phase !== 'ready') return undefined;
  if (traitsOf(node.provider).terminal === 'pipe')
    return node.terminalPort === null
      ? undefined
      : `${baseUrl.replace(/^http/, 'ws')}/nodes/${node.id}/terminal`;
  // Its certificate is for that name: the bare address is of no use to a browser.
  return node.host === null ? undefined : `wss://${node.host}/terminal`;
}

const summarise = ({ id, name, phase, repository, ref }: Workspace): Grant['workspace'] => ({
  id,
  name,
  phase,
  repository,
  ...(ref === null ? {} : { ref }),
});
