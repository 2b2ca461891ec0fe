// Reactions on comments: that one was heard, and how it ended. Knows no card.
import type { Logger } from 'pino';
import type { Answer, CommandStatus, Delivery, Executor, Held } from '../../database/types.ts';
import { isHopeless, messageOf, waitMs } from '../../errors.ts';
import type { GitHubApp } from '../../forges/github/app.ts';
import * as threads from '../../forges/github/threads.ts';
import type { Written } from '../front.ts';
import { keepAck, markConcluded, readCommand, release } from '../store/answers.ts';
import { postponeDelivery } from '../store/deliveries.ts';
import { eventOf } from './events.ts';

export interface Signs {
  db: Executor;
  app: GitHubApp;
  log: Logger;
}

/** It was heard and is allowed, and its end takes a while. They stay: the end stands beside them. */
export const giveEyes = (signs: Signs, held: Held<Delivery>): Promise<Written> =>
  sign(signs, held, 'eyes', async (ack) => {
    await keepAck(signs.db, held.row, String(ack ?? ''));
    await release(signs.db, held);
  });

/** Each request that was heard gets its end: commands end, because all their phases have deadlines. */
export async function signEnd(signs: Signs, held: Held<Delivery>): Promise<Written> {
  const { answer, commandId } = held.row;
  const command = commandId === null ? undefined : await readCommand(signs.db, commandId);
  return sign(signs, held, signOf(answer, command?.status), () => markConcluded(signs.db, held));
}

/** Undefined: there is no comment to react to. */
async function react(
  { app }: Signs,
  delivery: Delivery,
  sign: threads.Reaction,
): Promise<number | undefined> {
  const event = eventOf(delivery);
  if (event.kind !== 'comment') return undefined;
  const octokit = await app.on(event.repository);
  return octokit && threads.react(octokit, event, sign);
}

const MAX_PAUSE_MS = 30_000;

/** Tried again for a day, unless GitHub refuses it for good; `end` writes down that it was given, or given up. */
async function sign(
  signs: Signs,
  held: Held<Delivery>,
  reaction: threads.Reaction,
  end: (given: number | undefined) => Promise<void>,
): Promise<Written> {
  try {
    const given = await react(signs, held.row, reaction);
    await end(given);
    return { isWritten: given !== undefined };
  } catch (error) {
    const isOver = isHopeless(error, held.row.receivedAt);
    const pauseMs = waitMs(error) ?? Math.min(MAX_PAUSE_MS, 1000 * 2 ** held.row.attempts);
    await (isOver ? end(undefined) : postponeDelivery(signs.db, held, pauseMs));
    signs.log.warn(
      { delivery: held.row.deliveryId, error: messageOf(error) },
      isOver ? 'a reaction is given up' : 'a reaction has to wait',
    );
    return { isWritten: true, waitMs: waitMs(error) };
  }
}

function signOf(answer: Answer | null, status: CommandStatus | undefined): threads.Reaction {
  if (!answer?.ok) return answer?.code === 'forbidden' || answer?.code === 'internal' ? '-1' : 'confused';
  if (status === 'failed') return '-1';
  return status === 'superseded' ? 'confused' : 'rocket';
}
