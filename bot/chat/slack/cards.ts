// The card of a workspace in a channel or thread: posted, edited in place, posted again once; in private where it cannot be.
import type { Logger } from 'pino';
import type { Card } from '../../database/types.ts';
import { messageOf } from '../../errors.ts';
import { hashOf, paced, whenAllowed, withoutClocks } from '../pace.ts';
import { renderCard, type SlackMessage } from './render.ts';
import type { CardView } from '../view.ts';
import { CLOSED_ROOM, isRefusal, UNREACHABLE, type SlackCalls } from './calls.ts';
import { parseThread } from './request.ts';
import * as slackStore from './store.ts';
import type { Executor } from '../store.ts';

export interface SlackCardSender {
  db: Executor;
  calls: SlackCalls;
  /** What commands begin with. */
  trigger: string;
  paceMs: number;
  log: Logger;
}

type Sent = Partial<Card> | { later: Date };

/** How often it is posted again after somebody deleted it. */
const MAX_REPOSTS = 1;
const QUIETLY = { unfurl_links: false, unfurl_media: false, parse: 'none', link_names: false } as const;

export function createSlackCardSender(sender: SlackCardSender) {
  return async (card: Card, [view]: [CardView, ...CardView[]]): Promise<Sent> => {
    const sentHash = hashOf(JSON.stringify(renderCard(withoutClocks(view), sender.trigger)));
    if (sentHash === card.sentHash || isUnwanted(card, view)) return { sentHash };
    const later = whenAllowed(card, [view], sender.paceMs, new Date());
    if (later) return { later };
    const message = renderCard(view, sender.trigger);
    const patch =
      card.externalId === null
        ? await post(sender, card, view, message)
        : await edit(sender, card, view, message);
    return { ...patch, ...paced(card, sender.paceMs, new Date()), sentHash };
  };
}

/** Nothing is posted only to say that something is gone, or where people deleted it twice. */
const isUnwanted = (card: Card, view: CardView): boolean =>
  card.externalId === null && (view.phase === 'deleted' || card.reposts > MAX_REPOSTS);

/** How a message is called in its card's row: `C1:123.45`. */
export const externalIdOf = (channel: string, ts: string): string => `${channel}:${ts}`;

export function parseExternalId(id: string): { channel: string; ts: string } {
  const [channel = '', ts = ''] = id.split(':');
  return { channel, ts };
}

const contentOf = (view: CardView, { text, blocks }: SlackMessage, hint?: string) => ({
  text,
  blocks: [
    ...blocks,
    ...(hint ? [{ type: 'context' as const, elements: [{ type: 'mrkdwn' as const, text: hint }] }] : []),
  ],
  metadata: { event_type: 'sam_workspace', event_payload: { ws: view.id } },
});

/** What was asked for in the App Home has no channel: its card is in the direct message. */
const isPerson = (channel: string): boolean => /^[UW]/.test(channel);

/** For a card that is not where it belongs. */
const hintFor = (channel: string): string =>
  `I cannot write in <#${channel}>, so the card is here. For the next one, invite me there: \`/invite @Sam\`.`;

async function edit(
  sender: SlackCardSender,
  card: Card,
  view: CardView,
  message: SlackMessage,
): Promise<Partial<Card>> {
  const { team, channel: home } = parseThread(card.thread);
  const { channel, ts } = parseExternalId(card.externalId ?? '');
  const content = contentOf(view, message, channel === home || isPerson(home) ? undefined : hintFor(home));
  try {
    await sender.calls.call(team, 'edit card', (client) =>
      client.chat.update({ channel, ts, ...content, parse: 'none', link_names: false }),
    );
    return {};
  } catch (error) {
    // Nobody can be told there any more.
    if (isRefusal(error, [...CLOSED_ROOM, 'cant_update_message', 'edit_window_closed'])) return {};
    if (!isRefusal(error, ['message_not_found'])) throw error;
  }
  if (card.reposts >= MAX_REPOSTS) return { externalId: null, reposts: card.reposts + 1 };
  return { ...(await post(sender, card, view, message)), reposts: card.reposts + 1 };
}

async function post(
  sender: SlackCardSender,
  card: Card,
  view: CardView,
  message: SlackMessage,
): Promise<Partial<Card>> {
  const { team, channel: home, threadTs } = parseThread(card.thread);
  try {
    const channel = isPerson(home) ? await openDirect(sender.calls, team, home) : home;
    const posted = await sender.calls.call(team, 'post card', (client) =>
      client.chat.postMessage({
        channel,
        ...contentOf(view, message),
        ...QUIETLY,
        ...(threadTs ? { thread_ts: threadTs } : {}),
      }),
    );
    return { externalId: externalIdOf(channel, posted.ts ?? '') };
  } catch (error) {
    if (!isRefusal(error, CLOSED_ROOM)) throw error;
    return postPrivately(sender, { team, home }, view, message);
  }
}

async function postPrivately(
  { db, calls, log }: SlackCardSender,
  { team, home }: { team: string; home: string },
  view: CardView,
  message: SlackMessage,
): Promise<Partial<Card>> {
  const owner = await slackStore.findOwner(db, view.id);
  if (!owner) return {};
  try {
    const channel = await openDirect(calls, team, owner.externalId);
    const content = contentOf(view, message, hintFor(home));
    const posted = await calls.call(team, 'post card in private', (client) =>
      client.chat.postMessage({ channel, ...content, ...QUIETLY }),
    );
    return { externalId: externalIdOf(channel, posted.ts ?? '') };
  } catch (error) {
    if (!isRefusal(error, UNREACHABLE)) throw error;
    log.warn({ workspace: view.id, error: messageOf(error) }, 'a card has no place to go');
    return {};
  }
}

/** The channel of the direct message with that person. */
export async function openDirect(calls: SlackCalls, team: string, user: string): Promise<string> {
  const opened = await calls.call(team, 'open direct message', (client) =>
    client.conversations.open({ users: user }),
  );
  return opened.channel?.id ?? '';
}
