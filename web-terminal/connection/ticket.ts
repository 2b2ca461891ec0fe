// Asks the bot for the right to attach, once per connection. Holds the one-time code, in memory only; knows no socket.

export interface WorkspaceSummary {
  id: string;
  name: string;
  phase: string;
  repository: string;
  ref?: string;
}

export interface Grant {
  /** Single use, 60 s. */
  ticket: string;
  /** ws(s) URL of the node's terminal server. */
  url: string;
  workspace: WorkspaceSummary;
  /** What commands begin with where its owner types them; absent: nobody knows. */
  trigger?: string;
  /** This page may look on, and not type. */
  isLooking?: true;
  /** It is somebody else's, and shared until then; ISO 8601. */
  sharedUntil?: string;
}

/** Why there is no terminal. `unavailable` passes by itself; for every other a person has to do something. */
export interface Refusal {
  reason:
    | 'sign-in'
    | 'sign-in-ended'
    | 'not-found'
    | 'deleted'
    | 'share-over'
    | 'wrong-address'
    | 'code-spent'
    | 'not-running'
    | 'stopped'
    | 'not-here'
    | 'ticket-refused'
    | 'too-many'
    | 'unavailable'
    | 'broken';
  message?: string;
  /** What a person can copy into the chat, without the trigger. */
  command?: string;
  /** As in `Grant`. */
  trigger?: string;
  /** With `wrong-address`: this page where terminals open. It may hold the code. */
  address?: string;
  /** A path on this origin; absent where nobody can sign in. */
  signIn?: string;
  /** With `not-running`, where it stands: one that is on its way is waited for. */
  phase?: string;
}

/** Whether time may change it: the page asks again by itself. */
export const isPassing = ({ reason }: Refusal): boolean =>
  reason === 'not-running' || reason === 'stopped' || reason === 'not-here' || reason === 'too-many';

export type Answer = { grant: Grant } | { refusal: Refusal };

const TIMEOUT_MS = 15_000;
const reasons: Record<string, Refusal['reason']> = {
  'sign-in-required': 'sign-in',
  'sign-in-ended': 'sign-in-ended',
  'not-found': 'not-found',
  'code-spent': 'code-spent',
  'not-running': 'not-running',
  'wrong-origin': 'wrong-address',
};

/** The code in the address, taken out of it and of the history. Call once, before anything else. */
export function takeCode(): string | undefined {
  const code = location.hash.slice(1);
  if (location.hash || location.href.endsWith('#'))
    history.replaceState(null, '', location.pathname + location.search);
  return code || undefined;
}

/**
 * The returned function asks for a ticket; it never throws. The code goes along until one was granted. A spent code is
 * not the end: whoever spent it in this browser is signed in for the workspace, so it asks once more without.
 */
export function createTicketDesk(workspace: string, code: string | undefined): () => Promise<Answer> {
  let unspent = code;
  return async () => {
    const answer = await ask(workspace, unspent);
    if ('grant' in answer) unspent = undefined;
    else if (answer.refusal.reason === 'wrong-address') return { refusal: moveTo(answer.refusal, unspent) };
    if (!unspent || !('refusal' in answer) || answer.refusal.reason !== 'code-spent') return answer;
    const again = await ask(workspace, undefined);
    if ('refusal' in again && ['sign-in', 'sign-in-ended', 'not-found'].includes(again.refusal.reason))
      return answer;
    unspent = undefined;
    return again;
  };
}

/** The bot's words are for programs that call from elsewhere; the code is not spent, so it goes along. */
function moveTo({ address = '' }: Refusal, code: string | undefined): Refusal {
  const here = location.pathname + location.search + (code === undefined ? '' : `#${code}`);
  const isThere = /^https?:$/.test(URL.parse(address)?.protocol ?? '');
  return { reason: 'wrong-address', ...(isThere && { address: address + here }) };
}

async function ask(workspace: string, code: string | undefined): Promise<Answer> {
  try {
    const response = await fetch('/api/terminal/token', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ workspace, ...(code && { code }), ...readSignature() }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const body: unknown = await response.json().catch(() => ({}));
    return response.ok ? readGrant(body) : { refusal: readRefusal(response.status, body) };
  } catch {
    return { refusal: { reason: 'unavailable' } };
  }
}

/** The signature of a public link: it opens nothing, but a sign-in has to come back to it. */
function readSignature(): { s?: string } {
  const s = new URLSearchParams(location.search).get('s');
  return s === null ? {} : { s };
}

function readGrant(body: unknown): Answer {
  const grant = body as Partial<Grant> | null;
  if (typeof grant?.ticket === 'string' && typeof grant.url === 'string' && grant.workspace)
    return { grant: grant as Grant };
  return { refusal: { reason: 'broken', message: 'Sam answered something this page does not understand.' } };
}

function readRefusal(status: number, body: unknown): Refusal {
  const fields = (body ?? {}) as Record<string, unknown>;
  const text = (key: string) => (typeof fields[key] === 'string' ? { [key]: fields[key] } : {});
  const named = reasons[String(fields['error'])];
  const passing = status >= 500 || status === 429 || status === 408;
  const reason = named ?? (passing ? 'unavailable' : status === 401 ? 'sign-in' : 'broken');
  const told = ['message', 'command', 'trigger', 'address', 'signIn', 'phase'].map(text);
  return Object.assign({ reason }, ...told) as Refusal;
}
