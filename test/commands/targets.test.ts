// What a command can be about, how it is written, and what is refused.
import { describe, expect, test } from 'vitest';
import {
  isValidName,
  isValidOwner,
  isValidRef,
  isValidRepositoryName,
} from '../../bot/commands/parser/names.ts';
import type { ParseContext } from '../../bot/commands/parser/parse.ts';
import { command, console_, failure, github, slash } from './table.ts';

const api = { kind: 'repository', owner: 'acme', name: 'api' };

test.each([
  ['api-412', { kind: 'name', name: 'api-412' }],
  ['API-412', { kind: 'name', name: 'api-412' }],
  ['ws-k7m2q4xa5bzd', { kind: 'name', name: 'ws-k7m2q4xa5bzd' }],
  ['#412', { kind: 'number', number: 412 }],
  ['412', { kind: 'number', number: 412 }],
  ['acme/api', api],
  ['`acme/api`', api],
  ['Acme/Api.js', { kind: 'repository', owner: 'Acme', name: 'Api.js' }],
  ['acme/api.git', api],
  ['acme/api@fix/login', { ...api, ref: 'fix/login' }],
  ['acme/api#12', { ...api, number: 12 }],
  ['acme/api@v1.2#12', { ...api, ref: 'v1.2', number: 12 }],
  ['acme/api@user@host', { ...api, ref: 'user@host' }],
  ['https://github.com/acme/api', api],
  ['HTTPS://GitHub.com/acme/api.git/', api],
  ['https://github.com/acme/api?tab=readme#usage', api],
  ['https://github.com/acme/api@fix/login', { ...api, ref: 'fix/login' }],
  ['https://github.com:443/acme/api', api],
  ['github.com/acme/api', api],
  ['https://github.com/acme/api/pull/412', { ...api, number: 412 }],
  ['https://github.com/acme/api/pull/412/files#diff-1', { ...api, number: 412 }],
  ['https://github.com/acme/api/issues/7#issuecomment-1', { ...api, number: 7 }],
  ['https://github.com/acme/api/tree/fix/login/', { ...api, ref: 'fix/login' }],
  ['https://github.com/acme/api/tree/fix%23a', { ...api, ref: 'fix#a' }],
  ['https://github.com/acme/api/commit/3f9c2ab', { ...api, ref: '3f9c2ab' }],
  ['https://GitLab.com/group/sub/api.git', { kind: 'url', url: 'https://gitlab.com/group/sub/api.git' }],
  [
    'http://127.0.0.1:3000/acme/api@main',
    { kind: 'url', url: 'http://127.0.0.1:3000/acme/api', ref: 'main' },
  ],
  ['https://git.example:443/a/b/', { kind: 'url', url: 'https://git.example/a/b' }],
  ['https://github.com/acme/api/blob/main/src/x.ts#L3', { ...api, ref: 'main' }],
  ['https://github.com/acme/api/blob/refs/heads/main/x.ts', { ...api, ref: 'main' }],
  ['https://github.com/acme/api/commits/fix/login', { ...api, ref: 'fix/login' }],
  ['https://github.com/acme/api/commits', api],
  ['https://github.com/acme/api/releases', api],
  ['https://github.com/acme/api/releases/tag/v1.2', { ...api, ref: 'v1.2' }],
  ['https://github.com/acme/api/compare/main...fix/login', { ...api, ref: 'fix/login' }],
  ['https://github.com/acme/api/compare/fix/login', { ...api, ref: 'fix/login' }],
  ['https://www.github.com/acme/api', api],
  ['www.github.com/acme/api/pull/412', { ...api, number: 412 }],
  ['[acme/api](https://github.com/acme/api)', api],
  ['[#412](https://github.com/acme/api/pull/412)', { ...api, number: 412 }],
  ['<https://github.com/acme/api/tree/fix/login>', { ...api, ref: 'fix/login' }],
  ['https://alice@github.com/acme/api.git', api],
  ['https://alice@bitbucket.org/t/r.git', { kind: 'url', url: 'https://bitbucket.org/t/r.git' }],
  ['https://git.sr.ht/~a/b', { kind: 'url', url: 'https://git.sr.ht/~a/b' }],
  ['https://git.sr.ht/~a/b@main', { kind: 'url', url: 'https://git.sr.ht/~a/b', ref: 'main' }],
  ['https://git.example/@a/b@v1', { kind: 'url', url: 'https://git.example/@a/b', ref: 'v1' }],
  ['https://host/a', { kind: 'url', url: 'https://host/a' }],
  [
    'https://dev.azure.com/o/My%20Team/_git/r',
    { kind: 'url', url: 'https://dev.azure.com/o/My%20Team/_git/r' },
  ],
  ['https://gitlab.com/g/sub/p/-/tree/main', { kind: 'url', url: 'https://gitlab.com/g/sub/p', ref: 'main' }],
  [
    'https://gitlab.com/g/p/-/tree/fix/a?ref_type=heads',
    { kind: 'url', url: 'https://gitlab.com/g/p', ref: 'fix/a' },
  ],
  ['https://gitlab.com/g/p/-/blob/main/x.ts', { kind: 'url', url: 'https://gitlab.com/g/p', ref: 'main' }],
  ['https://gitlab.com/g/p/-/commits/main', { kind: 'url', url: 'https://gitlab.com/g/p', ref: 'main' }],
  ['https://gitlab.com/g/p/-/tags/v1', { kind: 'url', url: 'https://gitlab.com/g/p', ref: 'v1' }],
  ['https://gitlab.com/g/p/-/releases/v1', { kind: 'url', url: 'https://gitlab.com/g/p', ref: 'v1' }],
  ['https://gitlab.com/g/p/-/compare/main...fix', { kind: 'url', url: 'https://gitlab.com/g/p', ref: 'fix' }],
  ['.', { kind: 'path', path: '.' }],
  ['..', { kind: 'path', path: '..' }],
  ['./x', { kind: 'path', path: './x' }],
  ['../x', { kind: 'path', path: '../x' }],
  ['/x/y', { kind: 'path', path: '/x/y' }],
  ['~', { kind: 'path', path: '~' }],
  ['~/x', { kind: 'path', path: '~/x' }],
])('%s', (word, target) => {
  expect(command(`up ${word}`).target).toEqual(target);
});

