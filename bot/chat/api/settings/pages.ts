// GET /settings/workspaces, /access and /house, and what their buttons say: each is a command like any that a program sends, or ends
// something that is the person's own. Without scripts; who somebody is here the settings' sessions say.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Admins } from '../../../access/admins.ts';
import { renderNav, SETTINGS_NAV } from '../../../access/credentials/settings-pages.ts';
import {
  readSettingsPerson,
  SETTINGS_PAGE,
  type SettingsPerson,
} from '../../../access/credentials/settings-sessions.ts';
import { unlinkOf } from '../../../access/people/links-store.ts';
import { dropToken, giveSecret, insertToken } from '../../../access/people/personal-tokens-store.ts';
import { escape, redirect, sendHtml, sendPage, type CalmPage } from '../../../access/people/sign-in-pages.ts';
import { BROWSER, recordOwn, recordRefusal } from '../../../access/store/audit.ts';
import { isOwner } from '../../../access/rights.ts';
import { findUserName } from '../../../access/store/people.ts';
import { isValidName } from '../../../commands/parser/names.ts';
import type { Executor } from '../../../database/types.ts';
import { UserError } from '../../../errors.ts';
import { isFromOrigin, readBody, sendJson, type Params, type Route } from '../../../http/routes.ts';
import { findWorkspace } from '../../../workspaces/store/workspaces.ts';
import { endBrowser } from '../../store/settings.ts';
import type { Asking } from '../asking.ts';
import { deletePerson, exportPerson } from '../me.ts';
import { ApiError } from '../operation.ts';
import { renderHouse } from './house.ts';
import { EXPORT_PATH, renderMe } from './me.ts';
import { renderAccess, renderWorkspaces } from './mine.ts';
import { paragraph } from './render.ts';

export interface SettingsPagesOptions {
  db: Executor;
  baseUrl: string;
  admins: Admins;
  asking: Asking;
  /** There is a forge with which people say who they are. */
  canSignIn: boolean;
}

type Render = (options: SettingsPagesOptions, person: SettingsPerson) => Promise<string>;

/** What to say of it, above the page; undefined: it is done. Or a page in place of that one. */
type Act = (
  options: SettingsPagesOptions,
  person: SettingsPerson,
  asked: { params: Params; form: URLSearchParams },
) => Promise<string | CalmPage | undefined>;

const PAGES = {
  workspaces: { title: 'Workspaces and machines', render: ({ db }, person) => renderWorkspaces(db, person) },
  access: { title: 'Who gets in', render: ({ db }, person) => renderAccess(db, person) },
  me: { title: 'Export and delete', render: ({ db }, person) => renderMe(db, person) },
  house: { title: 'All of this Sam', render: ({ db }) => renderHouse(db), isForAdmins: true },
} satisfies Record<string, { title: string; render: Render; isForAdmins?: boolean }>;
type PageName = keyof typeof PAGES;

const pathOf = (page: PageName): string => `${SETTINGS_PAGE}/${page}`;

export function settingsPages(options: SettingsPagesOptions): Route[] {
  const names = Object.keys(PAGES) as PageName[];
  const pages = names.map((name): Route => ({
    method: 'GET',
    path: pathOf(name),
    handle: (req, res) => show(options, name, req, res),
  }));
  const post = (path: string, page: PageName, act: Act): Route => ({
    method: 'POST',
    path: `${SETTINGS_PAGE}${path}`,
    handle: (req, res, params) => press(options, page, act, { req, res, params }),
  });
  return [
    ...pages,
    { method: 'GET', path: EXPORT_PATH, handle: (req, res) => sendExport(options, req, res) },
    post('/me/end', 'me', deleteMe),
    post('/workspaces/:id/:verb', 'workspaces', sayOfOwn),
    post('/nodes/:id/:verb', 'workspaces', sayOfNode),
    post('/tokens/new', 'access', makeToken),
    post('/tokens/:id/end', 'access', endToken),
    post('/chats/:id/end', 'access', endChat),
    post('/browsers/:id/end', 'access', endOneBrowser),
    post('/house/limit', 'house', setLimit),
    post('/house/:id/orphan', 'house', endOrphan),
    post('/house/:id/:verb', 'house', sayOfAnybodys),
  ];
}

async function show(
  options: SettingsPagesOptions,
  page: PageName,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const { db, baseUrl } = options;
  const person = await readSettingsPerson(db, baseUrl, req.headers.cookie);
  if (!person) return redirect(res, `${baseUrl}${SETTINGS_PAGE}`);
  await send(options, page, person, res);
}

