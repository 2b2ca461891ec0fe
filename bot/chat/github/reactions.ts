// Reactions on comments: that one was heard, and how it ended. Knows no card.
import type { Logger } from 'pino';
import type { Answer, Delivery } from '../../database/types.ts';
import { isHopeless, messageOf } from '../../errors.ts';
import type { GitHubApp, Octokit } from '../../forges/github/app.ts';
import { missingPermission } from '../../forges/github/missing-permissions.ts';
import * as threads from '../../forges/github/threads.ts';
import { eventOf, type Comment } from './events.ts';
import * as store from '../store.ts';
import type { Conclusion, Executor } from '../store.ts';

export interface Signs {
  db: Executor;
  app: GitHubApp;
  log: Logger;
}

const addressOf = (event: Comment): threads.CommentAddress => ({
  repository: event.repository,
  comment: event.comment,
  isReview: event.isReview,
});

/** A sign that cannot be given is no reason not to work; a permission that is missing is one to say so. */
export async function ackReaction({ db, app, log }: Signs, delivery: Delivery): Promise<void> {
  const event = eventOf(delivery);
  if (event.kind !== 'comment' || delivery.ack) return;
  try {
    const octokit = await app.on(event.repository);
    const ack = octokit && (await threads.react(octokit, addressOf(event), 'eyes'));
    if (ack !== undefined) await store.keepAck(db, delivery, String(ack));
  } catch (error) {
    if (missingPermission(error) !== undefined) throw error;
    log.warn({ delivery: delivery.deliveryId, error: messageOf(error) }, 'a sign could not be given');
  }
}

/** How comments ended, for the loop. */
export const conclusionSource = (signs: Signs) => ({
  name: 'github reactions',
  dueInMs: () => Promise.resolve(undefined),
  async take(): Promise<(() => Promise<void>) | undefined> {
    const held = await store.claimConclusion(signs.db, 'github');
    return held && (() => finalReaction(signs, held));
  },
});

/** Each sign that something was heard gets its end: commands end, because all their phases have deadlines. */
async function finalReaction({ db, app, log }: Signs, held: Conclusion): Promise<void> {
  try {
    const event = eventOf(held.row);
    const octokit = event.kind === 'comment' ? await app.on(event.repository) : undefined;
    if (octokit && event.kind === 'comment') await signEnd(octokit, event, held);
    await store.markConcluded(db, held);
  } catch (error) {
    const isOver = isHopeless(error, held.row.receivedAt);
    if (isOver) await store.markConcluded(db, held);
    log.warn(
      { delivery: held.row.deliveryId, error: messageOf(error) },
      isOver ? 'a reaction is given up' : 'a reaction has to wait',
    );
  }
}

async function signEnd(octokit: Octokit, event: Comment, { row, status }: Conclusion): Promise<void> {
  await threads.react(octokit, addressOf(event), signOf(row.answer, status));
  if (row.ack !== null) await threads.unreact(octokit, addressOf(event), Number(row.ack));
}

function signOf(answer: Answer | null, status: Conclusion['status']): threads.Reaction {
  if (!answer?.ok) return answer?.code === 'forbidden' || answer?.code === 'internal' ? '-1' : 'confused';
  if (status === 'failed') return '-1';
  return status === 'superseded' ? 'confused' : 'rocket';
}
