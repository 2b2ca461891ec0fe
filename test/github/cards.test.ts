// Whatever a card or a reply shows: when GitHub sends it back to us it is no command, and it mentions nobody.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { CardView } from '../../bot/chat/view.ts';
import { onGitHub, renderCard, renderReply } from '../../bot/chat/github/render.ts';
import { commands } from '../../bot/commands/index.ts';
import { parse } from '../../bot/commands/parser/parse.ts';
import type { ParseContext } from '../../bot/commands/parser/parsed.ts';
import { anyFailure, anyView, nastyText } from '../views.ts';

const context: ParseContext = {
  traits: onGitHub,
  markup: 'markdown',
  triggers: ['/sam', '@sam-test', '@sam-test[bot]', '@sam'],
  triggerOptional: false,
  commands,
  allowPaths: false,
  allowUrls: false,
};

const nasty = nastyText([
  '/sam up',
  '@sam rm --force',
  '\n',
  '`',
  '```',
  '> ',
  '- ',
  '<!--',
  '-->',
  '@eve',
  ' ',
  '<b>',
  '[x](y)',
]);

const view = anyView(nasty, {
  size: fc.constant('medium'),
  // Its words, and the name in the next command, are a stranger's.
  failure: anyFailure(nasty),
});

const draw = (views: CardView[]): string =>
  renderCard(views, {
    subject: 'acme/api#1',
    linkTo: () => 'https://sam.example/w/ws-a?s=b',
    context,
    notes: [],
  });

/** Mentions outside code. */
const mentions = (text: string): string[] =>
  text.replaceAll(/```[^]*?```|`[^`\n]*`/g, '').match(/@\w+/g) ?? [];

test('no card is a command, whatever a workspace is called or says', () => {
  fc.assert(
    fc.property(fc.array(view, { minLength: 1, maxLength: 3 }), (views) => {
      const text = draw(views);
      expect(parse(text, context).kind).toBe('ignore');
      expect(mentions(text)).toEqual([]);
    }),
    { numRuns: 500 },
  );
});

test('no reply is a command, whatever it quotes', () => {
  fc.assert(
    fc.property(nasty, fc.boolean(), (text, isVerbatim) => {
      expect(parse(renderReply({ text, hint: '', isVerbatim }, context), context).kind).toBe('ignore');
    }),
    { numRuns: 1000 },
  );
});

/** What of a line of Markdown is neither code nor taken back by a backslash. */
const live = (text: string): string =>
  text.replaceAll(/\\[!-/:-@[-`{-~]|(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)/g, ' ');

test('no backslash or backtick makes a link or a mention of what is quoted', () => {
  const piece = fc.constantFrom('\\', '\\', '`', '[', ']', '(', ')', '@', 'bob', '!', '&', ' ');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
      const text = live(renderReply({ text: pieces.join(''), hint: '', isVerbatim: false }, context));
      expect(text).not.toMatch(/@\w|\[.*\]\(/);
    }),
    {
      numRuns: 5_000,
      examples: [[['\\', '[', 'bob', '\\', ']', '(', 'bob', ')']], [['\\', '`', '@', 'bob', '`']]],
    },
  );
});

const failing = (one: CardView, message: string): CardView => ({
  ...one,
  phase: 'failed',
  failure: { class: 'internal', message },
});

test('a card that would be too long for GitHub is cut, and says how many more there are', () => {
  fc.assert(
    fc.property(view, (one) => {
      const text = draw(Array.from({ length: 400 }, () => failing(one, 'x'.repeat(900))));
      expect(text.length).toBeLessThan(65_536);
      expect(text).toMatch(/…and \d+ more: `\/sam list`$/);
    }),
    { numRuns: 20 },
  );
});

test('secrets do not leave with a card', () => {
  const token = `ghs_${'a1B2'.repeat(9)}`;
  fc.assert(
    fc.property(view, (one) => {
      expect(draw([failing(one, `fatal: ${token}`)])).not.toContain(token);
    }),
  );
});
