// Several people on one workspace: who is there and who types, and the page of somebody who only looks on.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { browserMissing, launchBrowser } from '../browser.ts';
import { startSite, type Guest, type Site } from '../page/site.ts';
import { findViolations } from '../page/violations.ts';
import { desktop, eventually, phone, visit, type Visitor } from '../page/visitor.ts';

const SHOTS = process.env['SCREENSHOTS'];

describe.skipIf(browserMissing)('several people', { timeout: 120_000 }, () => {
  let browser: Browser;
  let site: Site;
  let ada: Visitor;
  beforeAll(async () => void (browser = await launchBrowser()));
  afterAll(() => browser?.close());
  beforeEach(async () => {
    site = await startSite();
    ada = await visit(browser, site.page());
    await ada.isIn('Connected');
    await ada.sees('api-412 $');
  });
  afterEach(async () => {
    const { complaints } = ada;
    await ada.leave();
    await site.close();
    expect(complaints).toEqual([]);
  });

  const arrive = async (guest: Guest, device?: BrowserContextOptions): Promise<Visitor> => {
    site.letIn(guest);
    const visitor = await visit(browser, site.page(), device);
    await visitor.isIn('Connected');
    return visitor;
  };
  const company = (visitor: Visitor): Promise<string[]> =>
    visitor.page.locator('#company li').allTextContents();
  const shoot = async (visitor: Visitor, name: string): Promise<void> => {
    if (SHOTS) await visitor.page.screenshot({ path: `${SHOTS}/${name}.png` });
  };

  test('everybody sees who is there, and who types; it is said once who came and who left, and never a key', async () => {
    const bob = await arrive({ name: 'bob', may: 'drive' });
    await eventually(() => company(ada)).toEqual(['bob']);
    await eventually(() => company(bob)).toEqual(['ada']);
    expect(await ada.page.locator('#came').textContent()).toBe('');
    const eve = await arrive({ name: 'eve', may: 'view' });
    await eventually(() => company(ada)).toEqual(['bob', 'eve looks on']);
    await eventually(() => ada.page.locator('#came').textContent()).toBe('eve came.');
    await bob.sees('api-412 $');
    await bob.page.locator('.pane:not([hidden]) .xterm-helper-textarea').focus();
    await bob.page.keyboard.type('echo by-bob');
    await eventually(() => company(ada)).toEqual(['bob types', 'eve looks on']);
    await shoot(ada, 'company-desktop');
    expect(await findViolations(ada)).toEqual([]);
    expect(await ada.page.locator('#came').textContent()).toBe('eve came.');
    await eventually(() => company(ada)).toEqual(['bob', 'eve looks on']);
    await eve.leave();
    await eventually(() => ada.page.locator('#came').textContent()).toBe('eve left.');
    await bob.leave();
    await eventually(() => ada.page.locator('#company').isVisible()).toBe(false);
  });

  test.each([
    ['a desktop', desktop],
    ['a phone', phone],
  ] as const)(
    'who looks on sees all, has nothing to type with, and no key of theirs is an error, on %s',
    async (where, device) => {
      const eve = await arrive({ name: 'eve', may: 'view' }, device);
      const { page } = eve;
      await ada.run('echo by-$((40+2))');
      await eve.sees('by-42');
      await eventually(() => page.locator('#share').textContent()).toMatch(/^Looking on/);
      for (const part of ['#new', '#profiles', '#keys', '.tab .close']) {
        expect(await page.locator(part).count(), part).toBeGreaterThan(0);
        expect(await page.locator(part).first().isVisible(), part).toBe(false);
      }
      await page.locator('.pane:not([hidden]) .xterm-helper-textarea').focus();
      await page.keyboard.type('echo by-eve');
      await page.keyboard.press('Enter');
      await page.keyboard.press('Control+Shift+Enter');
      await page.getByRole('tab').first().press('Delete');
      await page.getByRole('tab').first().press('F2');
      await page.keyboard.press('Escape');
      await ada.run('echo again-$((40+2))');
      await eve.sees('again-42');
      expect(await eve.screen()).not.toContain('by-eve');
      expect(await page.getByRole('tab').count()).toBe(1);
      expect(await page.locator('#notice').isVisible()).toBe(false);
      expect(await findViolations(eve)).toEqual([]);
      await shoot(eve, `looking-${where.split(' ')[1]}`);
      expect(eve.complaints).toEqual([]);
      await eve.leave();
    },
  );

  test('where no terminal is open who looks on opens none, and sees the first that somebody opens', async () => {
    await ada.run('exit');
    await ada.page.getByRole('button', { name: 'Close', exact: true }).click();
    const eve = await arrive({ name: 'eve', may: 'view' });
    await eventually(() => eve.page.locator('#empty').isVisible()).toBe(true);
    expect(site.terminals.sessions('ws-abcdefghij23')).toEqual([]);
    await ada.page.getByRole('button', { name: 'New terminal' }).click();
    await eve.sees('api-412 $');
    expect(await eve.page.locator('#empty').isVisible()).toBe(false);
    await eve.leave();
  });

  test('when it is shared no more the page says so, and the owner notices nothing but that they left', async () => {
    const bob = await arrive({ name: 'bob', may: 'drive' });
    await bob.sees('api-412 $');
    site.endShares();
    await bob.page.getByRole('heading', { name: 'It is shared with you no more' }).waitFor();
    expect(await findViolations(bob)).toEqual([]);
    await shoot(bob, 'over-desktop');
    await ada.run('echo still-$((1+1))');
    await ada.sees('still-2');
    await ada.isIn('Connected');
    await bob.leave();
  });

  test('who looked on and may type now types, without doing anything for it', async () => {
    const bob = await arrive({ name: 'bob', may: 'view' });
    await bob.sees('api-412 $');
    site.letIn({ name: 'bob', may: 'drive' });
    site.cut();
    await eventually(() => bob.page.locator('#new').isVisible()).toBe(true);
    await bob.page.locator('.pane:not([hidden]) .xterm-helper-textarea').focus();
    await bob.run('echo by-bob-$((1+1))');
    await bob.sees('by-bob-2');
    await bob.leave();
  });
});
