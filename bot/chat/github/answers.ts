// What is said in a thread beside its card, and when nothing is: strangers, lessons that were given, other bots.
import type { ParseContext } from '../../commands/parser/parsed.ts';
import type { Answer, Delivery, Executor } from '../../database/types.ts';
import type { GitHubApp, Octokit } from '../../forges/github/app.ts';
import { readPermission } from '../../forges/github/permissions.ts';
import type { SettingsReader } from '../../forges/github/repository-settings.ts';
import * as threads from '../../forges/github/threads.ts';
import { isEnough } from '../../forges/rights.ts';
import { addressOf } from './cards.ts';
import { eventOf, readLabel, type Event } from './events.ts';
import { renderReply, renderShared, voiceIn } from './render.ts';
import { joined, wordAnswer, wordRefusal, type WordedAnswer } from '../wording.ts';
import { keepReply } from '../store/answers.ts';
import { readRecentMessages, wasToldByLabel } from '../store/recent-messages.ts';
import { touchCards } from '../../workspaces/store/cards.ts';

export interface Answers {
  db: Executor;
  app: GitHubApp;
  settings: SettingsReader;
  contextFor: () => Promise<ParseContext>;
  /** Where people leave their keys, once they are signed in. */
  settingsPage: string;
  /** The signed address of a workspace's terminal. */
  linkTo: (workspace: { id: string }) => string;
}

/** Comments beside the card, in one thread, in ten minutes: more would be a loop. */
const MAX_SAID = 3;

/** True: something was written. */
export async function showAnswer(options: Answers, delivery: Delivery, answer: Answer): Promise<boolean> {
  const event = eventOf(delivery);
  if (event.kind === 'closed') return removeLabels(options, event);
  if (event.kind === 'button') await touchCards(options.db, [event.subject]);
  if (!('number' in event) || delivery.reply) return false;
  const context = await options.contextFor();
  const shown: Answer =
    answer.code === 'settings' ? { ...answer, details: { address: options.settingsPage } } : answer;
  const words = wordsOf(shown, event, context);
  const octokit = joined(words) === '' ? undefined : await options.app.on(event.repository);
  if (!octokit || !(await mayTalk(options, octokit, event, delivery, answer))) return false;
  const body =
    answer.code === 'shared'
      ? renderShared(words, answer.details, { context, linkTo: options.linkTo })
      : renderReply(words, context);
  const lost = await findLost(options, octokit, delivery, body);
  const posted = lost ?? (await threads.postComment(octokit, event, body));
  await keepReply(options.db, delivery, String(posted.id));
  return true;
}

/** How far GitHub's clock may be behind ours. */
const SKEW_MS = 5 * 60_000;

/** An earlier try may have left its comment though nobody heard of it: it says the same. */
async function findLost(
  { app }: Answers,
  octokit: Octokit,
  { attempts, receivedAt, thread }: Delivery,
  body: string,
): Promise<threads.PostedComment | undefined> {
  if (attempts === 0) return undefined;
  const since = new Date(receivedAt.getTime() - SKEW_MS);
  return threads.findComment(octokit, addressOf(thread), body.trimEnd(), await app.slug(), since);
}

/** Where there is a card it is the answer. */
function wordsOf(answer: Answer, event: Event & { isPrivate: boolean }, context: ParseContext): WordedAnswer {
  const voice = voiceIn(context);
  const words = wordAnswer(answer, voice, context);
  if (answer.isPrivate && !event.isPrivate) {
    const { text } = wordRefusal({ code: 'not-public', details: {} }, voice.say);
    return { text, hint: '', isVerbatim: false };
  }
  return answer.workspace && answer.ok && words.isReply !== true
    ? { ...words, text: '', isVerbatim: false }
    : words;
}

/** Strangers must not make Sam talk, nobody gets the same lesson twice, and no two bots talk for ever. */
async function mayTalk(
  { db, settings }: Answers,
  octokit: Octokit,
  event: Extract<Event, { number: number }>,
  delivery: Delivery,
  answer: Answer,
): Promise<boolean> {
  // Nobody said anything.
  if (event.kind === 'opened') return false;
  if (!(await settings.read(event.repository)).settings.comments) return false;
  const recent = await readRecentMessages(db, 'github', delivery.thread);
  if (recent.filter(({ isRecent }) => isRecent).length >= MAX_SAID) return false;
  if (answer.code === 'forbidden')
    return event.isPrivate && event.kind === 'comment' && !recent.some(({ code }) => code === 'forbidden');
  if (answer.code === 'edited') return !recent.some(({ code, isRecent }) => isRecent && code === 'edited');
  const isRepeated = recent.some(
    ({ to, ok, isRecent }) => isRecent && !ok && !answer.ok && to === String(event.sender.id),
  );
  if (isRepeated || (await isOneOfMany(db, event, delivery, answer))) return false;
  const permission = await readPermission(octokit, event.repository, event.sender);
  return isEnough(permission, event.isPrivate ? 'read' : 'write');
}

/** A label on many issues at once is one act, and brings one lesson. */
const isOneOfMany = async (
  db: Executor,
  event: Extract<Event, { number: number }>,
  delivery: Delivery,
  { ok, code }: Answer,
): Promise<boolean> =>
  event.kind === 'label' && !ok && (await wasToldByLabel(db, 'github', delivery, { ...event, code }));

async function removeLabels(
  { app, settings }: Answers,
  event: Extract<Event, { kind: 'closed' }>,
): Promise<boolean> {
  const octokit = await app.on(event.repository);
  if (!octokit) return false;
  const { label } = (await settings.read(event.repository)).settings;
  const isOurs = (name: string): boolean => readLabel(name, label) !== undefined;
  const names = await threads.listLabels(octokit, event, isOurs);
  for (const name of names) await threads.removeLabel(octokit, event, name);
  return names.length > 0;
}
