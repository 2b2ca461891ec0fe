// Keeps every card true: claims what is out of date, sends the newest, writes down what was sent.
import type { Logger } from 'pino';
import type { Card, Executor, Front, Held } from '../database/types.ts';
import { messageOf, ProviderError, waitMs } from '../errors.ts';
import type { FrontEnd } from './front.ts';
import { viewOf, type CardFacts } from './view.ts';
import { whileHeld } from '../jobs/lease.ts';
import { cardDueInMs, claimCard, deferCard, finishCard, postponeCard, renewCard } from './store/cards.ts';
import { readSubject } from './store/subjects.ts';

/** What a card shows beside the rows. */
export interface CardKnowledge {
  /** When the workspace stops by itself. */
  expiryOf: (workspace: CardFacts['workspace']) => Date | undefined;
  /** What an hour of its machine costs, for people; asked once for all that a card shows. */
  readPrices: () => Promise<(node: NonNullable<CardFacts['node']>) => string | undefined>;
  warningMs: number;
}

export interface Cards extends CardKnowledge {
  db: Executor;
  fronts: ReadonlyMap<Front, FrontEnd>;
  log: Logger;
}

type RowFacts = Omit<CardFacts, 'expiry' | 'price' | 'warningMs'>;

/** Adds to the rows what else a card shows. */
export async function completeFacts({
  readPrices,
  expiryOf,
  warningMs,
}: CardKnowledge): Promise<(facts: RowFacts) => CardFacts> {
  const priceOf = await readPrices();
  return (facts) => ({
    ...facts,
    price: facts.node ? priceOf(facts.node) : undefined,
    expiry: expiryOf(facts.workspace),
    warningMs,
  });
}

const MAX_PAUSE_MS = 60_000;

export const cardSource = (cards: Cards) => ({
  name: 'cards',
  dueInMs: () => cardDueInMs(cards.db),
  async take(): Promise<(() => Promise<void>) | undefined> {
    for (const front of cards.fronts.values()) {
      const held = await claimCard(cards.db, front.name, front.thread);
      if (held)
        return () =>
          whileHeld(
            () => renewCard(cards.db, held),
            () => send(cards, front, held),
            cards,
          );
    }
    return undefined;
  },
});

async function send(cards: Cards, front: FrontEnd, held: Held<Card>): Promise<void> {
  try {
    const complete = await completeFacts(cards);
    const rows = await readSubject(cards.db, held.row.subject);
    const [first, ...more] = rows.map((facts) => viewOf(complete(facts)));
    if (!first) return await finishCard(cards.db, held, {});
    const sent = await front.sendCard(held.row, [first, ...more]);
    if ('later' in sent) await deferCard(cards.db, held, sent.later);
    else await finishCard(cards.db, held, sent);
  } catch (error) {
    cards.log.warn(
      { front: front.name, subject: held.row.subject, error: messageOf(error) },
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
