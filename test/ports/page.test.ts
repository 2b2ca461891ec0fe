// What listens in the workspace, as the page's bar names it, in a real browser.
import { describe, expect, test } from 'vitest';
import { browserMissing } from '../browser.ts';
import { WORKSPACE } from '../page/site.ts';
import { eventually } from '../page/visitor.ts';
import { useVisits } from '../page/visits.ts';

const visits = useVisits();

describe.skipIf(browserMissing)('the bar', { timeout: 120_000 }, () => {
  test('has a link to each port that listens, in a tab of its own, and not more than fit', async () => {
    visits.site.ports.push(3000, 5173, 8080, 9000);
    const ann = await visits.arrive();
    const links = ann.page
      .getByRole('navigation', { name: 'What listens in the workspace' })
      .getByRole('link');
    await eventually(() => links.allTextContents()).toEqual(['3000', '5173', '8080']);
    const [href, target] = [
      await links.first().getAttribute('href'),
      await links.first().getAttribute('target'),
    ];
    expect([href, target]).toEqual([`https://3000--${WORKSPACE}.ports.test/`, '_blank']);
  });

  test('has none of it where nothing listens', async () => {
    const ann = await visits.arrive();
    expect(await ann.page.locator('#ports').isHidden()).toBe(true);
  });
});
