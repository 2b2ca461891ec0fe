// GitHub as a front: comments, labels and buttons in; reactions, replies and one card a thread out. Knows no cloud.
import type { Logger } from 'pino';
import { follow, notePush, sayFarewell } from '../commands/farewell.ts';
import type { ParseContext, Target } from '../commands/parsed.ts';
import type { Command, Repository } from '../commands/scene.ts';
import type { Answer, Delivery, User } from '../database/types.ts';
import { messageOf } from '../errors.ts';
import type { GitHubApp, Octokit } from '../github/app.ts';
import type { GitHubConfig } from '../github/config.ts';
import { readPermission } from '../github/permissions.ts';
import * as threads from '../github/threads.ts';
import type { Route } from '../http.ts';
import type { FrontEnd } from './chat.ts';
import { createCardSender } from './github-cards.ts';
import { Event } from './github-events.ts';
import { locateOn } from './github-places.ts';
import { createRights } from './github-rights.ts';
import { webhookRoute } from './github-webhooks.ts';
import { renderReply } from './render/github.ts';
import type { CardView } from './render/view.ts';
import * as store from './store.ts';
import type { Conclusion, Executor } from './store.ts';

export interface GitHubOptions {
  db: Executor;
  app: GitHubApp;
  config: GitHubConfig;
  commands: readonly Command[];
  /** A person's, in an hour; a repository's is twice that. 0: no maximum. */
  commandsPerHour: number;
  /** The signed address of a workspace's terminal. */
  linkTo: (view: CardView) => string;
  /** The shortest time between two edits of a card, in the long run. */
  paceMs: number;
  log: Logger;
}

export interface GitHubFront extends FrontEnd {
  routes: Route[];
  /** Reactions that say how a command ended, for the loop. */
  conclusions: {
    name: string;
    take(): Promise<(() => Promise<void>) | undefined>;
    dueInMs(): Promise<number | undefined>;
  };
}

type Comment = Extract<Event, { kind: 'comment' }>;

/** Comments beside the card, in one thread, in ten minutes: more would be a loop. */
const MOST_SAID = 3;

export function createGitHub(options: GitHubOptions): GitHubFront {
  const { db, config } = options;
  const rights = createRights(options);
  const sendCard = createCardSender({ ...options, contextFor: () => contextFor(options) });
  return {
    name: 'github',
    routes: [webhookRoute({ db, secrets: config.webhookSecrets })],
    conclusions: {
      name: 'github reactions',
      dueInMs: () => Promise.resolve(undefined),
      async take() {
        const held = await store.claimConclusion(db, 'github');
        return held && (() => conclude(options, held));
      },
    },
    notice: (delivery) => noticeOf(options, delivery),
    async hear(delivery) {
      const event = eventOf(delivery);
      const text = textOf(event);
      if (text === undefined || !('sender' in event)) return undefined;
      return {
        actor: await meet(db, event.sender),
        text,
        context: await contextFor(options),
        place: {
          thread: delivery.thread,
          repository: `${config.url}/${event.repository}`,
          ...('number' in event ? { topic: delivery.thread } : {}),
        },
      };
    },
    locate: (target, delivery) => locate(options, target, eventOf(delivery)),
    permit: (asked) => rights.permit(asked, eventOf(asked.delivery)),
    acknowledge: (delivery) => acknowledge(options, delivery),
    answer: (delivery, answer) => showAnswer(options, delivery, answer),
    sendCard,
    cardOf({ id, topic, repository }, { topic: here }) {
      if (topic) return { thread: topic, subject: topic };
      const isOnGitHub = repository.startsWith(`${config.url}/`);
      return here && isOnGitHub ? { thread: here, subject: id } : undefined;
    },
  };
}

const eventOf = ({ payload }: Delivery): Event => Event.parse(payload);

const meet = (db: Executor, { id, login }: { id: number; login: string }): Promise<User> =>
  store.meetPerson(db, { source: 'github', externalId: String(id), login });

