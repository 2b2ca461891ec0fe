// The App Home of each person who opened it lately: published when it was opened, and when what it shows is not true any more.
import type { Logger } from 'pino';
import { findKnown } from '../../../access/people/links-store.ts';
import { messageOf, ProviderError, waitMs } from '../../../errors.ts';
import { completeFacts, type CardKnowledge } from '../../view.ts';
import { renderHome } from './render.ts';
import { viewOf } from '../../view.ts';
import { isRefusal, LOST_TOKEN, type SlackCalls } from '../calls.ts';
import * as store from './store.ts';
import type { HomeTask } from './store.ts';
import type { Executor } from '../../../database/types.ts';

export interface Homes {
  db: Executor;
  calls: SlackCalls;
  /** What commands begin with. */
  trigger: string;
  /** There is a GitHub to connect with. */
  canConnect: boolean;
  /** The shortest time between two publications of one Home. */
  paceMs: number;
  knowledge: CardKnowledge;
  log: Logger;
}

/** The loop comes by for every card; what changed is looked for less often. */
const LOOK_EVERY_MS = 500;
const RETRY_MS = 30_000;

/** For the loop. */
export function homeSource(homes: Homes) {
  let lookedAt = -LOOK_EVERY_MS;
  return {
    name: 'slack homes',
    dueInMs: () => Promise.resolve(undefined),
    async take(): Promise<(() => Promise<void>) | undefined> {
      if (performance.now() - lookedAt < LOOK_EVERY_MS) return undefined;
      const task = await store.claimHome(homes.db);
      if (!task) lookedAt = performance.now();
      return task && (() => publish(homes, task));
    },
  };
}

async function publish(homes: Homes, task: HomeTask): Promise<void> {
  const { db, calls, log, paceMs } = homes;
  try {
    const view = await compose(homes, task);
    await calls.call(task.team, 'publish home', (client) =>
      client.views.publish({ user_id: task.person, view }),
    );
    await store.releaseHome(db, task, { state: task.state, pauseMs: paceMs });
  } catch (error) {
    if (isRefusal(error, LOST_TOKEN)) return store.dropHome(db, task);
    const isOver = error instanceof ProviderError && !error.retryable;
    log.warn({ error: messageOf(error) }, isOver ? 'a Home was refused' : 'a Home has to wait');
    const pauseMs = waitMs(error) ?? RETRY_MS;
    await store.releaseHome(db, task, { ...(isOver ? { state: task.state } : {}), pauseMs });
  }
}

async function compose({ db, trigger, canConnect, knowledge }: Homes, task: HomeTask) {
  const known = await findKnown(db, { source: `slack:${task.home}`, externalId: task.person });
  const owned = known ? await store.listOwned(db, known.user.id) : [];
  const complete = await completeFacts(knowledge);
  const views = owned.map((facts) => viewOf(complete(facts)));
  return renderHome({ views, trigger, canConnect, login: known?.accounts.values().next().value?.login });
}
