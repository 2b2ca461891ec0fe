// GET /settings: a person's own page, where their keys are put in, replaced and deleted. Without scripts, but for the one that takes a
// code out of the address. Shows no value; knows no vault and no node.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isFromOrigin, readBody, type Route } from '../../http/routes.ts';
import { SIGN_IN_PAGE, signInPath } from '../people/sign-in-attempts.ts';
import { codeRoute, escape, redirect, sendHtml, sendPage, type CalmPage } from '../people/sign-in-pages.ts';
import { findUserName } from '../store/people.ts';
import { NO_VAULT, wordUnfit, type CredentialOptions } from './credential-routes.ts';
import type { ShownCredential } from './credentials.ts';
import { isProvider, KINDS, PROVIDERS, type Provider } from './kinds.ts';
import {
  endSettingsSession,
  readSettingsPerson,
  SETTINGS_PAGE,
  spendSettingsCode,
  type SettingsPerson,
} from './settings-sessions.ts';

export interface SettingsOptions extends CredentialOptions {
  /** Where people can sign in; without one a link from the chat is the only way in. */
  forges: readonly { name: string }[];
  /** What brings such a link, as people type it. */
  command: string;
}

const MAX_FORM_BYTES = 8_192;
/** The way back from a code that was not taken. */
const NOT_TAKEN = `${SETTINGS_PAGE}?link=spent`;

export function settingsRoutes(options: SettingsOptions): Route[] {
  const { db, baseUrl } = options;
  return [
    { method: 'GET', path: SETTINGS_PAGE, handle: (req, res) => show(options, req, res) },
    codeRoute(baseUrl, SETTINGS_PAGE, async (code, req, res) => {
      const cookie = await spendSettingsCode(db, baseUrl, code, req.headers.cookie);
      if (cookie !== undefined) res.setHeader('set-cookie', cookie);
      return cookie === undefined ? NOT_TAKEN : SETTINGS_PAGE;
    }),
    { method: 'POST', path: `${SETTINGS_PAGE}/leave`, handle: (req, res) => leave(options, req, res) },
    {
      method: 'POST',
      path: `${SETTINGS_PAGE}/:provider`,
      handle: (req, res, { provider = '' }) => change(options, req, res, provider, keep),
    },
    {
      method: 'POST',
      path: `${SETTINGS_PAGE}/:provider/delete`,
      handle: (req, res, { provider = '' }) => change(options, req, res, provider, forget),
    },
  ];
}

async function show(options: SettingsOptions, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { db, baseUrl } = options;
  const person = await readSettingsPerson(db, baseUrl, req.headers.cookie);
  const isSpent = URL.parse(req.url ?? '', baseUrl)?.searchParams.get('link') === 'spent';
  if (person) return sendSettings(options, res, person, isSpent ? { wrong: SPENT } : {});
  // Whatever this browser holds already: a new link goes before it.
  sendPage(res, { ...(isSpent ? spentPage(options) : nobodyPage(options)), takesCode: true });
}

async function leave(
  { db, baseUrl }: SettingsOptions,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  if (!isFromOrigin(req, new URL(baseUrl).origin)) return sendPage(res, notOurPage);
  res.setHeader('set-cookie', await endSettingsSession(db, baseUrl, req.headers.cookie));
  redirect(res, `${baseUrl}${SETTINGS_PAGE}`);
}

/** What was wrong with it; undefined: it is done. */
type Change = (
  options: SettingsOptions,
  owner: string,
  provider: Provider,
  form: string,
) => Promise<string | undefined>;

async function change(
  options: SettingsOptions,
  req: IncomingMessage,
  res: ServerResponse,
  provider: string,
  act: Change,
): Promise<void> {
  const { db, baseUrl } = options;
  if (!isFromOrigin(req, new URL(baseUrl).origin)) return sendPage(res, notOurPage);
  const person = await readSettingsPerson(db, baseUrl, req.headers.cookie);
  if (!person || !isProvider(provider)) return sendPage(res, nobodyPage(options));
  const form = (await readBody(req, MAX_FORM_BYTES)).toString('utf8');
  const wrong = await act(options, person.user, provider, form);
  if (wrong === undefined) return redirect(res, `${baseUrl}${SETTINGS_PAGE}`);
  await sendSettings(options, res, person, { wrong, at: provider });
}

const keep: Change = async ({ credentials }, owner, provider, form) => {
  const kept = await credentials?.keep(owner, provider, new URLSearchParams(form).get('value') ?? '');
  if (!kept) return NO_VAULT;
  return 'code' in kept ? wordUnfit(kept) : undefined;
};

const forget: Change = async ({ credentials }, owner, provider) => {
  await credentials?.forget(owner, provider);
  return undefined;
};

interface Remark {
  wrong?: string;
  /** Which field it is about. */
  at?: Provider;
}

async function sendSettings(
  { db, credentials, forges }: SettingsOptions,
  res: ServerResponse,
  person: SettingsPerson,
  { wrong, at }: Remark,
): Promise<void> {
  const name = (await findUserName(db, person.user)) ?? person.user;
  const kept = (await credentials?.list(person.user)) ?? [];
  const remark = credentials ? wrong : NO_VAULT;
  const fields = PROVIDERS.map((provider) =>
    renderField(
      provider,
      kept.find((one) => one.provider === provider),
      provider === at ? wrong : undefined,
    ),
  );
  sendHtml(res, {
    status: at === undefined ? 200 : 400,
    title: `Keys of ${name}`,
    main: [
      renderNav(SETTINGS_PAGE),
      `<p>${escape(person.isByCode ? byCode(name) : INTRODUCTION)}</p>`,
      remark !== undefined && at === undefined ? renderWrong(remark) : '',
      ...(credentials ? fields : []),
      renderRest(person, forges.length > 0),
    ].join(''),
    takesCode: true,
  });
}

