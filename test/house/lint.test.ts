// The rules of the house bite: each is broken once in a copy of the layout, and the linter must say so.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
let copy = '';

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'sam-lint-'));
  for (const name of ['package.json', 'tsconfig.json', 'oxlint.config.ts', 'tools/house-rules.ts'])
    cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  for (const path of [
    'bot/main.ts',
    'bot/providers/hetzner/hetzner.ts',
    'bot/providers/provider.ts',
    'bot/chat/slack/slack.ts',
    'bot/chat/github/cards.ts',
    'bot/forges/github/app.ts',
    'bot/forges/forge.ts',
    'bot/forges/locate.ts',
    'bot/commands/command.ts',
    'bot/workspaces/store/workspaces.ts',
    'bot/jobs/loop.ts',
    'bot/database/schema.ts',
    'bot/database/types.ts',
    'agent/main.ts',
    'agent/protocol.ts',
    'agent/terminal/frames.ts',
    'agent/holder/frames.ts',
    'bot/ports/ports-store.ts',
  ])
    write(path, 'export const x = 1;\n');
});

afterAll(() => rmSync(copy, { recursive: true, force: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(copy, path)), { recursive: true });
  writeFileSync(join(copy, path), text);
}

/** The rules that the linter says `path` breaks when it holds `text`. */
function rulesBrokenBy(path: string, text: string): string[] {
  write(path, text);
  const { stdout, stderr } = spawnSync(
    join(ROOT, 'node_modules/.bin/oxlint'),
    ['--type-aware', '-f', 'json', path],
    {
      cwd: copy,
      encoding: 'utf8',
    },
  );
  rmSync(join(copy, path));
  if (!stdout.trim().startsWith('{')) throw new Error(`oxlint did not run: ${stdout}${stderr}`);
  const { diagnostics } = JSON.parse(stdout) as { diagnostics: { code: string }[] };
  return diagnostics.map(({ code }) => code);
}

const IMPORT = 'eslint(no-restricted-imports)';

test('a drizzle query that nobody awaits is an error', () => {
  const query = (prefix: string): string => `
    import { pgTable, text, type PgDatabase } from 'drizzle-orm/pg-core';
    import type { PostgresJsQueryResultHKT } from 'drizzle-orm/postgres-js';
    const things = pgTable('things', { id: text('id') });
    export async function forget(db: PgDatabase<PostgresJsQueryResultHKT>): Promise<void> {
      ${prefix}db.delete(things);
    }`;
  expect(rulesBrokenBy('bot/workspaces/store/x.ts', query(''))).toEqual(['typescript(no-floating-promises)']);
  expect(rulesBrokenBy('bot/workspaces/store/x.ts', query('await '))).toEqual([]);
});

test.each([
  ['a command may not call a provider', 'bot/commands/x.ts', '../providers/hetzner/hetzner.ts'],
  ['a command may not run the loop', 'bot/commands/x.ts', '../jobs/loop.ts'],
  ['the tables are for stores', 'bot/commands/x.ts', '../database/schema.ts'],
  ['drizzle is for stores', 'bot/commands/x.ts', 'drizzle-orm'],
  ['drizzle is for the files of a store', 'bot/chat/cards.ts', 'drizzle-orm'],
  ['what fronts share knows none of them', 'bot/chat/store/x.ts', '../github/cards.ts'],
  ['the Hetzner SDK stays in one file', 'bot/workspaces/x.ts', 'hcloud-js'],
  ['another front does not know the App', 'bot/chat/slack/x.ts', '../../forges/github/app.ts'],
  ['what guards terminals does not know the App', 'bot/access/people/x.ts', '../../forges/github/app.ts'],
  ['what is common to forges knows none of them', 'bot/forges/x.ts', './github/app.ts'],
  ['a command may not ask a forge', 'bot/commands/x.ts', '../forges/locate.ts'],
  ['a forge knows no command', 'bot/forges/github/x.ts', '../../commands/command.ts'],
  ['a front knows no other front', 'bot/chat/slack/x.ts', '../github/cards.ts'],
  ['a front knows no other front, this way round', 'bot/chat/github/x.ts', '../slack/slack.ts'],
  ['nothing imports the top', 'bot/chat/x.ts', '../main.ts'],
  ['the bot takes nothing of the agent but the protocol', 'bot/nodes/x.ts', '../../agent/main.ts'],
  ['the agent takes nothing of the bot', 'agent/x.ts', '../bot/providers/provider.ts'],
  ['a session knows no socket', 'agent/sessions/x.ts', 'ws'],
  ['a session knows no frame', 'agent/sessions/x.ts', '../terminal/frames.ts'],
  ['a session knows no holder', 'agent/sessions/x.ts', '../holder/frames.ts'],
  ['a holder knows no frame', 'agent/holder/x.ts', '../terminal/frames.ts'],
  ['a holder knows no socket of others', 'agent/holder/x.ts', 'ws'],
  [
    'what opens ports knows no workspace but by its own store',
    'bot/ports/x.ts',
    '../workspaces/store/workspaces.ts',
  ],
  ['nobody but commands knows the store of ports', 'bot/workspaces/x.ts', '../ports/ports-store.ts'],
  ['the page takes nothing of the agent but the protocol', 'web-terminal/x.ts', '../agent/main.ts'],
])('%s', (_claim, file, path) => {
  expect(rulesBrokenBy(file, `export { x } from '${path}';\n`)).toContain(IMPORT);
});

