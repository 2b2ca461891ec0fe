// Secrets of every kind, made up, in every place of a text: nothing that matters of them is left.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { redact } from '../../agent/redact.ts';

const of = (alphabet: string, length: number | [number, number]) => {
  const [minLength, maxLength] = typeof length === 'number' ? [length, length] : length;
  return fc.string({ unit: fc.constantFrom(...alphabet.split('')), minLength, maxLength });
};
const DIGITS = '0123456789';
const LOWER = 'abcdefghijklmnopqrstuvwxyz';
const ALNUM = `${LOWER}${LOWER.toUpperCase()}${DIGITS}`;
const URL_SAFE = `${ALNUM}-_`;
const join = (...parts: (string | fc.Arbitrary<string>)[]) =>
  fc
    .tuple(...parts.map((part) => (typeof part === 'string' ? fc.constant(part) : part)))
    .map((all) => all.join(''));

const jwt = join('eyJ', of(URL_SAFE, [20, 60]), '.', of(URL_SAFE, [40, 340]), '.', of(URL_SAFE, [43, 86]));
/** Each kind: the whole secret, as its vendor makes it. */
const KINDS: Record<string, fc.Arbitrary<string>> = {
  'a person’s token of GitHub': join(fc.constantFrom('ghp_', 'gho_', 'ghu_', 'ghr_', 'ghs_'), of(ALNUM, 36)),
  'an installation’s token of today': join('ghs_', of(DIGITS, [5, 8]), '_', jwt),
  'a fine-grained token': join('github_pat_', of(ALNUM, 22), '_', of(ALNUM, 59)),
  'a token of GitLab': join('glpat-', of(URL_SAFE, 20)),
  'a key of Anthropic': join('sk-ant-api03-', of(URL_SAFE, 93)),
  'a plan’s token': join('sk-ant-oat01-', of(URL_SAFE, 93)),
  'a token of Slack': join(
    fc.constantFrom('xoxb-', 'xoxp-', 'xoxe-', 'xoxa-', 'xoxr-', 'xoxs-', 'xoxe.xoxp-', 'xapp-'),
    of(DIGITS, 12),
    '-',
    of(ALNUM, 24),
  ),
  'a personal token of ours': join('sam_pat_', of(URL_SAFE, 43)),
  'a JSON Web Token': jwt,
  'a private key': join(
    '-----BEGIN PRIVATE KEY-----\n',
    of(`${ALNUM}+/`, [64, 400]),
    '\n-----END PRIVATE KEY-----',
  ),
  'a link’s one-time code': join(
    'https://sam.example/w/ws-',
    of(`${LOWER}234567`, 12),
    '#',
    of(URL_SAFE, 43),
  ),
  'an address’s password': join('https://x-access-token:', of(ALNUM, 40), '@github.com/acme/api.git'),
  'a header': join('Authorization: Bearer ', of(URL_SAFE, 43)),
};

/** Runs of letters and digits that are long enough to be worth something. */
const worth = (secret: string): string[] => secret.match(/[A-Za-z0-9]{14,}/g) ?? [];

test.each(Object.entries(KINDS))('%s is cut out, wherever it stands', (_kind, secrets) => {
  const around = fc.constantFrom(
    '',
    ' ',
    '"',
    "'",
    '`',
    '(',
    ',',
    ':',
    '=',
    '/',
    '_',
    '\n',
    ' and ',
    'TOKEN=',
    'x_',
  );
  fc.assert(
    fc.property(secrets, around, around, fc.string(), (secret, before, after, rest) => {
      const shown = redact(`${rest} ${before}${secret}${after} ${rest}`);
      for (const part of worth(secret)) if (!rest.includes(part)) expect(shown).not.toContain(part);
    }),
  );
});

test('a token of Hetzner, which has no prefix, is cut out where it is a word; a hash is not', () => {
  fc.assert(
    fc.property(of(ALNUM, 61), (most) => {
      expect(redact(`HCLOUD_TOKEN=${most}aZ9 `)).toBe('HCLOUD_TOKEN=[token] ');
    }),
  );
  fc.assert(
    fc.property(of('0123456789abcdef', 64), (hash) => {
      expect(redact(`sha256 ${hash}`)).toBe(`sha256 ${hash}`);
    }),
  );
});

test.each([
  'Receiving objects: 50% (1/2), at https://h/a.git',
  'https://sam.example/w/ws-abcdefghijkl?s=c2lnbmVkIGZvciBldmVyeW9uZQ is for all to read',
  'task-add-some-new-feature-for-everyone',
  'acme/api@3f9c2ab0123456789abcdef0123456789abcdef0',
  'git@github.com:acme/api.git',
])('%s stays', (text) => {
  expect(redact(text)).toBe(text);
});

test('one endless word takes no longer than any other text', () => {
  const startedAt = performance.now();
  for (const word of ['x', 'eyJ', 'a.', '-'])
    expect(redact(word.repeat(256 << 10).slice(0, 256 << 10))).toHaveLength(256 << 10);
  // It would be hours.
  expect(performance.now() - startedAt).toBeLessThan(20_000);
});

test('a secret that is cut by colours is one all the same; colours beside none stay', () => {
  const key = `sk-ant-api03-${'k'.repeat(20)}`;
  for (const at of [3, 8, 20]) {
    const coloured = `\u001b[2mkey\u001b[0m ${key.slice(0, at)}\u001b[1m${key.slice(at)}\u001b[0m`;
    expect(redact(coloured)).toBe('key [anthropic key]');
  }
  expect(redact('\u001b[31mno key\u001b[0m')).toBe('\u001b[31mno key\u001b[0m');
});
