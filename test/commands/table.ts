// The verbs and the fronts as the parser's tests see them, and texts made at random.
import fc from 'fast-check';
import { createVoice, TERMINAL, wordRefusal } from '../../bot/chat/wording.ts';
import type { CommandSpec } from '../../bot/commands/command.ts';
import { atTerminal } from '../../bot/chat/console/render.ts';
import { onGitHub } from '../../bot/chat/github/render.ts';
import { inSlack } from '../../bot/chat/slack/request.ts';
import { commands as table } from '../../bot/commands/index.ts';
import {
  parse,
  type ParseContext,
  type ParsedCommand,
  type ParseFailure,
} from '../../bot/commands/parser/parse.ts';

/** A verb with the kinds of flags that no verb of the table has yet. */
const probe: CommandSpec = {
  name: 'probe',
  aliases: [],
  summary: 'Stands for verbs to come.',
  usage: 'probe [target]',
  examples: ['probe'],
  who: 'Tests.',
  flags: {
    node: { kind: 'text', summary: 'some text' },
    boot: { kind: 'boolean', excludes: 'agent', summary: 'the one' },
    agent: { kind: 'boolean', excludes: 'boot', summary: 'the other' },
    quiet: { kind: 'boolean', short: 'q', summary: 'less' },
  },
  takes: 'target',
};

/** What people can say, and the probe. */
export const commands: readonly CommandSpec[] = [...table, probe];

export const github: ParseContext = {
  traits: onGitHub,
  markup: 'markdown',
  triggers: ['/sam', '@sam', '@my-app', '@my-app[bot]'],
  triggerOptional: false,
  commands,
  allowPaths: false,
  allowUrls: false,
};
export const console_: ParseContext = {
  ...github,
  traits: atTerminal,
  markup: 'none',
  triggerOptional: true,
  allowPaths: true,
  allowUrls: true,
};
/** The text of a slash command. */
export const slash: ParseContext = {
  ...github,
  traits: inSlack,
  markup: 'mrkdwn',
  triggers: ['/sam'],
  triggerOptional: true,
  emptyIsTrigger: true,
};
/** A message that mentions the bot. */
export const mention: ParseContext = {
  ...github,
  traits: inSlack,
  markup: 'mrkdwn',
  triggers: ['/sam', '<@U0SAM>'],
};
export const api: ParseContext = {
  ...console_,
  traits: { ...atTerminal, title: 'the API', isOperator: false, about: 'nothing' },
  triggers: ['/sam'],
  allowPaths: false,
};
export const fronts = [github, console_, slash, mention, api];

/** The command that the text is, or a failed test that says what it is instead. */
export function command(text: string, context: ParseContext = console_): ParsedCommand {
  const result = parse(text, context);
  if (result.kind !== 'command') throw new Error(`${JSON.stringify(text)} is ${JSON.stringify(result)}`);
  return result;
}

/** Why the text is no command, as people read it there. */
export interface Worded {
  kind: 'error';
  code: string;
  message: string;
  usage?: string;
  suggestion?: string;
  caret?: string;
}

export function failure(text: string, context: ParseContext = console_): Worded {
  const result = parse(text, context);
  if (result.kind !== 'error') throw new Error(`${JSON.stringify(text)} is ${JSON.stringify(result)}`);
  return worded(result, context);
}

export function worded({ kind, usage, ...said }: ParseFailure, { traits }: ParseContext): Worded {
  const { say } = traits === atTerminal ? TERMINAL : createVoice('/sam');
  const { text, next, above } = wordRefusal(said, say);
  return {
    kind,
    code: said.code,
    message: text,
    ...(usage === undefined ? {} : { usage: `Usage: ${say(usage)}` }),
    ...(next === undefined ? {} : { suggestion: next }),
    ...(above === undefined ? {} : { caret: above }),
  };
}

const verbs = commands.flatMap(({ name, aliases }) => [name, ...aliases]);
const flagWords = commands.flatMap(({ flags }) =>
  Object.entries(flags).flatMap(([name, { short }]) => [
    `--${name}`,
    `${name}=`,
    ...(short ? [`-${short}`] : []),
  ]),
);
const targets = [
  'api-412 #412 412 acme/api acme/api@fix/login acme/api@a=b#7 ws-k7m2q4xa5bzd . ../.. ~/x git@github.com:a/b.git',
  'https://github.com/acme/api/pull/7/files https://github.com/acme/api/tree/fix/%23x github.com/acme/api',
  'https://gitlab.com/g/s/p/-/tree/a%23b https://git.sr.ht/~a/b@c https://h/@a/%C3%BC:b@@ ssh://git@h:2/o/r.git',
  'https://alice@h/ü https://github.com/acme/api/compare/a...b <https://www.github.com/a/b> [a](https://h/a,b@c)',
  'https://git.example:8443/a/b.git@v1 http://[::1]:80/a/b https://u:p@h/a/b /x/"y acme/api@a`b',
].flatMap((line) => line.split(' '));
const values = [
  's large 4h 90m 2d 0h until 18:40 9:05 UTC europe/berlin +02:00 -05:00 50 0 running true false fix/login don’t -h',
  '@bob @a-b <@U1> ＠eve @',
  `--help -- ${'a'.repeat(40)}`,
].flatMap((line) => line.split(' '));
const glue = [
  ' ',
  ' ',
  ' ',
  ' ',
  '=',
  '"',
  "'",
  '`',
  '\\',
  '\u00a0',
  '\u200b',
  '—',
  '–',
  '“',
  '”',
  '&amp;',
  '<@U1|x>',
];
const blocks = [
  '\n',
  '\r\n',
  '\n\n',
  '```\n',
  '~~~',
  '> ',
  '    ',
  '- ',
  '* ',
  '<!--',
  '-->',
  '<details>',
  '</details>',
];

/** Any UTF-16, lone surrogates and control characters among it. */
const anything = fc
  .array(fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0, max: 0x7f })), { maxLength: 60 })
  .map((units) => String.fromCharCode(...units));

const piece = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...glue) },
  { weight: 3, arbitrary: fc.constantFrom(...verbs) },
  { weight: 3, arbitrary: fc.constantFrom(...targets) },
  { weight: 3, arbitrary: fc.constantFrom(...flagWords) },
  { weight: 3, arbitrary: fc.constantFrom(...values) },
  { weight: 2, arbitrary: fc.constantFrom(...blocks) },
  { weight: 2, arbitrary: fc.constantFrom('/sam', '\n/sam ', '@sam ', '@my-app[bot]', '<@U0SAM> ') },
  { weight: 1, arbitrary: anything },
);

/** Texts that look like commands, more or less. */
export const texts = fc.oneof(
  anything,
  fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join('')),
  fc
    .tuple(
      fc.constantFrom(...verbs),
      fc.array(fc.constantFrom(...targets, ...flagWords, ...values), { maxLength: 5 }),
    )
    .map(([verb, words]) => `/sam ${[verb, ...words].join(' ')}`.replaceAll('= ', '=')),
);
