// The audit: what is in it stays as it was written until its time is over, whoever asks.
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  forgetAudit,
  keepAuditFor,
  listAudit,
  record,
  recordRefusal,
  type AuditEntry,
} from '../../../bot/access/store/audit.ts';
import { newUserId } from '../../../bot/ids.ts';
import { openRows, type Rows } from '../rows.ts';

let rows: Rows;
beforeAll(async () => {
  rows = await openRows();
});
afterAll(() => rows.close());

const entryOf = (actor: string, more: Partial<AuditEntry> = {}): AuditEntry => ({
  actor,
  front: 'chat',
  action: 'stop',
  right: 'owner',
  result: 'ok',
  ...more,
});

const of = (actor: string) => listAudit(rows.db, { actor }, { limit: 10 });

test('no row is changed, and none that is young goes, one by one or all at once', async () => {
  const actor = newUserId();
  await record(rows.db, entryOf(actor));
  const refusal = /rows are never changed, and each is kept until its keep_until/;
  await expect(rows.sql`update audit set result = 'forbidden' where actor = ${actor}`).rejects.toThrow(
    refusal,
  );
  await expect(rows.sql`update audit set keep_until = now() where actor = ${actor}`).rejects.toThrow(refusal);
  await expect(rows.sql`delete from audit where actor = ${actor}`).rejects.toThrow(refusal);
  await expect(rows.sql`truncate audit`).rejects.toThrow(refusal);
  await forgetAudit(rows.db);
  expect(await of(actor)).toMatchObject([{ result: 'ok', action: 'stop' }]);
});

test('whoever writes a row sets neither when it was nor how long it stays', async () => {
  const actor = newUserId();
  await rows.sql`insert into audit (at, actor, front, action, target, by_right, result, keep_until)
    values ('2001-01-01', ${actor}, 'x', 'x', '', 'x', 'ok', '2001-01-01')`;
  const [row] = await rows.sql`select at > now() - interval '1 minute' as fresh,
    round(extract(epoch from keep_until - at) / 86400)::int as days from audit where actor = ${actor}`;
  expect(row).toEqual({ fresh: true, days: 365 });
});

test('what is over goes with the sweep, and nothing else; what is kept for ever never', async () => {
  const [short, long, always] = [newUserId(), newUserId(), newUserId()];
  await record(rows.db, entryOf(long));
  await keepAuditFor(rows.db, 1);
  await record(rows.db, entryOf(short));
  await keepAuditFor(rows.db, 0);
  await record(rows.db, entryOf(always));
  await keepAuditFor(rows.db, 365 * 86_400_000);
  await expect
    .poll(async () => {
      await forgetAudit(rows.db);
      return (await of(short)).length;
    })
    .toBe(0);
  expect([(await of(long)).length, (await of(always)).length]).toEqual([1, 1]);
  const [row] = await rows.sql`select keep_until = 'infinity' as always from audit where actor = ${always}`;
  expect(row).toEqual({ always: true });
});

test('a secret that got into the words is not in the row, and what ends without its transaction is not there', async () => {
  const actor = newUserId();
  await record(rows.db, entryOf(actor, { target: 'use sk-ant-api03-AAAAAAAAAAAAAAAAAAAAAAAA now' }));
  await rows.db
    .transaction(async (tx) => {
      await record(tx, entryOf(actor, { action: 'lost' }));
      throw new Error('undone');
    })
    .catch(() => undefined);
  expect(await of(actor)).toMatchObject([{ target: 'use [anthropic key] now' }]);
});

test('the same refusal again and again is one row', async () => {
  const actor = newUserId();
  const { right: _, ...refused } = entryOf(actor, { action: 'ticket', result: 'not-found' });
  for (const workspace of ['ws-aaaaaaaaaaaa', 'ws-aaaaaaaaaaaa', 'ws-bbbbbbbbbbbb', 'ws-aaaaaaaaaaaa'])
    await recordRefusal(rows.db, { ...refused, workspace });
  expect((await of(actor)).map(({ workspaceId, right }) => [workspaceId, right])).toEqual([
    ['ws-bbbbbbbbbbbb', 'none'],
    ['ws-aaaaaaaaaaaa', 'none'],
  ]);
});

test('a person reads what they did and what was done to what is theirs; newest first, from where a page ended', async () => {
  const [ann, bob] = [await rows.addUser('ann'), await rows.addUser('bob')];
  const { id } = await rows.addWorkspace({ owner: ann });
  await record(rows.db, entryOf(ann, { action: 'one' }));
  await record(rows.db, entryOf(bob, { action: 'two', workspace: id }));
  await record(rows.db, entryOf(bob, { action: 'three' }));
  const actions = async (filter: Parameters<typeof listAudit>[1], page = { limit: 10 }) =>
    (await listAudit(rows.db, filter, page)).map(({ action }) => action);
  expect(await actions({ of: ann })).toEqual(['two', 'one']);
  expect(await actions({ of: bob })).toEqual(['three', 'two']);
  expect(await actions({ workspace: id })).toEqual(['two']);
  expect(await actions({ of: ann, actor: bob })).toEqual(['two']);
  const [first] = await listAudit(rows.db, { of: ann }, { limit: 1 });
  expect(await listAudit(rows.db, { of: ann }, { limit: 1, before: first!.id })).toMatchObject([
    { action: 'one', name: 'ann' },
  ]);
  expect(await actions({ of: ann, since: new Date(Date.now() + 60_000) })).toEqual([]);
});
