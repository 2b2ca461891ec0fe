// What a start loads before it knows what is wanted of it.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const MAIN = join(import.meta.dirname, '../../bot/main.ts');

/** Runs in a process of its own: names every package that importing the program loads. */
const SCRIPT = `
  import { registerHooks } from 'node:module';
  const packages = new Set();
  registerHooks({
    load(url, context, next) {
      packages.add(/node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url)?.[1]);
      return next(url, context);
    },
  });
  await import(${JSON.stringify(MAIN)});
  console.log(JSON.stringify([...packages]));`;

test('a start that wants no GitHub, no Slack and no cloud loads none of their SDKs', () => {
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', SCRIPT], {
    encoding: 'utf8',
  });
  const packages = JSON.parse(output) as string[];
  expect(packages).toContain('drizzle-orm');
  for (const sdk of ['probot', '@slack/bolt', 'hcloud-js', 'cloudflare', 'esbuild'])
    expect(packages).not.toContain(sdk);
});
