// The page of an installed app without a network, in a real browser.
import { describe, expect, test } from 'vitest';
import { browserMissing } from '../browser.ts';
import { eventually, phone } from './visitor.ts';
import { PROMPT, useVisits } from './visits.ts';
import { findViolations } from './violations.ts';

describe.skipIf(browserMissing)('without a network', { timeout: 120_000 }, () => {
  const visits = useVisits();

  test('there is a page that says so, holds nothing, and goes in by itself with the code that was not spent', async () => {
    const ann = await visits.arrive('', phone);
    await ann.page.evaluate(async () => void (await navigator.serviceWorker.ready));
    const context = ann.page.context();
    await context.setOffline(true);
    const spent = visits.site.asked.length;
    await ann.page.goto('about:blank');
    await ann.page.goto(visits.site.page('?s=signed#one-time-code'));
    const title = () => ann.page.locator('h1').textContent();
    await eventually(title).toBe('Sam cannot be reached from here');
    expect(ann.page.url()).toBe(visits.site.page('?s=signed#one-time-code'));
    expect(await ann.page.content()).not.toMatch(/api-412|acme|ws-/);
    expect(await findViolations(ann)).toEqual([]);
    await context.setOffline(false);
    await ann.sees(PROMPT);
    expect(visits.site.asked.slice(spent)[0]?.code).toBe('one-time-code');
  });
});
