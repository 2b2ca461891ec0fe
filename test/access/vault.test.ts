// The vault: secrets open where they were sealed, with a key of the ring, unchanged, and nowhere else.
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createVault, parseEncryptionKeys, type Place } from '../../bot/access/vault.ts';

const [oldKey, newKey] = [randomBytes(32), randomBytes(32)] as const;
const vault = createVault([oldKey]);
const text = fc.string({ unit: 'binary' });
const place: fc.Arbitrary<Place> = fc.record({ table: text, column: text, rowId: text, tenant: text });
const home: Place = { table: 'credentials', column: 'ciphertext', rowId: '1', tenant: 'us-a' };

test('what was sealed opens again', () => {
  fc.assert(
    fc.property(text, place, (secret, at) => {
      expect(vault.open(vault.seal(secret, at), at)).toBe(secret);
    }),
  );
});

test('a secret moved to another row, column, table or person does not open', () => {
  fc.assert(
    fc.property(text, place, place, (secret, at, elsewhere) => {
      fc.pre(JSON.stringify(at) !== JSON.stringify(elsewhere));
      const sealed = vault.seal(secret, at);
      expect(() => vault.open(sealed, elsewhere)).toThrow('sealed for another place');
    }),
  );
  const tricky = { table: 'a', column: 'b:c', rowId: 'd', tenant: 'e' };
  const sealed = vault.seal('secret', tricky);
  expect(() => vault.open(sealed, { table: 'a', column: 'b', rowId: 'c:d', tenant: 'e' })).toThrow();
});

test('a secret with one bit changed, or cut short, does not open', () => {
  const sealed = vault.seal('sk-ant-api-secret', home);
  for (let at = 0; at < sealed.ciphertext.length; at++) {
    const changed = Buffer.from(sealed.ciphertext);
    changed[at]! ^= 1;
    expect(() => vault.open({ ...sealed, ciphertext: changed }, home)).toThrow('it was changed');
    const cut = sealed.ciphertext.subarray(0, at);
    expect(() => vault.open({ ...sealed, ciphertext: cut }, home)).toThrow('it was changed');
  }
});

test('the same secret looks different each time, and its errors do not tell it', () => {
  const [one, other] = [vault.seal('hunter2', home), vault.seal('hunter2', home)];
  expect(one.ciphertext.equals(other.ciphertext)).toBe(false);
  expect(one.ciphertext.includes('hunter2')).toBe(false);
});

test('after a key change old secrets open, new ones use the new key, and rewriting moves the old ones over', () => {
  const both = createVault([newKey, oldKey]);
  const after = createVault([newKey]);
  const old = vault.seal('secret', home);
  expect(both.open(old, home)).toBe('secret');
  expect(() => after.open(old, home)).toThrow('no key');
  const moved = both.reseal(old, home)!;
  expect(after.open(moved, home)).toBe('secret');
  expect(both.reseal(moved, home)).toBeUndefined();
  expect(() => vault.open(both.seal('secret', home), home)).toThrow('no key');
  // The id of a key is only a hint: claiming another one helps nobody.
  expect(() => both.open({ ...old, keyId: moved.keyId }, home)).toThrow('it was changed');
});

test('a key that is too short stops the start', () => {
  expect(() => parseEncryptionKeys('c2hvcnQ=')).toThrow('ENCRYPTION_KEY must be 32 bytes');
  expect(() => createVault([])).toThrow('ENCRYPTION_KEY');
  const ring = parseEncryptionKeys(`${newKey.toString('base64')},${oldKey.toString('base64')}`);
  expect(ring).toEqual([newKey, oldKey]);
});
