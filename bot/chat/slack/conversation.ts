// What is said in Slack: commands, mentions, direct messages and buttons in; cards for a channel and answers for one person out.
// Knows no cloud.
import { findKnown } from '../../access/people/links-store.ts';
import { parse } from '../../commands/parser/parse.ts';
import type { Vault } from '../../access/vault.ts';
import { findCommand } from '../../commands/command.ts';
import type { ParseContext } from '../../commands/parser/parsed.ts';
import { plain } from '../../commands/parser/format.ts';
import type { Answer, Delivery, User } from '../../database/types.ts';
import { noExplanation, noSignals, type Conversation, type Front, type FrontOptions } from '../front.ts';
import { CARD_BLOCK, QUESTION } from './render.ts';
import { escape } from './mrkdwn.ts';
import { showAnswer, type SlackAnswers } from './answers.ts';
import { createSlackCalls, isRefusal, LOST_TOKEN, type SlackCalls } from './calls.ts';
import { createSlackCardSender } from './cards.ts';
import { postTurn } from './turns.ts';
import type { SlackConfig } from './config.ts';
import { createSlackDoor } from './receiver.ts';
import { Event, inSlack, NAME, parseThread, sourceOf, voiceFor } from './request.ts';
import { openForm, refuseForm, suggestRepositories } from './forms/forms.ts';
import { homeSource } from './home/home.ts';
import { createInstalls, leftAt } from './install/installs.ts';
import { claimMessage, locate, placeOf } from './places.ts';
import { reminderSource } from './reminders.ts';
import { createRepositories } from '../repositories.ts';
import { findMember, permit, type SlackRights } from './rights.ts';
import { ackReaction, conclusionSource } from './reactions.ts';
import * as slackStore from './store.ts';
import { leave, lookAtDepartures } from '../../workspaces/departures.ts';
import { meetPerson } from '../../access/store/people.ts';

export type SlackOptions = Omit<FrontOptions, 'config'> & {
  config: SlackConfig;
  baseUrl: string;
  /** A person's, in an hour. 0: no maximum. */
  commandsPerHour: number;
  /** Seals the tokens of many workspaces. */
  vault?: Vault;
};

const HOUR_MS = 60 * 60_000;

/** A minute: that often Slack is asked whether it takes a token again. */
const LOST_TOKEN_PACES = 5;

type Parts = SlackOptions & { calls: SlackCalls; rights: SlackRights };

type Opened = Pick<Front, 'routes' | 'sources' | 'sweeps' | 'start' | 'stop'> & {
  conversation: Conversation;
};

/** With an empty `SLACK_ALLOWED_CHANNELS` and no forge nothing may be started anywhere. */
export async function openSlack(options: SlackOptions): Promise<Opened> {
  const { db, config } = options;
  const installs = createInstalls(options);
  const calls = createSlackCalls({ ...options, ...installs, lostTokenMs: LOST_TOKEN_PACES * options.paceMs });
  const parts: Parts = { ...options, calls, rights: options };
  const trigger = config.command;
  const canConnect = options.forges.length > 0;
  const [forge] = options.forges;
  const forms = { ...parts, forge, repositories: createRepositories(forge, options.log) };
  const answers: SlackAnswers = { ...parts, trigger, canConnect };
  const door = await createSlackDoor({
    ...options,
    promise: (event) => promiseOf(parts, event),
    refuse: (event, fields) =>
      refuseForm(db, event, fields, { context: contextFor(parts, event), say: voiceFor(trigger, event).say }),
    openForm: (request) => openForm(forms, request),
    suggest: (person) => suggestRepositories(forms, person),
    forget: (team, at) =>
      db.transaction(async (tx) => {
        if (await installs.forget(tx, team, at)) await leave(tx, leftAt(team));
      }),
  });
  return {
    routes: [...door.routes, ...installs.routes],
    sources: [conclusionSource(parts), reminderSource(parts), homeSource({ ...parts, trigger, canConnect })],
    sweeps: [
      {
        name: 'slack-departures',
        everyMs: HOUR_MS,
        // Where the configuration has the token nobody else says that there is another one.
        atStart: true,
        run: () =>
          lookAtDepartures({
            ...parts,
            front: 'slack',
            describe: leftAt,
            isBack: (team) => isThere(calls, team),
          }),
      },
    ],
    start() {
      door.start();
      void installs.check();
    },
    stop: door.stop,
    conversation: createConversation(parts, answers),
  };
}

/** Whether Slack takes a token of ours there. */
async function isThere(calls: SlackCalls, team: string): Promise<boolean> {
  try {
    await calls.call(team, 'look for ourselves', (client) => client.auth.test());
    return true;
  } catch (error) {
    if (isRefusal(error, LOST_TOKEN)) return false;
    throw error;
  }
}

