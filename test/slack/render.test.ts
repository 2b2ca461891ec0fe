// Whatever a card or an answer shows: Slack takes it, and nothing in it is a mention, a link or markup that a name brought along.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { renderAnswer, renderCard, renderLink, type SlackMessage } from '../../bot/chat/slack/render.ts';
import { findFaults } from '../fakes/slack/blocks.ts';
import { anyView, nastyText } from '../views.ts';

const nasty = nastyText(
  [
    '<!channel>',
    '<!here|x>',
    '<@U1>',
    '<#C1|dev>',
    '<https://evil.example|acme>',
    '&',
    '&lt;',
    '`',
    '```',
    '*',
    '_',
    '~',
    '\n',
    '\0',
    ' ',
    'x'.repeat(900),
  ],
  fc.string({ unit: 'binary', maxLength: 200 }),
);

const view = anyView(nasty, {
  commit: nasty,
  expiry: fc.constant(new Date('2026-11-22T18:40:00Z')),
  deleteAt: fc.constant(new Date('2026-11-29T18:40:00Z')),
});

/** All words that Slack reads markup in. */
const wordsOf = ({ text, blocks }: SlackMessage): string =>
  JSON.stringify([text, blocks], (_key, value: unknown) =>
    typeof value === 'object' && value !== null && (value as { type?: string }).type === 'plain_text'
      ? ''
      : value,
  );

/** All that Slack would read as markup of its own, but for what we write ourselves. */
const markupOf = (message: SlackMessage): string[] =>
  (wordsOf(message).match(/<[^>]*>?/g) ?? []).filter(
    (one) => !/^<!date\^\d+\^(\{date_short_pretty\} )?\{time\}\|([\d-]+ )?\d\d:\d\d UTC>$/.test(one),
  );

function expectTakeable(message: SlackMessage): void {
  expect(findFaults(message.blocks)).toEqual([]);
  expect(message.text.length).toBeGreaterThan(0);
  expect(message.text.length).toBeLessThanOrEqual(4000);
  expect(message.text.isWellFormed()).toBe(true);
  expect(JSON.stringify(message.blocks).length).toBeLessThan(60_000);
  // Half an entity would be shown as it is.
  expect(wordsOf(message).match(/&(?!amp;|lt;|gt;).{0,5}/g)).toBeNull();
}

test('every card is within the limits of Slack and mentions nobody', () => {
  fc.assert(
    fc.property(view, (one) => {
      const card = renderCard(one, '/sam');
      expectTakeable(card);
      const links = (one.ports ?? []).map(({ port, address }) => `<${address}|${port}>`);
      expect(markupOf(card).filter((piece) => !links.includes(piece))).toEqual([]);
    }),
    { numRuns: 500 },
  );
});

test('so is every answer, however long, with columns and without', () => {
  const long = fc.oneof(
    nasty,
    fc.array(nasty, { maxLength: 200 }).map((all) => all.join('\n')),
    fc.constant('&'.repeat(40_000)),
    fc.constant(`x${'&'.repeat(40_000)}`),
  );
  fc.assert(
    fc.property(long, fc.boolean(), nasty, (text, isVerbatim, label) => {
      const answer = renderAnswer(text, { isVerbatim, buttons: [{ label, line: 'status' }] });
      expectTakeable(answer);
      expect(markupOf(answer)).toEqual([]);
    }),
    { numRuns: 500 },
  );
});

test('the only link in an answer is ours', () => {
  fc.assert(
    fc.property(nasty, (words) => {
      const url = 'https://sam.example/w/ws-a#code';
      const message = renderLink(words, 'Open', url);
      expectTakeable(message);
      expect(new Set(markupOf(message))).toEqual(new Set([`<${url}|Open>`]));
    }),
  );
});

test('secrets do not leave with a card or an answer', () => {
  const token = `xoxb-${'1234567890-'.repeat(3)}`;
  fc.assert(
    fc.property(view, (one) => {
      const card = renderCard(
        {
          ...one,
          phase: 'failed',
          notices: [{ code: 'text', details: { text: token } }],
          failure: { class: 'internal', message: token },
        },
        '/sam',
      );
      const answer = renderAnswer(`fatal: ${token}`, { isVerbatim: true });
      expect(JSON.stringify([card, answer])).not.toContain(token);
    }),
  );
});

test('our small Markdown becomes Slack’s', () => {
  const { blocks } = renderAnswer('`/sam use` needs **write** on `a&b`; see <x> and *this*');
  expect(blocks[0]).toMatchObject({
    text: { text: '`/sam use` needs *write* on `a&amp;b`; see &lt;x&gt; and *this*' },
  });
});
