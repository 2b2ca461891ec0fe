// The console: lines typed at the bot's own terminal, or given on its command line. Its user is whoever started the bot.
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { ParseContext } from '../../commands/parser/parsed.ts';
import type { Answer, Card, Delivery, User } from '../../database/types.ts';
import { randomBase32 } from '../../ids.ts';
import {
  everyoneMay,
  personByLogin,
  noAcknowledgement,
  noExplanation,
  noNotice,
  noSignals,
  ownCardInThread,
  type Conversation,
  type Ending,
  type Front,
  type FrontOptions,
  type Manner,
  type Terminal,
} from '../front.ts';
import { locate } from '../../forges/locate.ts';
import { atTerminal, renderPlain, renderProgress, renderTurn, TRIGGER } from './render.ts';
import { redact } from '../../../agent/redact.ts';
import type { CardView } from '../view.ts';
import { joined, TERMINAL, wordAnswer } from '../wording.ts';
import { meetPerson } from '../../access/store/people.ts';
import { readCommand, type CommandState } from '../store/answers.ts';
import { dropCards, wantCard } from '../store/cards.ts';
import { storeDelivery } from '../store/deliveries.ts';

/** A line under way. `command` and `answer` are known once it was answered. */
interface Line {
  command?: number;
  answer?: Answer;
  /** The card is its answer, and was not drawn since. */
  needsCard?: boolean;
  manner: Manner | undefined;
  end(ending: Ending): void;
}

const NAME = 'console';
/** Whoever started the bot, whatever the system calls them. */
// oxlint-disable-next-line house/no-vendor -- the rows of people say so; no provider is meant.
const PERSON = 'local';

const Payload = z.object({ line: z.string(), cwd: z.string() });

export function createConsole(options: FrontOptions): Front {
  const { db, terminal } = options;
  const thread = `console:${randomBase32(8)}`;
  const waiting: Waiting = { ...options, ...terminal, lines: new Map() };
  return {
    name: NAME,
    trigger: TRIGGER,
    conversation: createConversation(waiting, thread),
    routes: [],
    sources: [],
    sweeps: [],
    prompt: {
      async say(line, manner) {
        const deliveryId = randomUUID();
        const ending = new Promise<Ending>((end) => waiting.lines.set(deliveryId, { end, manner }));
        const payload = { line, cwd: terminal.cwd };
        await storeDelivery(db, { source: NAME, deliveryId, thread, event: 'line', payload });
        return ending;
      },
    },
    start() {},
    // Its screen is gone, and its cards with it.
    stop: () => dropCards(db, NAME, thread),
    describe: () => ({
      title: NAME,
      isOn: true,
      details: '',
      isForOthers: false,
      setUpUrl: undefined,
    }),
  };
}

function createConversation(waiting: Waiting, thread: string): Conversation {
  const context = contextFor(waiting);
  return {
    traits: atTerminal,
    thread,
    notice: noNotice,
    async hear({ payload }) {
      const text = Payload.parse(payload).line;
      return { actor: await person(waiting), spoken: { text, context }, place: { thread } };
    },
    locate: async (target, { payload }) =>
      target && target.kind !== 'number' && target.kind !== 'name'
        ? locate(waiting.forges, target, Payload.parse(payload).cwd)
        : undefined,
    // Whoever can type here can read the bot's keys: there is nobody to ask.
    permit: everyoneMay,
    findPerson: personByLogin,
    explain: noExplanation,
    acknowledge: noAcknowledgement,
    answer: (delivery, answer) => showAnswer(waiting, delivery, answer),
    async sendCard(card, [view]) {
      drawCard(waiting, card, view);
      for (const line of linesAbout(waiting, view.id)) line.needsCard = false;
      await settle(waiting, view);
      return { sentHash: hashOf(view) };
    },
    sendTurn(_card, turn) {
      waiting.screen.print(redact(renderTurn(turn)));
      return Promise.resolve({ externalId: turn.id });
    },
    cardOf: ownCardInThread,
    signalsOf: noSignals,
  };
}

type Waiting = FrontOptions & Terminal & { lines: Map<string, Line> };

const person = ({ db, login }: Waiting): Promise<User> =>
  meetPerson(db, { source: NAME, externalId: PERSON, login });

async function showAnswer(waiting: Waiting, delivery: Delivery, answer: Answer): Promise<void> {
  const line = waiting.lines.get(delivery.deliveryId);
  const words = wordAnswer(answer, TERMINAL, { ...waiting, traits: atTerminal });
  const text = joined(words);
  if (text && line?.manner !== 'quietly') waiting.screen.print(redact(text));
  if (!line) return;
  const { commandId } = delivery;
  const command = commandId === null ? undefined : await readCommand(waiting.db, commandId);
  const isOpen =
    command?.status === 'running' || (command !== undefined && (text === '' || words.isBesideCard));
  if (!isOpen || !answer.workspace) return endLine(waiting, delivery.deliveryId, answer, command);
  Object.assign(line, { answer, command: commandId, needsCard: true });
  // The card may have been drawn before anybody waited for it.
  await wantCard(waiting.db, {
    front: delivery.source,
    thread: delivery.thread,
    subject: answer.workspace,
  });
}

