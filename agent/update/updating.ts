// The agent's updates, put together: what is asked before one, who hears of it, and when a start counts as good. Knows no bot.
import { findInstalled, findPrevious } from './installed.ts';
import { describeError, type Log } from '../log.ts';
import type { Outbox } from '../bot-link/outbox.ts';
import type { Terminals } from '../terminal/terminals.ts';
import { confirmStart, createUpdater, type Updater } from './update.ts';
import type { Workspaces } from '../workspaces/table.ts';

/** For the bot to store what people shall read of the change; it may be away. */
const LAST_WORDS_MS = 5_000;

export interface Life {
  log: Log;
  signal: AbortSignal;
  /** Ends cleanly, so that another version is started. */
  restart: () => void;
}

interface Parts {
  outbox: Outbox;
  workspaces: Workspaces;
  terminals: Terminals;
}

/** `confirm`: this version works; repeatable. */
export function createUpdates(
  samUrl: string,
  life: Life,
  { outbox, workspaces, terminals }: Parts,
): { updater: Updater; confirm: () => void } {
  const { log } = life;
  const installed = findInstalled(process.env);
  const updater = createUpdater({
    ...life,
    installed,
    samUrl,
    reports: () => workspaces.reports(),
    output: () =>
      workspaces
        .reports()
        .flatMap(({ id }) => terminals.sessions(id))
        .reduce((sum, { end }) => sum + end, 0),
    onReplaced(version, isLate) {
      const why = isLate ? ', for no moment of the last day was quiet' : '';
      log.info('the agent ends, and its next version begins', { version });
      for (const { id } of workspaces.reports())
        outbox.log(
          id,
          'agent',
          `The node's agent becomes ${version}${why}: sessions begin anew, files stay.`,
        );
      // The lines are nowhere but in this process.
      void outbox.settle(LAST_WORDS_MS).then(life.restart);
    },
  });
  const confirm = () => {
    if (installed)
      confirmStart(installed, findPrevious(installed)).catch((error: unknown) =>
        log.warn('old versions stay', { error: describeError(error) }),
      );
  };
  return { updater, confirm };
}
