// What a place in Slack is about: the workspace of a thread, the repository of a channel, the card that a message is.
import type { Logger } from 'pino';
import type { Target } from '../../commands/parser/parsed.ts';
import type { Place } from '../../commands/context.ts';
import { messageOf } from '../../errors.ts';
import { locateOn, type ForgeTarget } from '../../forges/find.ts';
import type { Forge, Repository } from '../../forges/forge.ts';
import { locate as locateAnywhere, placeOn } from '../../forges/locate.ts';
import { CARD_BLOCK } from './render.ts';
import type { SlackCalls } from './calls.ts';
import { externalIdOf } from './cards.ts';
import { threadOf, type Event } from './request.ts';
import { accountOn, checkConnected, type SlackRights } from './rights.ts';
import * as slackStore from './store.ts';
import { findDefault } from '../../workspaces/store/settings.ts';
import type { Executor } from '../../database/types.ts';

const channelOf = ({ team, channel }: Event): string => `${team}/${channel}`;

/** A thread with one card in it, or below one, is about that workspace. */
export async function placeOf(db: Executor, event: Event): Promise<Place> {
  const place = { thread: threadOf(event), channel: channelOf(event) };
  // Whatever a button of a card says is about the workspace of that card.
  if (event.kind === 'button' && event.block.startsWith(CARD_BLOCK))
    return { ...place, workspace: event.block.slice(CARD_BLOCK.length) };
  if (event.kind === 'command' || event.threadTs === undefined) return place;
  const [card, ...more] = await slackStore.findCards(
    db,
    place.thread,
    externalIdOf(event.channel, event.threadTs),
  );
  return card && more.length === 0 ? { ...place, thread: card.thread, workspace: card.subject } : place;
}

// --- which repository ---------------------------------------------------------------------------------------------

/** Throws UserError: nobody knows who asks, or there is no such repository that they may know of. */
export async function locate(
  rights: SlackRights,
  target: Target | undefined,
  event: Event,
): Promise<Repository | undefined> {
  // Before anything is looked up: whether a repository is there is not for everybody to know.
  const known = await checkConnected(rights, event);
  const usual = await findDefault(rights.db, 'slack', channelOf(event));
  const meant = target ?? (usual && asTarget(usual));
  if (!meant || meant.kind === 'name' || (meant.kind === 'number' && !usual)) return undefined;
  if (rights.forges.length === 0) return meant.kind === 'number' ? undefined : locateAnywhere([], meant, '/');
  const place = forgeFor(rights.forges, meant);
  const repository = usual?.repository ?? '';
  return place && locateOn(place.forge, place.target, { repository, sender: accountOn(known, place.forge) });
}

/** A number is of the channel's repository, which is one of the first forge. */
function forgeFor(
  forges: readonly Forge[],
  target: Exclude<Target, { kind: 'name' }>,
): { forge: Forge; target: ForgeTarget } | undefined {
  if (target.kind === 'number') return forges[0] && { forge: forges[0], target };
  return target.kind === 'path' ? undefined : placeOn(forges, target);
}

function asTarget({ repository, ref }: { repository: string; ref: string | null }): Target {
  const [owner = '', name = ''] = repository.split('/');
  return { kind: 'repository', owner, name, ...(ref ? { ref } : {}) };
}

// --- cards whose number got lost ----------------------------------------------------------------------------------

/**
 * A crash between a post and its row leaves a card that nobody knows: the first press on it makes it the card, or removes
 * it. The press goes on whatever becomes of the message.
 */
export async function claimMessage(
  { db, calls, log }: { db: Executor; calls: SlackCalls; log: Logger },
  event: Extract<Event, { kind: 'button' }>,
): Promise<void> {
  if (!event.block.startsWith(CARD_BLOCK) || event.isEphemeral || event.messageTs === '') return;
  const { team, channel, messageTs: ts } = event;
  const card = { thread: threadOf(event), subject: event.block.slice(CARD_BLOCK.length) };
  if ((await slackStore.claimMessage(db, card, externalIdOf(channel, ts))) !== 'double') return;
  try {
    await calls.call(team, 'remove a double card', (client) => client.chat.delete({ channel, ts }));
  } catch (error) {
    log.warn({ error: messageOf(error) }, 'a double card stays');
  }
}
