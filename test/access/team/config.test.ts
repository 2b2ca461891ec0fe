// What the environment says of those who run Sam.
import { expect, test } from 'vitest';
import { parseConfig } from '../../../bot/config.ts';

const read = (env: NodeJS.ProcessEnv) => parseConfig(env, '/srv');

test('admins are logins and teams, and what is neither stops the start', () => {
  expect(read({}).admins).toEqual([]);
  expect(read({ ADMINS: '@ada, bob @acme/platform' }).admins).toEqual(['ada', 'bob', '@acme/platform']);
  for (const wrong of ['ada@example.com', 'a b/c', 'acme/platform', '@/x', '-x'])
    expect(() => read({ ADMINS: wrong }), wrong).toThrow('ADMINS is');
});

test('the audit is kept for a year, or as long as is said; machines have no maximum unless it is said', () => {
  expect(read({})).toMatchObject({ auditKeepMs: 365 * 86_400_000, limits: { nodes: 0 } });
  expect(read({ AUDIT_KEEP: '52w', MAX_NODES: '5' })).toMatchObject({
    auditKeepMs: 364 * 86_400_000,
    limits: { nodes: 5 },
  });
  expect(read({ AUDIT_KEEP: '0' }).auditKeepMs).toBe(0);
  expect(() => read({ AUDIT_KEEP: 'long' })).toThrow('AUDIT_KEEP is');
});
