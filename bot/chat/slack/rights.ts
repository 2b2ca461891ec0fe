// Who may say what in Slack: the rights of the GitHub account that they are connected with, asked when the command runs.
import { findKnown, type Known } from '../../access/people/links-store.ts';
import { UserError } from '../../errors.ts';
import { readPermission, type Person } from '../../forges/github/permissions.ts';
import type { PendingCommand, Permission } from '../front.ts';
import { unknownRepository, type Site } from '../../forges/github/locate.ts';
import { checkRight, isEnough } from '../../forges/rights.ts';
import type { SlackConfig } from './config.ts';
import { sourceOf, type Event } from './request.ts';
import * as slackStore from './store.ts';
import type { Executor } from '../store.ts';

export interface SlackRights {
  db: Executor;
  config: SlackConfig;
  github: Site | undefined;
  commandsPerHour: number;
}

/** Nobody knows yet who they are: the answer to it is a private way to the sign-in. */
export const NOT_CONNECTED = 'not-connected';

/** Throws UserError: `not-connected`, `forbidden`, `too-often`, or where nothing may be started. */
export async function permit(rights: SlackRights, asked: PendingCommand, event: Event): Promise<Permission> {
  let permission: Permission = {};
  if (!asked.command.isForAnyone) {
    const known = await checkConnected(rights, event);
    if (!rights.github) checkChannel(rights, asked, event);
    else if (known?.github) {
      await checkRepositories(rights.github, rights, asked, known.github);
      permission = await readMaintained(rights.github, rights, asked, known.github);
    }
  }
  await checkPace(rights, asked);
  return permission;
}

/** What others run maintainers name by its id anywhere, by its name in a channel that has a repository. */
async function readMaintained(
  { app, url }: Site,
  { db }: SlackRights,
  { command, line, repository, incoming }: PendingCommand,
  person: Person,
): Promise<Permission> {
  const { channel } = incoming.place;
  if (!command.isForMaintainers || channel === undefined) return {};
  const { target } = line;
  // The button of a card names the workspace by its id, and so its repository.
  const address = target?.kind === 'name' ? await slackStore.findRepository(db, target.name) : undefined;
  const named = address?.startsWith(`${url}/`) ? address.slice(url.length + 1) : undefined;
  const label = repository?.label ?? named ?? (await slackStore.findDefault(db, channel))?.repository;
  const octokit = label === undefined ? undefined : await app.on(label);
  if (label === undefined || !octokit) return {};
  const isMaintainer = isEnough(await readPermission(octokit, label, person), 'maintain');
  return isMaintainer ? { maintains: `${url}/${label}` } : {};
}

/** With a GitHub App Slack alone gives no right. */
export async function checkConnected(
  { db, github }: Pick<SlackRights, 'db' | 'github'>,
  event: Event,
): Promise<Known | undefined> {
  const known = await findKnown(db, { source: sourceOf(event), externalId: event.user });
  if (github && !known?.github) throw new UserError(NOT_CONNECTED, {});
  return known;
}

/** Without a GitHub App nobody can say who may: those who chose the channels did. */
function checkChannel(
  { config }: SlackRights,
  { command, repository, line }: PendingCommand,
  event: Event,
): void {
  if (!command.needsWrite || !repository || config.allowedChannels.includes(event.channel)) return;
  throw new UserError('not-here', { verb: line.verb });
}

/** Of what is theirs already only that which opens it or keeps it running needs the right anew: stopping never does. */
async function checkRepositories(
  { app, url, settings }: Site,
  { db }: SlackRights,
  { command, line, repository, incoming }: PendingCommand,
  person: Person,
): Promise<void> {
  const labels = repository ? [repository.label] : [];
  const { target } = line;
  if (!repository && command.needsWrite) {
    const name = target?.kind === 'name' ? target.name : target ? undefined : incoming.place.workspace;
    const number = target?.kind === 'number' ? target.number : undefined;
    const addresses = await slackStore.listRepositories(db, incoming.actor.id, { name, number });
    const ours = `${url}/`;
    labels.push(...addresses.filter((one) => one.startsWith(ours)).map((one) => one.slice(ours.length)));
  }
  for (const label of labels) {
    const octokit = await app.on(label);
    if (!octokit) throw unknownRepository(label);
    const wanted = { label, person, command, line, isKnown: !repository };
    await checkRight(octokit, settings, wanted);
  }
}

async function checkPace({ db, commandsPerHour }: SlackRights, { delivery }: PendingCommand): Promise<void> {
  if (commandsPerHour === 0) return;
  if ((await slackStore.countRecent(db, delivery.thread)) < commandsPerHour) return;
  throw new UserError('too-often', {});
}
