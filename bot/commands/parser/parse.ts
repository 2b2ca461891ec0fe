// Turns what a person wrote, on any front, into one command, or says why not. Pure and total: it asks nobody, runs
// nothing, throws nothing, and takes time linear in the text.
import { findCommand, isOffered, type CommandSpec } from '../command.ts';
import { asksForHelp, readFlags } from './flags.ts';
import { formatCommand, formatUsage, plain } from './format.ts';
import { findLines, type Found } from './lines.ts';
import { Refusal, type ParseContext, type ParseResult } from './parsed.ts';
import type { Scope } from './repositories.ts';
import { readPositionals } from './targets.ts';
import { readTokens, type Token } from './tokens.ts';

export type { ParseContext, ParsedCommand, ParseFailure, ParseResult } from './parsed.ts';

/** GitHub's own limit for a comment, in UTF-16 code units. */
const MAX_LENGTH = 64 * 1024;
const CREDENTIALS = /:[\\/]{2}[^\s\\/?#@]*@/;
/** A name alone is no secret, and hosts write it into the addresses that they offer. Tokens that stand there are longer. */
const USER_NAME = /(?<=\b(?:https?|ssh):\/\/)[\w.-]{1,19}@(?=[\w[])/gi;
const PROSE_WORDS = 4;

/** The first command of the text. See ParseContext for the fronts' differences, ParseResult for the answers. */
export function parse(text: string, context: ParseContext): ParseResult {
  try {
    if (text.length > MAX_LENGTH) return refuseLong(text, context);
    const found = findLines(text, context);
    const { first, ignored } = found;
    if (first === undefined) return ignoreOrStatus(context);
    const result =
      first === ''
        ? { kind: 'status' as const }
        : (parsePrompt(found, context) ?? parseLine(first, ignored, context));
    const isShort = result.kind === 'help' || result.kind === 'status';
    return isShort && ignored.length > 0 ? { ...result, ignored } : result;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return error.failure;
  }
}

/** Nothing to read. A slash command without text is the trigger alone; an empty line at a prompt is nothing. */
function ignoreOrStatus({ emptyIsTrigger, triggerOptional }: ParseContext): ParseResult {
  if (emptyIsTrigger) return { kind: 'status' };
  return { kind: 'ignore', why: triggerOptional ? 'nothing was typed' : 'no line begins with the trigger' };
}

function refuseLong(text: string, { triggers, triggerOptional }: ParseContext): ParseResult {
  const lower = text.toLowerCase();
  const isForUs = triggerOptional || triggers.some((trigger) => lower.includes(trigger.toLowerCase()));
  if (!isForUs) return { kind: 'ignore', why: 'too long, and no trigger in it' };
  return new Refusal('too-long', {}).failure;
}

/** Undefined: its verb takes no prompt, and no line. What stands below a prompt is part of it, and never another command. */
function parsePrompt(found: Found, context: ParseContext): ParseResult | undefined {
  const { first: line = '' } = found;
  const [verb = ''] = /^\S+/.exec(line) ?? [];
  const spec = findCommand(context.commands, verb);
  if (spec?.takes !== 'prompt' && spec?.takes !== 'line') return undefined;
  const { tokens, count } = leadingFlags(spec, line.slice(verb.length));
  if (asksForHelp(tokens)) return { kind: 'help', topic: spec.name };
  try {
    const { flags } = readFlags(tokens, spec, scopeOf(spec, context));
    const name = flags['ws'];
    const prompt =
      spec.takes === 'line'
        ? readShellLine(found.lineTail(count), spec)
        : readPrompt(found.tail(count), spec);
    const target = typeof name === 'string' ? { target: { kind: 'name' as const, name } } : {};
    return {
      kind: 'command',
      verb: spec.name,
      ...target,
      flags,
      words: [],
      prompt,
      line: plain(line, LINE),
      ignored: spec.takes === 'line' ? found.ignored : [],
    };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new Refusal(error.code, error.details, formatUsage(spec));
  }
}

/** As much of a prompt as is written down beside it. */
const LINE = 200;
export const MAX_PROMPT_BYTES = 32 * 1024;

/** Short enough, and text as Postgres has it: what a person types is, what a program sends need not be. */
export const isPrompt = (text: string): boolean =>
  text.isWellFormed() && !text.includes('\0') && Buffer.byteLength(text) <= MAX_PROMPT_BYTES;

function readShellLine(line: string, spec: CommandSpec): string {
  const { name: command } = spec;
  if (line === '') throw new Refusal('no-line', { command });
  if (/(?!\t)\p{Cc}/u.test(line) || !line.isWellFormed())
    throw new Refusal('control-characters', { command });
  return readPrompt(line, spec);
}

function readPrompt(prompt: string, { name }: CommandSpec): string {
  if (prompt === '') throw new Refusal('no-prompt', { command: name });
  if (Buffer.byteLength(prompt) > MAX_PROMPT_BYTES)
    throw new Refusal('long-prompt', { most: MAX_PROMPT_BYTES });
  return prompt;
}

/** Those that the command knows, before the first word that is none; `count`: how many words follow. */
function leadingFlags({ flags }: CommandSpec, rest: string): { tokens: Token[]; count: number } {
  const words = [...rest.matchAll(/\S+/gu)].map(({ 0: text, index: at }) => ({ text, at, quoted: false }));
  let taken = 0;
  for (let word = words[0]; word; word = words[taken]) {
    if (word.text === '--') return { tokens: words.slice(0, taken), count: words.length - taken - 1 };
    const [, name = '', value] = /^--?([a-z][a-z-]*)(=)?/i.exec(word.text) ?? [];
    const flag = flags[name.toLowerCase()];
    const isHelp = taken === 0 && words.length === 1 && /^(?:-h|--help)$/i.test(word.text);
    if (!flag && !isHelp) break;
    taken += flag && flag.kind !== 'boolean' && value === undefined ? 2 : 1;
  }
  return { tokens: words.slice(0, taken), count: Math.max(0, words.length - taken) };
}

function parseLine(typed: string, ignored: string[], context: ParseContext): ParseResult {
  const line = typed.replaceAll(USER_NAME, '');
  if (CREDENTIALS.test(line)) throw new Refusal('credentials', {});
  const { tokens, unclosed } = readTokens(line);
  if (unclosed) throw refuseQuote(line, unclosed);
  const [verb, ...rest] = tokens;
  if (!verb) return { kind: 'status' };
  const spec = findCommand(context.commands, verb.text);
  if (!spec) throw refuseVerb(verb, rest, context);
  const result = parseCommand(spec, rest, { line, ignored }, context);
  const dropped = [...typed.matchAll(USER_NAME)].map(([name]) => name.slice(0, -1));
  return result.kind === 'command' && dropped.length > 0 ? { ...result, dropped } : result;
}

function parseCommand(
  spec: CommandSpec,
  tokens: Token[],
  typed: { line: string; ignored: string[] },
  context: ParseContext,
): ParseResult {
  if (spec.needs && !isOffered(spec, context.traits))
    throw new Refusal('wrong-front', { command: spec.name, needs: spec.needs });
  if (spec.takes === 'topic') return readTopic(tokens, context);
  if (asksForHelp(tokens)) return { kind: 'help', topic: spec.name };
  const scope = scopeOf(spec, context);
  try {
    const { flags, words } = readFlags(tokens, spec, scope);
    return { kind: 'command', verb: spec.name, flags, ...readPositionals(words, spec, scope), ...typed };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new Refusal(error.code, error.details, formatUsage(spec));
  }
}

const scopeOf = ({ name }: CommandSpec, context: ParseContext): Scope => ({
  ...context,
  hosts: (context.hosts ?? ['github.com']).map((host) => host.toLowerCase()),
  command: name,
});

/** Help on a command if the words name one or nearly so, else help on everything. */
function readTopic(tokens: Token[], { commands, traits }: ParseContext): ParseResult {
  const offered = commands.filter((spec) => isOffered(spec, traits));
  const word = tokens.find(({ text }) => !text.startsWith('-'))?.text ?? '';
  const topic = findCommand(offered, word)?.name;
  if (topic) return { kind: 'help', topic };
  const nearest = findNearest(offered, word)?.name;
  // "help me" and the like are no typos.
  if (!nearest || word.length < 3 || tokens.length > 1) return { kind: 'help' };
  throw new Refusal('unknown-verb', { word: plain(word), suggestion: `help ${nearest}` });
}

function refuseVerb(verb: Token, rest: Token[], context: ParseContext): Refusal {
  const offered = context.commands.filter((spec) => isOffered(spec, context.traits));
  const nearest = findNearest(offered, verb.text);
  const corrected = nearest && correct(nearest, rest, context);
  if (rest.length + 1 >= PROSE_WORDS && !corrected)
    return new Refusal('prose', { canAsk: findCommand(offered, 'ask') !== undefined });
  const word = plain(verb.text);
  return new Refusal('unknown-verb', nearest ? { word, suggestion: corrected ?? nearest.name } : { word });
}

/** The line with the right verb, if that is a command. One that destroys loses its flags. */
function correct(spec: CommandSpec, rest: Token[], context: ParseContext): string | undefined {
  try {
    const result = parseCommand(spec, rest, { line: '', ignored: [] }, context);
    if (result.kind === 'help') return result.topic ? `help ${result.topic}` : 'help';
    if (result.kind !== 'command') return undefined;
    return plainOr(formatCommand(spec.destructive ? { ...result, flags: {} } : result, ''), spec.name);
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

/** The line, if a code span can show it whole. */
function plainOr(line: string, otherwise: string): string {
  return plain(line, 120) === line ? line : otherwise;
}

function refuseQuote(line: string, { at, quote }: { at: number; quote: string }): Refusal {
  const closed = plainOr(line + quote, '');
  const from = Math.max(0, at - 40);
  const shown = { line: plain(line.slice(from), 80), column: at - from };
  return new Refusal('unclosed-quote', { at, ...shown, ...(closed ? { suggestion: closed } : {}) });
}

/** Longer than any verb with its typos. */
const MAX_WORD = 24;

/**
 * The command with a name or alias at most two edits away (one for up to four letters), the nearest first. Among equals
 * one that destroys comes last, then the table's order decides.
 */
export function findNearest<Spec extends CommandSpec>(
  commands: readonly Spec[],
  word: string,
): Spec | undefined {
  const typed = word.toLowerCase();
  if (typed.length < 2 || typed.length > MAX_WORD) return undefined;
  const allowed = typed.length <= 4 ? 1 : 2;
  const ranked = commands
    .map((spec) => ({ spec, edits: fewestEdits(spec, typed) }))
    .filter(({ edits }) => edits <= allowed)
    .toSorted((a, b) => rank(a) - rank(b));
  return ranked[0]?.spec;
}

function rank({ spec, edits }: { spec: CommandSpec; edits: number }): number {
  return edits + (spec.destructive ? 0.5 : 0);
}

function fewestEdits({ name, aliases }: CommandSpec, typed: string): number {
  const words = [name, ...aliases].filter((word) => word.length >= 2 && !word.startsWith('-'));
  return Math.min(...words.map((word) => countEdits(word, typed)));
}

/** Damerau-Levenshtein, adjacent letters swapped as one edit. Meant for short words: time is the product of lengths. */
export function countEdits(from: string, to: string): number {
  let before: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const isSame = from[row - 1] === to[column - 1];
      const isSwap =
        row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      const edits = [
        at(last, column) + 1,
        at(current, column - 1) + 1,
        at(last, column - 1) + (isSame ? 0 : 1),
        isSwap ? at(before, column - 2) + 1 : Infinity,
      ];
      current.push(Math.min(...edits));
    }
    before = last;
    last = current;
  }
  return at(last, to.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Infinity;
}
