// Answers in Slack: for the one who asked and for nobody else. Links with codes are made as they are shown.
import type { Logger } from 'pino';
import type { Command } from '../../commands/context.ts';
import { createConnectUrl } from '../../access/people/linking.ts';
import { findKnown } from '../../access/people/links-store.ts';
import type { Answer, Delivery, Executor } from '../../database/types.ts';
import { messageOf, ProviderError } from '../../errors.ts';
import { QUESTION, renderAnswer, renderLink, renderToken, type Button, type SlackMessage } from './render.ts';
import { CLOSED_ROOM, isRefusal, UNREACHABLE, type SlackCalls } from './calls.ts';
import { openDirect } from './cards.ts';
import { wordAnswer, type WordedAnswer } from '../wording.ts';
import { Event, inSlack, sourceOf, voiceFor } from './request.ts';
import { NOT_CONNECTED } from './rights.ts';

export interface SlackAnswers {
  db: Executor;
  calls: SlackCalls;
  baseUrl: string;
  /** What commands begin with. */
  trigger: string;
  /** There is a GitHub to connect with. */
  canConnect: boolean;
  /** Makes this person's private way into a workspace: a URL with a one-time code. */
  createLink: (workspace: string, user: string) => Promise<string>;
  /** The same to the person's own page, where their keys are. */
  createSettingsLink: (user: string) => Promise<string>;
  createTokenSecret: (id: string) => Promise<string | undefined>;
  /** All that can be said, for help. */
  commands: readonly Command[];
  log: Logger;
}

export async function showAnswer(answers: SlackAnswers, delivery: Delivery, answer: Answer): Promise<void> {
  const event = Event.parse(delivery.payload);
  const message = await composeAnswer(answers, delivery, event, answer);
  if (!message) return;
  try {
    await showPrivately(answers, event, delivery.receivedAt, message);
  } catch (error) {
    // What Slack will never take must not stand in the way of the answers after it.
    if (!(error instanceof ProviderError) || error.retryable) throw error;
    answers.log.error({ delivery: delivery.deliveryId, error: messageOf(error) }, 'Slack refused an answer');
  }
}

/** Undefined: there is nothing to say, the card says it. */
async function composeAnswer(
  answers: SlackAnswers,
  delivery: Delivery,
  event: Event,
  answer: Answer,
): Promise<SlackMessage | undefined> {
  const words = wordAnswer(answer, voiceFor(answers.trigger, event), { ...answers, traits: inSlack });
  const message = await composeWords(answers, delivery, event, { ...answer, ...words });
  if (words.hint === '') return message;
  const below = renderAnswer(words.hint);
  return message
    ? { text: `${message.text}\n${below.text}`, blocks: [...message.blocks, ...below.blocks] }
    : below;
}

async function composeWords(
  answers: SlackAnswers,
  delivery: Delivery,
  event: Event,
  answer: Answer & WordedAnswer,
): Promise<SlackMessage | undefined> {
  if (answer.code === NOT_CONNECTED || answer.link === 'connect')
    return composeConnect(answers, delivery, event, answer.text);
  if (answer.link === 'settings') return composeSettings(answers, delivery, event);
  if (answer.code === 'token') return composeToken(answers, answer);
  if (answer.ok && answer.link === 'now' && answer.workspace)
    return composeLink(answers, event, answer.workspace);
  if (answer.text === '') return undefined;
  return renderAnswer(answer.text, {
    isVerbatim: answer.isVerbatim,
    buttons: buttonsFor(answers, event, answer),
    id: `answer:${delivery.seq}`,
  });
}

/** What was probably meant, and what asks back before it destroys. */
function buttonsFor(
  { trigger }: SlackAnswers,
  event: Event,
  { code, next }: Answer & WordedAnswer,
): Button[] {
  if (next) return [{ label: `Run ${trigger} ${next}`, line: next }];
  if (code !== 'confirm' || event.kind !== 'button') return [];
  return [{ label: 'Delete it', line: event.line.slice(QUESTION.length), style: 'danger' }];
}

async function composeLink(
  { db, createLink }: SlackAnswers,
  event: Event,
  workspace: string,
): Promise<SlackMessage | undefined> {
  const known = await findKnown(db, { source: sourceOf(event), externalId: event.user });
  if (!known) return undefined;
  const url = await createLink(workspace, known.user.id);
  return renderLink('It works once, within 5 minutes, and is for you alone.', 'Open the terminal', url);
}

