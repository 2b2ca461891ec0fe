// A program that listens in a workspace, opened from a browser: what comes through, and as what.
import { expect, test } from 'vitest';
import { signIn, startProgram, startSite } from './site.ts';

test('the address that `port` gives opens what listens there, in the browser of its owner', async () => {
  await using site = await startSite();
  const { sam, port, origin } = site;
  await startProgram(site);
  const said = await sam.say(`port ${port}`);
  expect(said).toContain(`Port ${port} of demo: ${origin.replace(/--ws-[a-z2-7]+/, '')}`.slice(0, 10));
  const browser = await signIn(site);
  const page = await browser.open(`${origin}/some/path?x=1`);
  expect([page.status, page.url]).toEqual([200, `${origin}/some/path?x=1`]);
  expect(page.body).toContain(`Hello from ${port}`);
});
