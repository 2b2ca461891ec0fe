// What a command line writes, as happenings of a turn: its beginning as it comes, its end when it has ended, what lies between is counted
// only. Without a terminal's signs, without secrets, without the node's folders. Knows no process.
import { StringDecoder } from 'node:string_decoder';
import type { CommandExit, TurnHappening } from '../protocol.ts';
import { redact } from '../redact.ts';

/** Of the beginning, and of the end, in characters. */
const MAX_HEAD = 512 << 10;
const MAX_TAIL = 512 << 10;
const MAX_PIECE = 32 << 10;
/** What is read at once. */
const MAX_LINES = 100;
const MAX_LAST = 16 << 10;

// Each try ends at the next escape: what is hostile takes no longer.
const SEQUENCES = new RegExp(
  String.raw`\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]P^_X][^\x07\x1b]{0,4000}(?:\x07|\x1b\\)|[ -/]*[0-~])`,
  'gu',
);
const CONTROLS = /(?![\n\t])\p{Cc}|[\u202a-\u202e\u2066-\u2069]/gu;
const KEY_BEGINS = /-----BEGIN [A-Z ]*PRIVATE KEY-----/g;
const KEY_ENDS = '-----END ';

export interface Output {
  add: (bytes: Buffer) => void;
  /** Nothing more comes: tells what was held back. What is read at once of it, and how much there was. */
  end: () => { last: string } & Pick<CommandExit, 'lines' | 'skipped'>;
}

export interface OutputOptions {
  /** The checkout: names of files are said as they are in there. */
  dir: string;
  tell: (happening: TurnHappening) => void;
  joinMs: number;
}

export function createOutput({ dir, tell, joinMs }: OutputOptions): Output {
  const clean = (text: string) => redact(readable(text).replaceAll(`${dir}/`, '').replaceAll(dir, '.'));
  const decoder = new StringDecoder('utf8');
  const tail = createTail();
  const lines = createCount();
  let waiting = '';
  let told = 0;
  let isFull = false;
  let last = '';
  let timer: NodeJS.Timeout | undefined;
  const tellPieces = (message: 'head' | 'tail', text: string) => {
    const cleaned = clean(text);
    last = (last + cleaned).slice(-2 * MAX_LAST);
    for (const piece of pieces(cleaned)) tell({ kind: 'text', message, text: piece });
  };
  const flush = () => {
    timer = undefined;
    const size = fitToTell(waiting);
    if (size > 0) tellPieces('head', waiting.slice(0, size));
    told += size;
    waiting = waiting.slice(size);
  };
  const take = (text: string) => {
    lines.add(text);
    if (isFull) return tail.add(text);
    waiting += text;
    if (told + waiting.length >= MAX_HEAD) {
      isFull = true;
      clearTimeout(timer);
      flush();
      tail.add(waiting);
      waiting = '';
    } else timer ??= setTimeout(flush, joinMs).unref();
  };
  return {
    add: (bytes) => take(decoder.write(bytes)),
    end() {
      take(decoder.end());
      clearTimeout(timer);
      const { text, skipped } = tail.end();
      if (skipped > 0) last = '';
      tellPieces(skipped > 0 ? 'tail' : 'head', waiting + text);
      return { last: lastLines(last), lines: lines.count(), skipped };
    },
  };
}

/** As a terminal would leave it: of a line that is written over its last state. */
const readable = (text: string): string =>
  text
    .toWellFormed()
    .replaceAll(SEQUENCES, '')
    .split('\n')
    .map(lastState)
    .join('\n')
    .replaceAll(CONTROLS, '');

/** What follows its last return; behind that there may be more of them than a pattern could be tried at. */
function lastState(line: string): string {
  const end = endWithout(line, '\r');
  return line.slice(line.lastIndexOf('\r', end - 1) + 1, end);
}

/** Where the text ends without these at its end. */
function endWithout(text: string, sign: string): number {
  let end = text.length;
  while (end > 0 && text[end - 1] === sign) end--;
  return end;
}

/** Up to the end of a line, and before a key that has not ended: by half neither is known for what it is. */
function fitToTell(text: string): number {
  const size = text.lastIndexOf('\n') + 1 || (text.length > MAX_PIECE ? text.length : 0);
  const begins = [...text.slice(0, size).matchAll(KEY_BEGINS)].at(-1)?.index;
  const isOpen = begins !== undefined && !text.slice(begins, size).includes(KEY_ENDS);
  return isOpen && size - begins < MAX_PIECE ? begins : size;
}

/** Keeps the newest. */
function createTail() {
  let kept: string[] = [];
  let size = 0;
  let skipped = 0;
  return {
    add(text: string) {
      kept.push(text);
      size += text.length;
      while (size - (kept[0]?.length ?? 0) >= MAX_TAIL) {
        const oldest = kept.shift() ?? '';
        size -= oldest.length;
        skipped += Buffer.byteLength(oldest);
      }
    },
    end() {
      const text = kept.join('');
      kept = [];
      return skipped === 0 ? { text, skipped } : fromWhole(text, skipped);
    },
  };
}

/** From a whole line on, and behind a key whose beginning nobody sees. */
function fromWhole(text: string, skipped: number): { text: string; skipped: number } {
  const ends = text.indexOf(KEY_ENDS);
  const begins = text.search(KEY_BEGINS);
  const isInKey = ends !== -1 && (begins === -1 || ends < begins);
  const from = text.indexOf('\n', isInKey ? ends : 0) + 1;
  return { text: text.slice(from), skipped: skipped + Buffer.byteLength(text.slice(0, from)) };
}

function createCount() {
  let ends = 0;
  let isOpen = false;
  return {
    add(text: string) {
      for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) ends++;
      if (text !== '') isOpen = !text.endsWith('\n');
    },
    count: () => ends + (isOpen ? 1 : 0),
  };
}

function* pieces(text: string): Generator<string> {
  for (let at = 0; at < text.length; at += MAX_PIECE) yield text.slice(at, at + MAX_PIECE);
}

function lastLines(text: string): string {
  const all = text.slice(0, endWithout(text, '\n')).split('\n').slice(-MAX_LINES).join('\n');
  return all.length <= MAX_LAST ? all : `…${all.slice(1 - MAX_LAST).toWellFormed()}`;
}
