// The console: lines typed at the bot's own terminal, or given on its command line. Its user is whoever started the bot.
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { ParseContext } from '../../commands/parser/parsed.ts';
import type { Command } from '../../commands/context.ts';
import type { Answer, Card, Delivery, User } from '../../database/types.ts';
import { randomBase32 } from '../../ids.ts';
import type { FrontEnd } from '../front.ts';
import type { Forge } from '../../forges/forge.ts';
import { locate } from '../../forges/locate.ts';
import { renderPlain, renderProgress } from './render.ts';
import { redact } from '../../../agent/redact.ts';
import type { CardView } from '../view.ts';
import { joined, TERMINAL, wordAnswer } from '../wording.ts';
import type { Screen } from './screen.ts';
import * as store from '../store.ts';
import type { Executor } from '../store.ts';

export interface ConsoleOptions {
  db: Executor;
  screen: Screen;
  commands: readonly Command[];
  forges: readonly Forge[];
  /** What relative paths are relative to. */
  cwd: string;
  login: string;
  /** Makes this person's private way into a workspace: a URL with a one-time code. */
  createLink(workspace: string, user: string): Promise<string>;
}

export interface Console extends FrontEnd {
  thread: string;
  /** Stores the line and waits until its answer is shown and what it wants is reached or given up. */
  say(line: string, manner?: Manner): Promise<Ending>;
  /** Its screen is gone, and its cards with it. */
  close(): Promise<void>;
}

/** `once`: nobody can say another line after it. `quietly`: nothing is shown. */
export type Manner = 'once' | 'quietly';

export interface Ending {
  ok: boolean;
  /** The workspace it was about. */
  workspace?: string;
  /** The line made that workspace. */
  isNew?: boolean;
}

/** A line under way. `command` and `answer` are known once it was answered. */
interface Line {
  command?: number;
  answer?: Answer;
  /** The card is its answer, and was not drawn since. */
  needsCard?: boolean;
  manner: Manner | undefined;
  end(ending: Ending): void;
}

const Payload = z.object({ line: z.string(), cwd: z.string() });

export function createConsole(options: ConsoleOptions): Console {
  const thread = `console:${randomBase32(8)}`;
  const waiting: Waiting = { ...options, lines: new Map() };
  const context = contextFor(options);
  const { db } = options;
  return {
    name: 'console',
    thread,
    async say(line, manner) {
      const deliveryId = randomUUID();
      const ending = new Promise<Ending>((end) => waiting.lines.set(deliveryId, { end, manner }));
      const payload = { line, cwd: options.cwd };
      await store.storeDelivery(db, { source: 'console', deliveryId, thread, event: 'line', payload });
      return ending;
    },
    close: () => store.dropCards(db, 'console', thread),
    async hear({ payload }) {
      const text = Payload.parse(payload).line;
      const spoken = { text, context };
      return { actor: await person(options), spoken, place: { thread }, isOperator: true };
    },
    locate: async (target, { payload }) =>
      target && target.kind !== 'number' && target.kind !== 'name'
        ? locate(options.forges, target, Payload.parse(payload).cwd)
        : undefined,
    // Whoever can type here can read the bot's keys: there is nobody to ask.
    permit: () => Promise.resolve(),
    answer: (delivery, answer) => showAnswer(waiting, delivery, answer),
    async sendCard(card, [view]) {
      drawCard(waiting, card, view);
      for (const line of linesAbout(waiting, view.id)) line.needsCard = false;
      await settle(waiting, view);
      return { sentHash: hashOf(view) };
    },
  };
}

type Waiting = ConsoleOptions & { lines: Map<string, Line> };

const person = ({ db, login }: ConsoleOptions): Promise<User> =>
  store.meetPerson(db, { source: 'console', externalId: 'local', login });

async function showAnswer(waiting: Waiting, delivery: Delivery, answer: Answer): Promise<void> {
  const line = waiting.lines.get(delivery.deliveryId);
  const text = joined(wordAnswer(answer, TERMINAL));
  if (text && line?.manner !== 'quietly') waiting.screen.print(redact(text));
  if (!line) return;
  const { commandId } = delivery;
  const command = commandId === null ? undefined : await store.readCommand(waiting.db, commandId);
  const isOpen = command?.status === 'running' || (command !== undefined && text === '');
  if (!isOpen || !answer.workspace) return endLine(waiting, delivery.deliveryId, answer, command);
  Object.assign(line, { answer, command: commandId, needsCard: true });
  // The card may have been drawn before anybody waited for it.
  await store.wantCard(waiting.db, {
    front: delivery.source,
    thread: delivery.thread,
    subject: answer.workspace,
  });
}

async function endLine(
  waiting: Waiting,
  id: string,
  answer: Answer,
  command: store.CommandState | undefined,
): Promise<void> {
  const line = waiting.lines.get(id);
  waiting.lines.delete(id);
  const isReached = answer.ok && (command === undefined || command.status === 'done');
  const isLinkDue = answer.link === 'now' || (answer.link === 'when-running' && command?.status === 'done');
  if (answer.ok && isLinkDue) await showLink(waiting, answer);
  const about = answer.workspace ? { workspace: answer.workspace } : {};
  line?.end({ ok: isReached, ...about, isNew: command?.seq === 1 });
}

/** Ends the lines whose command has reached what it wanted, or never will, after the card `view` was drawn. */
async function settle(waiting: Waiting, view: CardView): Promise<void> {
  for (const [id, line] of waiting.lines) {
    if (line.command === undefined || line.answer?.workspace !== view.id || line.needsCard) continue;
    const command = await store.readCommand(waiting.db, line.command);
    if (command && !isOver(command, view)) continue;
    if (linesAbout(waiting, view.id).length === 1) waiting.screen.freeze(view.id);
    await endLine(waiting, id, line.answer, command);
  }
}

/** A card may be older than the command's end that came with its next version: the person shall see that one. */
function isOver({ status, desired }: store.CommandState, view: CardView): boolean {
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

const contextFor = ({ commands, forges }: ConsoleOptions): ParseContext => ({
  front: 'console',
  markup: 'none',
  triggers: ['/sam', '@sam', 'sam'],
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
  JSON.stringify([view.state, view.notices, view.failure, view.isExpiring]);
