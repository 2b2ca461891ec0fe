// Long and hostile answers, as each front shows them.
import { describe, expect, test } from 'vitest';
import { renderTurn as renderAtTerminal } from '../../bot/chat/console/render.ts';
import { renderTurn as renderOnGitHub } from '../../bot/chat/github/render.ts';
import { inPieces } from '../../bot/chat/pieces.ts';
import { renderTurn as renderInSlack } from '../../bot/chat/slack/render.ts';
import type { TurnView } from '../../bot/chat/turn-view.ts';
import { parse } from '../../bot/commands/parser/parse.ts';
import { github } from '../commands/table.ts';

const view = (patch: Partial<TurnView> = {}): TurnView => ({
  id: 'tk-aaaaaaaaaaaa/1',
  workspace: { id: 'ws-aaaaaaaaaaaa', name: 'api-1' },
  state: 'done',
  answer: 'Yes.',
  failure: null,
  ...patch,
});
const isBalanced = (text: string): boolean => (text.match(/^```/gm) ?? []).length % 2 === 0;

describe('pieces', () => {
  const code = [
    'Before',
    '```ts',
    ...Array.from({ length: 300 }, (_, line) => `const x${line} = 1;`),
    '```',
    'After',
  ];

  test('are short enough, cut no fence, and have every line in its order', () => {
    const pieces = inPieces(code.join('\n'), 1_000);
    expect(pieces.length).toBeGreaterThan(4);
    for (const piece of pieces) expect([piece.length <= 1_000, isBalanced(piece)]).toEqual([true, true]);
    const lines = pieces.flatMap((piece) => piece.split('\n')).filter((line) => !line.startsWith('```'));
    expect(lines).toEqual(code.filter((line) => !line.startsWith('```')));
  });

  test('close what is left open, and take lines of any length', () => {
    expect(inPieces('```\nnever closed', 1_000)).toEqual(['```\nnever closed\n```']);
    const pieces = inPieces('😀'.repeat(5_000), 1_000);
    expect(pieces.every((piece) => piece.length <= 1_000 && piece.isWellFormed())).toBe(true);
    expect(inPieces('', 1_000)).toEqual([]);
  });
});

describe('on GitHub', () => {
  test('nobody is called, nothing is loaded or hidden, and no line is a command', () => {
    const answer =
      '@bob see #12 ![x](http://evil.test/?k) <!-- hidden --> <img src=x>\n\n/sam rm --force\n\n`@kept <b>`';
    const body = renderOnGitHub(view({ answer }), github);
    expect(body).not.toMatch(/@bob|#12|!\[|<!-- hidden|<img/);
    expect(body).toContain('`@kept <b>`');
    expect(parse(body, github).kind).toBe('ignore');
  });

  test('what is long is folded behind its beginning, within what a comment takes', () => {
    const answer = `It was the clock.\n\n${'```\n'}${'a line of code\n'.repeat(10_000)}${'```'}`;
    const body = renderOnGitHub(view({ answer }), github);
    expect(body.length).toBeLessThan(65_536);
    expect(isBalanced(body)).toBe(true);
    expect(body.indexOf('It was the clock.')).toBeLessThan(body.indexOf('<details><summary>The rest'));
  });

  test('what changed is a diff stat', () => {
    const changes = {
      branch: 'sam/fix',
      count: 3,
      files: [
        { path: 'src/a.ts', added: 10, removed: 2 },
        { path: 'b`c.ts', added: 1, removed: 0 },
      ],
    };
    expect(renderOnGitHub(view({ changes }), github)).toContain(
      "<details><summary>3 files changed on sam/fix: +11 −2</summary>\n\n- `src/a.ts` +10 −2\n- `b'c.ts` +1 −0\n- …and 1 more\n\n</details>",
    );
  });
});

test('in Slack nothing is longer than a section, and nobody is called', () => {
  const answer = `<!channel> <@U1>\n${'```\n'}${'if (a < b && c > d) {}\n'.repeat(4_000)}${'```'}`;
  const { text, blocks } = renderInSlack(view({ answer }), '/sam');
  const shown = JSON.stringify(blocks);
  expect(blocks.length).toBeLessThanOrEqual(50);
  for (const block of blocks)
    if (block.type === 'section')
      expect([block.text.text.length <= 3_000, isBalanced(block.text.text)]).toEqual([true, true]);
  expect(shown + text).not.toMatch(/<!channel>|<@U1>/);
});

test('at a terminal a failure says what to type next', () => {
  const failed = view({ state: 'failed', answer: '', failure: { code: 'workspace-failed', details: {} } });
  expect(renderAtTerminal(failed)).toBe(
    '✗ api-1: failed\nThe workspace failed, so nothing works in it; its card says of what. Next: `retry api-1`.',
  );
});