async function send(
  options: SettingsPagesOptions,
  page: PageName,
  person: SettingsPerson,
  res: ServerResponse,
  said?: { status: number; text: string },
): Promise<void> {
  const { db, admins } = options;
  const isAdmin = await admins.has(person.user);
  if (isHouse(page) && !isAdmin) return refuseHouse(options, person, res);
  const { title, render } = PAGES[page];
  const name = (await findUserName(db, person.user)) ?? person.user;
  const house = { href: pathOf('house'), label: PAGES.house.title };
  sendHtml(res, {
    status: said?.status ?? 200,
    title,
    isWide: true,
    main: [
      renderNav(pathOf(page), [...SETTINGS_NAV, ...(isAdmin ? [house] : [])]),
      paragraph(`You are ${name}.`),
      said ? `<p class="wrong" role="alert">${escape(said.text)}</p>` : '',
      await render(options, person),
    ].join(''),
  });
}

const isHouse = (page: PageName): boolean => 'isForAdmins' in PAGES[page];

/** To look at it, or to press something on it. */
async function refuseHouse(
  { db }: SettingsPagesOptions,
  { user }: SettingsPerson,
  res: ServerResponse,
): Promise<void> {
  await recordRefusal(db, { actor: user, front: BROWSER, action: 'house', result: 'admins-only' });
  sendPage(res, nothingHere);
}

const nothingHere = {
  status: 404,
  title: 'Nothing here',
  text: 'There is no such page, or it is not for you.',
  next: { label: 'Your own pages', href: SETTINGS_PAGE },
};

const notOurPage = {
  status: 403,
  title: 'Nothing was changed',
  text: 'Another site asked for it. To change what is yours, use our own pages.',
  next: { label: 'Go there', href: SETTINGS_PAGE },
};

const MAX_FORM_BYTES = 4_096;

async function press(
  options: SettingsPagesOptions,
  page: PageName,
  act: Act,
  { req, res, params }: { req: IncomingMessage; res: ServerResponse; params: Params },
): Promise<void> {
  const { db, baseUrl, admins } = options;
  if (!isFromOrigin(req, new URL(baseUrl).origin)) return sendPage(res, notOurPage);
  const person = await readSettingsPerson(db, baseUrl, req.headers.cookie);
  if (!person) return redirect(res, `${baseUrl}${SETTINGS_PAGE}`);
  if (isHouse(page) && !(await admins.has(person.user))) return refuseHouse(options, person, res);
  // A path may hold anything, Postgres' text may not.
  if (Object.values(params).some((one) => one.includes('\0'))) return sendPage(res, nothingHere);
  const form = new URLSearchParams((await readBody(req, MAX_FORM_BYTES)).toString('utf8'));
  try {
    const said = await act(options, person, { params, form });
    if (said === undefined) return redirect(res, `${baseUrl}${pathOf(page)}`);
    if (typeof said === 'object') return sendPage(res, said);
    await send(options, page, person, res, { status: 200, text: said });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    await send(options, page, person, res, { status: error.status, text: error.message });
  }
}

/** As a program of theirs would; what was refused is what the page says. */
async function say(
  { asking, admins }: SettingsPagesOptions,
  { user, secret }: SettingsPerson,
  spoken: { line: string; workspace?: string },
): Promise<string | undefined> {
  const caller = { user, token: undefined, secret, isWhole: true, isAdmin: () => admins.has(user) };
  const call = { caller, params: {}, query: {}, body: {}, keyed: undefined, isRepeated: false };
  const done = () => Promise.resolve({ status: 202, body: {} });
  const { status, body } = await asking.ask(call, { ...spoken, field: 'id' }, done);
  if (status < 300) return undefined;
  const { error, message } = body as { error: string; message: string };
  throw new ApiError(status, error, message);
}

const OWN_VERBS = ['extend', 'restart', 'stop', 'start', 'retry', 'rm'];
const HOUSE_VERBS = ['stop', 'rm'];
const WORKSPACE = /^ws-[a-z2-7]{12}$/;
const NODE = /^vm-[a-z2-7]{12}$/;
const ORPHAN = /^[\w.-]{1,100}$/;

const unknown = (): ApiError => new ApiError(404, 'not-found', nothingHere.text);

/** Their own alone: what else they may, they may where it is shown. */
const sayOfOwn: Act = async (options, person, { params: { id = '', verb = '' } }) => {
  const row =
    WORKSPACE.test(id) && OWN_VERBS.includes(verb) ? await findWorkspace(options.db, id) : undefined;
  if (!row) throw unknown();
  if (!isOwner(person.user, row)) {
    const refused = { actor: person.user, front: BROWSER, action: verb, workspace: id };
    await recordRefusal(options.db, { ...refused, result: 'not-found' });
    throw unknown();
  }
  return say(options, person, { line: `${verb} ${id}`, workspace: id });
};

