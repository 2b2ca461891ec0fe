// The App Home of each person who opened it lately: published when it was opened, and when what it shows is not true any
// more. Who I am, my workspaces with the buttons of their cards, and a new one.
import type { Logger } from 'pino';
import { findKnown } from '../../../access/people/links-store.ts';
import { messageOf, ProviderError, waitMs } from '../../../errors.ts';
import { code } from '../mrkdwn.ts';
import { buttonBlock, QUESTION, renderCard, sectionOf, type Block } from '../render.ts';
import { completeFacts, viewOf, type CardKnowledge, type CardView } from '../../view.ts';
import { isRefusal, LOST_TOKEN, type SlackCalls } from '../calls.ts';
import { sourceOf } from '../request.ts';
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
  const known = await findKnown(db, { source: sourceOf(task), externalId: task.person });
  const owned = known ? await store.listOwned(db, known.user.id) : [];
  const complete = await completeFacts(knowledge);
  const views = owned.map((facts) => viewOf(complete(facts)));
  return renderHome({ views, trigger, canConnect, login: known?.accounts.values().next().value?.login });
}

interface HomeFacts {
  views: CardView[];
  trigger: string;
  canConnect: boolean;
  /** On GitHub; undefined: they are not connected. */
  login: string | undefined;
}

interface HomeView {
  type: 'home';
  blocks: (Block | { type: 'header'; text: { type: 'plain_text'; text: string } } | { type: 'divider' })[];
}

/** Slack takes 100 blocks; a card has six at most. */
const MAX_SHOWN = 12;

function renderHome(facts: HomeFacts): HomeView {
  const { views, trigger } = facts;
  const more = views.length - MAX_SHOWN;
  return {
    type: 'home',
    blocks: [
      header('Your workspaces'),
      ...(views.length > 0 ? [] : [sectionOf(emptyText(facts))]),
      ...views.slice(0, MAX_SHOWN).flatMap((view) => [...renderCard(view, trigger).blocks, divider]),
      ...(more > 0 ? [sectionOf(`And ${more} more: ${code(`${trigger} list`)}.`)] : []),
      // Without a GitHub App a workspace is made in a channel that was chosen for it, and the Home is none.
      ...(facts.canConnect
        ? [buttonBlock('home:new', [{ label: 'New workspace', line: `${QUESTION}new`, style: 'primary' }])]
        : []),
      ...connectionOf(facts),
    ],
  };
}

const header = (text: string) => ({ type: 'header' as const, text: { type: 'plain_text' as const, text } });
const divider = { type: 'divider' as const };

const emptyText = ({ trigger, canConnect }: HomeFacts): string =>
  canConnect
    ? `There is none yet. Make one here, or say ${code(`${trigger} up owner/name`)} in a channel.`
    : `There is none yet. Say ${code(`${trigger} up owner/name`)} in a channel that was chosen for it.`;

function connectionOf({ canConnect, login, trigger }: HomeFacts): HomeView['blocks'] {
  if (!canConnect) return [];
  const words = login
    ? `You are ${code(login)} on GitHub, and may do here what you may do there.`
    : `Sam does not know yet who you are on GitHub, and what you may do here is what you may do there. In a channel: ${code(`${trigger} connect`)}.`;
  const button = login ? { label: 'Disconnect', line: 'disconnect' } : { label: 'Connect', line: 'connect' };
  return [header('GitHub'), sectionOf(words), buttonBlock('home:connect', [button])];
}
