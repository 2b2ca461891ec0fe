// What people are told in private without having asked: a workspace of theirs is about to stop, somebody else acted on it, or one is
// shared with them.
import type { Logger } from 'pino';
import { messageOf, waitMs } from '../../errors.ts';
import { formatTime } from '../times.ts';
import { renderAnswer, type SlackMessage } from './render.ts';
import { isRefusal, LOST_TOKEN, UNREACHABLE, type SlackCalls } from './calls.ts';
import { openDirect } from './cards.ts';
import * as slackStore from './store.ts';
import type { Notification } from './store.ts';
import type { Executor } from '../../database/types.ts';

export interface Reminders {
  db: Executor;
  calls: SlackCalls;
  log: Logger;
}

/** The loop comes by for every card; news is looked for less often. */
const LOOK_EVERY_MS = 2_000;

/** For the loop. */
export function reminderSource(reminders: Reminders) {
  let lookedAt = -LOOK_EVERY_MS;
  return {
    name: 'slack reminders',
    dueInMs: () => Promise.resolve(undefined),
    async take(): Promise<(() => Promise<void>) | undefined> {
      if (performance.now() - lookedAt > LOOK_EVERY_MS) {
        lookedAt = performance.now();
        await slackStore.noteNotifications(reminders.db);
      }
      const notification = await slackStore.claimNotification(reminders.db);
      return notification && (() => tell(reminders, notification));
    },
  };
}

/** Told once; what Slack does not take now is tried again when the lease is over. */
async function tell({ db, calls, log }: Reminders, notification: Notification): Promise<void> {
  const { to, workspace } = notification;
  const { team } = to;
  const message = compose(notification);
  try {
    const channel = await openDirect(calls, team, to.externalId);
    await calls.call(team, 'remind', (client) =>
      client.chat.postMessage({
        channel,
        ...message,
        blocks: [...message.blocks],
        unfurl_links: false,
        unfurl_media: false,
      }),
    );
  } catch (error) {
    if (!isRefusal(error, UNREACHABLE)) {
      await slackStore.postponeNotification(db, notification, waitMs(error) ?? 0);
      // Of a lost token whoever can mend it was told in the log.
      if (!isRefusal(error, LOST_TOKEN))
        log.warn({ workspace: workspace.id, error: messageOf(error) }, 'a reminder has to wait');
      return;
    }
  }
  await slackStore.endNotification(db, notification);
}

function compose({ workspace, act, share, about }: Notification): SlackMessage {
  const { id, name, phase, warnedFor } = workspace;
  if (share) {
    const what = share.may === 'view' ? 'look on' : 'type';
    const later = phase === 'running' ? '' : ' It does not run now; it opens once its owner starts it.';
    return renderAnswer(
      `\`${share.by}\` lets you ${what} in the workspace \`${name}\` until ${formatTime(share.until)}.${later}`,
      { buttons: [{ label: 'Open the terminal', line: `open ${id}`, style: 'primary' }], id: about },
    );
  }
  if (act)
    return renderAnswer(`\`${act.by}\` said \`${act.verb}\` of your workspace \`${name}\`.`, {
      buttons: [{ label: 'Show it', line: `status ${id}` }],
      id: about,
    });
  const when = warnedFor ? `at ${formatTime(warnedFor)}` : 'soon';
  const why =
    phase === 'failed'
      ? `\`${name}\` has failed, and nobody goes on with it`
      : `Nobody has typed in \`${name}\` for a while`;
  return renderAnswer(`${why}, so it stops ${when}. Its files stay.`, {
    buttons: [
      { label: 'Keep 4h', line: `extend ${id} 4h`, style: 'primary' },
      { label: 'Until tomorrow', line: `extend ${id} 1d` },
      { label: 'Stop now', line: `stop ${id}` },
    ],
    id: about,
  });
}
