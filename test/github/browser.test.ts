// From the card that everyone can read into a shell, in a real browser through the sign-in; and who does not get there.
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { browserMissing, launchBrowser } from '../browser.ts';
import { eventually, visit, type Visitor } from '../page/visitor.ts';
import { startGitHub, type GitHub } from '../testers/github.ts';

describe.skipIf(browserMissing)('the link on the card', { timeout: 120_000 }, () => {
  let browser: Browser;
  let context: GitHub;
  let link: string;
  let visitors: Visitor[] = [];
  beforeAll(async () => {
    browser = await launchBrowser();
    context = await startGitHub();
    await context.say('@sam workspace');
    const [card] = context.github.commentsOn(context.pull).filter(({ byApp }) => byApp);
    link = /\[Open terminal\]\(([^)]+)\)/.exec(card?.body ?? '')?.[1] ?? 'there is no link';
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await context?.[Symbol.asyncDispose]();
  });
  afterEach(async () => {
    const complaints = visitors.flatMap((visitor) => visitor.complaints);
    await Promise.all(visitors.map((visitor) => visitor.leave()));
    visitors = [];
    expect(complaints).toEqual([]);
  });

  /** In a browser of their own, who they are on GitHub being known there. */
  async function follow(login: string): Promise<Visitor> {
    context.github.signedInAs(login);
    const visitor = await visit(browser, link);
    visitors.push(visitor);
    await visitor.page.getByRole('link', { name: 'Sign in with GitHub', exact: true }).click();
    return visitor;
  }
  const headingOf = ({ page }: Visitor) => eventually(() => page.locator('h1').last().textContent());

  test('signs its owner in and lands in the terminal of the pull request', async () => {
    const bob = await follow('bob');
    await bob.isIn('Connected');
    expect(bob.page.url()).toBe(link);
    await bob.sees(/[$#]\s*$/);
    await bob.run('git log -1 --format=%H; git branch --show-current');
    await bob.sees(context.pull.head?.sha ?? '');
    await bob.sees(/^fix-login$/m);
  });

  test('is the same 404 for a stranger, and for whoever else may write there, as one that leads nowhere', async () => {
    for (const login of ['eve', 'ada']) await headingOf(await follow(login)).toBe('No such workspace');
  });

  test('is that 404 for its owner too, once they may not write to the repository any more', async () => {
    context.github.addCollaborator('acme/api', 'bob', 'read');
    // What was asked a moment ago counts for a minute.
    await context.sam.restart();
    await headingOf(await follow('bob')).toBe('No such workspace');
    context.github.addCollaborator('acme/api', 'bob', 'write');
    await context.sam.restart();
  });

  test('says so while GitHub cannot be asked, and nobody saw their right lately', async () => {
    context.github.fail('GET', '/repos/acme/api/collaborators/*', { status: 502, times: Infinity });
    await context.sam.restart();
    const bob = await follow('bob');
    await eventually(() => bob.page.locator('#screen').textContent()).toContain('GitHub does not answer');
    context.github.mend();
    await context.sam.restart();
  });
});
