// What a bot that died held is free for the next one, where the database is its own.
import { expect, onTestFinished, test } from 'vitest';
import { claimDelivery } from '../../bot/chat/store/deliveries.ts';
import { connect } from '../../bot/database/connect.ts';
import { endLeases } from '../../bot/database/claims.ts';
import { freshDatabase } from '../postgres.ts';

test('every lease ends, in every table that has one, and nothing else changes', async () => {
  const fresh = await freshDatabase();
  const database = await connect(fresh.url);
  onTestFinished(async () => {
    await database.close();
    await fresh.drop();
  });
  const { sql } = database;
  await sql`insert into deliveries (source, delivery_id, thread, event, payload, lease_token, lease_until)
            values ('console', 'one', 't', 'line', '{}', 'dead', now() + interval '1 hour'),
                   ('console', 'two', 'u', 'line', '{}', null, null)`;
  await sql`insert into sweeps (name, lease_until) values ('servers', now() + interval '1 hour')`;
  const before =
    await sql`select delivery_id, thread, payload, received_at from deliveries order by delivery_id`;
  await endLeases(database);
  expect([
    ...(await sql`select count(*)::int as held from deliveries where lease_until > now() or lease_token is not null
    union all select count(*)::int from sweeps where lease_until > now()`),
  ]).toEqual([{ held: 0 }, { held: 0 }]);
  // Somebody had begun with the one: what it was sending may have arrived.
  const claimed = [await claimDelivery(database.db), await claimDelivery(database.db)];
  expect(claimed.map((held) => [held?.row.deliveryId, held?.row.attempts])).toEqual([
    ['one', 1],
    ['two', 0],
  ]);
  expect([
    ...(await sql`select delivery_id, thread, payload, received_at from deliveries order by delivery_id`),
  ]).toEqual([...before]);
});
