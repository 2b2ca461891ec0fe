// What a card says while a workspace is between two states: nothing that is over already, and nothing to press in vain.
import { describe, expect, test } from 'vitest';
import { renderDeployment } from '../../bot/chat/github/render-signals.ts';
import { withoutClocks } from '../../bot/chat/pace.ts';
import type { ParseContext } from '../../bot/commands/parser/parsed.ts';
import { onGitHub as traits, renderCard } from '../../bot/chat/github/render.ts';
import { renderPlain } from '../../bot/chat/console/render.ts';
import { renderCard as renderSlackCard } from '../../bot/chat/slack/render.ts';
import { viewOf, type CardView } from '../../bot/chat/view.ts';
import { commands } from '../../bot/commands/index.ts';
import type { Node, User, Workspace } from '../../bot/database/types.ts';

const NOW = new Date('2026-01-02T10:00:00Z');

const running = {
  id: 'ws-abcdefghij23',
  name: 'api',
  repository: 'https://github.com/acme/api',
  ref: 'main',
  size: 'medium',
  phase: 'running',
  desired: 'running',
  phaseSince: NOW,
} as Workspace;

const view = (workspace: Partial<Workspace>, node: Node['phase'] = 'ready'): CardView =>
  viewOf({
    workspace: { ...running, ...workspace },
    node: { phase: node } as Node,
    owner: { name: 'bob' } as User,
    now: NOW,
    expiry: new Date('2026-01-02T14:00:00Z'),
    warningMs: 1_800_000,
  });

const linkTo = () => 'https://sam.example.com/w/x';
const context: ParseContext = {
  traits,
  markup: 'markdown',
  triggers: ['/sam'],
  triggerOptional: false,
  commands,
  allowPaths: false,
  allowUrls: false,
};

const onGitHub = (shown: CardView): string =>
  renderCard([shown], { subject: 'acme/api#1', linkTo, context, notes: [] });

const inSlack = (shown: CardView): string => JSON.stringify(renderSlackCard(shown, '/sam').blocks);

describe('one that runs', () => {
  const limits = { memory: 2_867 * 2 ** 20, processes: 2_867 };
  const reported = (reached?: ('memory' | 'processes')[]): Partial<Workspace> => ({
    reported: {
      id: running.id,
      phase: 'running',
      run: 1,
      sessions: 0,
      limits: { ...limits, ...(reached && { reached }) },
    },
  });

  test('within its limits says nothing of them', () => {
    for (const shown of [view(reported()), view({ ...reported(['memory']), phase: 'stopped' })])
      expect(renderPlain(shown).join('\n')).not.toMatch(/memory|processes/);
  });

  test('and ran against them says so wherever its card is', () => {
    const shown = view(reported(['memory', 'processes']));
    const text =
      'Some of its programs were ended for want of memory. Some of its programs could not be started: there are too many. It may use 2.8 GiB of memory and 2,867 processes.';
    expect(renderPlain(shown)).toContain(`  ${text}`);
    expect(onGitHub(shown)).toContain(text);
    expect(inSlack(shown)).toContain(text);
  });
});

describe('one whose container could not be made, and that runs without it', () => {
  const recovering = view({
    reported: {
      id: running.id,
      phase: 'running',
      run: 1,
      sessions: 0,
      failure: { class: 'configuration', message: 'the Dockerfile is wrong' },
      environment: { runtime: 'host', isRecovery: true },
    },
  });

  test('says what is wrong, and once when it stops', () => {
    const card = onGitHub(recovering);
    expect(card).toContain('the Dockerfile is wrong');
    expect(card.match(/stops at/g)).toHaveLength(1);
  });

  test('is a deployment that runs, not one that has failed', () => {
    const { state, description } = renderDeployment(recovering, { linkTo, context });
    expect([state, description]).toEqual(['success', 'api (bob) is running']);
  });
});

describe('what models were asked', () => {
  const asked = (requests: number, input: number): string => {
    const usage = { requests, input, output: 1, cacheRead: 0, cacheWrite: 0 };
    const reported = { id: running.id, phase: 'running', run: 1, sessions: 0, usage } as const;
    return onGitHub(withoutClocks(view({ reported })));
  };

  test('is news when the requests have doubled, and not with each one', () => {
    expect(asked(5, 9_000)).toBe(asked(6, 80_000));
    expect(asked(7, 9_000)).not.toBe(asked(6, 9_000));
  });
});

