// A bot that ends while a program waits: the request goes on without it, and its key tells how it ended.
import { expect, test } from 'vitest';
import { startSam } from '../testers/sam.ts';
import { until } from '../until.ts';

test('who waits while the bot ends is told so at once, and hears the end under the same key', async () => {
  await using sam = await startSam();
  const { sql } = sam.place;
  sam.place.repository('demo');
  await sam.say('up ./demo');
  await sam.say('token new ci');
  const [token] = /sam_pat_[\w-]{43}/.exec(sam.shown())!;
  const { id } = await sam.row('demo');
  const stop = () =>
    fetch(`${sam.bot.url}/api/workspaces/${id}/stop`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'idempotency-key': 'k-1' },
    });
  // Something of the same person's that takes long.
  await sql`insert into deliveries (source, delivery_id, thread, event, next_at)
    select 'api', 'slow', 'api:' || owner, 'request', now() + interval '1 hour' from workspaces where id = ${id}`;
  const waiting = stop();
  await until(async () => (await sql`select 1 from api_requests where delivery_id is not null`).length === 1);
  await sam.restart();
  const told = await waiting;
  expect(told.status).toBe(503);
  expect(await told.json()).toMatchObject({ error: 'still-working' });
  expect((await sam.row('demo')).desired).toBe('running');
  await sql`delete from deliveries where delivery_id = 'slow'`;
  const ended = await stop();
  expect(ended.status).toBe(202);
  expect(await ended.json()).toMatchObject({ id, desired: 'stopped' });
  const [row] = await sql`select count(*)::int from commands where verb = 'stop'`;
  expect(row!['count']).toBe(1);
});
