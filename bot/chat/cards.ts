// Keeps every card true: claims what is out of date, sends the newest, writes down what was sent.
import type { Logger } from 'pino';
import type { Card, Executor, FrontName, Held } from '../database/types.ts';
import { messageOf, ProviderError, waitMs } from '../errors.ts';
import type { Conversation } from './front.ts';
import { completeFacts, viewOf, type CardKnowledge } from './view.ts';
import { whileHeld } from '../jobs/lease.ts';
import { cardDueInMs, claimCard, deferCard, finishCard, postponeCard, renewCard } from './store/cards.ts';
import { readSubject } from './store/subjects.ts';

export interface Cards {
  db: Executor;
  conversations: ReadonlyMap<FrontName, Conversation>;
  knowledge: CardKnowledge;
  log: Logger;
}

const MAX_PAUSE_MS = 60_000;

export const cardSource = (cards: Cards) => ({
  name: 'cards',
  dueInMs: () => cardDueInMs(cards.db),
  async take(): Promise<(() => Promise<void>) | undefined> {
    for (const [front, conversation] of cards.conversations) {
      const held = await claimCard(cards.db, front, conversation.thread);
      if (held)
        return () =>
          whileHeld(
            () => renewCard(cards.db, held),
            () => send(cards, conversation, held),
            cards,
          );
    }
    return undefined;
  },
});

async function send(cards: Cards, conversation: Conversation, held: Held<Card>): Promise<void> {
  try {
    const complete = await completeFacts(cards.knowledge);
    const rows = await readSubject(cards.db, held.row.subject);
    const [first, ...more] = rows.map((facts) => viewOf(complete(facts)));
    if (!first) return await finishCard(cards.db, held, {});
    const sent = await conversation.sendCard(held.row, [first, ...more]);
    if ('later' in sent) await deferCard(cards.db, held, sent.later);
    else await finishCard(cards.db, held, sent);
  } catch (error) {
    cards.log.warn(
      { front: held.row.front, subject: held.row.subject, error: messageOf(error) },
      'a card could not be sent; it is tried again',
    );
    // Refused for good: it says so again when there is something new to show.
    if (error instanceof ProviderError && !error.retryable)
      return finishCard(cards.db, held, { lastError: messageOf(error) });
    await postponeCard(
      cards.db,
      held,
      waitMs(error) ?? Math.min(MAX_PAUSE_MS, 1000 * 2 ** held.row.attempts),
      messageOf(error),
    );
  }
}
