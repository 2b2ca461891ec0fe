// The ring against a plain buffer that forgets nothing.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { copyFromRing, createRing, pushRing, readRing } from '../../agent/sessions/ring.ts';

const CAPACITY = 300_000;
const LARGEST_CHUNK = 65_536;
const PATTERN = Buffer.from(Array.from({ length: 4_000_000 }, (_, i) => (i * 31 + (i >> 8)) & 255));

test('whatever is pushed, the ring holds its end, byte by byte, and forgets the rest in order', () => {
  const pushes = fc.array(fc.oneof(fc.nat(200), fc.nat(10_000), fc.nat(100_000)), { maxLength: 40 });
  const parts = fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true }));
  fc.assert(
    fc.property(pushes, parts, (lengths, part) => {
      const forgotten: Buffer[] = [];
      const ring = createRing(CAPACITY, (bytes) => void forgotten.push(Buffer.from(bytes)));
      for (const length of lengths) {
        const at = ring.end;
        pushRing(ring, PATTERN.subarray(at), length);
        expect(ring.end).toBe(at + length);
        const from = Math.floor(ring.first + part.next().value * (ring.end - ring.first));
        const to = Math.floor(from + part.next().value * (ring.end - from));
        expect(readRing(ring, from, to).equals(PATTERN.subarray(from, to))).toBe(true);
        expect(readRing(ring, ring.first, ring.end).equals(PATTERN.subarray(ring.first, ring.end))).toBe(
          true,
        );
        expect(ring.end - ring.first).toBeLessThanOrEqual(CAPACITY);
        if (ring.first > 0) expect(ring.end - ring.first).toBeGreaterThan(CAPACITY - 2 * LARGEST_CHUNK);
      }
      expect(Buffer.concat(forgotten).equals(PATTERN.subarray(0, ring.first))).toBe(true);
    }),
  );
});

test('an idle ring costs 4 KiB, a full one its capacity and no more', () => {
  const ring = createRing(1 << 20);
  pushRing(ring, Buffer.alloc(10), 10);
  expect(ring.size).toBe(4096);
  for (let i = 0; i < 2000; i++) pushRing(ring, Buffer.alloc(4096), 4096);
  expect(ring.size).toBeLessThanOrEqual(1 << 20);
  expect(ring.end - ring.first).toBeGreaterThan((1 << 20) - 2 * 65536);
});

test('an offset that the ring does not hold is refused', () => {
  const ring = createRing(4096);
  for (let i = 0; i < 3; i++) pushRing(ring, Buffer.alloc(4096), 4096);
  expect(() => copyFromRing(ring, 0, Buffer.alloc(1), 0, 1)).toThrow('not held');
  expect(() => copyFromRing(ring, ring.end + 1, Buffer.alloc(1), 0, 1)).toThrow('not held');
  expect(copyFromRing(ring, ring.end, Buffer.alloc(1), 0, 1)).toBe(0);
});
