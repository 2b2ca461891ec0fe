// The scripts of package.json, for people whose npm runs no hooks (`ignore-scripts=true` in ~/.npmrc).
import { expect, test } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };

test('no script leans on one that runs before or after it', () => {
  expect(Object.keys(manifest.scripts).filter((name) => /^(?:pre|post)/.test(name))).toEqual([]);
});

test.each(['start', 'test', 'test:machines', 'build'] as const)(
  '`%s` installs what it needs by itself',
  (name) => {
    expect(manifest.scripts[name]).toMatch(/^node tools\/install\.mjs (?:--omit=dev )?&& hash -r && /);
  },
);
