// Whatever Sam answers, on every front: it names what is typed there and no other front's way of saying it.
import { expect, test } from 'vitest';
import { renderReply, voiceIn } from '../../bot/chat/github/render.ts';
import { redact } from '../../agent/redact.ts';
import { renderAnswer } from '../../bot/chat/slack/render.ts';
import { voiceFor, type Event } from '../../bot/chat/slack/request.ts';
import { joined, TERMINAL, wordAnswer, type Voice } from '../../bot/chat/wording.ts';
import type { AnswerCodes, RefusalCodes } from '../../bot/codes.ts';
import { findCommand } from '../../bot/commands/command.ts';
import { commands } from '../../bot/commands/index.ts';
import type { Answer } from '../../bot/database/types.ts';
import { console_, github, slash } from '../commands/table.ts';

type Codes = AnswerCodes & RefusalCodes;

const SHA = 'a'.repeat(40);
const work = { changed: 1, untracked: 0, unpushed: 2 };
const command = 'up';
const name = 'api-412';
const label = 'acme/api';
const rows = [['NAME'], ['api']];
const you = { you: 'ada', id: 'u-1', front: 'Slack' };

/** Of each code one of every kind of details; a code without any does not compile. */
const SAMPLES: { [Code in keyof Codes]: Codes[Code][] } = {
  'too-long': [{}],
  'unclosed-quote': [
    { at: 3, line: 'up "x', column: 3, suggestion: 'up "x"' },
    { at: 0, line: '"', column: 0 },
  ],
  'unknown-verb': [{ word: 'satus', suggestion: 'status' }, { word: 'x' }],
  prose: [{ canAsk: true }, { canAsk: false }],
  'no-prompt': [{ command: 'ask' }],
  'no-line': [{ command: 'run' }],
  'control-characters': [{ command: 'run' }],
  'long-prompt': [{ most: 32_768 }],
  'no-model-key': [{}, { agent: 'codex' }],
  'costs-unknown': [{ agent: 'codex' }],
  'no-asking-forks': [{ name }],
  'queue-full': [{ name, most: 10 }],
  'too-many-asks': [
    { most: 30 },
    { most: 60, whom: 'repository', called: 'acme/api', admins: ['ada'] },
    { most: 60, whom: 'channel', called: 'here', admins: [] },
  ],
  'conversation-over': [{}],
  'month-spent': [{ most: '50.00 USD' }],
  'no-proposing-forks': [{ name }],
  'no-proposing-here': [{ name }],
  'nothing-asked': [{}],
  'no-question': [{}],
  'which-question': [{ verb: 'allow', numbers: [1, 2] }],
  'answered-question': [{ number: 1, by: 'ada' }],
  'no-review-comment': [{}],
  'here-outdated': [{ commit: 'a'.repeat(40), head: 'b'.repeat(40) }],
  here: [
    { name: 'api-412', path: 'src/a b.ts', line: 12, commit: 'a'.repeat(40) },
    { name: 'api-412', path: 'x.ts', commit: 'a'.repeat(40) },
  ],
  runs: [
    { name: 'api-412', before: 0 },
    { name: 'api-412', before: 2 },
  ],
  asked: [
    { name, before: 0 },
    { name, before: 2 },
  ],
  cancelling: [
    { name, count: 1 },
    { name, count: 3 },
  ],
  proposing: [
    { name, branch: 'sam/api-412', waits: false },
    { name, branch: 'sam/api-412', waits: true },
  ],
  decided: [
    { number: 1, decision: 'allow' },
    { number: 1, decision: 'always' },
    { number: 2, decision: 'deny' },
  ],
  'wrong-front': [
    { command: 'use', needs: 'hasChannels' },
    { command: 'connect', needs: 'hasLinkedAccounts' },
    { command: 'here', needs: 'hasReviews' },
  ],
  'unknown-flag': [
    { flag: '--x', command, flags: ['size'] },
    { flag: '--x', command, flags: [] },
  ],
  'repeated-flag': [{ flag: 'size', command }],
  contradiction: [{ flag: 'boot', other: 'agent', command }],
  'missing-value': [{ flag: '--size', example: '--size s|m|l', command }],
  'bad-value': [
    { flag: 'new', kind: 'boolean', typed: 'maybe', command },
    { flag: 'lines', kind: 'number', max: 100, typed: '0', command },
    { flag: 'state', kind: 'text', values: ['running'], typed: 'x', command },
  ],
  'bad-duration': [
    { flag: 'expiry', typed: '8', command },
    { number: '4', command: 'extend' },
    { typed: 'noon', suggestion: 'extend 4h', command: 'extend' },
  ],
  'bad-target': [
    { what: 'word', typed: 'x_y', command },
    { what: 'page', command },
    { what: 'address', command },
    { what: 'path', command },
    { what: 'ssh', suggestion: `up ${label}` },
    { what: 'scheme', canBeForeign: true, command },
  ],
  'bad-ref': [{ typed: 'a..b', command }, { command }],
  'bad-name': [
    { typed: 'A_B', command: 'rename' },
    { typed: '', command: 'rename' },
  ],
  'bad-port': [{ typed: '70000', command: 'port' }],
  'no-ports-domain': [{}],
  port: [
    { name, port: 3000, address: 'https://p/', state: 'private', listens: true },
    { name, port: 3000, address: 'https://p/', state: 'shared', listens: false },
  ],
  'port-closed': [{ name, port: 3000 }],
  'port-list': [
    { name, ports: [] },
    { name, ports: [{ port: 3000, address: 'https://p/', state: 'closed', listens: true }] },
  ],
  credentials: [{}],
  'no-paths-here': [{ command }],
  'no-urls-here': [{ hosts: ['github.com'], command }],
  'bad-person': [{ typed: '@a b', command: 'share' }],
  'share-whom': [
    { verb: 'share', name, shared: [] },
    { verb: 'unshare', name, shared: ['bob', 'eve'] },
  ],
  'share-self': [{}],
  'share-nowhere': [{ name }],
  'no-person': [{ typed: '@bob', in: 'GitHub' }],
  'person-unconnected': [{ forge: 'GitHub' }],
  'person-forbidden': [{ person: 'bob', label }],
  'shares-full': [{ name, most: 20 }],
  'not-shared': [
    { name, typed: '@bob', shared: [] },
    { name, typed: '@bob', shared: ['eve'] },
  ],
  'look-only': [{ name }],
  shared: (['view', 'drive'] as const).map((may) => ({
    share: 'sh-abcdefghijkl',
    name,
    id: 'ws-abcdefghijkl',
    person: 'bob',
    may,
    until: '2026-05-10T18:40:00.000Z',
    isCut: may === 'drive',
    isRunning: may === 'view',
  })),
  unshared: [{ name, person: 'bob' }],
  'too-many-words': [{ word: 'running', command }],
  which: [{ names: [name, 'web'], verb: 'stop' }],
  whose: [{ found: [{ id: 'ws-a', owner: 'bob' }], verb: 'stop' }],
  'no-workspace': [{ name }, { why: 'none-here' }, { why: 'none-yet' }, { why: 'none-such' }],
  'which-node': [{}],
  'no-node': [
    { name: 'vm-a', isAnybodys: true },
    { name: 'vm-a', isAnybodys: false },
  ],
  'no-orphan': [{ name: 'vm-a' }],
  ambiguous: [{ name: 'vm-a', ids: ['1', '2'] }],
  'not-adoptable': [{ name: 'vm-a' }],
  deleting: [{ name }],
  dirty: [
    { work, name, isOwn: true },
    { work, name: 'ws-a', isOwn: false },
  ],
  'never-idle': [{ name }],
  'not-running': [
    { name, phase: 'failed', next: 'retry' },
    { name, phase: 'stopped', next: 'start' },
  ],
  'not-failed': [{ name, phase: 'running' }],
  'name-taken': [{ name, line: 'up --name api-2' }],
  'nodes-not-kept': [{}],
  'node-before-workspace': [{}],
  'node-in-use': [
    { name: 'vm-a', workspaces: [name, 'web'] },
    { name: 'vm-a', workspaces: [] },
  ],
  'over-limit': (['workspaces', 'machines', 'size', 'hours', 'tasks'] as const).flatMap((kind) =>
    (['person', 'repository', 'channel', 'installation'] as const).map((holder) => ({
      holder,
      kind,
      most: 2,
      has: 2,
      called: '@bob',
      admins: ['ada'],
    })),
  ),
  'limit-how': [{ kind: 'size' }, { kind: 'machines' }],
  'limit-whom': [{ word: '@nobody' }],
  forbidden: [{ verb: 'up', label, needed: 'write', has: 'read' }, { verb: 'list --all' }],
  'needs-maintainer': [{ flag: 'trust-fork', label, has: 'write', line: `up --trust-fork ${SHA}` }],
  'not-admin': [
    { admins: [], isPublic: false },
    { admins: ['ada'], isPublic: false },
    { admins: [], isPublic: true },
  ],
  'not-connected': [{}],
  'tokens-elsewhere': [{}],
  'token-how': [{}],
  'token-taken': [{ name: 'ci' }],
  'no-token': [{ name: 'ci' }],
  'no-connection': [{ word: 'gemini' }],
  'not-here': [{ verb: 'up' }],
  'no-channel': [{}],
  private: [{ line: 'up' }],
  'not-nameable': [{}],
  'not-public': [{}],
  'too-often': [{}, { most: 3, whom: 'person' }],
  'which-repository': [{ verb: 'use' }],
  'no-repository': [{ label }],
  'no-thread': [{ label, number: 4 }],
  'thread-closed': [{ isPullRequest: true, label, branch: 'main' }],
  'no-github': [{ label }],
  'not-a-repository': [{ path: '/x' }],
  'no-commit': [{ path: '/x' }],
  'no-git': [{}],
  'not-owned': [{ path: '/x' }],
  'no-folder': [{ path: '/x@y' }, { path: '/x@y', folder: '/x', ref: 'y' }],
  'names-workspace': [{}],
  'fork-closed': [{ label, branch: 'fix' }],
  'fork-ref': [{ label }],
  'fork-untrusted': [{ from: 'bob/api', head: SHA, topic: `${label}#4` }, { head: SHA }],
  'fork-moved': [{ name, head: SHA, trusted: SHA, topic: `${label}#4` }],
  'fork-unseen': [{ name, topic: `${label}#4` }],
  'other-head': [{ typed: SHA, head: SHA }],
  'no-fork': [{}],
  'no-app': [{ repository: label }],
  'no-access': [{ login: 'ada', repository: label }],
  'no-push': [{ login: 'ada', repository: label, role: 'read' }],
  'no-permission': [{ repository: label, missing: 'contents: write' }],
  'no-credentials': [{}],
  'app-lacks': [{}, { permission: 'checks: write', page: 'https://github.com/x' }],
  edited: [{ line: 'up' }],
  'no-form': [{ about: '' }],
  'no-button': [{}],
  internal: [{ ref: 'ab12' }],

  ok: [{}],
  closed: [{}],
  'there-already': [{ name }],
  'started-already': [{ name }],
  'stopped-already': [{ name }],
  'deleting-already': [{ name }],
  renamed: [{ from: name, name: 'web' }],
  kept: [{ name, until: '2026-05-10T12:00:00.000Z', isCut: true }],
  limits: [
    { name, limits: { memory: 2_790_000_000, processes: 2_662 } },
    { name, limits: null },
  ],
  workspaces: [
    { rows, more: 2 },
    { rows, more: 0, received: { rows, more: 1 } },
    { rows: [], more: 0, received: { rows, more: 0 } },
  ],
  'no-workspaces': [
    { why: 'filtered' },
    { why: 'none-here' },
    { why: 'none-yet' },
    { why: 'nobodys' },
    { why: 'none-at-all' },
  ],
  logs: [{ lines: [{ at: '2026-05-10T12:00:00.000Z', step: 'clone', text: 'x' }] }],
  'no-logs': [{ name }],
  you: [you, { you: 'ada' }],
  owner: [
    { ...you, name, owner: 'ada', sessions: 1 },
    {
      ...you,
      name,
      owner: 'ada',
      sessions: 0,
      shared: [{ name: 'bob', may: 'view', until: '2026-05-10T12:00:00.000Z' }],
    },
    { ...you, name, owner: 'bob', sessions: 2, lent: { may: 'drive', until: '2026-05-10T12:00:00.000Z' } },
  ],
  nodes: [{ rows, more: 0, troubles: [{ name: 'vm-a', message: 'hetzner: find: no.' }] }],
  'no-nodes': [{}, { isAnybodys: true }],
  'node-comes': [{ name: 'vm-a', size: 'medium', minutes: 30 }],
  'node-waits': [{ name: 'vm-a' }],
  'node-goes': [{ name: 'vm-a' }],
  'node-going': [{ name: 'vm-a' }],
  'node-stops': [
    { name: 'vm-a', count: 0 },
    { name: 'vm-a', count: 2 },
  ],
  'node-forgotten': [{ name: 'vm-a' }],
  'not-looked': [{}, { error: 'no' }],
  orphans: [{ orphans: [], more: 0, lookedAt: '2026-05-10T12:00:00.000Z' }],
  'orphan-goes': [{ name: 'vm-a', id: '1' }],
  'orphan-adopted': [{ name: 'vm-a', id: '1' }],
  limit: [{ called: '@bob', rows, more: 0 }],
  cost: [{ machines: 1, rate: '0.01 €/h', month: '1 €' }],
  'no-prices': [{}],
  default: [{}, { repository: label, ref: 'main' }],
  connect: [{}],
  settings: [{}, { address: 'https://sam.example/settings' }],
  disconnected: [{ wasLinked: true }, { wasLinked: false }],
  token: [
    { id: 'tk-a', name: 'ci', scope: 'read', until: '2026-05-10T12:00:00.000Z' },
    { id: 'tk-a', name: 'ci', scope: 'write', until: '2026-05-10T12:00:00.000Z' },
  ],
  tokens: [{ rows, more: 0 }],
  'no-tokens': [{}],
  'token-gone': [{ name: 'ci' }],
  help: [{}, { command: 'rm' }],
  'rename-how': [{ id: 'ws-a' }],
  confirm: [{ id: 'ws-a' }],
};

