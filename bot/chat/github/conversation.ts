// What is said on GitHub: comments, labels and buttons in; reactions, replies and one card a thread out. Knows no cloud.
import { mayName } from '../../commands/audience.ts';
import { formatCommand } from '../../commands/parser/format.ts';
import type { ParseContext, ParsedCommand, Target } from '../../commands/parser/parsed.ts';
import type { Card, Delivery, Executor, User } from '../../database/types.ts';
import { locateOn } from '../../forges/find.ts';
import type { Repository } from '../../forges/forge.ts';
import type { GitHub } from '../../forges/github/github.ts';
import { missingPermission } from '../../forges/github/missing-permissions.ts';
import { UserError } from '../../errors.ts';
import type { GitHubApp } from '../../forges/github/app.ts';
import type { GitHubConfig } from '../../forges/github/config.ts';
import { TRIGGER } from '../wording.ts';
import {
  noAcknowledgement,
  personByLogin,
  type Conversation,
  type FrontOptions,
  type IncomingCommand,
  type Spoken,
  type WorkspaceRef,
} from '../front.ts';
import { showAnswer } from './answers.ts';
import { addressOf, createCardSender } from './cards.ts';
import { postTurn } from './turns.ts';
import { eventOf, readLabel, type Event } from './events.ts';
import { noticeEdit, noticeOf } from './notices.ts';
import { createRights, personOf } from './rights.ts';
import { createSignalSender } from './signals.ts';
import { onGitHub } from './render.ts';
import { meetPerson } from '../../access/store/people.ts';

export type GitHubOptions = Omit<FrontOptions, 'config' | 'github'> &
  GitHub & {
    config: GitHubConfig;
    /** A person's, in an hour; a repository's is twice that. 0: no maximum. */
    commandsPerHour: number;
    /** Where people leave their keys, once they are signed in. */
    settingsPage: string;
    /** The signed address of a workspace's terminal. */
    linkTo: (workspace: { id: string }) => string;
  };

export function createConversation(options: GitHubOptions): Conversation {
  const { db, config } = options;
  const rights = createRights(options);
  const sender = { ...options, contextFor: () => contextFor(options) };
  const [sendComment, sendSignal] = [createCardSender(sender), createSignalSender(sender)];
  return {
    traits: onGitHub,
    thread: undefined,
    isQueued: true,
    async notice(delivery) {
      const event = eventOf(delivery);
      if (event.kind === 'edited') return noticeEdit(db, await contextFor(options), event);
      return noticeOf(options, delivery, event);
    },
    hear: (delivery) => hear(options, delivery),
    locate: (target, delivery) => locate(options, target, eventOf(delivery)),
    explain: (error, delivery) =>
      explainMissingPermission(options.app, error, repositoryOf(eventOf(delivery))),
    findPerson: personByLogin,
    permit: (asked) => rights.permit(asked, eventOf(asked.delivery)),
    // Where the end does not come at once, the queue says that it was heard.
    acknowledge: noAcknowledgement,
    answer: (delivery, answer) => showAnswer(sender, delivery, answer),
    sendCard: (card, views) => (card.kind === 'card' ? sendComment : sendSignal)(card, views),
    sendTurn: (card, turn) => postTurn(sender, card, turn),
    threadUrl(thread) {
      const { repository, number } = addressOf(thread);
      return `${config.url}/${repository}/issues/${number}`;
    },
    cardOf: (workspace, { topic }, { delivery }) => cardOf(config, workspace, topic, eventOf(delivery)),
    signalsOf: (workspace) => signalsOf(config, workspace),
  };
}

function cardOf(
  { url }: GitHubConfig,
  workspace: WorkspaceRef,
  here: string | undefined,
  event: Event,
): Pick<Card, 'thread' | 'subject'> | undefined {
  const { id, topic, repository } = workspace;
  if (topic) return { thread: topic, subject: topic };
  if (!here || !('sender' in event) || !repository.startsWith(`${url}/`)) return undefined;
  const place = { repository: `${url}/${event.repository}` };
  return mayName({ traits: onGitHub, place }, workspace) ? { thread: here, subject: id } : undefined;
}

