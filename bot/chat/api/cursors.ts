// Pages of lists: where one ended and the next begins, as an opaque text that is good for that list alone. Knows no list.
import { z } from 'zod';
import { refuse } from './operation.ts';

export interface Position {
  at: Date;
  id: string;
}

/** As they are written here: Postgres takes not every time and text that JSON has. */
const Written = z.tuple([
  z.string(),
  z.iso.datetime().startsWith('2'),
  z.string().regex(/^[a-z]{2}-[a-z2-7]{12}$/),
]);

/** Undefined: the list's beginning. Throws ApiError: it is of another list, or of none. */
export function readCursor(list: string, cursor: string | undefined): Position | undefined {
  if (cursor === undefined) return undefined;
  const read = Written.safeParse(parse(cursor));
  if (!read.success || read.data[0] !== list) throw refuse(400, 'bad-cursor', ['cursor']);
  const [, at, id] = read.data;
  return { at: new Date(at), id };
}

function parse(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}

/** The same of a list whose rows are counted: the last one's number, `most` or less. 0: the list's beginning. Throws ApiError. */
export function readCount({ key, most }: { key: string; most: number }, cursor: string | undefined): number {
  if (cursor === undefined) return 0;
  const read = z.tuple([z.literal(key), z.int().min(0).max(most)]).safeParse(parse(cursor));
  if (!read.success) throw refuse(400, 'bad-cursor', ['cursor']);
  return read.data[1];
}

export const writeCount = (list: string, count: number): string =>
  Buffer.from(JSON.stringify([list, count])).toString('base64url');

/** `rows`: one more than `limit`, if there are that many. */
export function pageOf<Row extends { createdAt: Date; id: string }>(
  list: string,
  rows: Row[],
  limit: number,
): { rows: Row[]; next: string | null } {
  const last = rows.length > limit ? rows[limit - 1] : undefined;
  const written = last && JSON.stringify([list, last.createdAt.toISOString(), last.id]);
  return { rows: rows.slice(0, limit), next: written ? Buffer.from(written).toString('base64url') : null };
}

/** The same of a list that is here as a whole, in any order: the newest come first. */
export function pageOfAll<Row extends { createdAt: Date; id: string }>(
  list: string,
  all: Row[],
  { cursor, limit }: { cursor: string | undefined; limit: number },
): { rows: Row[]; next: string | null } {
  const after = readCursor(list, cursor);
  const newest = all.toSorted((one, other) => compare(placeOf(other), placeOf(one)));
  const rows = after ? newest.filter((one) => compare(placeOf(one), after) < 0) : newest;
  return pageOf(list, rows, limit);
}

const placeOf = ({ createdAt, id }: { createdAt: Date; id: string }): Position => ({ at: createdAt, id });

/** Below 0: the first is the older one. */
const compare = (one: Position, other: Position): number =>
  one.at.getTime() - other.at.getTime() || (one.id < other.id ? -1 : Number(one.id > other.id));
