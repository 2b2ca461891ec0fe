// GitHub as a front: comments, labels and buttons in; reactions, replies and one card a thread out. Knows no cloud.
import type { Logger } from 'pino';
import type { ParseContext, Target } from '../commands/parsed.ts';
import type { Command, Repository } from '../commands/scene.ts';
import type { Answer, Delivery, User } from '../database/types.ts';
import { isHopeless, messageOf } from '../errors.ts';
import type { GitHubApp, Octokit } from '../github/app.ts';
import type { GitHubConfig } from '../github/config.ts';
import { redeliverMissed } from '../github/missed-deliveries.ts';
import { readPermission } from '../github/permissions.ts';
import type { SettingsReader } from '../github/repository-settings.ts';
import * as threads from '../github/threads.ts';
import type { Route } from '../http.ts';
import type { FrontEnd } from './chat.ts';
import { createCardSender } from './github/cards.ts';
import { noticeEdit } from './github/edits.ts';
import { Event, readLabel } from './github/events.ts';
import { explainLack } from './github/lack.ts';
import { noticeOf } from './github/notices.ts';
import { splitIgnored } from './ignored.ts';
import { locateOn } from './locate-github.ts';
import { createRights } from './github/rights.ts';
import { createSignalSender } from './github/signals.ts';
import { lookAtThreads } from './github/watch.ts';
import { webhookRoute } from './github/webhooks.ts';
import { renderReply } from './render/github.ts';
import type { CardView } from './render/view.ts';
import * as store from './store.ts';
import type { Conclusion, Executor } from './store.ts';

export interface GitHubOptions {
  db: Executor;
  app: GitHubApp;
  config: GitHubConfig;
  settings: SettingsReader;
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
  /** What is looked after every now and then. */
  sweeps: { name: string; everyMs: number; atStart?: true; run(): Promise<void> }[];
}

type Comment = Extract<Event, { kind: 'comment' }>;

/** Comments beside the card, in one thread, in ten minutes: more would be a loop. */
const MOST_SAID = 3;

export function createGitHub(options: GitHubOptions): GitHubFront {
  const { db, config } = options;
  const rights = createRights(options);
  const sender = { ...options, contextFor: () => contextFor(options) };
  const [sendComment, sendSignal] = [createCardSender(sender), createSignalSender(sender)];
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
    sweeps: [
      { name: 'missed-deliveries', everyMs: 60 * 60_000, atStart: true, run: () => findMissed(options) },
      { name: 'closed-threads', everyMs: 60 * 60_000, run: () => lookAtThreads(options) },
    ],
    async notice(delivery) {
      const event = eventOf(delivery);
      if (event.kind === 'edited') return noticeEdit(db, await contextFor(options), event);
      return noticeOf(options, delivery, event);
    },
    async hear(delivery) {
      const event = eventOf(delivery);
      const text = await textOf(options, event);
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
    explain: (error, delivery) => explainLack(options.app, error, repositoryOf(eventOf(delivery))),
    permit: (asked) => rights.permit(asked, eventOf(asked.delivery)),
    acknowledge: (delivery) => acknowledge(options, delivery),
    answer: (delivery, answer) => showAnswer(options, delivery, answer),
    sendCard: (card, views) => (card.kind === 'card' ? sendComment : sendSignal)(card, views),
    cardOf({ id, topic, repository }, { topic: here }) {
      if (topic) return { thread: topic, subject: topic };
      const isOnGitHub = repository.startsWith(`${config.url}/`);
      return here && isOnGitHub ? { thread: here, subject: id } : undefined;
    },
    signalsOf({ topic, repository, key }) {
      const isPullRequest = repository.startsWith(`${config.url}/`) && /\|pr:\d+\|/.test(key);
      if (!topic || !isPullRequest) return [];
      return (['deployment', 'check'] as const).map((kind) => ({ thread: topic, subject: topic, kind }));
    },
  };
}

const MISSED = 'github-missed-deliveries';

async function findMissed({ app, db, log }: GitHubOptions): Promise<void> {
  const count = await redeliverMissed({
    app,
    recall: () => store.readNote(db, MISSED),
    remember: (notes) => store.keepNote(db, MISSED, notes),
  });
  if (count > 0) log.info({ count }, 'GitHub delivers again what did not reach us');
}

const eventOf = ({ payload }: Delivery): Event => Event.parse(payload);

const repositoryOf = (event: Event): string | undefined =>
  'repository' in event ? event.repository : undefined;

const meet = (db: Executor, { id, login }: { id: number; login: string }): Promise<User> =>
  store.meetPerson(db, { source: 'github', externalId: String(id), login });

