// What is sealed for a browser, byte for byte as the standard's own example has it.
import { describe, expect, test } from 'vitest';
import { areKeys, encrypt } from '../../bot/push/encryption.ts';

/** RFC 8291, appendix A. */
const KEYS = {
  p256dh: 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4',
  auth: 'BTBZMqHH6r4Tts7J_aSIgg',
};
const FRESH = {
  secret: Buffer.from('yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw', 'base64url'),
  salt: Buffer.from('DGv6ra1nlYgDCS1FRnbzlw', 'base64url'),
};

describe('a message for a browser', () => {
  test('is what the example of RFC 8291 says', () => {
    expect(encrypt('When I grow up, I want to be a watermelon', KEYS, FRESH).toString('base64url')).toBe(
      'DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN',
    );
  });

  test('is sealed anew each time', () => {
    expect(encrypt('hello', KEYS).equals(encrypt('hello', KEYS))).toBe(false);
  });
});

test.each([
  ['those of a browser', KEYS, true],
  ['a secret that is too short', { ...KEYS, auth: 'BTBZMqHH6r4' }, false],
  ['a point that is not on the curve', { ...KEYS, p256dh: `${KEYS.p256dh.slice(0, -2)}AA` }, false],
  ['a compressed point', { ...KEYS, p256dh: 'AyVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcx' }, false],
  ['nothing', { p256dh: '', auth: '' }, false],
])('%s are keys or none', (_, keys, are) => {
  expect(areKeys(keys)).toBe(are);
});
