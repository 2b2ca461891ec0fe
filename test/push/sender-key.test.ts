// The key with which push services know this installation: one for all bots, and in the database only sealed.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openSenderKey } from '../../bot/push/sender-key.ts';
import { openRows, type Rows } from '../access/rows.ts';

let rows: Rows;
beforeAll(async () => void (rows = await openRows()));
afterAll(() => rows.close());
beforeEach(() => rows.sql`delete from credentials`);

const SAM = 'https://sam.example.com';
const claimsOf = (header: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(header.split('.')[1]!, 'base64url').toString()) as Record<string, unknown>;

test('is made once, whichever of two bots is first, and stays through a restart', async () => {
  const key = randomBytes(32);
  const both = await Promise.all([1, 2].map(() => openSenderKey(rows.db, [key], SAM)));
  const later = await openSenderKey(rows.db, [key], SAM);
  expect(new Set([...both, later].map((one) => one!.shown)).size).toBe(1);
  expect(later!.shown).toMatch(/^B[\w-]{86}$/);
});

test('lies sealed in the database, and moves to the newest key of the ring', async () => {
  const [first, second] = [randomBytes(32), randomBytes(32)];
  const { shown } = (await openSenderKey(rows.db, [first], SAM))!;
  const [row] = await rows.sql`select id, ciphertext from credentials`;
  expect(row!['id']).toBe('push');
  expect((row!['ciphertext'] as Buffer).toString('latin1')).not.toContain('PRIVATE KEY');
  expect((await openSenderKey(rows.db, [second, first], SAM))!.shown).toBe(shown);
  expect((await openSenderKey(rows.db, [second], SAM))!.shown).toBe(shown);
  await expect(openSenderKey(rows.db, [first], SAM)).rejects.toThrow('no key');
});

test('is not made where there is nothing to seal it with', async () => {
  expect(await openSenderKey(rows.db, [], SAM)).toBeUndefined();
});

test('says who sends, where that is an address of the web', async () => {
  const key = randomBytes(32);
  const known = (await openSenderKey(rows.db, [key], SAM))!;
  expect(claimsOf(await known.authorize('https://fcm.googleapis.com'))).toEqual({
    aud: 'https://fcm.googleapis.com',
    sub: SAM,
    exp: expect.any(Number) as number,
  });
  const local = (await openSenderKey(rows.db, [key], 'http://localhost:3000'))!;
  expect(claimsOf(await local.authorize('https://fcm.googleapis.com'))).not.toHaveProperty('sub');
});
