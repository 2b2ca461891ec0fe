// What there is to see instead of a program: why, and the next step. On the port's host, or on our own on the way there. Decides nothing.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { escape, sendHtml, sendPage, type CalmPage } from '../access/people/sign-in-pages.ts';
import type { Workspace } from '../database/types.ts';
import { fail } from '../http/routes.ts';

export function stoppedPage({ name, desired, phase }: Workspace, start: string): CalmPage {
  const page = { status: 409, title: `${name} is not running` };
  if (desired === 'deleted') return { ...page, text: 'It is being deleted, and its ports with it.' };
  if (desired === 'running' && phase !== 'failed')
    return {
      ...page,
      text: 'It is on its way. Its ports open with it; look again in a moment. How it stands you see where you started it.',
    };
  const text = 'Its ports close with it. Where you started it, this starts it again:';
  return { ...page, text, command: `${start} ${name}` };
}

export const closedPage = (port: number, command: string): CalmPage => ({
  status: 404,
  title: `Port ${port} is closed`,
  text: 'You have closed it. Where you started the workspace, this opens it again for you alone:',
  command: `${command} ${port}`,
});

/** `title`: of the forge, as people call it; undefined: it was asked too often for this person. */
export const silentForge = (title: string | undefined): CalmPage => ({
  status: 503,
  title: title === undefined ? 'That was asked too often' : `${title} does not answer`,
  text: 'So nobody can say whether this is still yours to see. Look again in a minute.',
});

/** `signIn`: a path of ours; undefined: nobody can sign in here. */
export const signInPage = (signIn: string | undefined, command: string): CalmPage => ({
  status: 401,
  title: 'Who are you?',
  text: signIn
    ? 'The ports of a workspace are for its owner, and for whom they are shared with. Sign in, or ask for a link of your own where you started it:'
    : 'The ports of a workspace are for its owner. Ask for a link of your own where you started it, open it in this browser, and come back:',
  command,
  next: signIn === undefined ? undefined : { label: 'Sign in', href: signIn },
  takesCode: true,
});

export const enteredBefore = (path: string): CalmPage => ({
  status: 410,
  title: 'This way in was used already',
  text: 'Each works once, for the browser that asked for it, within a minute.',
  next: { label: 'Go on', href: path },
});

/** Of what was asked at a port's host. `code`: stable, for programs. */
export interface Trouble {
  status: number;
  code: string;
  title: string;
  text: string;
  /** To copy into the chat. */
  command?: string;
  /** The page looks again by itself. */
  isPassing?: boolean;
}

/** In the words that whoever asked understands: a page for a person, JSON for a program. */
export function sendTrouble(req: IncomingMessage, res: ServerResponse, trouble: Trouble): void {
  const { status, code, title, text, command, isPassing = false } = trouble;
  // Of a body that nobody reads any more the rest would come.
  if (!req.complete) res.setHeader('connection', 'close');
  if (!/\btext\/html\b/.test(req.headers.accept ?? '')) return fail(res, status, code, `${title}. ${text}`);
  if (!isPassing || req.method !== 'GET')
    return sendPage(res, { status, title, text, ...(command !== undefined && { command }) });
  res.setHeader('refresh', '2');
  const copy = command === undefined ? '' : `<p><code>${escape(command)}</code></p>`;
  return sendHtml(res, { status, title, main: `<p>${escape(text)}</p>${copy}` });
}
