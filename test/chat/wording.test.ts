// Every sentence that failures and notices have: whatever it is filled in with, and however commands begin where it is read.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AgentFailures, Failure, Work } from '../../agent/protocol.ts';
import { renderPlain } from '../../bot/chat/console/render.ts';
import { renderCard as renderOnGitHub } from '../../bot/chat/github/render.ts';
import { renderCard as renderInSlack } from '../../bot/chat/slack/render.ts';
import { viewOf, type CardView } from '../../bot/chat/view.ts';
import { createSay, wordFailure, wordGitRefusal, wordNotices } from '../../bot/chat/wording.ts';
import { FAILURES } from '../../bot/chat/wording/failures.ts';
import { NOTICES } from '../../bot/chat/wording/notices.ts';
import type { FailureCodes, GitRefusalCodes, Notice, NoticeCodes, Side } from '../../bot/codes.ts';
import { commands } from '../../bot/commands/index.ts';
import { parse } from '../../bot/commands/parser/parse.ts';
import { console_, github } from '../commands/table.ts';
import { nodeRow, T0, workspaceRow } from '../workspaces/rows.ts';

type Arbitraries<Codes> = { [Code in keyof Codes]: fc.Arbitrary<Codes[Code]> };

const nothing = fc.constant({});
const words = fc.oneof(
  fc.string({
    unit: fc.constantFrom('a', 'Z', '7', '.', '-', '`', "'", '*', '\n', ' ', '<', '&'),
    maxLength: 40,
  }),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
);
const name = fc.constantFrom('api', 'api-412', 'fix-login-2');
const commit = fc.string({ unit: fc.constantFrom('a', '7'), minLength: 40, maxLength: 40 });
const host = fc.record({ host: words });
const repository = fc.record({ repository: words });
const said = fc.record({ said: words });
const count = fc.record({ count: fc.nat() });
const work: fc.Arbitrary<Work> = fc.record({ changed: fc.nat(), untracked: fc.nat(), unpushed: fc.nat() });

const failures: Arbitraries<FailureCodes> = {
  broken: nothing,
  'disk-full': nothing,
  'no-git': nothing,
  'untrusted-host': host,
  'no-password': repository,
  'no-ref': fc.record({ repository: words, ref: words }),
  'foreign-repository': repository,
  'not-a-repository': repository,
  'no-such-repository': repository,
  'no-address': host,
  'silent-host': host,
  'broken-connection': host,
  'git-failed': fc.record({ repository: words, said: words }),
  'git-refused': said,
  'bad-repository': nothing,
  'bad-ref': fc.record({ ref: words }),
  'commit-gone': fc.record({ commit }),
  'loose-commit': fc.record({ ref: words }),
  'no-user': fc.record({ program: words, said: words }),
  'foreign-files': fc.record({ path: words }),
  'processes-live': count,
  'unknown-work': nothing,
  'engine-unavailable': nothing,
  'no-compose': nothing,
  'out-of-memory': fc.record({ during: words }),
  'registry-unavailable': fc.record({ host: words, why: words }),
  'registry-limited': host,
  'registry-denied': fc.record({ host: words, what: words }),
  'registry-untrusted': host,
  'no-image': fc.record({ image: words }),
  'no-feature': fc.record({ feature: words }),
  'devcontainer-broken': fc.record({ path: words, said: words }),
  'no-devcontainer': fc.record({ what: words, choices: words }),
  'devcontainer-file-missing': fc.record({ path: words, file: words }),
  'devcontainer-build-failed': fc.record({ exit: fc.nat(), said: words }),
  'devcontainer-feature-failed': fc.record({ feature: words, said: words }),
  'devcontainer-hook-failed': fc.record({ hook: words, exit: fc.nat(), said: words }),
  'devcontainer-late': fc.record({ during: words, minutes: fc.nat() }),
  'no-container-user': fc.record({ user: words }),
  'container-exited': fc.record({ exit: fc.nat(), said: words }),
  'devcontainer-failed': said,
  'default-image-failed': said,
  'not-saved': fc.record({
    why: fc.constantFrom<AgentFailures['not-saved']['why'][]>(
      'no-commit',
      'gone',
      'denied',
      'refused',
      'unreachable',
    ),
    host: words,
  }),
  'machine-late': nothing,
  'machine-lost': nothing,
  'machine-missing': nothing,
  'machine-vanished': nothing,
  'machine-deleted': nothing,
  'machine-mute': nothing,
  'name-missing': nothing,
  'boot-failed': fc.record({ step: words, said: words }),
  'provider-quota': said,
  'provider-refused': said,
  'provider-unavailable': said,
  'strange-account': fc.record({ said: words, machine: words }),
  'dns-failed': said,
  'preparing-late': fc.record({ step: fc.option(words) }),
  'stop-unknown': nothing,
  'agent-unsaid': nothing,
  'too-many-machines': count,
  'over-limit': fc.record({
    holder: fc.constantFrom('person', 'repository', 'channel', 'installation'),
    called: words,
    kind: fc.constantFrom('workspaces', 'machines', 'size', 'hours', 'tasks'),
    most: fc.nat(),
    has: fc.nat(),
  }),
};

