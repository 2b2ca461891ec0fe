// The keys that a phone has beside its own, and its two fingers, in a real browser.
import { beforeEach, describe, expect, test } from 'vitest';
import { browserMissing } from '../../browser.ts';
import { phone, type Visitor } from '../visitor.ts';
import { useVisits } from '../visits.ts';

describe.skipIf(browserMissing)('the key bar of a phone', { timeout: 120_000 }, () => {
  const { arrive } = useVisits();
  let ann: Visitor;
  beforeEach(async () => {
    ann = await arrive('', phone);
    await ann.page.locator('.pane:not([hidden])').tap();
  });
  const key = (name: string) => ann.page.locator('#keys').getByRole('button', { name, exact: true });

  test('Alt on the bar goes before the next key, and with Ctrl also to an arrow', async () => {
    await ann.run('cat -v');
    await key('Alt, for the next key').tap();
    await ann.page.keyboard.type('bb');
    await key('Alt, for the next key').tap();
    await key('Ctrl, for the next key').tap();
    await key('Left').tap();
    await key('Right').tap();
    await ann.page.keyboard.press('Enter');
    await ann.sees('^[bb^[[1;7D^[[C');
    await ann.page.keyboard.press('Control+c');
  });

  test('tapped twice it is held for every key, until it is tapped again', async () => {
    await ann.run('cat -v');
    await key('Alt, for the next key').tap();
    await key('Alt, for the next key').tap();
    await ann.page.keyboard.type('xy');
    await key('Left').tap();
    await key('Alt, held').tap();
    await ann.page.keyboard.type('z\n');
    await ann.sees('^[x^[y^[[1;3Dz');
    expect(await ann.page.locator('#keys [aria-pressed=true]').count()).toBe(0);
    await ann.page.keyboard.press('Control+c');
  });

  test('nothing keeps two fingers from zooming, or from zooming out again', async () => {
    const kept = await ann.page.evaluate(() =>
      [document.body, ...document.querySelectorAll('body *')]
        .map((element) => getComputedStyle(element).touchAction)
        .filter((action) => !/auto|manipulation|pinch-zoom/.test(action)),
    );
    expect(kept).toEqual([]);
    const viewport = await ann.page.locator('meta[name=viewport]').getAttribute('content');
    expect(viewport).not.toMatch(/maximum-scale|user-scalable/);
  });

  test('Find on the bar opens the search', async () => {
    await ann.run('echo needle');
    await key('Find').tap();
    await ann.page.keyboard.type('needle');
    await ann.page.locator('#search .count').getByText('of 2').waitFor();
  });
});