async function endLine(
  waiting: Waiting,
  id: string,
  answer: Answer,
  command: CommandState | undefined,
): Promise<void> {
  const line = waiting.lines.get(id);
  waiting.lines.delete(id);
  const isReached = answer.ok && (command === undefined || command.status === 'done');
  const isLinkDue = answer.link === 'now' || (answer.link === 'when-running' && command?.status === 'done');
  if (answer.ok && isLinkDue) await showLink(waiting, answer);
  if (answer.ok && answer.link === 'settings') await showSettingsLink(waiting);
  if (answer.code === 'port') await showPortLink(waiting, answer, answer.details.port);
  if (answer.code === 'token') await showToken(waiting, answer.details.id);
  const about = answer.workspace ? { workspace: answer.workspace } : {};
  line?.end({ ok: isReached, ...about, isNew: command?.seq === 1 });
}

/** Ends the lines whose command has reached what it wanted, or never will, after the card `view` was drawn. */
async function settle(waiting: Waiting, view: CardView): Promise<void> {
  for (const [id, line] of waiting.lines) {
    if (line.command === undefined || line.answer?.workspace !== view.id || line.needsCard) continue;
    const command = await readCommand(waiting.db, line.command);
    if (command && !isOver(command, view)) continue;
    if (linesAbout(waiting, view.id).length === 1) waiting.screen.freeze(view.id);
    await endLine(waiting, id, line.answer, command);
  }
}

/** A card may be older than the command's end that came with its next version: the person shall see that one. */
function isOver({ status, desired }: CommandState, view: CardView): boolean {
  if (status === 'running') return false;
  return status === 'superseded' || desired === null || view.isSettled;
}

const linesAbout = ({ lines }: Waiting, workspace: string): Line[] =>
  [...lines.values()].filter((line) => line.answer?.workspace === workspace);

async function showLink(waiting: Waiting, { workspace }: Answer): Promise<void> {
  if (!workspace) return;
  const url = await waiting.createLink(workspace, (await person(waiting)).id);
  waiting.screen.print(`Open the terminal; the link works once, within 5 minutes:\n${url}`);
}

/** Nobody signs in here: the browser learns by it who it is. */
async function showPortLink(waiting: Waiting, { workspace }: Answer, port: number): Promise<void> {
  if (!workspace) return;
  const url = await waiting.createPortLink(workspace, port, (await person(waiting)).id);
  waiting.screen.print(`The first time in a browser; the link works once, within 5 minutes:\n${url}`);
}

async function showSettingsLink(waiting: Waiting): Promise<void> {
  const url = await waiting.createSettingsLink((await person(waiting)).id);
  waiting.screen.print(`Your own page, for your keys; the link works once, within 5 minutes:\n${url}`);
}

async function showToken(waiting: Waiting, id: string): Promise<void> {
  const secret = await waiting.createTokenSecret(id);
  if (secret) waiting.screen.print(secret);
}

const contextFor = ({ commands, forges }: FrontOptions): ParseContext => ({
  traits: atTerminal,
  markup: 'none',
  // Needed by nobody, and typed by those who know Sam from elsewhere.
  triggers: ['/', '@', ''].map((sign) => `${sign}sam`),
  triggerOptional: true,
  commands,
  ...(forges.length > 0 ? { hosts: forges.map(({ url }) => new URL(url).host) } : {}),
  allowPaths: true,
  allowUrls: true,
});

/** A card that somebody waits for is drawn in place; any other is told once, when it has something new to say. */
function drawCard(waiting: Waiting, card: Card, view: CardView): void {
  const { screen } = waiting;
  const manners = linesAbout(waiting, view.id).map((line) => line.manner);
  if (manners.includes('quietly')) return;
  // A retry is for those who can type one.
  const next = manners.includes('once') ? 'mend that, then start again' : undefined;
  if (manners.length > 0)
    return screen.show(view.id, renderPlain(view, next).map(redact), redact(renderProgress(view)));
  if (view.isSettled && card.sentHash !== null && card.sentHash !== hashOf(view))
    screen.print(redact(renderPlain(view).join('\n')));
}

/** What is worth telling anew. */
const hashOf = (view: CardView): string =>
  JSON.stringify([view.state, view.notices, view.failure, view.isExpiring, view.task?.questions]);
