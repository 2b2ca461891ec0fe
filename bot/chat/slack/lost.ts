// A message whose post was not heard of to the end: found again by its mark, where the app may read. Knows no card and no turn.
import type { webApi } from '@slack/bolt';
import { isRefusal, type SlackCalls, type SlackClient } from './calls.ts';

/** What nobody sees, and what tells a message from all others. */
export interface Mark {
  event_type: string;
  event_payload: Record<string, string>;
}

export interface LostPlace {
  team: string;
  channel: string;
  /** The thread in which it would be; undefined: it would stand in the channel itself. */
  threadTs: string | undefined;
  /** It was not posted before that. */
  since: Date;
}

/** How far Slack's clock may be behind ours. */
const SKEW_MS = 5 * 60_000;
const PAGE = 200;
const MAX_PAGES = 10;

/** The app was not allowed to read there when it was installed, or is not there any more. */
const NOT_READABLE = ['missing_scope', 'not_in_channel', 'channel_not_found', 'thread_not_found'] as const;

/** Its `ts`. Undefined: it is not there, or nobody may look. */
export async function findLost(calls: SlackCalls, place: LostPlace, mark: Mark): Promise<string | undefined> {
  let cursor: string | undefined;
  try {
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const { messages = [], response_metadata: next } = await calls.call(
        place.team,
        'look for a message',
        (client) => readPage(client, place, cursor),
      );
      const found = messages.find(({ metadata }) => isMarked(metadata, mark));
      if (found) return found.ts;
      cursor = next?.next_cursor;
      if (!cursor) return undefined;
    }
    return undefined;
  } catch (error) {
    if (isRefusal(error, NOT_READABLE)) return undefined;
    throw error;
  }
}

function readPage(
  client: SlackClient,
  { channel, threadTs, since }: LostPlace,
  cursor: string | undefined,
): Promise<webApi.ConversationsHistoryResponse | webApi.ConversationsRepliesResponse> {
  const asked = {
    channel,
    oldest: String((since.getTime() - SKEW_MS) / 1000),
    limit: PAGE,
    include_all_metadata: true,
    ...(cursor === undefined ? {} : { cursor }),
  };
  return threadTs === undefined
    ? client.conversations.history(asked)
    : client.conversations.replies({ ...asked, ts: threadTs });
}

const isMarked = (
  metadata: { event_type?: string; event_payload?: object } | undefined,
  mark: Mark,
): boolean =>
  metadata?.event_type === mark.event_type &&
  Object.entries(mark.event_payload).every(
    ([key, value]) => (metadata.event_payload as Record<string, unknown> | undefined)?.[key] === value,
  );