/** What the person said, or would have: labels and buttons are short for commands. */
function textOf(event: Event): string | undefined {
  switch (event.kind) {
    case 'comment':
      return event.text;
    case 'label': {
      const size = event.label.split(':')[1];
      // A label on what is closed is a mark, not a wish.
      return event.isAdded && event.isOpen ? `/sam up${size ? ` --size ${size}` : ''}` : undefined;
    }
    case 'button':
      return BUTTONS[event.identifier]?.(event.subject);
    default:
      return undefined;
  }
}

/** The subject is a workspace's id. */
const BUTTONS: Record<string, (subject: string) => string> = {
  stop: (subject) => `/sam stop ${subject}`,
  keep: (subject) => `/sam extend ${subject} 4h`,
};

async function contextFor({ app, config, commands }: GitHubOptions): Promise<ParseContext> {
  const slug = await app.slug();
  return {
    front: 'github',
    triggers: ['/sam', `@${slug}`, `@${slug}[bot]`, ...config.mentions],
    triggerOptional: false,
    commands,
    githubHost: new URL(config.url).host,
    allowPaths: false,
    allowUrls: false,
  };
}

async function locate(
  { app, config }: GitHubOptions,
  target: Target | undefined,
  event: Event,
): Promise<Repository | undefined> {
  if (!('sender' in event)) return undefined;
  return locateOn({ app, url: config.url }, target, event);
}

// --- what is no command -------------------------------------------------------------------------------------------

async function noticeOf(
  options: GitHubOptions,
  delivery: Delivery,
): Promise<((tx: Executor) => Promise<Answer | null>) | undefined> {
  const event = eventOf(delivery);
  const { url } = options.config;
  switch (event.kind) {
    case 'closed': {
      const because = `${event.isPullRequest ? 'the pull request' : 'the issue'} was ${event.isMerged ? 'merged' : 'closed'}`;
      return async (tx) => {
        await sayFarewell(tx, { topic: delivery.thread }, because);
        return { ok: true, code: 'closed', text: '' };
      };
    }
    case 'label':
      if (event.isAdded || !(await mayUnlabel(options, event))) return undefined;
      return async (tx) => {
        await sayFarewell(tx, { topic: delivery.thread }, `the label \`${event.label}\` was removed`);
        return null;
      };
    case 'pushed':
      return async (tx) => {
        await notePush(tx, delivery.thread, event.head);
        return null;
      };
    case 'moved': {
      const [from, to] = [event.from, event.repository].map((label) => ({ label, url: `${url}/${label}` }));
      if (!from || !to) return undefined;
      options.app.forget();
      return async (tx) => {
        await follow(tx, from, to);
        await store.moveCards(tx, 'github', from.label, to.label);
        return null;
      };
    }
    case 'gone':
      options.app.forget();
      return async (tx) => {
        await sayFarewell(tx, { repository: `${url}/${event.repository}` }, 'the repository was deleted');
        return null;
      };
    case 'installation':
      options.app.forget();
      return () => Promise.resolve(null);
    default:
      return undefined;
  }
}

async function mayUnlabel(
  { app }: GitHubOptions,
  { repository, sender }: Extract<Event, { kind: 'label' }>,
): Promise<boolean> {
  const octokit = await app.on(repository);
  if (!octokit) return false;
  const { level } = await readPermission(octokit, repository, sender);
  return level === 'write' || level === 'admin';
}

// --- signs and words ----------------------------------------------------------------------------------------------

const addressOf = (event: Comment): threads.CommentAddress => ({
  repository: event.repository,
  comment: event.comment,
  isReview: event.isReview,
});

async function acknowledge({ db, app }: GitHubOptions, delivery: Delivery): Promise<void> {
  const event = eventOf(delivery);
  if (event.kind !== 'comment' || delivery.ack) return;
  const octokit = await app.on(event.repository);
  const ack = octokit && (await threads.react(octokit, addressOf(event), 'eyes'));
  if (ack !== undefined) await store.keepAck(db, delivery, String(ack));
}

