// Command lines that only look at the workspace, and all the ways in which one that looks so does not.
import { expect, test } from 'vitest';
import { readingOf } from '../../../agent/coding/reading.ts';
import { kindForCodex } from '../../../agent/coding/codex.ts';

const FOLDER = '/workspaces/api';
const read = (line: string, cwd = FOLDER) => readingOf(line, cwd, FOLDER);

test.each([
  ['cat README.md', 'read'],
  ["sed -n '1,200p' src/main.ts", 'read'],
  ['sed -n 3p a.ts b.ts', 'read'],
  ['ls -la && pwd', 'read'],
  ['cat README.md | head -n 5; wc -l *.ts', 'read'],
  [`cat ${FOLDER}/package.json`, 'read'],
  ['rg -n "one two" src', 'search'],
  ["rg --files -g '*.ts'", 'search'],
  ['grep -rn main . | sort -u | uniq -c', 'read'],
  ["find . -name '*.ts' -type f", 'search'],
])('`%s` is to %s', (line, kind) => {
  expect(read(line)).toBe(kind);
  expect(read(line, `${FOLDER}/src`)).toBe(kind);
});

test.each([
  // Writes.
  'echo hi > made.txt',
  'cat a >> b',
  'sort -o a.txt a.txt',
  'sort -uoa.txt b.txt',
  'uniq a.txt b.txt',
  "sed -n '1w b.txt' a.txt",
  'sed -i s/a/b/ a.txt',
  'sed -n 1p -i a.txt',
  'find . -delete',
  "find . '-del'ete",
  'find . -fprintf a.txt x',
  'tee a.txt',
  // Starts something.
  'npm test',
  'git status',
  "sed -n '1e id' a.txt",
  'rg --pre ./evil x',
  'rg --hostname-bin=./evil x',
  'rg -nz x',
  'find . -exec id ;',
  "find . -e'xec' id",
  'cat a & id',
  'cat a |& id',
  'cat `id`',
  'cat $(id)',
  'cat "$(id)"',
  'cat <(id)',
  './cat a',
  'PATH=. cat a',
  'cat a\nid',
  'cat a \\\n; id',
  // Looks elsewhere.
  'cat /etc/passwd',
  'cat ../other/a',
  'cat src/../../a',
  `cat ${FOLDER}/../a`,
  `cat ${FOLDER}-other/a`,
  'cat ~/.ssh/id_ed25519',
  "cat '~'/a",
  'cat $HOME/a',
  'cat {/etc/passwd,a}',
  'grep -f/etc/passwd a',
  'rg --ignore-file=/etc/passwd a',
  'ls "/"',
  // Nothing.
  '',
  '|',
  'cat a |',
  "cat 'a",
])('%j is not known to only look', (line) => {
  expect(read(line)).toBeUndefined();
});

test('what runs elsewhere looks elsewhere', () => {
  for (const cwd of ['/', '/workspaces', '/workspaces/api2', `${FOLDER}/..`, 'src', ''])
    expect(read('cat a', cwd)).toBeUndefined();
});

test('to the policy it is what it does: looks, runs, edits in the workspace, or something else', () => {
  const kind = (wished: Partial<Parameters<typeof kindForCodex>[0]>) =>
    kindForCodex({ tool: 'execute', input: undefined, paths: [], ...wished }, FOLDER);
  expect(kind({ input: { command: 'cat a', cwd: FOLDER } })).toBe('read');
  expect(kind({ input: { command: 'npm test', cwd: FOLDER } })).toBe('execute');
  expect(kind({ tool: 'read', input: { command: 'npm test', cwd: FOLDER } })).toBe('execute');
  expect(kind({ input: { command: 'cat a' } })).toBe('execute');
  expect(kind({ tool: 'edit', paths: [`${FOLDER}/a`, `${FOLDER}/src/b`] })).toBe('edit');
  for (const paths of [[], ['/etc/passwd'], [`${FOLDER}/a`, `${FOLDER}/../a`], ['a']])
    expect(kind({ tool: 'edit', paths })).toBe('other');
  expect(kind({ tool: 'fetch' })).toBe('fetch');
});
