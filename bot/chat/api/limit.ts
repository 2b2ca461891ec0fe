// How many requests a person's programs and browsers may send: so many in a span, and what every answer says of it. Knows no operation.
// The headers are those of draft-ietf-httpapi-ratelimit-headers-10.

/** Of all of a person's tokens and browsers together. */
export const MAX_REQUESTS = 600;
export const SPAN_MS = 60_000;
const MAX_PEOPLE = 10_000;

export interface Room {
  isOver: boolean;
  headers: Record<string, string>;
}

/** Counts one more request of this person. The span begins with its first one. */
export function createRequestLimit(now: () => number = Date.now): (person: string) => Room {
  const spans = new Map<string, { endsAt: number; count: number }>();
  return (person) => {
    const known = spans.get(person);
    const span = known && known.endsAt > now() ? known : { endsAt: now() + SPAN_MS, count: 0 };
    span.count += 1;
    spans.delete(person);
    spans.set(person, span);
    const [oldest] = spans.keys();
    if (spans.size > MAX_PEOPLE && oldest !== undefined) spans.delete(oldest);
    const left = Math.max(0, MAX_REQUESTS - span.count);
    const seconds = Math.max(1, Math.ceil((span.endsAt - now()) / 1000));
    const isOver = span.count > MAX_REQUESTS;
    return {
      isOver,
      headers: {
        'ratelimit-policy': `"requests";q=${MAX_REQUESTS};w=${SPAN_MS / 1000}`,
        ratelimit: `"requests";r=${left};t=${seconds}`,
        ...(isOver && { 'retry-after': String(seconds) }),
      },
    };
  };
}