const sayOfAnybodys: Act = (options, person, { params: { id = '', verb = '' } }) => {
  if (!WORKSPACE.test(id) || !HOUSE_VERBS.includes(verb)) throw unknown();
  return say(options, person, { line: `${verb} ${id}`, workspace: id });
};

const sayOfNode: Act = (options, person, { params: { id = '', verb = '' } }) => {
  if (!NODE.test(id) || !HOUSE_VERBS.includes(verb)) throw unknown();
  return say(options, person, { line: `node ${verb} ${id}` });
};

const setLimit: Act = (options, person, { form }) => {
  const [whom, kind, most] = ['whom', 'kind', 'most'].map((name) => form.get(name)?.trim() ?? '');
  if (![kind, most].every((one) => /^\w{1,12}$/.test(one ?? '')) || !/^[@\w./|<>#-]{1,150}$/.test(whom ?? ''))
    throw new ApiError(400, 'bad-request', 'Say whom it is for, and a number, unlimited or default.');
  return say(options, person, { line: `limit ${whom} ${kind}=${most}` });
};

const endOrphan: Act = (options, person, { params: { id = '' } }) => {
  if (!ORPHAN.test(id)) throw unknown();
  return say(options, person, { line: `node rm ${id} --orphan` });
};

const MAX_DAYS = 366;

const makeToken: Act = async ({ db }, { user }, { form }) => {
  const name = form.get('name')?.trim().toLowerCase() ?? '';
  const days = Number(form.get('days'));
  const scope = form.get('scope') === 'write' ? 'write' : 'read';
  if (!isValidName(name) || !Number.isInteger(days) || days < 1 || days > MAX_DAYS)
    throw new ApiError(
      400,
      'bad-request',
      `A token has a name like ci, and lives for 1 to ${MAX_DAYS} days.`,
    );
  try {
    const token = await db.transaction(async (tx) => {
      const row = await insertToken(tx, user, { name, scope, lifeMs: days * 86_400_000 });
      await recordOwn(tx, user, 'token-made', `${row.id} ${row.name} ${row.scope}`);
      return giveSecret(tx, row.id);
    });
    // The one answer that has it is this page, which nothing keeps.
    return `Your token ${name}, shown this once: ${token}`;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new ApiError(409, 'token-taken', `You already have a token called ${name}.`);
  }
};

const endToken: Act = ({ db }, { user }, { params: { id = '' } }) =>
  db.transaction(async (tx) => {
    if (await dropToken(tx, user, id)) await recordOwn(tx, user, 'token-ended', id);
    return undefined;
  });

/** A code is not enough to take a chat away: it came from one. */
const endChat: Act = ({ db }, { user, isByCode }, { params: { id = '' } }) => {
  if (isByCode)
    throw new ApiError(403, 'forbidden', 'That takes a sign-in: a link from the chat is not enough.');
  const [source = '', externalId = ''] = id.split(' ');
  return db.transaction(async (tx) => {
    if (await unlinkOf(tx, user, { source, externalId })) await recordOwn(tx, user, 'disconnect', id);
    return undefined;
  });
};

const endOneBrowser: Act = ({ db }, { user }, { params: { id = '' } }) =>
  db.transaction(async (tx) => {
    if (await endBrowser(tx, user, id)) await recordOwn(tx, user, 'session-ended', id);
    return undefined;
  });

async function sendExport(
  { db, baseUrl }: SettingsPagesOptions,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const person = await readSettingsPerson(db, baseUrl, req.headers.cookie);
  if (!person) return redirect(res, `${baseUrl}${SETTINGS_PAGE}`);
  const all = await exportPerson(db, person.user, BROWSER);
  const headers = { 'content-disposition': `attachment; filename="sam-${person.user}.json"` };
  sendJson(res, 200, all, headers);
}

const GONE: CalmPage = {
  status: 200,
  title: 'You are gone here',
  text: 'Nothing lets in any more, and your workspaces are being deleted. Whoever signs in with the same account is somebody new.',
};

/** A code that the chat showed is enough where nobody can sign in. */
const deleteMe: Act = async ({ db, canSignIn }, { user, isByCode }, { form }) => {
  if (isByCode && canSignIn)
    throw new ApiError(403, 'forbidden', 'That takes a sign-in: a link from the chat is not enough.');
  if (await deletePerson(db, user, form.get('confirm') ?? '')) return GONE;
  throw new ApiError(400, 'bad-request', 'That is not your name as it stands here. Nothing was deleted.');
};
