// Lists that only grow: page by page, or as server-sent events that go on. Knows no list.
import type { z } from 'zod';
import type { Streams } from '../streams.ts';
import { readCount, writeCount } from './cursors.ts';
import { ApiError, refuse, type Call, type Listener, type Operation, type Reply } from './operation.ts';
import { limitOf, Page } from './schemas.ts';

/** One list, oldest first. */
export interface Followed<Row> {
  /** Its name in cursors, and for the streams. */
  key: string;
  /** What each of its items is as an event. */
  event: string;
  list: (which: { after: number; limit: number }) => Promise<Row[]>;
  /** Counts up along the list. */
  seqOf: (row: Row) => number;
  /** No item has a larger one. */
  most: number;
  itemOf: (row: Row) => object;
}

type Asked = z.infer<typeof Page>;

async function pageThrough<Row>(list: Followed<Row>, { query }: Call): Promise<Reply> {
  const limit = limitOf(query as Asked);
  const after = readCount(list, (query as Asked).cursor);
  const rows = await list.list({ after, limit: limit + 1 });
  const last = rows.length > limit ? rows[limit - 1] : undefined;
  const items = rows.slice(0, limit).map(list.itemOf);
  return { status: 200, body: { items, next: last ? writeCount(list.key, list.seqOf(last)) : null } };
}

/** Of an operation that gives such a list, either way; `of`: the one that is asked for. */
export const told = <Row>(
  of: (call: Call) => Followed<Row>,
  streams: Streams,
): Pick<Operation, 'run' | 'stream'> & { query: typeof Page } => ({
  query: Page,
  run: (call) => pageThrough(of(call), call),
  stream: (call, to) => follow(of(call), streams, call, to),
});

/** As many at once as a reader can be sent. */
const MAX_AT_ONCE = 200;

async function follow<Row>(
  list: Followed<Row>,
  streams: Streams,
  { caller, query }: Call,
  { res, lastId, mayStill }: Listener,
): Promise<void> {
  let after = heard(list, lastId) ?? readCount(list, (query as Asked).cursor);
  let isRefused = false;
  await streams.open(res, {
    key: list.key,
    user: caller.user,
    async isRefused() {
      isRefused = await mayStill().then(() => false, isGone);
      return isRefused;
    },
    async tell() {
      if (isRefused) return { text: '', isOver: true };
      const rows = await list.list({ after, limit: MAX_AT_ONCE });
      const last = rows.at(-1);
      if (last) after = list.seqOf(last);
      const text = rows.map(
        (row) =>
          `id: ${list.seqOf(row)}\nevent: ${list.event}\ndata: ${JSON.stringify(list.itemOf(row))}\n\n`,
      );
      return { text: text.join(''), isMore: rows.length === MAX_AT_ONCE };
    },
  });
}

/** Undefined: it says of none. Throws ApiError: there is none of that number. */
function heard({ most }: { most: number }, lastId = ''): number | undefined {
  if (!/^\d+$/.test(lastId)) return undefined;
  if (Number(lastId) > most) throw refuse(400, 'bad-cursor', ['Last-Event-ID']);
  return Number(lastId);
}

/** Throws where nobody can say just now whether they still may. */
function isGone(error: unknown): boolean {
  if (error instanceof ApiError && error.status < 429) return true;
  throw error;
}