function createConversation(parts: Parts, answers: SlackAnswers): Conversation {
  return {
    traits: inSlack,
    thread: undefined,
    notice(delivery) {
      const answer = askBack(delivery);
      return Promise.resolve(answer && (() => Promise.resolve(answer)));
    },
    hear: (delivery) => hear(parts, delivery),
    locate: (target, delivery) => locate(parts.rights, target, eventOf(delivery)),
    findPerson: (typed, place, delivery) => findMember(parts.rights, typed, place.forge, eventOf(delivery)),
    permit: (asked) => permit(parts.rights, asked, eventOf(asked.delivery)),
    explain: noExplanation,
    acknowledge: (delivery) => ackReaction(parts, delivery),
    answer: (delivery, answer) => showAnswer(answers, delivery, answer),
    sendCard: createSlackCardSender({ ...parts, trigger: answers.trigger }),
    threadUrl(thread) {
      const { team, channel, threadTs } = parseThread(thread);
      const place = `https://app.slack.com/client/${team}/${channel}`;
      return threadTs === undefined ? place : `${place}/thread/${channel}-${threadTs}`;
    },
    sendTurn: (card, turn) => postTurn({ ...parts, trigger: answers.trigger }, card, turn),
    cardOf({ id }, { thread }, { delivery, answer }) {
      const event = eventOf(delivery);
      // A link is for one person; the message of a pressed button is the card.
      const isShown =
        answer.link === 'now' ||
        (event.kind === 'button' && event.block.startsWith(CARD_BLOCK)) ||
        (event.kind === 'form' && event.form !== 'new');
      return isShown ? undefined : { thread, subject: id };
    },
    signalsOf: noSignals,
  };
}

const eventOf = ({ payload }: Delivery): Event => Event.parse(payload);

// --- what was said ------------------------------------------------------------------------------------------------

async function hear(parts: Parts, delivery: Delivery): ReturnType<Conversation['hear']> {
  const event = eventOf(delivery);
  if (event.kind === 'button') {
    await claimMessage(parts, event);
    if (await isRepeated(parts, delivery, event)) return undefined;
  }
  return {
    actor: await meet(parts, event),
    spoken: { text: textOf(event), context: contextFor(parts, event) },
    place: await placeOf(parts.db, event),
    identity: { source: sourceOf(event), externalId: event.user },
  };
}

/** A double click counts once where it changes something. What a press gives it gives each time. */
async function isRepeated(
  parts: Parts,
  { deliveryId }: Delivery,
  event: Extract<Event, { kind: 'button' }>,
): Promise<boolean> {
  const parsed = parse(event.line, contextFor(parts, event));
  if (parsed.kind !== 'command' || findCommand(parts.commands, parsed.verb)?.gives) return false;
  return slackStore.wasPressed(parts.db, deliveryId, event.press);
}

const textOf = (event: Event): string => ('line' in event ? event.line : event.text);

/** Not every request says what people are called. */
async function meet({ db }: Parts, event: Event): Promise<User> {
  const identity = { source: sourceOf(event), externalId: event.user };
  const known = await findKnown(db, identity);
  if (known && (event.name === undefined || event.name === known.login)) return known.user;
  return meetPerson(db, { ...identity, login: event.name ?? event.user });
}

function contextFor({ commands, config, forges }: Parts, event: Event): ParseContext {
  const bot = event.kind === 'message' && event.bot ? [`<@${event.bot}>`] : [];
  const isAddressed = event.kind !== 'message' || event.isDirect;
  return {
    traits: inSlack,
    markup: 'mrkdwn',
    triggers: [config.command, NAME, ...bot],
    triggerOptional: isAddressed,
    emptyIsTrigger: isAddressed,
    commands,
    ...(forges.length > 0 ? { hosts: forges.map(({ url }) => new URL(url).host) } : {}),
    allowPaths: false,
    allowUrls: false,
  };
}

/** What a slash command is answered with at once: it was heard, and nothing is promised. */
function promiseOf(parts: Parts, event: Event): string | undefined {
  if (event.kind !== 'command') return undefined;
  const parsed = parse(event.text, contextFor(parts, event));
  if (parsed.kind !== 'command' || findCommand(parts.commands, parsed.verb)?.isForAnyone) return undefined;
  return `On it: \`${escape(plain(parsed.line, 200))}\``;
}

/** Of a button that opens a form, where none could be opened: what it asks for, in words. Undefined: it is none of those. */
function askBack({ payload }: Delivery): Answer | undefined {
  const event = Event.parse(payload);
  if (event.kind !== 'button' || !event.line.startsWith(QUESTION)) return undefined;
  const [verb = '', about = ''] = event.line.slice(QUESTION.length).split(' ');
  switch (verb) {
    case 'new':
      return { ok: false, code: 'no-form', details: { about } };
    case 'rename':
      return { ok: true, code: 'rename-how', details: { id: about } };
    case 'rm':
      return { ok: true, code: 'confirm', details: { id: about } };
    default:
      return { ok: false, code: 'no-button', details: {} };
  }
}
