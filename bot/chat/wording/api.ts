// The sentences of refusals that only programs hear, over HTTP: what a command refuses is worded like everywhere else. Pure.
import { shown } from './words.ts';

const SENTENCES = {
  'sign-in-required': () =>
    'Send a personal token (Authorization: Bearer sam_pat_…), or sign in with a browser.',
  'bad-token': () => 'That token is unknown, has run out, or was ended. Make another one.',
  'browser-only': () => 'That takes a browser that is signed in, and no token.',
  'missing-scope': () => 'That token may only read. This takes one that may write.',
  'no-account': () => 'Nobody knows who you are there. Sign in with it in a browser once.',
  'admins-only': () => 'That is for those who run Sam, with a browser or with a token of the scope `admin`.',
  'wrong-origin': () => 'Only our own pages may ask this with a browser. Programs send a personal token.',
  'too-often': () =>
    'You looked too often at what others have, or at what is on a forge. Try again in a minute.',
  'too-many-requests': () =>
    'Your programs asked too much in a minute. Wait for as long as Retry-After says.',
  'not-found': () => 'There is nothing of that name that you can see.',
  'bad-request': (fields: readonly string[]) =>
    fields.length === 0
      ? 'The body has to be one JSON object.'
      : `Missing, unknown or wrong: ${fields.map(shown).join(', ')}. What there is: /api/openapi.json.`,
  'no-json': () => 'The body is no JSON.',
  'wrong-content-type': () => 'Send application/json.',
  'bad-key': () => 'An Idempotency-Key has 1 to 200 visible ASCII characters.',
  'bad-cursor': () => 'That cursor is of no list, or of another one. Take the one that came as "next".',
  'key-reused': () =>
    'That Idempotency-Key was sent before, with something else. Take a new one for each request.',
  'token-taken': () => 'You already have a token of that name. Take another name, or end that one first.',
  'still-working': () =>
    'It was taken and goes on, but takes long. Send it again with the same Idempotency-Key to hear how it ended.',
} satisfies Record<string, (fields: readonly string[]) => string>;

export type ApiCode = keyof typeof SENTENCES;

/** `fields`: those that are wrong. */
export const wordApi = (code: ApiCode, fields: readonly string[] = []): string => SENTENCES[code](fields);
