// The console: lines typed at the bot's own terminal, or given on its command line. Its user is whoever started the bot.
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { ParseContext } from '../commands/parsed.ts';
import type { Command } from '../commands/scene.ts';
import type { Answer, Card, Delivery, User } from '../database/schema.ts';
import { randomBase32 } from '../ids.ts';
import type { FrontEnd } from './chat.ts';
import { locate } from './locate.ts';
import { renderPlain, renderProgress } from './render/plain.ts';
import { redact } from './render/redact.ts';
import type { CardView } from './render/view.ts';
import type { Screen } from './screen.ts';
import * as store from './store.ts';
import type { Executor } from './store.ts';

export interface ConsoleOptions {
  db: Executor;
  screen: Screen;
  commands: readonly Command[];
  /** What relative paths are relative to. */
  cwd: string;
  login: string;
  /** Makes this person's private way into a workspace: a URL with a one-time code. */
  createLink(workspace: string, user: string): Promise<string>;
}

export interface Console extends FrontEnd {
  thread: string;
  /** Stores the line and waits until its answer is shown and what it wants is reached or given up. */
  say(line: string): Promise<Ending>;
}

export interface Ending {
  ok: boolean;
  /** The workspace it was about. */
  workspace?: string;
}

/** A line under way. `command` and `workspace` are known once it was answered. */
interface Line {
  command?: number;
  answer?: Answer;
  end(ending: Ending): void;
}

const Payload = z.object({ line: z.string(), cwd: z.string() });

export function createConsole(options: ConsoleOptions): Console {
  const thread = `console:${randomBase32(8)}`;
  const waiting: Waiting = { ...options, lines: new Map() };
  const context = contextFor(options.commands);
  const { db } = options;
  return {
    name: 'console',
    thread,
    async say(line) {
      const deliveryId = randomUUID();
      const ending = new Promise<Ending>((end) => waiting.lines.set(deliveryId, { end }));
      const payload = { line, cwd: options.cwd };
      await store.storeDelivery(db, { source: 'console', deliveryId, thread, event: 'line', payload });
      return ending;
    },
    async hear({ payload }) {
      return { actor: await person(options), text: Payload.parse(payload).line, context, place: { thread } };
    },
    locate: (target, { payload }) => locate(target, Payload.parse(payload).cwd),
    // Whoever can type here can read the bot's keys: there is nobody to ask.
    permit: () => Promise.resolve(),
    answer: (delivery, answer) => showAnswer(waiting, delivery, answer),
    async sendCard(card, view) {
      const isAwaited = [...waiting.lines.values()].some((line) => line.answer?.workspace === view.id);
      drawCard(options.screen, card, view, isAwaited);
      await settle(waiting, view.id);
      return { sentHash: hashOf(view) };
    },
  };
}

type Waiting = ConsoleOptions & { lines: Map<string, Line> };

const person = ({ db, login }: ConsoleOptions): Promise<User> =>
  store.meetPerson(db, { source: 'console', externalId: 'local', login });

async function showAnswer(waiting: Waiting, delivery: Delivery, answer: Answer): Promise<void> {
  if (answer.text) waiting.screen.print(redact(answer.text));
  const line = waiting.lines.get(delivery.deliveryId);
  if (!line) return;
  if (answer.ok && answer.link === 'now') await showLink(waiting, answer);
  if (answer.ok && answer.workspace && delivery.commandId !== null) {
    line.answer = answer;
    line.command = delivery.commandId;
    return settle(waiting, answer.workspace);
  }
  waiting.lines.delete(delivery.deliveryId);
  line.end({ ok: answer.ok });
}

/** Ends the lines whose command has reached what it wanted, or never will. */
async function settle(waiting: Waiting, workspace: string): Promise<void> {
  for (const [id, line] of waiting.lines) {
    if (line.command === undefined || line.answer?.workspace !== workspace) continue;
    const status = await store.readCommandStatus(waiting.db, line.command);
    if (status === 'running') continue;
    waiting.lines.delete(id);
    waiting.screen.freeze(workspace);
    if (status === 'done' && line.answer.link === 'when-running') await showLink(waiting, line.answer);
    line.end({ ok: status === 'done', workspace });
  }
}

async function showLink(waiting: Waiting, { workspace }: Answer): Promise<void> {
  if (!workspace) return;
  const url = await waiting.createLink(workspace, (await person(waiting)).id);
  waiting.screen.print(`Open the terminal; the link works once, within 5 minutes:\n${url}`);
}

const contextFor = (commands: readonly Command[]): ParseContext => ({
  front: 'console',
  triggers: ['/sam', '@sam', 'sam'],
  triggerOptional: true,
  commands,
  allowPaths: true,
  allowUrls: true,
});

/** A card that somebody waits for is drawn in place; any other is told once, when it has something new to say. */
function drawCard(screen: Screen, card: Card, view: CardView, isLive: boolean): void {
  if (isLive) return screen.show(view.id, renderPlain(view).map(redact), redact(renderProgress(view)));
  if (view.isSettled && card.sentHash !== null && card.sentHash !== hashOf(view))
    screen.print(redact(renderPlain(view).join('\n')));
}

/** What is worth telling anew. */
const hashOf = (view: CardView): string =>
  [view.state, view.notice, view.failure?.message, view.isExpiring].join('|');