const INTRODUCTION =
  'Coding agents in your workspaces work with what you leave here. It is sealed in the database, goes to the machines of your running workspaces alone, and is never shown again.';

const byCode = (name: string): string =>
  `A link from the chat let this browser in as ${name}: for half an hour, and to these pages alone. If somebody else sent you that link, close the page: a key that you put in here would be theirs. ${INTRODUCTION}`;

const SPENT =
  'That link was used already, is older than five minutes, or was made for somebody else than who is signed in here.';

const renderWrong = (text: string): string => `<p class="wrong" role="alert">${escape(text)}</p>`;

/** Beside the name of each. */
const PURPOSES: Record<Provider, string> = {
  anthropic: 'For Claude Code and what else asks Claude. No program in a workspace can read it.',
  openai: 'For Codex and what else asks OpenAI. No program in a workspace can read it.',
  claude:
    'From claude setup-token, if you have a plan and no API key. It stands in the environment of your own terminals, where your programs can read it; with an API key it is not used.',
  dotfiles:
    'Cloned and installed in your workspaces as they are made, not in those of forks. A repository that everybody may read.',
};

function renderField(
  provider: Provider,
  kept: ShownCredential | undefined,
  wrong: string | undefined,
): string {
  const { title, example } = KINDS[provider];
  const id = `value-${provider}`;
  const type = KINDS[provider].isSecret ? 'type="password" autocomplete="new-password"' : 'type="url"';
  const input =
    `<input id="${id}" name="value" required maxlength="600" placeholder="${escape(example)}" spellcheck="false" autocapitalize="off"` +
    ` ${type}${wrong ? ' aria-invalid="true" autofocus' : ''}>`;
  const remove = kept
    ? `<form method="post" action="${SETTINGS_PAGE}/${provider}/delete"><button>Delete</button></form>`
    : '';
  return (
    `<section class="own"><h2>${escape(title)}</h2><p>${escape(describeKept(provider, kept))}</p>${wrong ? renderWrong(wrong) : ''}` +
    `<form method="post" action="${SETTINGS_PAGE}/${provider}"><label for="${id}">${escape(PURPOSES[provider])}</label>${input}` +
    `<button class="main">${kept ? 'Replace' : 'Save'}</button></form>${remove && `<div class="actions">${remove}</div>`}</section>`
  );
}

function describeKept(provider: Provider, kept: ShownCredential | undefined): string {
  if (!kept) return 'None.';
  if (!KINDS[provider].isSecret) return `${kept.shown}, put in ${day(kept.madeAt)}.`;
  const used = kept.usedAt ? `last used ${day(kept.usedAt)}` : 'not used yet';
  return `…${kept.shown}, put in ${day(kept.madeAt)}, ${used}.`;
}

/** `2026-05-10 18:40 UTC`. */
const day = (at: Date): string => `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`;

/** What else is a person's own, each on a page of its own. */
export const SETTINGS_NAV: readonly { href: string; label: string }[] = [
  { href: SETTINGS_PAGE, label: 'Keys' },
  { href: `${SETTINGS_PAGE}/workspaces`, label: 'Workspaces and machines' },
  { href: `${SETTINGS_PAGE}/access`, label: 'Who gets in' },
  { href: `${SETTINGS_PAGE}/me`, label: 'Export and delete' },
];

export const renderNav = (here: string, links = SETTINGS_NAV): string =>
  `<nav aria-label="Settings">${links
    .map(
      ({ href, label }) =>
        `<a class="plain" href="${href}"${href === here ? ' aria-current="page"' : ''}>${escape(label)}</a>`,
    )
    .join('')}</nav>`;

const renderRest = ({ isByCode }: SettingsPerson, canSignIn: boolean): string =>
  '<div class="other">' +
  (isByCode
    ? `<form method="post" action="${SETTINGS_PAGE}/leave"><button>Forget this browser</button></form>`
    : '') +
  (canSignIn || !isByCode ? `<a class="plain" href="${SIGN_IN_PAGE}">Who is signed in here?</a>` : '') +
  '</div>';

const nobodyPage = ({ forges, command }: SettingsOptions): CalmPage => {
  const href = signInPath(forges, SETTINGS_PAGE);
  return {
    status: 401,
    title: 'Whose keys?',
    text: href
      ? 'Sign in to see and change your keys, or ask the chat for a private link to this page:'
      : 'The chat gives you a private link to this page:',
    command,
    next: href ? { label: 'Sign in', href } : undefined,
  };
};

const spentPage = (options: SettingsOptions): CalmPage => ({
  ...nobodyPage(options),
  status: 410,
  title: 'This link is not good any more',
  text: 'It works once, within five minutes. In the chat this brings a new one:',
});

const notOurPage: CalmPage = {
  status: 403,
  title: 'Nothing was changed',
  text: 'Another site asked for it. To change your keys, use our own page.',
  next: { label: 'Go there', href: SETTINGS_PAGE },
};
