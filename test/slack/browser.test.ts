// From Slack into a real browser: the link of a press opens a shell, and the page that connects accounts works there.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { browserMissing, launchBrowser } from '../browser.ts';
import { eventually, visit } from '../page/visitor.ts';
import { startSlack, type Slack } from '../testers/slack.ts';

describe.skipIf(browserMissing)('in a browser', { timeout: 120_000 }, () => {
  let browser: Browser;
  let context: Slack;
  beforeAll(async () => {
    browser = await launchBrowser();
    context = await startSlack({ withoutLinks: true });
  });
  afterAll(async () => {
    await browser?.close();
    await context?.[Symbol.asyncDispose]();
  });

  const linkNow = (): string =>
    /<(http[^|>]+)\|/.exec(
      JSON.stringify(context.slack.seenBy(context.people.bob, context.dev).at(-1)!.blocks),
    )![1]!;

  test('a stranger connects, what they said goes on, and a press opens the terminal', async () => {
    await context.say('up acme/api');
    context.github.signedInAs('bob');
    const connecting = await visit(browser, linkNow());
    await connecting.page.getByRole('button', { name: 'Connect bob with bob' }).click();
    await eventually(() => connecting.page.locator('h1').textContent()).toBe('Connected');
    expect(new URL(connecting.page.url()).pathname).toBe('/connect');
    expect(connecting.page.url()).not.toContain('#');
    await connecting.leave();
    await context.settle();

    await context.press('Open terminal', context.card());
    const link = linkNow();
    const bob = await visit(browser, link);
    await bob.isIn('Connected');
    await bob.sees(/api.*[$#]\s*$/);
    await bob.run('echo $((6*7))');
    await bob.sees(/^42$/m);
    const second = await visit(browser, link);
    await eventually(() => second.page.locator('#screen h1').textContent()).not.toBe('');
    expect(await second.page.locator('#screen code').textContent()).toContain('open');
    expect([...connecting.complaints, ...bob.complaints, ...second.complaints]).toEqual([]);
    await Promise.all([bob.leave(), second.leave()]);
  });
});