/** Keys are the person's, wherever they speak: who that is has to be known first. */
async function composeSettings(
  answers: SlackAnswers,
  delivery: Delivery,
  event: Event,
): Promise<SlackMessage | undefined> {
  const known = await findKnown(answers.db, { source: sourceOf(event), externalId: event.user });
  const isConnected = known !== undefined && known.accounts.size > 0;
  if (answers.canConnect && !isConnected)
    return composeConnect(
      answers,
      delivery,
      event,
      'First say who you are on GitHub; then your key is yours everywhere.',
    );
  if (!known) return undefined;
  const url = await answers.createSettingsLink(known.user.id);
  return renderLink(
    'It works once, within 5 minutes, and is for you alone.',
    'Open the page for your keys',
    url,
  );
}

/** Shown to that person alone, and written down nowhere. */
async function composeToken(
  { createTokenSecret }: SlackAnswers,
  { text, details }: Extract<Answer, { code: 'token' }> & WordedAnswer,
): Promise<SlackMessage | undefined> {
  const secret = await createTokenSecret(details.id);
  return secret === undefined ? undefined : renderToken(text, secret);
}

async function composeConnect(
  { db, baseUrl, canConnect, trigger }: SlackAnswers,
  delivery: Delivery,
  event: Event,
  text: string,
): Promise<SlackMessage> {
  const identity = { source: sourceOf(event), externalId: event.user };
  const known = await findKnown(db, identity);
  if (!canConnect)
    return renderAnswer(
      `Sam has no GitHub App here, so there is nothing to connect with. What works: \`${trigger} help\`.`,
    );
  const [account] = known?.accounts.values() ?? [];
  if (account)
    return renderAnswer(
      `You are connected with GitHub as \`${account.login}\`. To undo it: \`${trigger} disconnect\`.`,
    );
  const login = known?.login ?? event.user;
  const url = await createConnectUrl(db, baseUrl, { ...identity, login, delivery: delivery.deliveryId });
  const next = text ? 'After the sign-in, what you said goes on by itself.' : '';
  return renderLink(
    `${text} ${next} The link is for you alone, and works once, within 10 minutes.`.trim(),
    'Connect your GitHub account',
    url,
  );
}

/** A response_url lives for half an hour. */
const RESPOND_WITHIN_MS = 28 * 60_000;

/** By the request's own address; where that is used up by an ephemeral message, and where that cannot be directly. */
async function showPrivately(
  answers: SlackAnswers,
  event: Event,
  receivedAt: Date,
  message: SlackMessage,
): Promise<void> {
  const { calls } = answers;
  const isFresh = Date.now() - receivedAt.getTime() < RESPOND_WITHIN_MS;
  if (event.responseUrl && isFresh && (await calls.respond(event.responseUrl, message))) return;
  if (!event.isDirect && (await showEphemerally(calls, event, message))) return;
  await showDirectly(answers, event, message);
}

const contentOf = ({ text, blocks }: SlackMessage) => ({
  text,
  blocks: [...blocks],
  parse: 'none' as const,
  link_names: false,
});

async function showEphemerally(calls: SlackCalls, event: Event, message: SlackMessage): Promise<boolean> {
  const { channel, user, threadTs } = event;
  try {
    await calls.call(event.team, 'answer', (client) =>
      client.chat.postEphemeral({
        channel,
        user,
        ...contentOf(message),
        ...(threadTs ? { thread_ts: threadTs } : {}),
      }),
    );
    return true;
  } catch (error) {
    if (isRefusal(error, CLOSED_ROOM)) return false;
    throw error;
  }
}

async function showDirectly(
  { calls, log }: SlackAnswers,
  event: Event,
  message: SlackMessage,
): Promise<void> {
  try {
    const channel = event.isDirect ? event.channel : await openDirect(calls, event.team, event.user);
    const thread = event.isDirect && event.threadTs ? { thread_ts: event.threadTs } : {};
    const quietly = { unfurl_links: false, unfurl_media: false };
    await calls.call(event.team, 'answer directly', (client) =>
      client.chat.postMessage({ channel, ...contentOf(message), ...thread, ...quietly }),
    );
  } catch (error) {
    if (!isRefusal(error, UNREACHABLE)) throw error;
    log.warn({ error: messageOf(error) }, 'an answer has no place to go');
  }
}
