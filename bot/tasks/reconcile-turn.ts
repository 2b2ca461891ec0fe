// One pass over a turn that nobody may be working on any more: does what `nextTurnStep` says. Calls nobody outside.
import type { Logger } from 'pino';
import type { Executor, Held, Turn } from '../database/types.ts';
import { whileHeld } from '../jobs/lease.ts';
import type { Source } from '../jobs/loop.ts';
import type { Timing } from '../workspaces/timing.ts';
import { nextTurnStep } from './turn.ts';
import { claimTurn, endTurn, readPlace, renewTurn, restTurn, turnDueInMs } from './store/passes.ts';

export interface TurnWork {
  db: Executor;
  timing: Timing;
  log: Logger;
}

export const turnSource = (work: TurnWork): Source => ({
  name: 'turns',
  dueInMs: () => turnDueInMs(work.db),
  async take() {
    const held = await claimTurn(work.db);
    return (
      held &&
      (() =>
        whileHeld(
          () => renewTurn(work.db, held),
          () => pass(work, held),
          work,
        ))
    );
  },
});

async function pass({ db, timing, log }: TurnWork, held: Held<Turn>): Promise<void> {
  const { taskId: task, turn } = held.row;
  const step = nextTurnStep(held.row, await readPlace(db, held.row), held.now, timing);
  if (step.do === 'wait') return restTurn(db, held, step.until);
  const code = step.state === 'failed' ? step.failure.code : undefined;
  log.info({ task, turn, state: step.state, code }, 'a turn ends without its agent');
  await endTurn(db, held, {
    state: step.state,
    since: held.now,
    endedAt: held.now,
    ...(step.state === 'failed' ? { failure: step.failure } : {}),
  });
}
