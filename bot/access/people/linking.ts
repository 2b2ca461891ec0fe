// GET and POST /connect: a person of a chat says who they are on a forge. Knows no chat; what goes on afterwards is told to it.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { isFromOrigin, type Route } from '../../http/routes.ts';
import type { SignInForge } from './sign-in.ts';
import * as store from './links-store.ts';
import type { ChatIdentity } from './links-store.ts';
import { readCookie, setCookie } from './cookies.ts';
import { hashSecret, newSecret } from '../secrets.ts';
import { recordOwn } from '../store/audit.ts';
import { findOneTime, insertOneTime, spendOneTime, type OneTime } from '../store/one-time.ts';
import { isFullSignIn, readSession, type Session } from './sessions.ts';
import { SIGN_IN_PAGE, signInPath } from './sign-in-attempts.ts';
import { codeRoute, redirect, sendPage, type CalmPage } from './sign-in-pages.ts';
import type { Executor } from '../../database/types.ts';

const PATH = '/connect';
const COOKIE = 'sam-connect';
const LIFE_SECONDS = 600;

/** Who a token is for. */
const Invitation = z.object({
  source: z.string(),
  externalId: z.string(),
  /** What the chat calls them, for the page. */
  login: z.string(),
  /** What they had said, which goes on afterwards: a delivery's id. */
  delivery: z.string(),
});
export type ConnectInvitation = z.infer<typeof Invitation>;

export interface ConnectOptions {
  db: Executor;
  baseUrl: string;
  /** Where people prove who they are. */
  forges: readonly SignInForge[];
  /** How pages call the chat: `Slack`. */
  chat: string;
  /** What its people type before a command. */
  command: string;
  /** In the transaction that connects them. */
  resume(tx: Executor, invitation: ConnectInvitation): Promise<void>;
}

const connectOf = (secret: string): OneTime => ({ hash: hashSecret(secret), purpose: 'connect' });

/** The address that connects this person, once, for ten minutes; to be shown to them alone. */
export async function createConnectUrl(
  db: Executor,
  baseUrl: string,
  invitation: ConnectInvitation,
): Promise<string> {
  const secret = newSecret();
  const subject = JSON.stringify(invitation);
  await insertOneTime(db, { ...connectOf(secret), subject, lifeSeconds: LIFE_SECONDS });
  return `${baseUrl}${PATH}#${secret}`;
}

/** Visiting spends nothing: link scanners visit everything. The secret moves from the fragment into a cookie. */
export function connectRoutes(options: ConnectOptions): Route[] {
  return [
    { method: 'GET', path: PATH, handle: (req, res) => visit(options, req, res) },
    codeRoute(options.baseUrl, PATH, (code, req, res) => take(options, code, req, res)),
    { method: 'POST', path: PATH, handle: (req, res) => confirm(options, req, res) },
  ];
}

