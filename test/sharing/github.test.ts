// Letting somebody else into a workspace, said on GitHub: whom the comment calls, and that its link is worth nothing by itself.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startGitHub, type GitHub } from '../testers/github.ts';

let context: GitHub;
beforeAll(async () => {
  context = await startGitHub({ private: true });
  context.github.addUser('carol');
  context.github.addCollaborator('acme/api', 'carol', 'read');
  await context.say('/sam up --name api-1');
});
afterAll(() => context[Symbol.asyncDispose]());

const plain = (text: string): string =>
  text.replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d UTC|\d\d:\d\d UTC/g, 'TIME').replaceAll(/\?s=[\w-]+/g, '?s=…');
const lastSaid = (): string => plain(context.comments().at(-1) ?? '');
const openShares = () => context.place.sql<{ login: string; may: string }[]>`
  select i.login, s.may from shares s join identities i on i.user_id = s.person and i.source = 'github'
   where s.ended_at is null and s.until > now() order by s.seq`;

test('somebody whom Sam has never met is let in by their name, and called in the thread with a link to sign in by', async () => {
  await context.say('/sam share @Carol --drive --for 1d');
  expect(await openShares()).toEqual([{ login: 'carol', may: 'drive' }]);
  expect(lastSaid()).toContain('`carol` may type in `api-1` until TIME');
  const raw = context.github.commentsOn(context.pull).at(-1)?.body ?? '';
  expect(raw).toMatch(
    /\*\*\[Open terminal\]\(\S+\/w\/ws-\w+\?s=[\w-]+\)\*\* for @carol \(sign in with GitHub\)/,
  );
  expect(plain(context.comments()[0] ?? '')).toContain('👥 Shared with `carol` (types until TIME).');
});

test('it ends by a word, though nobody can be asked any more', async () => {
  await context.say('/sam share @carol');
  context.github.addCollaborator('acme/api', 'carol', 'none' as 'read');
  await context.say('/sam unshare @carol');
  expect(lastSaid()).toContain('`carol` is let into `api-1` no more');
  expect(await openShares()).toEqual([]);
  expect(context.comments()[0]).not.toContain('Shared with');
  context.github.addCollaborator('acme/api', 'carol', 'read');
});

/** Of lessons few are said in a short while. */
const lastCode = async (): Promise<unknown> =>
  (await context.place.sql`select answer->>'code' code from deliveries order by seq desc limit 1`)[0]?.[
    'code'
  ];

test.each([
  ['@nobody-there', 'no-person'],
  ['@eve', 'person-forbidden'],
  ['@bob', 'share-self'],
  ['@a_b_c', 'bad-person'],
])('%s is let in by nobody', async (person, answer) => {
  await context.say(`/sam share ${person}`);
  expect(await lastCode()).toBe(answer);
  expect(await openShares()).toEqual([]);
});

test("of somebody else's workspace nobody is let in", async () => {
  await context.say('/sam share api-1 @carol', 'ada');
  expect(await lastCode()).toBe('no-workspace');
  expect(await openShares()).toEqual([]);
});