function signalsOf(
  { url }: GitHubConfig,
  { topic, repository, key }: WorkspaceRef,
): Pick<Card, 'thread' | 'subject' | 'kind'>[] {
  const isPullRequest = repository.startsWith(`${url}/`) && /\|pr:\d+\|/.test(key);
  if (!topic || !isPullRequest) return [];
  return (['deployment', 'check'] as const).map((kind) => ({ thread: topic, subject: topic, kind }));
}

async function hear(options: GitHubOptions, delivery: Delivery): Promise<IncomingCommand | undefined> {
  const event = eventOf(delivery);
  const spoken = await spokenOf(options, event);
  if (!spoken || !('sender' in event)) return undefined;
  return {
    actor: await meet(options.db, event.sender),
    spoken,
    place: {
      thread: delivery.thread,
      repository: `${options.config.url}/${event.repository}`,
      ...('number' in event ? { topic: delivery.thread } : {}),
      ...(event.kind === 'comment' && event.at ? { comment: event.at } : {}),
    },
  };
}

const repositoryOf = (event: Event): string | undefined =>
  'repository' in event ? event.repository : undefined;

const meet = (db: Executor, { id, login }: { id: number; login: string }): Promise<User> =>
  meetPerson(db, { source: 'github', externalId: String(id), login });

/** What the person said, or would have: labels and buttons are short for commands. */
async function spokenOf(options: GitHubOptions, event: Event): Promise<Spoken | undefined> {
  const { settings } = options;
  switch (event.kind) {
    case 'comment':
      return { text: event.text, context: await contextFor(options) };
    case 'label': {
      const ours = readLabel(event.label, (await settings.require(event.repository)).settings.label);
      // A label on what is closed is a mark, and asks for nothing.
      if (!ours || !event.isAdded || !event.isOpen) return undefined;
      return shortFor({ verb: 'up', flags: ours.size ? { size: ours.size } : {} });
    }
    case 'opened':
      return (await settings.require(event.repository)).settings.auto_start
        ? shortFor({ verb: 'up' })
        : undefined;
    case 'button': {
      const button = BUTTONS[event.identifier];
      return button && shortFor({ ...button, target: { kind: 'name', name: event.subject } });
    }
    default:
      return undefined;
  }
}

type Short = Pick<ParsedCommand, 'verb'> & Partial<Pick<ParsedCommand, 'target' | 'flags' | 'value'>>;

function shortFor(short: Short): { command: ParsedCommand } {
  const command = { kind: 'command' as const, flags: {}, words: [], ignored: [], ...short };
  return { command: { ...command, line: formatCommand(command, '') } };
}

/** What each is about is a workspace, by its id. */
const BUTTONS: Record<string, Short> = {
  open: { verb: 'open' },
  stop: { verb: 'stop' },
  keep: { verb: 'extend', value: { ms: 4 * 3_600_000 } },
  start: { verb: 'start' },
  retry: { verb: 'retry' },
};

async function contextFor({ app, config, commands }: GitHubOptions): Promise<ParseContext> {
  const slug = await app.slug();
  return {
    traits: onGitHub,
    markup: 'markdown',
    triggers: [TRIGGER, `@${slug}`, `@${slug}[bot]`, ...config.mentions],
    triggerOptional: false,
    commands,
    hosts: [new URL(config.url).host],
    allowPaths: false,
    allowUrls: false,
  };
}

async function locate(
  { forge }: GitHubOptions,
  target: Target | undefined,
  event: Event,
): Promise<Repository | undefined> {
  if (!('sender' in event)) return undefined;
  if (target && target.kind !== 'number' && target.kind !== 'repository') return undefined;
  return locateOn(forge, target, { ...event, sender: personOf(event.sender) });
}

/** Undefined: that was not the reason. */
function explainMissingPermission(
  app: Pick<GitHubApp, 'settingsUrl' | 'missingPermissions'>,
  error: unknown,
  repository: string | undefined,
): UserError | undefined {
  const permission = missingPermission(error);
  if (permission === undefined) return undefined;
  if (repository) app.missingPermissions.note(repository, permission);
  const page = repository && app.settingsUrl(repository);
  const details = { ...(permission === 'unknown' ? {} : { permission }), ...(page ? { page } : {}) };
  return new UserError('app-lacks', details, { cause: error });
}
