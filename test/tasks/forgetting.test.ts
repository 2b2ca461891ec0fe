// What is left in the database of work that was offered long ago.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { forgetTurns } from '../../bot/tasks/store/passes.ts';
import { addProposal } from '../../bot/tasks/store/proposals.ts';
import { openRows, type Rows } from '../access/rows.ts';

let rows: Rows;
beforeAll(async () => {
  rows = await openRows();
});
afterAll(() => rows.close());

/** That ended so many days ago; undefined: it is open. */
async function offer(days: number | undefined): Promise<string> {
  const workspace = await rows.addWorkspace();
  const asked = { actor: workspace.owner, front: 'console', thread: 't', cause: workspace.id } as const;
  await rows.db.transaction((tx) => addProposal(tx, { ...asked, workspace, prompt: 'mend the secret plan' }));
  if (days !== undefined)
    await rows.sql`
      update proposals set state = 'failed', ended_at = now() - ${days}::int * interval '1 day', last_error = 'no secret plan',
        failure = '{"code": "forge-refused", "details": {"said": "no secret plan"}}'
      where cause = ${workspace.id}`;
  return workspace.id;
}

test('what was asked for is in no row of an offer that ended 30 days ago, and the row stays', async () => {
  const all = [await offer(undefined), await offer(29), await offer(31)];
  await rows.sql`update proposals set created_at = now() - interval '90 days'`;
  await forgetTurns(rows.db, { asked: 30, run: 7 });
  const left = await Promise.all(
    all.map(
      async (cause) =>
        (await rows.sql`select title, failure, last_error from proposals where cause = ${cause}`)[0],
    ),
  );
  const failure = { code: 'forge-refused', details: { said: 'no secret plan' } };
  expect(left).toEqual([
    { title: 'mend the secret plan', failure: null, last_error: null },
    { title: 'mend the secret plan', failure, last_error: 'no secret plan' },
    { title: null, failure: { code: 'forge-refused', details: {} }, last_error: null },
  ]);
});
