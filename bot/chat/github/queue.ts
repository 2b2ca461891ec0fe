// The one who writes to GitHub: for each installation one thing after the other, at GitHub's pace, first what people wait
// for, and each thread in its turn. What there is to write stands in the rows, so that a restart loses nothing.
import { whileHeld } from '../../jobs/lease.ts';
import type { Source } from '../../jobs/loop.ts';
import { showAnswer, type Answers } from '../answers.ts';
import { sendCard, type Cards } from '../cards.ts';
import type { Conversation, Written } from '../front.ts';
import { renewCard } from '../store/cards.ts';
import { renewDelivery } from '../store/deliveries.ts';
import { giveEyes, signEnd, type Signs } from './reactions.ts';
import { endTurn, renewTurn, takeTurn, turnDueInMs, type Turn } from './queue-store.ts';

export type Queue = Omit<Cards, 'conversations'> &
  Omit<Answers, 'conversations'> &
  Signs & { conversation: Conversation };

export const writeSource = (queue: Queue): Source => ({
  name: 'github writes',
  dueInMs: () => turnDueInMs(queue.db),
  async take() {
    const turn = await takeTurn(queue.db);
    return (
      turn &&
      (() =>
        whileHeld(
          () => renew(queue, turn),
          () => serve(queue, turn),
          queue,
        ))
    );
  },
});

async function renew({ db }: Queue, turn: Turn): Promise<void> {
  await renewTurn(db, turn);
  await (turn.what === 'card' ? renewCard(db, turn.held) : renewDelivery(db, turn.held));
}

/** Whatever nothing was written for costs nobody a second. */
async function serve(queue: Queue, turn: Turn): Promise<void> {
  let pauseMs = queue.app.writePaceMs;
  try {
    const { isWritten, waitMs } = await write(queue, turn);
    pauseMs = waitMs ?? (isWritten ? pauseMs : 0);
  } catch (error) {
    queue.log.error({ err: error, what: turn.what }, 'a write to GitHub threw');
  } finally {
    await endTurn(queue.db, turn, pauseMs);
  }
}

function write(queue: Queue, turn: Turn): Promise<Written> {
  switch (turn.what) {
    case 'end':
      return signEnd(queue, turn.held);
    case 'eyes':
      return giveEyes(queue, turn.held);
    case 'answer':
      return showAnswer(queue, queue.conversation, turn.held);
    case 'card':
      return sendCard(queue, queue.conversation, turn.held);
  }
}
