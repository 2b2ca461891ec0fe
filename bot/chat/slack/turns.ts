// What came of a turn, as a message of its own: in the thread of its workspace's card, so that an answer to it is about that one.
import type { Card, Executor } from '../../database/types.ts';
import type { TurnView } from '../turn-view.ts';
import { CLOSED_ROOM, isRefusal, type SlackCalls } from './calls.ts';
import { externalIdOf, openDirect, parseExternalId } from './cards.ts';
import { findLost } from './lost.ts';
import { renderTurn } from './render.ts';
import { parseThread } from './request.ts';
import * as slackStore from './store.ts';

export interface TurnPoster {
  db: Executor;
  calls: SlackCalls;
  /** What commands begin with. */
  trigger: string;
}

/** The card is posted a moment earlier, or never. */
const CARD_WAIT_MS = 1_000;
const MAX_CARD_WAIT_MS = 30_000;

export async function postTurn(
  { db, calls, trigger }: TurnPoster,
  card: Card,
  turn: TurnView,
): Promise<Partial<Card> | { later: Date }> {
  const { team, channel: home, threadTs } = parseThread(card.thread);
  const shown = (await slackStore.findCards(db, card.thread)).find(
    ({ subject }) => subject === turn.workspace.id,
  );
  const isYoung = Date.now() - card.createdAt.getTime() < MAX_CARD_WAIT_MS;
  if (shown?.externalId === null && isYoung) return { later: new Date(Date.now() + CARD_WAIT_MS) };
  const at = shown?.externalId ? parseExternalId(shown.externalId) : undefined;
  const channel = at?.channel ?? (/^[UW]/.test(home) ? await openDirect(calls, team, home) : home);
  const { text, blocks } = renderTurn(turn, trigger);
  const metadata = { event_type: 'sam_answer', event_payload: { turn: turn.id } };
  const inThread = threadTs ?? at?.ts;
  try {
    // A post whose answer got lost has left its message.
    const place = { team, channel, threadTs: inThread, since: card.createdAt };
    const lost = card.attempts > 0 ? await findLost(calls, place, metadata) : undefined;
    if (lost) return { externalId: externalIdOf(channel, lost), sentAt: new Date() };
    const posted = await calls.call(team, 'post answer', (client) =>
      client.chat.postMessage({
        channel,
        text,
        blocks,
        metadata,
        unfurl_links: false,
        unfurl_media: false,
        parse: 'none',
        link_names: false,
        ...(inThread ? { thread_ts: inThread } : {}),
      }),
    );
    return { externalId: externalIdOf(channel, posted.ts ?? ''), sentAt: new Date() };
  } catch (error) {
    // Nobody can be told there any more.
    if (!isRefusal(error, CLOSED_ROOM)) throw error;
    return {};
  }
}