async function take(
  options: ConnectOptions,
  code: string,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<string> {
  const secret = /^[\w-]{43}$/.exec(code)?.[0] ?? '';
  res.setHeader('set-cookie', setCookie(options.baseUrl, COOKIE, secret, LIFE_SECONDS));
  const isGood = (await findOneTime(options.db, connectOf(secret))) !== undefined;
  return isGood && !(await accountOf(options, req)) ? signInFor(options) : PATH;
}

const signInFor = ({ forges }: ConnectOptions): string => signInPath(forges, PATH) ?? SIGN_IN_PAGE;

async function visit(options: ConnectOptions, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { db, baseUrl } = options;
  const secret = readCookie(baseUrl, COOKIE, req.headers.cookie);
  const invitation = secret ? parse(await findOneTime(db, connectOf(secret))) : undefined;
  const account = invitation && (await accountOf(options, req));
  // Whatever this browser holds already: a new link goes before it.
  sendPage(res, { ...pageFor(), takesCode: true });

  function pageFor(): CalmPage {
    if (!invitation) return tooLate(options.command);
    return account
      ? askPage(options, invitation, account, proofOf(secret ?? ''))
      : signInFirst(signInFor(options));
  }
}

async function confirm(options: ConnectOptions, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { db, baseUrl } = options;
  if (!isFromOrigin(req, new URL(baseUrl).origin)) return sendPage(res, notOurPage);
  const secret = readCookie(baseUrl, COOKIE, req.headers.cookie);
  const account = await accountOf(options, req);
  if (!secret || !account) return sendPage(res, tooLate(options.command));
  // Another link may have been opened since that page was shown: what the person read there is what they say yes to.
  const proof = URL.parse(req.url ?? '', baseUrl)?.searchParams.get('of');
  if (proof !== proofOf(secret)) return redirect(res, `${baseUrl}${PATH}`);
  const invitation = await db.transaction(async (tx) => {
    const spent = parse(await spendOneTime(tx, connectOf(secret)));
    if (!spent) return undefined;
    await store.link(tx, spent, spent.login, account.session.user);
    await recordOwn(tx, account.session.user, 'connect', `${spent.source} ${spent.externalId}`);
    await options.resume(tx, spent);
    return spent;
  });
  res.setHeader('set-cookie', setCookie(baseUrl, COOKIE, '', 0));
  sendPage(res, invitation ? donePage(options, invitation, account) : tooLate(options.command));
}

/** Says which link a page is about, and is worth nothing without the cookie. */
const proofOf = (secret: string): string => hashSecret(`page of ${secret}`);

interface Account {
  session: Session;
  login: string;
  forge: SignInForge;
}

/** Whoever is signed in here with a forge. */
async function accountOf(
  { db, baseUrl, forges }: ConnectOptions,
  req: IncomingMessage,
): Promise<Account | undefined> {
  const session = await readSession(db, baseUrl, req.headers.cookie);
  if (!session || !isFullSignIn(session)) return undefined;
  const accounts = await store.findAccounts(db, session.user);
  for (const forge of forges) {
    const account = accounts.get(forge.name);
    if (account) return { session, login: account.login, forge };
  }
  return undefined;
}

function parse(subject: string | undefined): ConnectInvitation | undefined {
  return subject === undefined ? undefined : Invitation.parse(JSON.parse(subject));
}

const describe = ({ chat }: ConnectOptions, { source, login }: ChatIdentity & { login: string }): string =>
  `${login} in the ${chat} workspace ${source.split(':')[1] ?? ''}`;

/** It names both sides: somebody could have sent you a link of theirs. */
const askPage = (
  options: ConnectOptions,
  invitation: ConnectInvitation,
  { login, forge: { title } }: Account,
  proof: string,
): CalmPage => ({
  status: 200,
  title: 'Are both of these you?',
  text: `${describe(options, invitation)}, and ${login} on ${title}. Whoever that is in the chat may then do what you may on ${title}. If somebody else sent you this link, close the page.`,
  posts: [{ label: `Connect ${invitation.login} with ${login}`, action: `${PATH}?of=${proof}` }],
  next: { label: `Use another ${title} account`, href: SIGN_IN_PAGE },
});

/** No redirect: a browser would take a fragment along, to the forge. */
const signInFirst = (href: string): CalmPage => ({
  status: 200,
  title: 'Who are you?',
  text: 'Sign in to say who you are. After it this page asks whether to connect the chat with that account.',
  next: { label: 'Sign in', href },
});

const donePage = (
  options: ConnectOptions,
  invitation: ConnectInvitation,
  { login, forge: { title } }: Account,
): CalmPage => ({
  status: 200,
  title: 'Connected',
  text: `${describe(options, invitation)} is ${login} on ${title} from now on. Go back to the chat: what you said there goes on by itself. To undo it, say this there:`,
  command: `${options.command} disconnect`,
});

const tooLate = (command: string): CalmPage => ({
  status: 410,
  title: 'This link is not good any more',
  text: 'It works once, within ten minutes, in the browser where it was opened. In the chat this brings a new one:',
  command: `${command} connect`,
});

const notOurPage: CalmPage = {
  status: 403,
  title: 'Nothing was connected',
  text: 'Another site asked for it. To connect, use the link that the chat gave you.',
};
