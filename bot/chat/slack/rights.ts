// Who may say what in Slack: the rights of the account on a forge that they are connected with, asked when the command runs.
import { findKnown, type Known } from '../../access/people/links-store.ts';
import { UserError } from '../../errors.ts';
import { unknownRepository } from '../../forges/find.ts';
import { addressOf, findForge, type Forge, type Person } from '../../forges/forge.ts';
import type { PendingCommand, Permission } from '../front.ts';
import { checkRight, isEnough, mayAsk } from '../../forges/rights.ts';
import type { SlackConfig } from './config.ts';
import { sourceOf, type Event } from './request.ts';
import * as slackStore from './store.ts';
import { findDefault } from '../../workspaces/store/settings.ts';
import type { Executor } from '../../database/types.ts';

export interface SlackRights {
  db: Executor;
  config: SlackConfig;
  /** The first is the one whose repositories channels have. */
  forges: readonly Forge[];
  commandsPerHour: number;
}

/** Nobody knows yet who they are: the answer to it is a private way to the sign-in. */
export const NOT_CONNECTED = 'not-connected';

/** Throws UserError: `not-connected`, `forbidden`, `too-often`, or where nothing may be started. */
export async function permit(rights: SlackRights, asked: PendingCommand, event: Event): Promise<Permission> {
  let permission: Permission = {};
  if (!asked.command.isForAnyone) {
    const known = await checkConnected(rights, event);
    if (rights.forges.length === 0) checkChannel(rights, asked, event);
    else {
      await checkRepositories(rights, asked, known);
      permission = await readPlace(rights, asked, known);
    }
  }
  await checkPace(rights, asked);
  return permission;
}

/** What others run one names by its id anywhere, by its name in a channel that has a repository, or not at all below its card. */
async function readPlace(
  { db, forges }: SlackRights,
  { command, line, repository, incoming }: PendingCommand,
  known: Known | undefined,
): Promise<Permission> {
  const { channel, workspace } = incoming.place;
  const { isForMaintainers, isForReaders, isForAskers } = command;
  if (!(isForMaintainers || isForReaders || isForAskers) || channel === undefined) return {};
  const { target } = line;
  // The button of a card names the workspace by its id, and so its repository.
  const id = target?.kind === 'name' ? target.name : target ? undefined : workspace;
  const named = id === undefined ? undefined : await slackStore.findRepository(db, id);
  const place =
    findForge(forges, repository?.url ?? named ?? '') ?? (await findUsual({ db, forges }, channel));
  const person = place && known?.accounts.get(place.forge.name);
  if (!place || !person) return {};
  const { forge, label } = place;
  const permission = await forge.readPermission(label, person);
  const address = addressOf(forge, label);
  return {
    ...(isEnough(permission, 'maintain') ? { maintains: address } : {}),
    ...(isEnough(permission, 'read') ? { reads: address } : {}),
    ...(isForAskers && (await mayAsk(forge, label, person)) ? { asks: address } : {}),
  };
}

/** The repository that a channel is about. */
async function findUsual(
  { db, forges }: Pick<SlackRights, 'db' | 'forges'>,
  channel: string,
): Promise<{ forge: Forge; label: string } | undefined> {
  const [forge] = forges;
  const label = (await findDefault(db, 'slack', channel))?.repository;
  return forge && label !== undefined ? { forge, label } : undefined;
}

/** Where rights can be asked for Slack alone gives none. */
export async function checkConnected(
  { db, forges }: Pick<SlackRights, 'db' | 'forges'>,
  event: Event,
): Promise<Known | undefined> {
  const known = await findKnown(db, { source: sourceOf(event), externalId: event.user });
  if (forges.length > 0 && !forges.some(({ name }) => known?.accounts.has(name))) throw notConnected();
  return known;
}

/** Who they are there. Throws UserError `not-connected`. */
export function accountOn(known: Known | undefined, { name }: Forge): Person {
  const account = known?.accounts.get(name);
  if (!account) throw notConnected();
  return account;
}

/** Somebody whom Slack wrote as a member. Names are nobody's here: Slack's own and those of forges would be mixed up. */
export async function findMember(
  { db }: Pick<SlackRights, 'db'>,
  typed: string,
  forge: Forge,
  event: Event,
): Promise<Person> {
  const [, externalId] = /^<@(.+)>$/.exec(typed) ?? [];
  if (externalId === undefined) throw new UserError('no-person', { typed, in: 'Slack' });
  const known = await findKnown(db, { source: sourceOf(event), externalId });
  const account = known?.accounts.get(forge.name);
  if (!account) throw new UserError('person-unconnected', { forge: forge.title });
  return account;
}

const notConnected = (): UserError => new UserError(NOT_CONNECTED, {});

/** Without a forge nobody can say who may: those who chose the channels did. */
function checkChannel(
  { config }: SlackRights,
  { command, repository, line }: PendingCommand,
  event: Event,
): void {
  // Of many Slack workspaces another one may have a channel of that id.
  const channel = config.install ? `${event.team}/${event.channel}` : event.channel;
  if (!command.needsWrite || !repository || config.allowedChannels.includes(channel)) return;
  throw new UserError('not-here', { verb: line.verb });
}

/** Of what is theirs already only that which opens it or keeps it running needs the right anew: stopping never does. */
async function checkRepositories(
  { db, forges }: SlackRights,
  { command, line, repository, incoming }: PendingCommand,
  known: Known | undefined,
): Promise<void> {
  const addresses = repository ? [repository.url] : [];
  const { target } = line;
  if (!repository && command.needsWrite) {
    const name = target?.kind === 'name' ? target.name : target ? undefined : incoming.place.workspace;
    const number = target?.kind === 'number' ? target.number : undefined;
    addresses.push(...(await slackStore.listRepositories(db, incoming.actor.id, { name, number })));
  }
  const places = addresses.flatMap((one) => findForge(forges, one) ?? []);
  // What is on none of them nobody can say anything about, which is a no.
  if (repository && places.length === 0) throw unknownRepository(repository.label);
  for (const { forge, label } of places) {
    const person = accountOn(known, forge);
    const wanted = { label, person, command, line, isKnown: !repository };
    await checkRight(forge, wanted);
  }
}

async function checkPace({ db, commandsPerHour }: SlackRights, { delivery }: PendingCommand): Promise<void> {
  if (commandsPerHour === 0) return;
  if ((await slackStore.countRecent(db, delivery.thread)) < commandsPerHour) return;
  throw new UserError('too-often', {});
}
