// Forms: opened at once, because Slack's permission to open one lasts three seconds; what was filled in is checked as it comes
// in, as far as the words and our own rows say. Opening one changes nothing; what a form says is stored and runs like any command.
import type { Logger } from 'pino';
import { createConnectUrl } from '../../../access/people/linking.ts';
import { findKnown } from '../../../access/people/links-store.ts';
import { parse } from '../../../commands/parser/parse.ts';
import type { ParseContext, ParsedCommand } from '../../../commands/parser/parsed.ts';
import { messageOf } from '../../../errors.ts';
import type { Forge, Person } from '../../../forges/forge.ts';
import { isDirty } from '../../../workspaces/workspace.ts';
import { renderConnectFirst, renderDelete, renderNew, renderRename, type FormView } from './render.ts';
import type { SlackCalls } from '../calls.ts';
import { sourceOf, type Event } from '../request.ts';
import type { Field, FormRequest } from './events.ts';
import { findOwned, isNameTaken, listConfigurations } from '../home/store.ts';
import { searchRepositories, type Repositories } from '../../repositories.ts';
import { findDefault } from '../../../workspaces/store/settings.ts';
import { wordRefusal, type Say } from '../../wording.ts';
import type { Executor } from '../../../database/types.ts';

export interface Forms {
  db: Executor;
  calls: SlackCalls;
  /** Of which repositories are offered. */
  forge: Forge | undefined;
  baseUrl: string;
  repositories: Repositories;
  log: Logger;
}

/** False: it could not be opened; then it is asked for in words. Never throws. */
export async function openForm(forms: Forms, request: FormRequest): Promise<boolean> {
  try {
    const view = await compose(forms, request);
    await forms.calls.call(request.team, 'open form', (client) =>
      client.views.open({ trigger_id: request.trigger, view }),
    );
    return true;
  } catch (error) {
    forms.log.warn({ form: request.about, error: messageOf(error) }, 'a form could not be opened');
    return false;
  }
}

async function compose(forms: Forms, request: FormRequest): Promise<FormView> {
  const { db, forge } = forms;
  const known = await findKnown(db, { source: sourceOf(request), externalId: request.user });
  const { channel, threadTs, id } = request;
  const metadata = { channel, ...(threadTs ? { threadTs } : {}), ...(id ? { id } : {}) };
  if (request.about === 'new') {
    const account = forge && known?.accounts.get(forge.name);
    if (forge && !account) return composeConnect(forms, request);
    // What the search will need is looked up while the form opens.
    if (forge) forms.repositories.prepare();
    const repository = await chooseRepository(forms, request, account);
    const [, label = ''] = /^([^#@\s]+)/.exec(repository ?? '') ?? [];
    const configurations =
      known && forge && label ? await listConfigurations(db, known.user.id, `${forge.url}/${label}`) : [];
    const offered = { repository, canSearch: forge !== undefined, configurations };
    return renderNew(JSON.stringify(metadata), offered);
  }
  const workspace = known && id ? await findOwned(db, known.user.id, id) : undefined;
  if (request.about === 'rename') return renderRename(JSON.stringify(metadata), workspace?.name);
  const work = workspace?.reported?.work;
  const dirty = isDirty(work) ? work : undefined;
  const force = dirty ? { force: true } : {};
  return renderDelete(JSON.stringify({ ...metadata, ...force }), workspace?.name ?? id ?? '', dirty);
}

/** Slack's permission to open the form ends in three seconds. */
const LOOK_WITHIN_MS = 1_000;

/** What the message names for certain; else what it names, if it is theirs to write to; else what the channel means. */
async function chooseRepository(
  { db, repositories }: Forms,
  { team, channel, named }: FormRequest,
  person: Person | undefined,
): Promise<string | undefined> {
  if (named?.repository) return named.repository;
  const usual = (await findDefault(db, 'slack', `${team}/${channel}`))?.repository;
  if (!person) return usual;
  const maybe = (named?.maybe ?? []).map((word) => word.toLowerCase());
  const found = await Promise.all(
    maybe.map((word) => searchRepositories(repositories, person, word, { timeoutMs: LOOK_WITHIN_MS })),
  );
  return found.flat().find((one) => maybe.includes(one.toLowerCase())) ?? usual;
}

async function composeConnect({ db, baseUrl }: Forms, request: FormRequest): Promise<FormView> {
  const identity = { source: sourceOf(request), externalId: request.user };
  const known = await findKnown(db, identity);
  // Nothing was said that could go on afterwards.
  const invitation = { ...identity, login: known?.login ?? request.name ?? request.user, delivery: '' };
  return renderConnectFirst(await createConnectUrl(db, baseUrl, invitation));
}

const MAX_ERROR = 150;

/** What is wrong with the fields, by field; undefined: nothing that the words and the names of their own workspaces could tell. */
export async function refuseForm(
  db: Executor,
  event: Event,
  fields: readonly Field[],
  { context, say }: { context: ParseContext; say: Say },
): Promise<Record<string, string> | undefined> {
  for (const { block, line } of fields) {
    const parsed = parse(line, context);
    const wrong =
      parsed.kind === 'error'
        ? wordRefusal(parsed, say).text
        : parsed.kind === 'command' && parsed.verb === 'rename'
          ? await refuseName(db, event, parsed)
          : undefined;
    if (wrong) return { [block]: wrong.slice(0, MAX_ERROR).toWellFormed() };
  }
  return undefined;
}

/** Of somebody else's workspace, and of a name that is taken in the meantime, the command says what is to be said. */
async function refuseName(
  db: Executor,
  event: Event,
  { target, value: name }: ParsedCommand,
): Promise<string | undefined> {
  if (typeof name !== 'string' || target?.kind !== 'name') return undefined;
  const known = await findKnown(db, { source: sourceOf(event), externalId: event.user });
  const owned = known && (await findOwned(db, known.user.id, target.name));
  if (!known || !owned || owned.name === name) return undefined;
  return (await isNameTaken(db, known.user.id, name))
    ? `You already have a workspace called ${name}. Take another name.`
    : undefined;
}

/** What may be offered to them while they type; nothing where the forge does not answer in time. Never throws. */
export async function suggestRepositories(
  { db, forge, repositories, log }: Forms,
  { home, user, typed }: { home: string; user: string; typed: string },
): Promise<string[]> {
  try {
    const known = await findKnown(db, { source: sourceOf({ home }), externalId: user });
    const account = forge && known?.accounts.get(forge.name);
    return account ? await searchRepositories(repositories, account, typed) : [];
  } catch (error) {
    log.warn({ error: messageOf(error) }, 'no repositories could be offered');
    return [];
  }
}
