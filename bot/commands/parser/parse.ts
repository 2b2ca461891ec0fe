// Turns what a person wrote, on any front, into one command, or says why not. Pure and total: it asks nobody, runs
// nothing, throws nothing, and takes time linear in the text.
import { findCommand, isOffered, type CommandSpec } from '../command.ts';
import { asksForHelp, readFlags } from './flags.ts';
import { formatCommand } from './format.ts';
import { findLines } from './lines.ts';
import type { ParseContext, ParseResult } from './parsed.ts';
import { readPositionals } from './positionals.ts';
import { Refusal } from './refusal.ts';
import type { Scope } from './repositories.ts';
import { createSay, plain, shown, shownTrigger, type Say } from '../say.ts';
import { findNearest } from './suggest.ts';
import { readTokens, type Token } from './tokens.ts';
import { formatUsage } from '../usage.ts';

export type { ParseContext, ParsedCommand, ParseFailure, ParseResult } from './parsed.ts';

/** GitHub's own limit for a comment, in UTF-16 code units. */
const LONGEST = 64 * 1024;
const CREDENTIALS = /:[\\/]{2}[^\s\\/?#@]*@/;
const PROSE_WORDS = 4;

/** The first command of the text. See ParseContext for the fronts' differences, ParseResult for the answers. */
export function parse(text: string, context: ParseContext): ParseResult {
  const say = createSay(shownTrigger(context));
  try {
    if (text.length > LONGEST) return refuseLong(text, context, say);
    const { first, ignored } = findLines(text, context);
    if (first === undefined) return ignoreOrStatus(context);
    const result = first === '' ? { kind: 'status' as const } : parseLine(first, ignored, context, say);
    const isShort = result.kind === 'help' || result.kind === 'status';
    return isShort && ignored.length > 0 ? { ...result, ignored } : result;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { kind: 'error', code: error.code, message: error.message, ...error.details };
  }
}

/** Nothing to read. A slash command without text is the trigger alone; an empty line at a prompt is nothing. */
function ignoreOrStatus({ front, triggerOptional }: ParseContext): ParseResult {
  if (front === 'slack' && triggerOptional) return { kind: 'status' };
  return { kind: 'ignore', why: triggerOptional ? 'nothing was typed' : 'no line begins with the trigger' };
}

function refuseLong(text: string, { triggers, triggerOptional }: ParseContext, say: Say): ParseResult {
  const lower = text.toLowerCase();
  const isForUs = triggerOptional || triggers.some((trigger) => lower.includes(trigger.toLowerCase()));
  if (!isForUs) return { kind: 'ignore', why: 'too long, and no trigger in it' };
  const message = `That text is longer than 64 kB, so I did not read it. Send the command alone, like ${say('status')}.`;
  return { kind: 'error', code: 'too-long', message };
}

function parseLine(line: string, ignored: string[], context: ParseContext, say: Say): ParseResult {
  if (CREDENTIALS.test(line)) throw refuseCredentials(say);
  const { tokens, unclosed } = readTokens(line);
  if (unclosed) throw refuseQuote(line, unclosed, say);
  const [verb, ...rest] = tokens;
  if (!verb) return { kind: 'status' };
  const spec = findCommand(context.commands, verb.text);
  if (!spec) throw refuseVerb(verb, rest, context, say);
  return parseCommand(spec, rest, { line, ignored }, context, say);
}

function parseCommand(
  spec: CommandSpec,
  tokens: Token[],
  typed: { line: string; ignored: string[] },
  context: ParseContext,
  say: Say,
): ParseResult {
  if (!isOffered(spec, context.front)) throw refuseFront(spec, say);
  if (spec.takes === 'topic') return readTopic(tokens, context, say);
  if (asksForHelp(spec.takes === 'words' ? tokens.slice(0, 1) : tokens))
    return { kind: 'help', topic: spec.name };
  const hosts = (context.hosts ?? ['github.com']).map((host) => host.toLowerCase());
  const scope: Scope = { ...context, hosts, say, verb: spec.name };
  const usage = `Usage: ${say(formatUsage(spec))}`;
  try {
    const { flags, words } = readFlags(tokens, spec, scope);
    return { kind: 'command', verb: spec.name, flags, ...readPositionals(words, spec, scope), ...typed };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new Refusal(error.code, error.message, { usage, ...error.details });
  }
}

/** Help on a command if the words name one or nearly so, else help on everything. */
function readTopic(tokens: Token[], { commands, front }: ParseContext, say: Say): ParseResult {
  const offered = commands.filter((spec) => isOffered(spec, front));
  const word = tokens.find(({ text }) => !text.startsWith('-'))?.text ?? '';
  const topic = findCommand(offered, word)?.name;
  if (topic) return { kind: 'help', topic };
  const nearest = findNearest(offered, word)?.name;
  // "help me" and the like are no typos.
  if (!nearest || word.length < 3 || tokens.length > 1) return { kind: 'help' };
  const message = `I don't know ${shown(word)}. Did you mean ${say(`help ${nearest}`)}? All commands: ${say('help')}.`;
  throw new Refusal('unknown-verb', message, { suggestion: `help ${nearest}` });
}

function refuseVerb(verb: Token, rest: Token[], context: ParseContext, say: Say): Refusal {
  const offered = context.commands.filter((spec) => isOffered(spec, context.front));
  const nearest = findNearest(offered, verb.text);
  const corrected = nearest && correct(nearest, rest, context, say);
  if (rest.length + 1 >= PROSE_WORDS && !corrected) return refuseProse(offered, say);
  const all = `All commands: ${say('help')}.`;
  if (!nearest) return new Refusal('unknown-verb', `I don't know ${shown(verb.text)}. ${all}`);
  const suggestion = corrected ?? nearest.name;
  const message = `I don't know ${shown(verb.text)}. Did you mean ${say(suggestion)}? ${all}`;
  return new Refusal('unknown-verb', message, { suggestion });
}

/** The line with the right verb, if that is a command. One that destroys loses its flags. */
function correct(spec: CommandSpec, rest: Token[], context: ParseContext, say: Say): string | undefined {
  try {
    const result = parseCommand(spec, rest, { line: '', ignored: [] }, context, say);
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

function refuseProse(offered: readonly CommandSpec[], say: Say): Refusal {
  const message = findCommand(offered, 'ask')
    ? `That looks like a request for Claude, and I run commands only. Ask with ${say('ask …')}.`
    : `That reads like a sentence, and I only know commands. All commands: ${say('help')}.`;
  return new Refusal('prose', message);
}

function refuseFront({ name, fronts = [] }: CommandSpec, say: Say): Refusal {
  const places = fronts.join(' and ');
  return new Refusal('wrong-front', `\`${name}\` works on ${places} only. What works here: ${say('help')}.`);
}

function refuseCredentials(say: Say): Refusal {
  return new Refusal(
    'credentials',
    `That address has credentials in it. I never use them, and others may have read them: change them, then name the repository alone: ${say('up owner/name')}.`,
  );
}

function refuseQuote(line: string, { at, quote }: { at: number; quote: string }, say: Say): Refusal {
  const closed = plainOr(line + quote, '');
  const from = Math.max(0, at - 40);
  const next = closed ? `With the end closed: ${say(closed)}.` : `How lines look: ${say('help')}.`;
  return new Refusal('unclosed-quote', `The quote at character ${at + 1} is never closed. ${next}`, {
    caret: `${plain(line.slice(from), 80)}\n${' '.repeat(at - from)}^`,
    ...(closed ? { suggestion: closed } : {}),
  });
}
