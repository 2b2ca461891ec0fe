// More commands than one in a message: named once, below the answer, and never within its columns.
import { expect, test } from 'vitest';
import { onGitHub, renderReply, voiceIn } from '../../bot/chat/github/render.ts';
import { wordAnswer } from '../../bot/chat/wording.ts';
import type { ParseContext } from '../../bot/commands/parser/parsed.ts';
import type { Answer } from '../../bot/database/types.ts';

const context: ParseContext = {
  traits: onGitHub,
  markup: 'markdown',
  triggers: ['/sam'],
  triggerOptional: false,
  commands: [],
  allowPaths: false,
  allowUrls: false,
};
const rows = [
  ['NAME', 'PHASE'],
  ['api', 'running'],
];
const table: Answer = { ok: true, code: 'workspaces', details: { rows, more: 0 } };

test('what stands below an answer is apart from it', () => {
  expect(wordAnswer({ ...table, ignored: ['up', 'rm --force'] }, voiceIn(context), context)).toMatchObject({
    text: 'NAME  PHASE\napi   running',
    hint: 'I run one command per message; ignored: `up`, `rm --force`.',
    isVerbatim: true,
  });
  expect(wordAnswer({ ...table, dropped: ['alice'] }, voiceIn(context), context).hint).toBe(
    'I clone with credentials of my own, not as `alice`.',
  );
  const silent: Answer = { ok: true, code: 'ok', details: {}, ignored: ['up'] };
  expect(wordAnswer(silent, voiceIn(context), context).text).toBe('');
  expect(wordAnswer(table, voiceIn(context), context).hint).toBe('');
});

test('an answer that an earlier version wrote down is shown as it is', () => {
  const old = { ok: false, code: 'forbidden', text: 'No.', suggestion: 'up' } as unknown as Answer;
  expect(wordAnswer(old, voiceIn(context), context)).toEqual({
    text: 'No.',
    hint: '',
    isVerbatim: false,
    next: 'up',
  });
});

test('on GitHub it stands below the columns, and is no command', () => {
  expect(renderReply(wordAnswer({ ...table, ignored: ['up'] }, voiceIn(context), context), context))
    .toMatchInlineSnapshot(`
    "\`\`\`text
    NAME  PHASE
    api   running
    \`\`\`
    I run one command per message; ignored: \`up\`."
  `);
});
