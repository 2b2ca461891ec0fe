// What came of a turn, as a comment of its own in its thread: one write, and never a second one.
import type { Card } from '../../database/types.ts';
import * as threads from '../../forges/github/threads.ts';
import { addressOf, type CardSender } from './cards.ts';
import { markerOf, renderTurn } from './render.ts';
import type { TurnView } from '../turn-view.ts';

export async function postTurn(
  { app, settings, contextFor }: Pick<CardSender, 'app' | 'settings' | 'contextFor'>,
  card: Card,
  turn: TurnView,
): Promise<Partial<Card>> {
  const address = addressOf(card.thread);
  const octokit = await app.on(address.repository);
  // Not installed there any more, or nobody wants comments there: nobody can be told.
  if (!octokit || !(await settings.read(address.repository)).settings.comments) return {};
  const body = renderTurn(turn, await contextFor());
  // A post whose answer got lost has left its comment.
  const lost =
    card.attempts > 0
      ? await threads.findComment(octokit, address, markerOf(turn.id), await app.slug())
      : undefined;
  const posted = lost ?? (await threads.postComment(octokit, address, body));
  return { externalId: String(posted.id), sentAt: new Date() };
}