test.each([
  ['a command may use the store', 'bot/commands/x.ts', '../workspaces/store/workspaces.ts'],
  ['a command may use the store of ports', 'bot/commands/x.ts', '../ports/ports-store.ts'],
  ['the page may use the protocol', 'web-terminal/x.ts', '../agent/protocol.ts'],
  ['its own front may use the App', 'bot/chat/github/x.ts', '../../forges/github/app.ts'],
  ['a command may know what a repository is', 'bot/commands/x.ts', '../forges/forge.ts'],
  ['another front may ask a forge', 'bot/chat/slack/x.ts', '../../forges/forge.ts'],
  ['a store may use the tables', 'bot/workspaces/store/x.ts', '../../database/schema.ts'],
  ['the store of the chats may use the tables', 'bot/chat/store/x.ts', '../../database/schema.ts'],
  ['the store of the chats may use drizzle', 'bot/chat/store/x.ts', 'drizzle-orm'],
  ['the Hetzner SDK may be used in its file', 'bot/providers/hetzner/hetzner.ts', 'hcloud-js'],
])('%s', (_claim, file, path) => {
  expect(rulesBrokenBy(file, `export { x } from '${path}';\n`)).not.toContain(IMPORT);
  write('bot/providers/hetzner/hetzner.ts', 'export const x = 1;\n');
});

test.each([
  [
    'a vendor is compared',
    'bot/workspaces/x.ts',
    "export const x = (name: string) => name === 'hetzner';",
    'no-vendor',
  ],
  [
    'a front is compared',
    'bot/commands/x.ts',
    "export const x = (name: string) => ['slack'].includes(name);",
    'no-vendor',
  ],
  ['a command stands in a text', 'bot/workspaces/x.ts', "export const x = 'Try `retry api`.';", 'no-command'],
  ['a newer command does', 'bot/ports/x.ts', "export const x = 'Say `port 3000`.';", 'no-command'],
  [
    'a trigger stands in a text',
    'agent/x.ts',
    'export const x = (id: string) => `${id} failed: /sam retry`;',
    'no-command',
  ],
])('%s outside its place', (_claim, file, text, rule) => {
  expect(rulesBrokenBy(file, `${text}\n`)).toContain(`house(${rule})`);
});

test.each([
  [
    'a vendor in its folder',
    'bot/providers/hetzner/x.ts',
    "export const x = (name: string) => name === 'hetzner';",
  ],
  ['a vendor in a type', 'bot/workspaces/x.ts', "export type Name = 'hetzner';"],
  ['a command in a sentence', 'bot/chat/wording/x.ts', "export const x = 'Try `retry api`.';"],
])('%s is fine', (_claim, file, text) => {
  expect(rulesBrokenBy(file, `${text}\n`)).toEqual([]);
});

test('the protocol of coding agents is known to one file', () => {
  const SDK = '@agentclientprotocol/sdk';
  for (const text of [
    `import { client } from '${SDK}';\nexport const x = client;\n`,
    `import type { SessionUpdate } from '${SDK}/unstable';\nexport type X = SessionUpdate;\n`,
    `export { client } from '${SDK}';\n`,
    `export * from '${SDK}';\n`,
    `export const x = () => import('${SDK}');\n`,
  ]) {
    expect(rulesBrokenBy('agent/coding/x.ts', text)).toContain('house(one-home)');
    expect(rulesBrokenBy('agent/coding/acp.ts', text)).not.toContain('house(one-home)');
  }
});

test('a folder of more than twenty files says why, or is two', () => {
  for (let n = 10; n < 30; n++) write(`bot/dns/many/x${n}.ts`, `export const x = ${n};\n`);
  expect(rulesBrokenBy('bot/dns/many/a.ts', 'export const x = 1;\n')).toEqual(['house(small-folder)']);
  rmSync(join(copy, 'bot/dns/many/x10.ts'));
  expect(rulesBrokenBy('bot/dns/many/a.ts', 'export const x = 1;\n')).toEqual([]);
});

test('a circle of types is a circle', () => {
  write('agent/y.ts', "import type { X } from './x.ts';\nexport interface Y {\n  x: X;\n}\n");
  const text = "import type { Y } from './y.ts';\nexport interface X {\n  y: Y;\n}\n";
  expect(rulesBrokenBy('agent/x.ts', text)).toEqual(['import(no-cycle)']);
});

test('types of the tables are free', () => {
  expect(rulesBrokenBy('bot/commands/x.ts', "export type { x } from '../database/types.ts';\n")).toEqual([]);
});
