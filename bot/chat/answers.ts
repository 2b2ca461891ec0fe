// Shows answers: each claimed, shown by its front, tried again until that is hopeless. Knows no command.
import type { Logger } from 'pino';
import type { Delivery, Executor, FrontName, Held } from '../database/types.ts';
import { isHopeless, messageOf, waitMs } from '../errors.ts';
import type { Conversation, Written } from './front.ts';
import { whileHeld } from '../jobs/lease.ts';
import { claimAnswer, markAnswered, postponeAnswer } from './store/answers.ts';
import { renewDelivery } from './store/deliveries.ts';

export interface Answers {
  db: Executor;
  conversations: ReadonlyMap<FrontName, Conversation>;
  log: Logger;
  /** How often a lease is renewed while an answer takes long; tests pass their own. */
  renewEveryMs?: number;
}

/** Answers that were not shown yet, for the loop. */
export const answerSource = (answers: Answers) => ({
  name: 'answers',
  dueInMs: () => Promise.resolve(undefined),
  async take(): Promise<(() => Promise<unknown>) | undefined> {
    for (const [front, conversation] of answers.conversations) {
      const held = await claimAnswer(answers.db, front, conversation.thread);
      if (held)
        return () =>
          whileHeld(
            () => renewDelivery(answers.db, held),
            () => showAnswer(answers, conversation, held),
            { log: answers.log, everyMs: answers.renewEveryMs },
          );
    }
    return undefined;
  },
});

export async function showAnswer(
  answers: Omit<Answers, 'conversations'>,
  conversation: Conversation,
  held: Held<Delivery>,
): Promise<Written> {
  try {
    const isWritten =
      held.row.answer !== null && (await conversation.answer(held.row, held.row.answer)) === true;
    await markAnswered(answers.db, held);
    return { isWritten };
  } catch (error) {
    const isOver = isHopeless(error, held.row.receivedAt);
    const pauseMs = waitMs(error);
    if (isOver) await markAnswered(answers.db, held);
    else if (pauseMs !== undefined) await postponeAnswer(answers.db, held, pauseMs);
    answers.log.warn(
      { front: held.row.source, error: messageOf(error) },
      isOver ? 'an answer could not be shown' : 'an answer could not be shown; it is tried again',
    );
    return { isWritten: true, waitMs: pauseMs };
  }
}