test("with an Enterprise host of one's own, links to it are repositories and links to github.com are not", () => {
  const context: ParseContext = { ...console_, hosts: ['GHE.example'] };
  expect(command('up https://ghe.example/acme/api/pull/3', context).target).toEqual({ ...api, number: 3 });
  expect(command('up https://github.com/acme/api', context).target).toEqual({
    kind: 'url',
    url: 'https://github.com/acme/api',
  });
});

describe('refused', () => {
  test.each([
    ['up acme/api@-x', 'bad-ref'],
    ['up acme/api@', 'bad-ref'],
    ['up acme/api@a..b', 'bad-ref'],
    ['up acme/api@a.lock', 'bad-ref'],
    ['up acme/api@a\u0007b', 'bad-ref'],
    ['up https://github.com/acme/api/tree/fix%2312', 'bad-ref'],
    ['up https://github.com/acme/api/tree/a%0Ab', 'bad-ref'],
    ['up https://github.com/acme/api/tree/%zz', 'bad-ref'],
    ['up https://github.com/acme/api/settings', 'bad-target'],
    ['up https://github.com/acme/api/releases/latest', 'bad-target'],
    ['up https://github.com/acme/api/compare/main...bob:fix', 'bad-ref'],
    ['up https://gitlab.com/g/p/-/merge_requests/5', 'bad-target'],
    ['up https://github.com/acme', 'bad-target'],
    ['up https://github.com/acme/../api', 'bad-target'],
    ['up https://host/a/../b', 'bad-target'],
    ['up https://host/a/%2e%2e', 'bad-target'],
    ['up https://host', 'bad-target'],
    ['up https://host/a%2f..%2fb', 'bad-target'],
    ['up https://host/a%0ab', 'bad-target'],
    ['up https://host/a//b', 'bad-target'],
    ['up "https://host\\a/b/c"', 'bad-target'],
    ['up https://ho\u0007st/a/b', 'bad-target'],
    ['up https://host:99999/a/b', 'bad-target'],
    ['up https:///a/b', 'bad-target'],
    ['up ssh://host/a/b', 'bad-target'],
    ['up file:///etc/passwd', 'bad-target'],
    ['up ext::sh', 'bad-target'],
    ['up -acme/api', 'unknown-flag'],
    ['up acme-/api', 'bad-target'],
    ['up ac--me/api', 'bad-target'],
    ['up acme/..', 'bad-target'],
    ['up acme/-x', 'bad-target'],
    ['up acme/api/x', 'bad-target'],
    ['up acme/api#0', 'bad-target'],
    ['up #0', 'bad-target'],
    ['up my_box', 'bad-target'],
    ['up until', 'bad-target'],
    ['up <@U1>', 'bad-target'],
    ['up "./a\u0007"', 'bad-target'],
  ])('%j: %s', (line, code) => {
    expect(failure(line)).toMatchObject({ code });
  });

  test('an address of the kind that people copy for SSH comes back as the line to send', () => {
    expect(failure('/sam up git@github.com:acme/api.git', github)).toMatchObject({
      code: 'bad-target',
      message: 'I clone over https, with credentials of my own. Say `/sam up acme/api`.',
      suggestion: 'up acme/api',
    });
    expect(failure('up ssh://git@github.com/acme/api.git').suggestion).toBe('up acme/api');
    expect(failure('up git@elsewhere.example:acme/api.git')).toMatchObject({
      message:
        'I clone over https, with credentials of my own. Say `up https://elsewhere.example/acme/api.git`.',
      suggestion: 'up https://elsewhere.example/acme/api.git',
    });
    expect(failure('up ssh://git@host:2222/o/r.git').suggestion).toBe('up https://host/o/r.git');
    expect(failure('/sam up git@elsewhere.example:acme/api.git', github).message).toBe(
      'I clone over https only, with credentials of my own. Write it like this: `/sam up owner/name`.',
    );
  });

  test('a user name in an address is left out of the command and of its line', () => {
    expect(command('up https://alice@bitbucket.org/t/r.git')).toMatchObject({
      line: 'up https://bitbucket.org/t/r.git',
      dropped: ['alice'],
    });
    expect(command('up https://bitbucket.org/t/r.git')).not.toHaveProperty('dropped');
  });

  test('an address with credentials, which the answer does not repeat', () => {
    const { code, message } = failure('/sam up https://bob:hunter2@github.com/acme/api', github);
    expect(code).toBe('credentials');
    expect(message).toBe(
      'That address has credentials in it. I never use them, and others may have read them: change them, then name the repository alone: `/sam up owner/name`.',
    );
    expect(failure('up https://glpat-x1x2x3x4x5x6x7x8x9x0@host/a/b')).toMatchObject({ code: 'credentials' });
  });

  test('a path anywhere but on the console', () => {
    expect(failure('/sam up .', github)).toMatchObject({
      code: 'no-paths-here',
      message:
        'A path means something only on the machine where I run, so I read none here. Name the repository instead: `/sam up owner/name`.',
    });
    expect(failure('up ~/x', slash)).toMatchObject({ code: 'no-paths-here' });
  });

  test('another host where only GitHub is served', () => {
    expect(failure('/sam up https://gitlab.com/a/b', github)).toMatchObject({
      code: 'no-urls-here',
      message: 'I only take repositories of github.com here. Name one of those: `/sam up owner/name`.',
    });
  });
});

