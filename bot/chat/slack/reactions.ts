// Signs on messages in Slack: that one was heard, and how it ended. No sign is a reason not to work.
import type { Logger } from 'pino';
import type { Delivery } from '../../database/types.ts';
import { messageOf, ProviderError, waitMs } from '../../errors.ts';
import { isRefusal, LOST_TOKEN, type SlackCalls } from './calls.ts';
import { Event } from './request.ts';
import * as store from '../store.ts';
import type { Conclusion, Executor } from '../store.ts';

export interface SlackSigns {
  db: Executor;
  calls: SlackCalls;
  log: Logger;
}

const SEEN = 'eyes';

/** Shows on the message that it was heard and is allowed. Never throws: the command goes on without. */
export async function ackReaction(signs: SlackSigns, delivery: Delivery): Promise<void> {
  const event = Event.parse(delivery.payload);
  if (event.kind !== 'message' || delivery.ack) return;
  try {
    await sign(signs, event, 'add', SEEN);
    await store.keepAck(signs.db, delivery, SEEN);
  } catch (error) {
    signs.log.warn({ delivery: delivery.deliveryId, error: messageOf(error) }, 'a sign could not be given');
  }
}

/** How messages ended, for the loop. */
export const conclusionSource = (signs: SlackSigns) => ({
  name: 'slack signs',
  dueInMs: () => Promise.resolve(undefined),
  async take(): Promise<(() => Promise<void>) | undefined> {
    const held = await store.claimConclusion(signs.db, 'slack');
    return held && (() => finalReaction(signs, held));
  },
});

/** Each sign that something was heard gets its end: commands end, because all their phases have deadlines. */
async function finalReaction(signs: SlackSigns, held: Conclusion): Promise<void> {
  try {
    const event = Event.parse(held.row.payload);
    if (event.kind === 'message') await signEnd(signs, event, held);
    await store.markConcluded(signs.db, held);
  } catch (error) {
    await store.keepLease(signs.db, held, waitMs(error) ?? 0);
    signs.log.warn({ delivery: held.row.deliveryId, error: messageOf(error) }, 'a sign has to wait');
  }
}

async function signEnd(signs: SlackSigns, event: Message, { row, status }: Conclusion): Promise<void> {
  const isGood = row.answer?.ok === true && status !== 'failed' && status !== 'superseded';
  await sign(signs, event, 'add', isGood ? 'white_check_mark' : 'x');
  if (row.ack !== null) await sign(signs, event, 'remove', SEEN);
}

type Message = Extract<Event, { kind: 'message' }>;

/** Throws only for what passes by itself: a message that is gone, a right or a token that is missing, stays so. */
async function sign(
  { calls }: SlackSigns,
  { team, channel, ts }: Message,
  how: 'add' | 'remove',
  name: string,
): Promise<void> {
  try {
    await calls.call(team, `${how} a sign`, (client) =>
      client.reactions[how]({ channel, timestamp: ts, name }),
    );
  } catch (error) {
    if (isRefusal(error, LOST_TOKEN)) return;
    if (!(error instanceof ProviderError) || error.retryable) throw error;
  }
}
