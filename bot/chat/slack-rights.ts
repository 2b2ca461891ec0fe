// Who may say what in Slack: the rights of the GitHub account that they are connected with, asked when the command runs.
import { findKnown, type Known } from '../access/connect-store.ts';
import { UserError } from '../errors.ts';
import type { GitHubApp } from '../github/app.ts';
import type { Asked } from './chat.ts';
import { unknownRepository } from './github-places.ts';
import { checkRight } from './repository-rights.ts';
import type { SlackConfig } from './slack-config.ts';
import { sourceOf, type Event } from './slack-events.ts';
import * as slackStore from './slack-store.ts';
import type { Executor } from './store.ts';

export interface SlackRights {
  db: Executor;
  config: SlackConfig;
  github: { app: GitHubApp; url: string } | undefined;
  commandsPerHour: number;
}

/** Nobody knows yet who they are: the answer to it is a private way to the sign-in. */
export const NOT_CONNECTED = 'not-connected';

/** Throws UserError: `not-connected`, `forbidden`, `too-often`, or where nothing may be started. */
export async function permit(rights: SlackRights, asked: Asked, event: Event): Promise<void> {
  const { command } = asked;
  if (!command.isForAnyone) {
    const known = await checkConnected(rights, event);
    if (!rights.github) checkChannel(rights, asked, event);
    else if (known?.github) await checkRepositories(rights.github.app, rights, asked, known.github);
  }
  await checkPace(rights, asked);
}

/** With a GitHub App Slack alone gives no right. */
export async function checkConnected(
  { db, github }: Pick<SlackRights, 'db' | 'github'>,
  event: Event,
): Promise<Known | undefined> {
  const known = await findKnown(db, { source: sourceOf(event), externalId: event.user });
  if (github && !known?.github)
    throw new UserError(
      NOT_CONNECTED,
      'I do not know yet who you are on GitHub, and what you may do here is what you may do there.',
    );
  return known;
}

/** Without a GitHub App nobody can say who may: those who chose the channels did. */
function checkChannel({ config }: SlackRights, { command, repository, line }: Asked, event: Event): void {
  if (!command.needsWrite || !repository || config.allowedChannels.includes(event.channel)) return;
  throw new UserError(
    'not-here',
    `\`${config.command} ${line.verb}\` is for the channels that were chosen for it (SLACK_ALLOWED_CHANNELS), and this is none of them. What works here: \`${config.command} help\`.`,
  );
}

/** Of what is theirs already only that which opens it or keeps it running needs the right anew: stopping never does. */
async function checkRepositories(
  app: GitHubApp,
  { db, config, github }: SlackRights,
  { command, line, repository, heard }: Asked,
  person: { id: number; login: string },
): Promise<void> {
  const labels = repository ? [repository.label] : [];
  const { target } = line;
  if (!repository && command.needsWrite) {
    const name = target?.kind === 'name' ? target.name : target ? undefined : heard.place.workspace;
    const number = target?.kind === 'number' ? target.number : undefined;
    const addresses = await slackStore.listRepositories(db, heard.actor.id, { name, number });
    const ours = `${github?.url ?? ''}/`;
    labels.push(...addresses.filter((url) => url.startsWith(ours)).map((url) => url.slice(ours.length)));
  }
  for (const label of labels) {
    const octokit = await app.on(label);
    if (!octokit) throw unknownRepository(label);
    const needsWrite = command.needsWrite === true;
    const said = `${config.command} ${line.verb}`;
    await checkRight(octokit, { label, person, line: said, needsWrite, isKnown: !repository });
  }
}

async function checkPace({ db, config, commandsPerHour }: SlackRights, { delivery }: Asked): Promise<void> {
  if (commandsPerHour === 0) return;
  if ((await slackStore.countRecent(db, delivery.thread)) < commandsPerHour) return;
  throw new UserError(
    'too-often',
    `In the last hour you have said as much as I take in an hour. Wait a while, then say it again: \`${config.command} status\`.`,
  );
}