describe('names', () => {
  test('of workspaces have letters, digits and hyphens, and look like nothing else', () => {
    const good = ['a', 'api-412', '2fa', 'x'.repeat(63)];
    const bad = ['', '412', '4h', '30m', 'until', 'A', 'a_b', 'a.b', '-a', 'a-', 'ü', 'x'.repeat(64)];
    expect(good.filter((name) => !isValidName(name))).toEqual([]);
    expect(bad.filter(isValidName)).toEqual([]);
  });

  test('that are ids are understood, and cannot be given', () => {
    expect(failure('rename ws-k7m2q4xa5bzd')).toMatchObject({ code: 'bad-name' });
    expect(failure('up --name ws-k7m2q4xa5bzd')).toMatchObject({ code: 'bad-value' });
  });

  test('of owners and repositories follow GitHub', () => {
    const owners = ['a', 'acme-corp', 'octo_corp', 'x'.repeat(39)];
    const noOwners = ['', '-a', 'a-', 'a--b', 'a.b', 'a_b_c', '_a', 'a_', 'x'.repeat(40)];
    expect(owners.filter((owner) => !isValidOwner(owner))).toEqual([]);
    expect(noOwners.filter(isValidOwner)).toEqual([]);
    const names = ['a', '.github', 'a.b_c-d', '_', 'x'.repeat(100)];
    const noNames = ['', '.', '..', '-a', 'a b', 'ü', 'a.git', 'a.wiki', 'x'.repeat(101)];
    expect(names.filter((name) => !isValidRepositoryName(name))).toEqual([]);
    expect(noNames.filter(isValidRepositoryName)).toEqual([]);
  });

  test('of refs follow git', () => {
    const good = ['main', 'fix/login', 'v1.2', 'a@b', 'HEAD', 'ü', 'a#1', "a'b", '3f9c2ab'];
    const bad = [
      '',
      '@',
      '-x',
      '.a',
      'a/.b',
      'a.',
      'a/',
      '/a',
      'a//b',
      'a..b',
      'a.lock',
      'a.lock/b',
      'a@{1}',
    ];
    const worse = [
      'a b',
      'a~1',
      'a^',
      'a:b',
      'a?',
      'a*',
      'a[',
      'a\\b',
      'a\n',
      '\u007f',
      '\u009b',
      '\ud800',
      'x'.repeat(256),
    ];
    expect(good.filter((ref) => !isValidRef(ref))).toEqual([]);
    expect([...bad, ...worse].filter(isValidRef)).toEqual([]);
  });
});

test.each([
  ['port', {}],
  ['port 3000', { port: 3000 }],
  ['port api-412', { target: { kind: 'name', name: 'api-412' } }],
  ['port 3000 api-412', { port: 3000, target: { kind: 'name', name: 'api-412' } }],
  ['port api-412 65535', { port: 65_535, target: { kind: 'name', name: 'api-412' } }],
  ['port 1 2', { port: 1, target: { kind: 'number', number: 2 } }],
  ['ports #412', { target: { kind: 'number', number: 412 } }],
])('%s is about a port, or all of them', (line, meant) => {
  const { port, target } = command(line);
  expect({ ...(port !== undefined && { port }), ...(target && { target }) }).toEqual(meant);
});

test.each(['port 0', 'port 70000', 'port 99999999999', 'port 00', 'port api 0'])('%s names none', (line) => {
  expect(failure(line)).toMatchObject({ code: 'bad-port' });
});

test('a port that is a word is a workspace that is not there, or one word too many', () => {
  expect(command('port abc').target).toEqual({ kind: 'name', name: 'abc' });
  expect(failure('port api abc').code).toBe('too-many-words');
});
