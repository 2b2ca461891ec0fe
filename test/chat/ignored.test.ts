// More commands than one in a message: named once, below the answer, and never within its columns.
import { expect, test } from 'vitest';
import { splitIgnored, withIgnored } from '../../bot/chat/ignored.ts';
import { renderReply } from '../../bot/chat/github/render.ts';
import type { ParseContext } from '../../bot/commands/parser/parsed.ts';
import type { Answer } from '../../bot/database/types.ts';

const context: ParseContext = {
  front: 'github',
  triggers: ['/sam'],
  triggerOptional: false,
  commands: [],
  allowPaths: false,
  allowUrls: false,
};
const table: Answer = { ok: true, code: 'ok', text: 'NAME  PHASE\napi   running', isVerbatim: true };

test('what was put below an answer can be taken off again', () => {
  const answer = withIgnored(table, ['up', 'rm --force']);
  expect(splitIgnored(answer)).toEqual({
    words: table.text,
    hint: 'I run one command per message; ignored: `up`, `rm --force`.',
  });
  expect(splitIgnored(withIgnored({ ...table, text: '' }, ['up'])).words).toBe('');
  expect(splitIgnored(table)).toEqual({ words: table.text, hint: '' });
  expect(withIgnored(table, [])).toBe(table);
});

test('on GitHub it stands below the columns, and is no command', () => {
  const { words, hint } = splitIgnored(withIgnored(table, ['up']));
  expect(renderReply(words, { isVerbatim: true, hint }, context)).toMatchInlineSnapshot(`
    "\`\`\`text
    NAME  PHASE
    api   running
    \`\`\`
    I run one command per message; ignored: \`up\`."
  `);
});
