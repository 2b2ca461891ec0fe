// The `Range` header of HTTP (RFC 9110, section 14), for one range of bytes. Pure.

/** Both ends are bytes that are part of it. */
export interface Range {
  first: number;
  last: number;
}

/**
 * The part of `size` bytes that is asked for; `beyond` if there is no such part. Undefined for no header, another unit,
 * several ranges, or what nobody can read: then the whole is the answer.
 */
export function readRange(header: string | undefined, size: number): Range | 'beyond' | undefined {
  const [, from = '', to = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '') ?? [];
  if (from === '' && to === '') return undefined;
  if (from === '')
    return Number(to) === 0 ? 'beyond' : { first: Math.max(0, size - Number(to)), last: size - 1 };
  const first = Number(from);
  const last = to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (to !== '' && Number(to) < first) return undefined;
  return first >= size ? 'beyond' : { first, last };
}
