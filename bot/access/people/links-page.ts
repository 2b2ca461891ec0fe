// What of the page of a person is about the chats that they connected: seen there, and ended by POST /login/disconnect. Knows no
// chat by name.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isFromOrigin, type Route } from '../../http/routes.ts';
import { recordOwn } from '../store/audit.ts';
import { findLinks, unlinkOf, type ChatIdentity } from './links-store.ts';
import { isFullSignIn, readSession } from './sessions.ts';
import { SIGN_IN_PAGE } from './sign-in-attempts.ts';
import { redirect, sendPage, type CalmPage } from './sign-in-pages.ts';
import type { Executor } from '../../database/types.ts';

const PATH = `${SIGN_IN_PAGE}/disconnect`;

export interface LinksOptions {
  db: Executor;
  baseUrl: string;
}

export const disconnectRoute = (options: LinksOptions): Route => ({
  method: 'POST',
  path: PATH,
  handle: (req, res) => disconnect(options, req, res),
});

/** What the page says of them, and a button for each. */
export async function describeLinks(
  { db }: Pick<LinksOptions, 'db'>,
  user: string,
): Promise<Required<Pick<CalmPage, 'text' | 'posts'>>> {
  const links = await findLinks(db, user);
  if (links.length === 0) return { text: '', posts: [] };
  const text = ` Connected: ${links.map(nameOf).join('; ')}. Whoever that is may do what you may; disconnecting one ends the sessions it gave and closes your terminals.`;
  const posts = links.map((link) => ({ label: `Disconnect ${nameOf(link)}`, action: pathOf(link) }));
  return { text, posts };
}

/** `bob in slack T1`. */
const nameOf = ({ login, source }: ChatIdentity & { login: string }): string =>
  `${login} in ${source.replace(':', ' ')}`;

const pathOf = ({ source, externalId }: ChatIdentity): string =>
  `${PATH}?${new URLSearchParams({ source, id: externalId }).toString()}`;

async function disconnect(
  { db, baseUrl }: LinksOptions,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  if (!isFromOrigin(req, new URL(baseUrl).origin)) return sendPage(res, notOurPage);
  const session = await readSession(db, baseUrl, req.headers.cookie);
  if (!session || !isFullSignIn(session)) return sendPage(res, signInFirst);
  const query = URL.parse(req.url ?? '', baseUrl)?.searchParams;
  const identity = { source: query?.get('source') ?? '', externalId: query?.get('id') ?? '' };
  // Somebody else's, a forge's, and what has ended already: nothing is said of it.
  await db.transaction(async (tx) => {
    const isEnded = await unlinkOf(tx, session.user, identity);
    const target = `${identity.source} ${identity.externalId}`;
    if (isEnded) await recordOwn(tx, session.user, 'disconnect', target);
  });
  redirect(res, `${baseUrl}${SIGN_IN_PAGE}`);
}

const notOurPage: CalmPage = {
  status: 403,
  title: 'Nothing was disconnected',
  text: 'Another site asked for it. To disconnect a chat, use the buttons of our own page.',
  next: { label: 'Go there', href: SIGN_IN_PAGE },
};

const signInFirst: CalmPage = {
  status: 403,
  title: 'Nothing was disconnected',
  text: 'That takes a sign-in: a link from the chat is not enough.',
  next: { label: 'Who is signed in here?', href: SIGN_IN_PAGE },
};