const answers = Object.entries(SAMPLES).flatMap(([code, all]) =>
  all.map((details) => ({ ok: true, code, details, usage: 'up [target]' }) as unknown as Answer),
);

/** With `SLACK_COMMAND=/box` and `SAM_MENTIONS=@bot`. */
const context = { ...github, triggers: ['/sam', '@my-app', '@bot'] };
const inSlack = (threadTs?: string): Voice =>
  voiceFor('/box', { kind: 'message', ...(threadTs ? { threadTs } : {}) } as Event);
const showInSlack = (answer: Answer, voice: Voice): string => {
  const { text, isVerbatim } = wordAnswer(answer, voice, slash);
  return JSON.stringify(renderAnswer(text, { isVerbatim }));
};

const FRONTS: [string, string, (answer: Answer) => string][] = [
  ['the console', '', (answer) => redact(joined(wordAnswer(answer, TERMINAL, console_)))],
  ['GitHub', '/sam', (answer) => renderReply(wordAnswer(answer, voiceIn(context), context), context)],
  ['Slack', '/box', (answer) => showInSlack(answer, inSlack())],
  ['a thread in Slack', '@sam', (answer) => showInSlack(answer, inSlack('1.0'))],
];

const TRIGGERS = /(?<![\w/])(?:\/sam|\/box|@sam|@bot|@my-app)(?![\w-])/g;
/** A command with words of its own, in a code span, and no trigger before it. */
const bare = (text: string): string[] =>
  [...text.matchAll(/`([a-z]+) [^`]+`/g)]
    .filter(([, verb = '']) => findCommand(commands, verb))
    .map(([span]) => span);

test.each(FRONTS)('what is said on %s names its trigger %j and no other', (_, trigger, show) => {
  for (const answer of answers) {
    const text = show(answer);
    const others = [...text.matchAll(TRIGGERS)].map(([word]) => word).filter((word) => word !== trigger);
    expect([answer.code, others]).toEqual([answer.code, []]);
    // Help tells of flags by what else is said: `nodes --orphans`.
    if (trigger !== '' && answer.code !== 'help')
      expect([answer.code, bare(text)]).toEqual([answer.code, []]);
  }
});

test('every command that is said is one, and help is to be had on it', () => {
  const said = new Set<string>();
  const say = (line: string): string => {
    said.add(line.split(' ')[0] ?? '');
    return line;
  };
  for (const answer of answers) wordAnswer(answer, { say, fence: (text) => text }, github);
  // The way to ask Claude is said only where there is that command.
  said.delete('ask');
  expect([...said].filter((verb) => !findCommand(commands, verb))).toEqual([]);
});
