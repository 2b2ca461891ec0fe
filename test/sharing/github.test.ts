// Letting somebody else into a workspace, said on GitHub: whom the comment calls, and that its link is worth nothing by itself.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startGitHub, type GitHub } from '../testers/github.ts';

let context: GitHub;
beforeAll(async () => {
  context = await startGitHub({ private: true });
  for (const login of ['carol', 'dan']) context.github.addUser(login);
  await context.say('/sam up --name api-1');
});
beforeEach(async () => {
  for (const login of ['carol', 'dan']) context.github.addCollaborator('acme/api', login, 'read');
  await context.place.sql`update shares set ended_at = now() where ended_at is null`;
  // Few comments are made in a short while, and each test is about its own.
  await context.place
    .sql`update deliveries set ended_at = ended_at - interval '1 hour' where ended_at is not null`;
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
  await context.say('/sam share @dan');
  context.github.addCollaborator('acme/api', 'dan', 'none' as 'read');
  await context.say('/sam unshare @dan');
  expect(lastSaid()).toContain('`dan` is let into `api-1` no more');
  expect(await openShares()).toEqual([]);
  expect(context.comments()[0]).not.toContain('Shared with');
});

test('of several who are called so none is let in any more', async () => {
  await context.say('/sam share @carol');
  await context.place.sql`insert into users (id, name) values ('us-other', 'Carol')`;
  await context.place
    .sql`insert into identities (source, external_id, user_id, login) values ('slack:T1', 'U1', 'us-other', 'c')`;
  await context.place.sql`
    insert into shares (id, workspace_id, person, may, access, until)
    select 'sh-other', workspace_id, 'us-other', may, access, until from shares where ended_at is null`;
  await context.say('/sam unshare @carol');
  expect(await context.place.sql`select id from shares where ended_at is null and until > now()`).toEqual([]);
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

test('who is let in to look asks for work in one of their own, where a repository is meant', async () => {
  context.github.addCollaborator('acme/api', 'carol', 'write');
  await context.say('/sam share @carol');
  await context.say('/sam run true', 'carol');
  expect(await lastCode()).toBe('runs');
  expect(
    await context.place.sql`
      select i.login from task_turns t join workspaces w on w.id = t.workspace_id
        join identities i on i.user_id = w.owner and i.source = 'github'`,
  ).toEqual([{ login: 'carol' }]);
});