/** What the person said, or would have: labels and buttons are short for commands. */
async function textOf({ settings }: GitHubOptions, event: Event): Promise<string | undefined> {
  switch (event.kind) {
    case 'comment':
      return event.text;
    case 'label': {
      const ours = readLabel(event.label, (await settings.read(event.repository)).settings.label);
      // A label on what is closed is a mark, not a wish.
      if (!ours || !event.isAdded || !event.isOpen) return undefined;
      return `/sam up${ours.size ? ` --size ${ours.size}` : ''}`;
    }
    case 'opened':
      return (await settings.read(event.repository)).settings.auto_start ? '/sam up' : undefined;
    case 'button':
      return BUTTONS[event.identifier]?.(event.subject);
    default:
      return undefined;
  }
}

/** The subject is a workspace's id. */
const BUTTONS: Record<string, (subject: string) => string> = {
  open: (subject) => `/sam open ${subject}`,
  stop: (subject) => `/sam stop ${subject}`,
  keep: (subject) => `/sam extend ${subject} 4h`,
  start: (subject) => `/sam start ${subject}`,
  retry: (subject) => `/sam retry ${subject}`,
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
  { app, config, settings }: GitHubOptions,
  target: Target | undefined,
  event: Event,
): Promise<Repository | undefined> {
  return 'sender' in event ? locateOn({ app, url: config.url, settings }, target, event) : undefined;
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
    const isOver = isHopeless(error, held.row.receivedAt);
    if (isOver) await store.markConcluded(db, held);
    log.warn(
      { delivery: held.row.deliveryId, error: messageOf(error) },
      isOver ? 'a reaction is given up' : 'a reaction has to wait',
    );
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
  if (event.kind === 'button') return store.redrawWorkspace(options.db, 'github', event.subject);
  if (!('number' in event) || delivery.reply) return;
  const text = wordsOf(answer, event);
  const octokit = text === '' ? undefined : await options.app.on(event.repository);
  if (!octokit || !(await mayTalk(options, octokit, event, delivery, answer))) return;
  const isVerbatim = answer.isVerbatim === true && text === answer.text;
  const { words, hint } = isVerbatim ? splitIgnored(answer) : { words: text, hint: '' };
  const body = renderReply(words, { isVerbatim, hint }, await contextFor(options));
  const posted = await threads.postComment(octokit, event, body);
  await store.keepReply(options.db, delivery, String(posted.id));
}

/** Where there is a card it is the answer. */
function wordsOf(answer: Answer, event: Event & { isPrivate: boolean }): string {
  if (answer.isPrivate && !event.isPrivate)
    return 'That is not for everybody to read, so I do not show it in a public repository. Open the terminal from the card and look there: `/sam open`.';
  if (!answer.workspace || !answer.ok) return answer.text;
  return splitIgnored(answer).hint;
}

/** Strangers must not make Sam talk, nobody gets the same lesson twice, and no two bots talk for ever. */
async function mayTalk(
  { db, settings }: GitHubOptions,
  octokit: Octokit,
  event: Extract<Event, { number: number }>,
  delivery: Delivery,
  answer: Answer,
): Promise<boolean> {
  // Nobody said anything.
  if (event.kind === 'opened') return false;
  if (!(await settings.read(event.repository)).settings.comments) return false;
  const said = await store.readSaid(db, 'github', delivery.thread);
  if (said.filter(({ isRecent }) => isRecent).length >= MOST_SAID) return false;
  if (answer.code === 'forbidden')
    return event.isPrivate && event.kind === 'comment' && !said.some(({ code }) => code === 'forbidden');
  if (answer.code === 'edited') return !said.some(({ code, isRecent }) => isRecent && code === 'edited');
  const isRepeated = said.some(
    ({ to, ok, isRecent }) => isRecent && !ok && !answer.ok && to === String(event.sender.id),
  );
  if (isRepeated) return false;
  const { level } = await readPermission(octokit, event.repository, event.sender);
  return level === 'write' || level === 'admin' || (event.isPrivate && level === 'read');
}

async function removeLabels(
  { app, settings }: GitHubOptions,
  event: Extract<Event, { kind: 'closed' }>,
): Promise<void> {
  const octokit = await app.on(event.repository);
  if (!octokit) return;
  const { label } = (await settings.read(event.repository)).settings;
  const isOurs = (name: string): boolean => readLabel(name, label) !== undefined;
  for (const name of await threads.listLabels(octokit, event, isOurs))
    await threads.removeLabel(octokit, event, name);
}
