// Keeps every card true: claims what is out of date, sends the newest, writes down what was sent.
import type { Logger } from 'pino';
import type { Card, Front } from '../database/types.ts';
import { messageOf } from '../errors.ts';
import type { FrontEnd } from './chat.ts';
import { viewOf, type CardFacts } from './render/view.ts';
import * as store from './store.ts';
import type { Executor, Held } from './store.ts';

export interface Cards {
  db: Executor;
  fronts: ReadonlyMap<Front, FrontEnd>;
  /** When the workspace stops by itself. */
  expiryOf(workspace: CardFacts['workspace']): Date | undefined;
  warningMs: number;
  log: Logger;
}

const MAX_PAUSE_MS = 60_000;

export const cardSource = (cards: Cards) => ({
  name: 'cards',
  dueInMs: () => store.cardDueInMs(cards.db),
  async take(): Promise<(() => Promise<void>) | undefined> {
    for (const front of cards.fronts.values()) {
      const held = await store.claimCard(cards.db, front.name, front.thread);
      if (held) return () => send(cards, front, held);
    }
    return undefined;
  },
});

async function send(cards: Cards, front: FrontEnd, held: Held<Card>): Promise<void> {
  try {
    const facts = await store.readSubject(cards.db, held.row.subject);
    if (!facts) return await store.finishCard(cards.db, held, {});
    const view = viewOf({ ...facts, expiry: cards.expiryOf(facts.workspace), warningMs: cards.warningMs });
    await store.finishCard(cards.db, held, await front.sendCard(held.row, view));
  } catch (error) {
    cards.log.warn(
      { front: front.name, subject: held.row.subject, error: messageOf(error) },
      'a card could not be sent; it is tried again',
    );
    await store.postponeCard(
      cards.db,
      held,
      Math.min(MAX_PAUSE_MS, 1000 * 2 ** held.row.attempts),
      messageOf(error),
    );
  }
}