const notices: Arbitraries<NoticeCodes> = {
  text: fc.constant({ text: 'It was kept for a day.' }),
  'idle-stop': nothing,
  'stopped-long': nothing,
  'kept-a-day': nothing,
  'machine-lost': nothing,
  'machine-silent': nothing,
  'fresh-checkout': nothing,
  'thread-closed': fc.record({ isPullRequest: fc.boolean(), isMerged: fc.boolean() }),
  'label-removed': fc.record({ label: words }),
  'app-left': fc.record({ where: words, until: fc.constant('2026-05-04T12:30:00.000Z') }),
  'app-gone': fc.record({ where: words }),
  'repository-deleted': nothing,
  'maintainer-stopped': fc.record({ by: words }),
  'maintainer-deleted': fc.record({ by: words }),
  'admin-stopped': fc.record({ by: words }),
  'admin-deleted': fc.record({ by: words }),
  saved: fc.constant({ ref: 'refs/sam/ws-abcdefghijkl' }),
  unsaved: failures['git-failed'].map((details) => ({
    failure: { class: 'transient', code: 'git-failed', details },
  })),
  'unsaved-late': nothing,
  'would-lose': fc.record({ work: fc.option(work) }),
  lost: fc.record({ work: work.filter(({ changed }) => changed > 0) }),
  'deleted-in-a-day': fc.record({ name }),
  'push-or-force': fc.record({ name }),
  'limit-reached': fc.record({
    limits: fc.record({
      memory: fc.nat(),
      processes: fc.nat(),
      reached: fc.subarray(['memory', 'processes'], { minLength: 1 }),
    }),
  }),
  'fork-moved': fc.record({ head: commit }),
  'fork-files': fc.record({ commit, head: commit, pull: fc.nat().map(String) }),
};

const gitRefusals: Record<keyof GitRefusalCodes, true> = {
  busy: true,
  'no-workspace': true,
  'too-often': true,
  unavailable: true,
};

const side = fc.constantFrom<Side[]>('transient', 'configuration', 'provider', 'internal');
const failure = (code: string): fc.Arbitrary<Failure> =>
  fc.record({
    class: side,
    code: fc.constant(code),
    details: failures[code as keyof FailureCodes] as fc.Arbitrary<Record<string, unknown>>,
  });
const notice = (code: string): fc.Arbitrary<Notice> =>
  fc.record({ code: fc.constant(code), details: notices[code as keyof NoticeCodes] }) as fc.Arbitrary<Notice>;

/** The console needs none; GitHub has its own, and in Slack each installation names one. */
const TRIGGERS = ['', '/sam', '/box'];
const VERBS = commands.map((command) => command.name).join('|');
/** A code span that is a command line, however it begins. */
const COMMAND = new RegExp(`\`((?:[/@]\\S+ )?)(?:${VERBS})(?=[ \`])`, 'g');

/** No command begins in another way than commands do here. */
function expectOnly(trigger: string, text: string): void {
  const starts = [...text.matchAll(COMMAND)].map(([, start]) => start);
  expect(starts).toEqual(starts.map(() => (trigger ? `${trigger} ` : '')));
  for (const other of ['/sam', '@sam', '/box']) if (other !== trigger) expect(text).not.toMatch(`${other} `);
}

const expectSentence = (text: string): void => expect(text.trim()).toMatch(/[\p{L}\p{N}].*[.!?…]$/su);
const parsed = (line: string): string => parse(line, console_).kind;

