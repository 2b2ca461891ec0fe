// What the page says where there is no terminal, in a real browser.
import { beforeEach, describe, expect, test } from 'vitest';
import { browserMissing } from '../browser.ts';
import { grantless, type Site } from './site.ts';
import { eventually, type Visitor } from './visitor.ts';
import { useVisits } from './visits.ts';

const heading = ({ page }: Visitor) => eventually(() => page.locator('#screen h1').textContent());

const visits = useVisits();
const { open } = visits;
let site: Site;
beforeEach(() => void ({ site } = visits));

describe.skipIf(browserMissing)('what the page says when there is no terminal', { timeout: 120_000 }, () => {
  test('a spent code: what happened, and the command for a new link', async () => {
    const spent = grantless(410, 'code-spent', { command: 'open api-412' });
    site.answerTickets(({ code }) => (code ? spent() : grantless(401, 'sign-in-required')()));
    const ann = await open('#spent');
    await heading(ann).toBe('This link was used already, or is too old');
    expect(await ann.page.locator('#screen code').textContent()).toBe('open api-412');
    expect(ann.page.url()).not.toContain('#');
  });

  test('a code that this browser spent before opens the terminal again', async () => {
    site.answerTickets(({ code }) => (code ? grantless(410, 'code-spent')() : undefined));
    const ann = await open('#spent');
    await ann.isIn('Connected');
    expect(site.asked.map(({ code }) => code)).toEqual(['spent', undefined]);
  });

  test('somebody who is not signed in gets one button, and comes back to this page', async () => {
    site.answerTickets(grantless(401, 'sign-in-required', { signIn: '/login/github?returnTo=%2Fw%2Fx' }));
    const ann = await open('?s=signed');
    await heading(ann).toBe('Sign in to open this terminal');
    const link = ann.page.getByRole('link', { name: 'Sign in with GitHub' });
    expect(await link.getAttribute('href')).toBe('/login/github?returnTo=%2Fw%2Fx');
  });

  test.each(['//evil.example', '/\\evil.example', 'https://evil.example', 'javascript:alert(1)'])(
    'an answer that names %s as the place to sign in leads nowhere',
    async (signIn) => {
      site.answerTickets(grantless(401, 'sign-in-required', { signIn }));
      const ann = await open();
      await heading(ann).toBe('Sign in to open this terminal');
      expect(await ann.page.locator('#screen a').count()).toBe(0);
    },
  );

  test('an unknown workspace and somebody else’s look the same', async () => {
    site.answerTickets(grantless(404, 'not-found'));
    const ann = await open();
    await heading(ann).toBe('No such workspace');
    expect(await ann.page.locator('#screen code').textContent()).toBe('list');
    await ann.isIn('Not connected');
  });

  test('a workspace that does not run: the command that starts it; then one button leads in', async () => {
    site.answerTickets(grantless(409, 'not-running', { command: 'start api-412', trigger: '/box' }));
    const ann = await open('#code');
    await heading(ann).toBe('The workspace is not running');
    expect(await ann.page.locator('#screen code').textContent()).toBe('/box start api-412');
    // By tickets alone: a page that hears that it runs goes in before anybody presses.
    site.answerTickets(() => undefined);
    await ann.page.getByRole('button', { name: 'Try again' }).click();
    await ann.isIn('Connected');
    expect(site.asked.map(({ code }) => code)).toEqual(['code', 'code']);
  });

  test('people of the console read commands as they type them there: without a trigger', async () => {
    site.answerTickets(grantless(409, 'not-running', { command: 'start api-412', trigger: '' }));
    const ann = await open();
    await heading(ann).toBe('The workspace is not running');
    expect(await ann.page.locator('#screen code').textContent()).toBe('start api-412');
  });
});

describe.skipIf(browserMissing)(
  'what the page does when there is no terminal here or yet',
  { timeout: 120_000 },
  () => {
    test('at another address of the bot: where it opens, with the code that is not spent', async () => {
      const elsewhere = site.page().replace('127.0.0.1', 'localhost').split('/w/')[0] ?? '';
      const refuse = grantless(403, 'wrong-origin', { address: elsewhere });
      site.answerTickets(() => refuse());
      const ann = await open('?s=signed#code');
      await heading(ann).toBe('Sam has another address');
      expect(await ann.page.locator('#screen p').textContent()).not.toContain('The bot says');
      expect(ann.page.url()).not.toContain('#');
      const link = ann.page.getByRole('link', { name: `Open it at ${elsewhere}` });
      const address = `${site.page('?s=signed#code').replace('127.0.0.1', 'localhost')}`;
      expect(await link.getAttribute('href')).toBe(address);
      site.answerTickets(({ code }) => (code === 'code' ? undefined : refuse()));
      const [before] = site.asked.splice(0);
      await ann.page.evaluate(() => document.querySelector<HTMLElement>('#screen a')?.click());
      await eventually(() => site.asked.at(-1)).toEqual(before);
    });

    test.each(['javascript:alert(1)', '//evil.example', ''])(
      'an address like %j is no link',
      async (address) => {
        site.answerTickets(grantless(403, 'wrong-origin', { address }));
        const ann = await open('#code');
        await heading(ann).toBe('Sam has another address');
        expect(await ann.page.locator('#screen a').count()).toBe(0);
      },
    );

    test('a workspace that is on its way: the page says so and goes in by itself', async () => {
      const message = 'api-412 is being prepared.';
      site.answerTickets(() => ({
        status: 409,
        body: { error: 'not-running', message, phase: 'preparing' },
      }));
      const ann = await open('#code');
      await eventually(() => ann.page.locator('#screen p').textContent()).toMatch(/being prepared.*in \d+ s/);
      site.answerTickets();
      await ann.isIn('Connected');
    });

    test('a bot that is away for a moment: the page waits, says for how long, and goes on by itself', async () => {
      site.answerTickets(grantless(503, 'unavailable'));
      const ann = await open('#code');
      await eventually(() => ann.page.locator('#screen p').textContent()).toMatch(/Trying again in \d+ s/);
      site.answerTickets();
      await ann.isIn('Connected');
      expect(site.asked.at(-1)?.code).toBe('code');
    });

    test('the words of the bot are text, whatever they contain', async () => {
      const message = '<img src=x onerror=alert(1)>';
      site.answerTickets(() => ({ status: 404, body: { error: 'not-found', message, command: message } }));
      const ann = await open();
      await heading(ann).toBe('No such workspace');
      expect(await ann.page.locator('#screen p').textContent()).toBe(message);
      expect(await ann.page.locator('#screen img').count()).toBe(0);
    });

    test('opening the page by GET, as previewers do, asks for no ticket', async () => {
      for (let visits = 0; visits < 10; visits++) expect((await fetch(site.page())).status).toBe(200);
      expect(site.asked).toEqual([]);
      const ann = await open();
      await ann.isIn('Connected');
    });
  },
);