/** Each sign that something was heard gets its end: commands end, because all their phases have deadlines. */
async function conclude({ db, app, log }: GitHubOptions, held: Conclusion): Promise<void> {
  try {
    const event = eventOf(held.row);
    const octokit = event.kind === 'comment' ? await app.on(event.repository) : undefined;
    if (octokit && event.kind === 'comment') await signEnd(octokit, event, held);
    await store.markConcluded(db, held);
  } catch (error) {
    log.warn({ delivery: held.row.deliveryId, error: messageOf(error) }, 'a reaction has to wait');
  }
}

async function signEnd(octokit: Octokit, event: Comment, { row, status }: Conclusion): Promise<void> {
  await threads.react(octokit, addressOf(event), signOf(row.answer, status));
  if (row.ack !== null) await threads.unreact(octokit, addressOf(event), Number(row.ack));
}

function signOf(answer: Answer | null, status: Conclusion['status']): threads.Reaction {
  if (!answer?.ok) return answer?.code === 'forbidden' || answer?.code === 'internal' ? '-1' : 'confused';
  if (status === 'failed') return '-1';
  return status === 'superseded' ? 'confused' : 'rocket';
}

async function showAnswer(options: GitHubOptions, delivery: Delivery, answer: Answer): Promise<void> {
  const event = eventOf(delivery);
  if (event.kind === 'closed') return removeLabels(options, event);
  if (!('number' in event) || delivery.reply) return;
  const text = wordsOf(answer, event);
  const octokit = text === '' ? undefined : await options.app.on(event.repository);
  if (!octokit || !(await mayTalk(options, octokit, event, delivery, answer))) return;
  const verbatim = { isVerbatim: answer.isVerbatim === true && text === answer.text };
  const body = renderReply(text, verbatim, await contextFor(options));
  const posted = await threads.postComment(octokit, event, body);
  await store.keepReply(options.db, delivery, String(posted.id));
}

/** Where there is a card it is the answer. */
function wordsOf(answer: Answer, event: Event & { isPrivate: boolean }): string {
  if (answer.isPrivate && !event.isPrivate)
    return 'That is not for everybody to read, so I do not show it in a public repository. Open the terminal from the card and look there: `/sam open`.';
  if (!answer.workspace || !answer.ok) return answer.text;
  return answer.ignored ? (answer.text.split('\n').at(-1) ?? '') : '';
}

/** Strangers must not make Sam talk, nobody gets the same lesson twice, and no two bots talk for ever. */
async function mayTalk(
  { db }: GitHubOptions,
  octokit: Octokit,
  event: Extract<Event, { number: number }>,
  delivery: Delivery,
  answer: Answer,
): Promise<boolean> {
  const said = await store.readSaid(db, 'github', delivery.thread);
  if (said.filter(({ isRecent }) => isRecent).length >= MOST_SAID) return false;
  if (answer.code === 'forbidden')
    return event.isPrivate && event.kind === 'comment' && !said.some(({ code }) => code === 'forbidden');
  const isRepeated = said.some(
    ({ to, ok, isRecent }) => isRecent && !ok && !answer.ok && to === String(event.sender.id),
  );
  if (isRepeated) return false;
  const { level } = await readPermission(octokit, event.repository, event.sender);
  return level === 'write' || level === 'admin' || (event.isPrivate && level === 'read');
}

async function removeLabels(
  { app }: GitHubOptions,
  event: Extract<Event, { kind: 'closed' }>,
): Promise<void> {
  const octokit = await app.on(event.repository);
  if (!octokit) return;
  for (const name of await threads.listLabels(octokit, event, /^sam(:(small|medium|large))?$/i))
    await threads.removeLabel(octokit, event, name);
}