describe.each(Object.keys(FAILURES))('the failure %s', (code) => {
  test('says what happened, whose side it is on and what to type next', () => {
    fc.assert(
      fc.property(failure(code), name, fc.constantFrom(...TRIGGERS), (one, workspace, trigger) => {
        const worded = wordFailure(one, workspace, createSay(trigger));
        expectSentence(worded.text);
        expect(worded.text).not.toBe('Something broke.');
        expectOnly(trigger, worded.text);
        expect(worded.side).not.toBe('');
        expect(worded.next).toContain(workspace);
        expect(parsed(worded.next)).toBe('command');
      }),
    );
  });
});

describe.each(Object.keys(NOTICES))('the notice %s', (code) => {
  test('is a sentence, and a command in it begins as commands do there', () => {
    fc.assert(
      fc.property(notice(code), fc.constantFrom(...TRIGGERS), (one, trigger) => {
        const text = wordNotices([one], createSay(trigger));
        expectSentence(text);
        expectOnly(trigger, text);
        const { next } = NOTICES[one.code](one.details as never, createSay(trigger));
        if (next !== undefined) expect(parsed(next)).toBe('command');
      }),
    );
  });
});

test.each(Object.keys(gitRefusals) as (keyof GitRefusalCodes)[])(
  'the refusal %s of a password is a sentence without a command of ours',
  (code) => {
    const text = wordGitRefusal({ code, details: {} });
    expectSentence(text);
    expectOnly('', text);
    expect(text.match(COMMAND)).toBeNull();
  },
);

/** A card that shows all of it. */
const view = (one: Failure, worded: Notice[]): CardView =>
  viewOf({
    workspace: workspaceRow({ phase: 'failed', lastError: one, notice: worded }),
    node: nodeRow(),
    owner: { id: 'us-ada', name: 'ada', createdAt: T0 },
    now: T0,
    expiry: undefined,
    warningMs: 0,
  });

test('no card has another trigger than the one that is listened to there', () => {
  const anyFailure = fc.constantFrom(...Object.keys(FAILURES)).chain(failure);
  const anyNotice = fc.constantFrom(...Object.keys(NOTICES)).chain(notice);
  fc.assert(
    fc.property(anyFailure, fc.array(anyNotice, { maxLength: 3 }), (one, worded) => {
      const card = view(one, worded);
      expectOnly('', renderPlain(card).join('\n'));
      expectOnly('/box', JSON.stringify(renderInSlack(card, '/box')));
      const context = { ...github, triggers: ['/box'] };
      expectOnly(
        '/box',
        renderOnGitHub([card], { subject: 'acme/api#1', linkTo: () => 'x', context, notes: [] }),
      );
    }),
    { numRuns: 500 },
  );
});

describe('what another version wrote', () => {
  const say = createSay('/sam');

  test('is shown in its own words, or as something that broke, and never stops a card', () => {
    expect(wordFailure({ class: 'provider', message: 'Rain.' }, 'api', say)).toEqual({
      text: 'Rain.',
      side: 'the machine, not your doing',
      next: 'retry api',
    });
    expect(wordFailure({ class: 'provider', code: 'weather', message: 'Rain.' }, 'api', say).text).toBe(
      'Rain.',
    );
    expect(wordFailure({ class: 'provider', code: 'weather' }, 'api', say).text).toBe('Something broke.');
    expect(wordFailure(null, 'api', say)).toMatchObject({ text: 'Something broke.', side: 'our side' });
    expect(wordNotices([{ code: 'weather', details: {} } as unknown as Notice], say)).toBe('');
  });

  test('may be filled in with anything', () => {
    const codes = [...Object.keys(FAILURES), ...Object.keys(NOTICES), '__proto__', 'toString', 'weather'];
    const details = fc.dictionary(
      fc.constantFrom('said', 'host', 'work', 'why', 'name', 'failure'),
      fc.anything(),
    );
    fc.assert(
      fc.property(fc.constantFrom(...codes), side, details, (code, classified, filled) => {
        const worded = wordFailure({ class: classified, code, details: filled }, 'api', say);
        expect([worded.text !== '', worded.next.endsWith('api') || worded.next === 'rm api --force']).toEqual(
          [true, true],
        );
        wordNotices([{ code, details: filled } as unknown as Notice], say);
      }),
      { numRuns: 1_000 },
    );
  });
});