describe.each(['stopped', 'deleted'] as const)('one that runs and shall be %s', (desired) => {
  const going = view({ desired });

  test('has no tick, no time at which it stops, and no terminal to open', () => {
    expect(renderPlain(going).join('\n')).not.toMatch(/✓|Stops|extend/);
    expect(onGitHub(going)).not.toMatch(/✅|stops at|Open terminal|sam open|sam extend|sam stop/);
    expect(inSlack(going)).not.toMatch(/check_mark|stops at|Open terminal|button|overflow/);
  });
});

test('one that cannot be reached has no tick, and nothing that needs its machine', () => {
  const silent = view({}, 'unhealthy');
  expect(renderPlain(silent)[0]).toBe('! api: not reachable');
  expect(onGitHub(silent)).toContain('### ⚠️ Workspace `api`: not reachable');
  expect(onGitHub(silent)).not.toMatch(/stops at|Open terminal|sam open|sam extend/);
  expect(inSlack(silent)).toMatch(/:warning: [^]*"Stop"/);
  expect(inSlack(silent)).not.toMatch(/check_mark|stops at|Open terminal|Keep 4h/);
});

test('one that starts again has no sign of a stop', () => {
  const starting = view({ phase: 'stopped', desired: 'running' });
  expect(renderPlain(starting)[0]).toBe('… api: starting · 0s');
  expect(inSlack(starting)).not.toMatch(/black_square|files are kept/);
});

test('one that is stopped says until when its files are kept', () => {
  const stopped = view({
    phase: 'stopped',
    desired: 'stopped',
    deleteAt: new Date('2026-01-09T10:00:00Z'),
  });
  expect(inSlack(stopped)).toMatch(
    /files are kept until <!date\^1767952800\^[^|]*\|(2026-01-09 )?10:00 UTC>/,
  );
});

test('one that never had a file does not say that any are kept', () => {
  const stopped = view({ phase: 'stopped', desired: 'stopped', nodeId: null });
  expect(renderPlain(stopped).at(-1)).toBe('  No machine has files of it. Go on: start api');
  expect(onGitHub(stopped) + inSlack(stopped)).not.toContain('files are kept');
});

test('one that failed says when it stops by itself, and how to keep it', () => {
  const failed = view({
    phase: 'failed',
    lastError: { class: 'configuration', code: 'no-git', details: {} },
  });
  expect(renderPlain(failed).slice(-2)).toEqual([
    '  Next: retry api',
    '  Stops at 14:00 UTC if idle. Keep it: extend api 4h',
  ]);
  expect(onGitHub(failed)).toContain(
    '**Next:** `/sam retry api` · stops at **14:00 UTC** if idle: `/sam extend api 4h`',
  );
  expect(inSlack(failed)).toMatch(/"Retry"[^]*"Keep 4h"[^]*stops at [^]*14:00 UTC/);
  // Where nobody can type another line there is nothing to keep.
  expect(renderPlain(failed, 'mend it').at(-1)).toBe('  Next: mend it');
});

test.each(['stopped', 'deleted'] as const)('one that failed and shall be %s does not', (desired) => {
  const failed = view({ phase: 'failed', desired, lastError: null });
  expect(renderPlain(failed).join('\n')).not.toContain('Stops at');
  expect(inSlack(failed)).not.toMatch(/stops at|Keep 4h/);
});

test('one that runs has them all', () => {
  expect(renderPlain(view({}))).toEqual([
    '✓ api: running',
    '  acme/api@main · medium · ws-abcdefghij23',
    '  Stops at 14:00 UTC if idle. Keep it: extend api 4h',
  ]);
  expect(inSlack(view({}))).toMatch(/check_mark[^]*Open terminal[^]*Keep 4h/);
  expect(onGitHub(view({}))).toMatch(/### ✅ [^]*Open terminal[^]*`\/sam stop api`/);
});
