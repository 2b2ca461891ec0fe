// A person's own page, reached as the console shows the way to it.
import { expect } from 'vitest';
import type { Sam } from './sam.ts';

/** The browser of whoever follows the link that `connect claude` shows. */
export async function openSettings(sam: Sam) {
  const said = await sam.say('connect claude');
  expect(said).toContain('Your own page, for your keys; the link works once, within 5 minutes:');
  const { origin, hash } = new URL(/^http.*\/settings#\S+$/m.exec(sam.shown())![0]);
  const taken = await fetch(`${origin}/settings/code`, {
    method: 'POST',
    headers: { origin },
    body: hash.slice(1),
  });
  const cookie = taken.headers.get('set-cookie')!.split(';')[0]!;
  return (method: string, path: string, json?: object) =>
    fetch(`${origin}${path}`, {
      method,
      headers: { origin, cookie, 'content-type': 'application/json' },
      ...(json && { body: JSON.stringify(json) }),
    });
}
