// A person's own pages in a browser, on a desktop and on a phone: what axe finds, and that nothing is cut off.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startSession } from '../../bot/access/people/sessions.ts';
import { browserMissing, launchBrowser } from '../browser.ts';
import { findViolations } from '../page/violations.ts';
import { desktop, phone, visit } from '../page/visitor.ts';
import { until } from '../until.ts';
import { startPrograms, type Programs } from './programs.ts';

describe.skipIf(browserMissing)('in a browser', { timeout: 240_000 }, () => {
  let browser: Browser;
  let all: Programs;
  beforeAll(async () => {
    browser = await launchBrowser();
    all = await startPrograms({ env: { ADMINS: 'bob' } });
    const bob = await all.programOf('bob');
    const { id } = (await bob('POST /api/workspaces', { json: { repository: 'acme/api' } })).body;
    await until(async () => (await bob(`GET /api/workspaces/${id}`)).body.phase === 'running');
  }, 240_000);
  afterAll(async () => {
    await browser?.close();
    await all?.[Symbol.asyncDispose]();
  });

  test.each([
    ['a desktop', desktop],
    ['a desktop in dark colours', { ...desktop, colorScheme: 'dark' as const }],
    ['a phone', phone],
  ])('they are readable and reachable on %s', async (_, device) => {
    const { url } = all.context.sam.bot;
    const { secret } = await startSession(all.database.db, await all.userOf('bob'));
    const cookie = { name: 'sam', value: secret, domain: new URL(url).hostname, path: '/' };
    const flags = { expires: -1, httpOnly: true, secure: false, sameSite: 'Lax' as const };
    const storageState = { cookies: [{ ...cookie, ...flags }], origins: [] };
    for (const page of ['', '/workspaces', '/access', '/me', '/house']) {
      const bob = await visit(browser, `${url}/settings${page}`, { ...device, storageState });
      await bob.page.getByRole('heading', { level: 1 }).waitFor();
      expect(await findViolations(bob), page).toEqual([]);
      const isCut = await bob.page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
      expect(isCut, `${page} is wider than the screen`).toBe(false);
      expect(bob.complaints).toEqual([]);
      await bob.leave();
    }
  });
});
