// Keeps every card true: claims what is out of date, sends the newest, writes down what was sent.
import type { Logger } from 'pino';
import type { Card, Executor, FrontName, Held } from '../database/types.ts';
import { messageOf, ProviderError, waitMs } from '../errors.ts';
import type { Conversation, Written } from './front.ts';
import { completeFacts, viewOf, type CardKnowledge } from './view.ts';
import { whileHeld } from '../jobs/lease.ts';
import { cardDueInMs, claimCard, deferCard, finishCard, postponeCard, renewCard } from './store/cards.ts';
import { listShares } from '../access/store/shares.ts';
import { findTurn, listOpenTurns } from '../tasks/store/turns.ts';
import { findProposal } from '../tasks/store/proposals.ts';
import { proposalViewOf, turnViewOf, type TurnView } from './turn-view.ts';
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
  dueInMs: () => cardDueInMs(cards.db, [...cards.conversations.keys()]),
  async take(): Promise<(() => Promise<unknown>) | undefined> {
    for (const [front, conversation] of cards.conversations) {
      const held = await claimCard(cards.db, front, conversation.thread);
      if (held)
        return () =>
          whileHeld(
            () => renewCard(cards.db, held),
            () => sendCard(cards, conversation, held),
            cards,
          );
    }
    return undefined;
  },
});

export async function sendCard(
  cards: Omit<Cards, 'conversations'>,
  conversation: Conversation,
  held: Held<Card>,
): Promise<Written> {
  try {
    if (held.row.kind === 'answer') return await sendTurn(cards, conversation, held);
    const complete = await completeFacts(cards.knowledge);
    const rows = await readSubject(cards.db, held.row.subject);
    const ids = rows.map(({ workspace }) => workspace.id);
    const turnsOf = Map.groupBy(await listOpenTurns(cards.db, ids), ({ workspaceId }) => workspaceId);
    const sharesOf = Map.groupBy(await listShares(cards.db, ids), ({ workspaceId }) => workspaceId);
    const [first, ...more] = rows.map((facts) => {
      const { id } = facts.workspace;
      return viewOf({ ...complete(facts), turns: turnsOf.get(id) ?? [], shares: sharesOf.get(id) ?? [] });
    });
    if (!first) {
      await finishCard(cards.db, held, {});
      return { isWritten: false };
    }
    const sent = await conversation.sendCard(held.row, [first, ...more]);
    if ('later' in sent) await deferCard(cards.db, held, sent.later);
    else await finishCard(cards.db, held, sent);
    return { isWritten: 'sentAt' in sent };
  } catch (error) {
    cards.log.warn(
      { front: held.row.front, subject: held.row.subject, error: messageOf(error) },
      'a card could not be sent; it is tried again',
    );
    // Refused for good: it says so again when there is something new to show.
    if (error instanceof ProviderError && !error.retryable)
      await finishCard(cards.db, held, { lastError: messageOf(error) });
    else
      await postponeCard(
        cards.db,
        held,
        waitMs(error) ?? Math.min(MAX_PAUSE_MS, 1000 * 2 ** held.row.attempts),
        messageOf(error),
      );
    return { isWritten: true, waitMs: waitMs(error) };
  }
}

/** What came of a turn: posted once, and never edited. */
async function sendTurn(
  { db, knowledge }: Omit<Cards, 'conversations'>,
  conversation: Conversation,
  held: Held<Card>,
): Promise<Written> {
  const view = held.row.externalId === null ? await readTurn({ db, knowledge }, held.row.subject) : undefined;
  const sent = view ? await conversation.sendTurn(held.row, view) : {};
  if ('later' in sent) await deferCard(db, held, sent.later);
  else await finishCard(db, held, sent);
  return { isWritten: 'sentAt' in sent };
}

/** A turn, or what came of work that was offered. */
async function readTurn(
  { db, knowledge }: Pick<Cards, 'db' | 'knowledge'>,
  subject: string,
): Promise<TurnView | undefined> {
  const turn = await findTurn(db, subject);
  if (turn) return turnViewOf(turn, knowledge);
  const proposal = await findProposal(db, subject);
  return proposal && proposalViewOf(proposal);
}
