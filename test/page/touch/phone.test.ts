import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Browser } from 'playwright-core';
import { browserMissing, launchBrowser } from '../../browser.ts';
import { startSite, type Site } from '../site.ts';
import { desktop, phone, eventually, visit, type Visitor } from '../visitor.ts';

describe.skipIf(browserMissing)('the terminal on a phone', { timeout: 120_000 }, () => {
  let browser: Browser;
  let site: Site;
  let ann: Visitor;
  beforeAll(async () => void (browser = await launchBrowser()));
  afterAll(() => browser?.close());
  beforeEach(async () => {
    site = await startSite();
    ann = await visit(browser, site.page(), phone);
    await ann.isIn('Connected');
    await ann.sees('api-412 $');
    await ann.page.locator('.pane:not([hidden])').tap();
  });
  afterEach(async () => {
    const { complaints } = ann;
    await ann.leave();
    await site.close();
    expect(complaints).toEqual([]);
  });

  const key = (name: string) => ann.page.locator('#keys').getByRole('button', { name, exact: true });

  test('the key bar has the keys that the keyboard lacks; on a desktop there is none', async () => {
    const labels = await ann.page.locator('#keys button').allTextContents();
    expect(labels.join(' ')).toBe('Esc Tab ⇧Tab | ~ ↑ Find Paste Ctrl Alt / - ← ↓ → Copy');
    for (const button of await ann.page.locator('#keys button').all()) {
      const box = await button.boundingBox();
      expect((box?.x ?? 999) + (box?.width ?? 0)).toBeLessThanOrEqual(390);
      expect(Math.min(box?.width ?? 0, box?.height ?? 0)).toBeGreaterThan(32);
    }
    const [up, down] = [await key('Up').boundingBox(), await key('Down').boundingBox()];
    expect(up?.x).toBe(down?.x);
    const ben = await visit(browser, site.page(), desktop);
    await ben.isIn('Connected');
    expect(await ben.page.locator('#keys').isVisible()).toBe(false);
    await ben.leave();
  });

  test('each key is called by the word on it, and the bar lies in a landmark', async () => {
    for (const button of await ann.page.locator('#keys button').all()) {
      const word = /\w+/.exec((await button.textContent()) ?? '')?.[0] ?? '';
      expect(await button.getAttribute('aria-label')).toContain(word);
    }
    expect(await ann.page.getByRole('contentinfo').getByRole('toolbar').count()).toBe(1);
  });

  test('Ctrl on the bar and then c stops what runs', async () => {
    await ann.run('sleep 1000');
    await key('Ctrl, for the next key').tap();
    expect(await ann.page.locator('#keys [aria-pressed=true]').count()).toBe(1);
    await ann.page.keyboard.press('c');
    await ann.sees(/\^C/);
    await ann.run('echo c-$((1+1))');
    await ann.sees('c-2');
    expect(await ann.page.locator('#keys [aria-pressed=true]').count()).toBe(0);
  });

  test('the arrows of the bar bring the last command back, and signs are typed', async () => {
    await ann.run('echo a~b|tr b c');
    await ann.sees(/^a~c$/m);
    await ann.page.keyboard.type('clear');
    await ann.page.keyboard.press('Enter');
    await key('Up').tap();
    await key('Up').tap();
    await key('|').tap();
    await ann.run('tr a x');
    await ann.sees(/^x~c$/m);
  });

  test('what was printed can be read as text, to select and copy', async () => {
    await ann.run("printf '%s' {1..60}; echo; echo c-$((1+1))");
    await ann.sees('c-2');
    await key('Copy').tap();
    const text = ann.page.getByRole('dialog').locator('pre');
    // In one piece, though the screen had to wrap it.
    expect(await text.textContent()).toMatch(/12345678910.*585960\nc-2/);
    expect(await text.evaluate((pre) => getComputedStyle(pre).userSelect)).toBe('text');
    await ann.page.getByRole('button', { name: 'Close', exact: true }).tap();
    await ann.run('echo back-$((1+1))');
    await ann.sees('back-2');
  });

  test('Shift and Tab on the bar is what programs take for it', async () => {
    await ann.run('cat -v');
    await key('Shift+Tab').tap();
    await ann.page.keyboard.press('Enter');
    await ann.sees(/\^\[\[Z/);
    await key('Ctrl, for the next key').tap();
    await ann.page.keyboard.press('c');
  });

  test('a finger scrolls back through what was printed', async () => {
    await ann.run('seq 300; echo end');
    await ann.sees(/^end$/m);
    const session = await ann.page.context().newCDPSession(ann.page);
    const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', y?: number) =>
      session.send('Input.dispatchTouchEvent', { type, touchPoints: y === undefined ? [] : [{ x: 150, y }] });
    await touch('touchStart', 300);
    for (let y = 320; y <= 700; y += 20) await touch('touchMove', y);
    await touch('touchEnd');
    await eventually(ann.screen).not.toMatch(/^end$/m);
    expect(await ann.screen()).toMatch(/^2\d\d$/m);
  });

  test('nothing zooms in or sticks out: fields are 16 px, the page is as wide as the screen', async () => {
    const measured = await ann.page.evaluate(() => ({
      field: getComputedStyle(document.querySelector('.xterm-helper-textarea') ?? document.body).fontSize,
      width: document.documentElement.scrollWidth,
      app: document.getElementById('app')?.getBoundingClientRect().height,
    }));
    expect(measured).toEqual({ field: '16px', width: 390, app: 844 });
  });

  test('when the keyboard takes half of the screen, the terminal fits into the rest', async () => {
    const rows = () => site.terminals.sessions('ws-abcdefghij23')[0]?.rows ?? 0;
    await eventually(rows).toBeGreaterThan(35);
    await ann.page.setViewportSize({ width: 390, height: 450 });
    await eventually(rows).toBeLessThan(25);
    const bar = await ann.page.locator('#keys').boundingBox();
    expect((bar?.y ?? 0) + (bar?.height ?? 0)).toBe(450);
  });
});
