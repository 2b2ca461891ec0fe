// Who works on a request or a card works on it alone, however long a vendor takes.
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answerSource } from '../../bot/chat/answers.ts';
import type { Conversation } from '../../bot/chat/front.ts';
import { whileHeld } from '../../bot/jobs/lease.ts';
import { openRows, type Rows } from '../access/rows.ts';
import { claimDelivery, endDelivery, storeDelivery } from '../../bot/chat/store/deliveries.ts';

let rows: Rows;
beforeAll(async () => {
  rows = await openRows();
});
afterAll(() => rows.close());

/** A request that was done, and whose answer nobody has seen yet. */
async function addAnswered(deliveryId: string): Promise<void> {
  await storeDelivery(rows.db, {
    source: 'github',
    deliveryId,
    thread: deliveryId,
    event: 'x',
    payload: {},
  });
  const held = await claimDelivery(rows.db);
  await endDelivery(rows.db, held!, { answer: { ok: true, code: 'ok', details: {} } });
}

test('an answer that waits longer than a lease is not taken by a second worker', async () => {
  await addAnswered('slow');
  const gate = Promise.withResolvers<void>();
  const shown: string[] = [];
  const conversation = {
    answer: async ({ deliveryId }) => {
      shown.push(deliveryId);
      await gate.promise;
    },
  } as Partial<Conversation> as Conversation;
  const answers = answerSource({
    db: rows.db,
    conversations: new Map([['github', conversation]]),
    log: pino({ level: 'silent' }),
    renewEveryMs: 5,
  });
  const done = (await answers.take())!();
  await rows.sql`update deliveries set lease_until = clock_timestamp() + interval '1 second' where delivery_id = 'slow'`;
  await expect
    .poll(
      async () =>
        (
          await rows.sql`select 1 from deliveries where delivery_id = 'slow' and lease_until > clock_timestamp() + interval '20 seconds'`
        ).length,
      { timeout: 20_000 },
    )
    .toBe(1);
  expect(await answers.take()).toBeUndefined();
  gate.resolve();
  await done;
  expect(await answers.take()).toBeUndefined();
  expect(shown).toEqual(['slow']);
});

test('work that is over renews nothing, and what cannot be renewed does not end it', async () => {
  let count = 0;
  const renew = (): Promise<void> => Promise.reject(new Error(`no database ${count++}`));
  const gate = Promise.withResolvers<void>();
  const work = whileHeld(renew, () => gate.promise.then(() => 'done'), {
    log: pino({ level: 'silent' }),
    everyMs: 1,
  });
  await expect.poll(() => count).toBeGreaterThan(2);
  gate.resolve();
  expect(await work).toBe('done');
  const after = count;
  await rows.sql`select pg_sleep(0.05)`;
  expect(count).toBe(after);
});
