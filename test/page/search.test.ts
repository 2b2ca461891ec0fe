// The search through what was printed, in a real browser.
import { describe, expect, test } from 'vitest';
import { browserMissing } from '../browser.ts';
import { eventually, phone, type Visitor } from './visitor.ts';
import { useVisits } from './visits.ts';

const count = ({ page }: Visitor) => eventually(() => page.locator('#search .count').textContent());
const isFocused = ({ page }: Visitor, selector: string) =>
  eventually(() => page.evaluate((which) => document.activeElement?.matches(which), selector));

describe.skipIf(browserMissing)('the search', { timeout: 120_000 }, () => {
  const { arrive } = useVisits();

  test('finds what has scrolled away, by the keyboard alone, and gives the keyboard back', async () => {
    const ann = await arrive();
    const { keyboard } = ann.page;
    await ann.run('for i in 1 2 3; do echo needle $i; seq 200; done; clear -x; echo Needle; echo end');
    await ann.sees(/^end$/m);
    await keyboard.press('Control+Shift+F');
    await isFocused(ann, '#search input').toBe(true);
    await keyboard.type('needle ');
    // The command itself has the word as well.
    await count(ann).toBe('1 of 4');
    await ann.sees(/^needle 1$/m);
    for (const now of ['2', '3']) {
      await keyboard.press('Enter');
      await count(ann).toBe(`${now} of 4`);
    }
    await ann.sees(/^needle 2$/m);
    await keyboard.press('Shift+Enter');
    await count(ann).toBe('2 of 4');
    await ann.sees(/^needle 1$/m);
    await keyboard.press('ControlOrMeta+A');
    await keyboard.type('no such thing');
    await count(ann).toBe('nothing');
    await keyboard.press('Escape');
    expect(await ann.page.locator('#search').isVisible()).toBe(false);
    await isFocused(ann, '.xterm-helper-textarea').toBe(true);
    await ann.run('echo back-$((1+1))');
    await ann.sees('back-2');
  });

  test('matches case where that is wanted', async () => {
    const ann = await arrive();
    await ann.run('clear; printf "%s\\n" Hay hay HAY');
    await ann.sees(/^HAY$/m);
    await ann.page.keyboard.press('Control+Shift+F');
    await ann.page.keyboard.type('hay\n');
    await count(ann).toMatch(/of 3$/);
    await ann.page.getByRole('button', { name: 'Aa: match case' }).click();
    await count(ann).toMatch(/of 1$/);
  });

  test('on a phone it is found in the help, and fits', async () => {
    const ann = await arrive('', phone);
    await ann.page.getByRole('button', { name: 'Settings and keys' }).tap();
    await ann.page.getByRole('dialog').getByRole('button', { name: 'Find', exact: true }).tap();
    await isFocused(ann, '#search input').toBe(true);
    const box = await ann.page.locator('#search').boundingBox();
    expect(box?.x).toBeGreaterThanOrEqual(0);
    expect((box?.x ?? 0) + (box?.width ?? 999)).toBeLessThanOrEqual(390);
  });
});
