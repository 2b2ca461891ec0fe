// What people type and paste, on its way to the node: at once, or piece by piece what is more than a terminal takes at once. Knows no key.
import { cutInput } from '../connection/frames.ts';
import { showNotice } from '../dialogs.ts';
import { describeBytes, showProgress, type Progress } from '../progress.ts';
import { keepAhead, takeAhead, type Ahead } from './ahead.ts';

/** The node queues no more for a program that does not read. */
const AT_ONCE_BYTES = 1_000_000;
const PIECE_BYTES = 32_768;
const FULL_MS = 200;
/** No session has this id: the node answers `gone`, and has taken what went before. */
export const TAKEN_ID = 'taken';
const CTRL_C = 3;
const START = '\x1b[200~';
const END = '\x1b[201~';

/** A paste under way. What is typed meanwhile comes after it. */
export interface Feed {
  behind: Uint8Array[];
  isStopped: boolean;
  /** Told whether the last piece found room; undefined: nobody knows, the connection is gone. */
  onAnswer?: ((isTaken: boolean | undefined) => void) | undefined;
  wasFull: boolean;
}

/** Of a session and of all of them, what typing takes. */
interface Typed extends Ahead {
  n?: number;
  /** The node was asked for it, and answers with its number. */
  asked: boolean;
  ended?: string;
  feed?: Feed;
}

interface Typing {
  outlet: {
    isOpen: () => boolean;
    input: (n: number, bytes: Uint8Array) => void;
    send: (message: { type: 'resume'; id: string }) => boolean;
  };
  hooks: { onDeadKey: () => void };
  sessions: Map<string, Typed>;
  /** Nothing that they type goes to the node. */
  isLooking: boolean;
}

export function typeInto(terminals: Typing, session: Typed, bytes: Uint8Array): void {
  if (session.ended !== undefined || terminals.isLooking) return;
  const { feed, n, asked } = session;
  if (!terminals.outlet.isOpen() || (n === undefined && !asked)) return terminals.hooks.onDeadKey();
  if (n === undefined) {
    if (!keepAhead(session, bytes)) showNotice('The terminal is not ready yet: nothing of that was sent.');
    return;
  }
  if (feed && bytes.length === 1 && bytes[0] === CTRL_C) feed.isStopped = true;
  if (feed) return void feed.behind.push(bytes);
  if (bytes.length > AT_ONCE_BYTES) {
    if ([...terminals.sessions.values()].some((one) => one.feed))
      return showNotice('Another large paste is under way. Nothing was sent.');
    return void feedAll(terminals, session, bytes);
  }
  for (const piece of cutInput(bytes)) terminals.outlet.input(n, piece);
}

/** Its number is there: what was typed before that goes first. */
export function sendAhead(terminals: Typing, session: Typed): void {
  for (const bytes of takeAhead(session)) typeInto(terminals, session, bytes);
}

async function feedAll(terminals: Typing, session: Typed, bytes: Uint8Array): Promise<void> {
  const feed: Feed = { behind: [], isStopped: false, wasFull: false };
  session.feed = feed;
  const progress = showProgress(`Pasting ${describeBytes(bytes.length)}`, () => (feed.isStopped = true));
  const isWhole = await feedPieces(terminals, session, feed, bytes, progress);
  progress.remove();
  delete session.feed;
  if (isWhole === undefined) return showNotice('The connection broke: only a part of the paste arrived.');
  // Whoever stops it in the middle must not leave the program in a paste that never ends.
  const isBracketed = new TextDecoder().decode(bytes.subarray(0, START.length)) === START;
  if (!isWhole && isBracketed) typeInto(terminals, session, new TextEncoder().encode(END));
  for (const typed of feed.behind) typeInto(terminals, session, typed);
}

/** False: somebody stopped it. Undefined: the connection is gone. */
async function feedPieces(
  terminals: Typing,
  session: Typed,
  feed: Feed,
  bytes: Uint8Array,
  progress: Progress,
): Promise<boolean | undefined> {
  for (let at = 0; at < bytes.length;) {
    if (feed.isStopped) return false;
    const piece = bytes.subarray(at, at + PIECE_BYTES);
    const isTaken = await offer(terminals, session, feed, piece);
    if (isTaken === undefined) return undefined;
    if (isTaken) at += piece.length;
    else await new Promise((resolve) => setTimeout(resolve, FULL_MS));
    progress.advance(at / bytes.length);
  }
  return true;
}

function offer(
  { outlet }: Typing,
  { n }: Typed,
  feed: Feed,
  piece: Uint8Array,
): Promise<boolean | undefined> {
  return new Promise((resolve) => {
    if (n === undefined || !outlet.isOpen()) return resolve(undefined);
    feed.wasFull = false;
    feed.onAnswer = resolve;
    outlet.input(n, piece);
    outlet.send({ type: 'resume', id: TAKEN_ID });
  });
}

/** One at a time: two would take each other's answers. */
const findFeed = ({ sessions }: Typing): Feed | undefined =>
  [...sessions.values()].find(({ feed }) => feed?.onAnswer)?.feed;

/** The node has dealt with the last piece. */
export function noteTaken(terminals: Typing): void {
  const feed = findFeed(terminals);
  answer(feed, feed?.wasFull === false);
}

/** True: it was a piece that found no room, and will be sent again. */
export function noteFull(terminals: Typing): boolean {
  const feed = findFeed(terminals);
  if (feed) feed.wasFull = true;
  return feed !== undefined;
}

/** The connection is gone, and with it what was on its way. */
export function loseTyped({ sessions, hooks }: Typing): void {
  for (const session of sessions.values()) {
    answer(session.feed, undefined);
    if (takeAhead(session).length > 0) hooks.onDeadKey();
  }
}

function answer(feed: Feed | undefined, isTaken: boolean | undefined): void {
  const tell = feed?.onAnswer;
  if (feed) feed.onAnswer = undefined;
  tell?.(isTaken);
}
