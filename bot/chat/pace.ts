// How often a card may be edited: chats count it. Pure.
import { createHash } from 'node:crypto';
import type { Card } from '../database/types.ts';
import { magnitude } from '../workspaces/store/workspace-changes.ts';
import type { CardView } from './view.ts';

const EXPIRY_GRAIN_MS = 15 * 60_000;

const NO_TOKENS = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 };

/** While somebody types, the expiry moves on and on; what a coding agent asks of models is counted by how often it doubled. */
export const withoutClocks = (view: CardView): CardView => ({
  ...view,
  elapsedMs: 0,
  ...(view.usage ? { usage: { ...NO_TOKENS, requests: 2 ** magnitude(view.usage.requests) } } : {}),
  ...(view.task ? { task: { ...view.task, elapsedMs: 0 } } : {}),
  ...(view.expiry
    ? { expiry: new Date(Math.floor(view.expiry.getTime() / EXPIRY_GRAIN_MS) * EXPIRY_GRAIN_MS) }
    : {}),
});

export const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32);

/**
 * Undefined: now. Progress waits until the last edit is `paceMs` old; what people wait for may come at once, as long as
 * there are not more than one edit each `paceMs` in the long run.
 */
export function whenAllowed(card: Card, views: CardView[], paceMs: number, now: Date): Date | undefined {
  if (card.externalId === null) return undefined;
  const isNews = views.every((view) => view.isSettled);
  const since = isNews ? (card.pacedUntil?.getTime() ?? 0) - paceMs : (card.sentAt?.getTime() ?? 0) + paceMs;
  return since > now.getTime() ? new Date(since) : undefined;
}

/** A bucket that holds two edits and fills by one each `paceMs`. A first post is none. */
export function paced(card: Card, paceMs: number, now: Date): Partial<Card> {
  if (card.externalId === null) return { sentAt: now };
  const from = Math.max(card.pacedUntil?.getTime() ?? 0, now.getTime());
  return { sentAt: now, pacedUntil: new Date(from + paceMs) };
}
