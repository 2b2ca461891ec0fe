// What axe finds in each state of the page, on a desktop in both colours and on a phone: nothing.
import { beforeEach, describe, expect, test } from 'vitest';
import type { BrowserContextOptions } from 'playwright-core';
import { browserMissing } from '../browser.ts';
import { findViolations } from './violations.ts';
import { grantless, type Site } from './site.ts';
import { desktop, eventually, phone } from './visitor.ts';
import { useVisits } from './visits.ts';

const light: BrowserContextOptions = { ...desktop, colorScheme: 'light' };

describe.skipIf(browserMissing)('axe finds nothing to complain of', { timeout: 240_000 }, () => {
  const visits = useVisits();
  let site: Site;
  beforeEach(() => void ({ site } = visits));
  const { arrive, open } = visits;
  const devices = [
    ['a desktop', desktop],
    ['a desktop in light colours', light],
    ['a phone', phone],
  ] as const;

  test.each(devices)('in the terminal, its dialogs and its notices, on %s', async (_, device) => {
    const ann = await arrive('', device);
    const { page } = ann;
    const check = async (state: string) => expect(await findViolations(ann), state).toEqual([]);
    const press = (name: string) => page.getByRole('button', { name, exact: true }).first().click();
    await ann.run('ls --color=always /; echo done-$((1+1))');
    await ann.sees('done-2');
    await ann.run(String.raw`printf '\e]2;a title\a\e]52;c;aGVsbG8=\a'`);
    await page.locator('#offer').getByText('hello').waitFor();
    await check('one terminal, a title, and an offer');
    await press('New terminal');
    await eventually(() => page.getByRole('tab').count()).toBe(2);
    await page.getByRole('tab').first().click();
    await check('two terminals');
    await page.getByRole('tab').first().press('F2');
    await page.getByRole('textbox', { name: 'Name of the terminal' }).waitFor();
    await check('a tab that is being renamed');
    await page.keyboard.press('Escape');
    await press('Settings and keys');
    await check('the help');
    await page.keyboard.press('Escape');
    await page.locator('.pane:not([hidden]) .xterm-helper-textarea').focus();
    await page.keyboard.press('Control+Shift+F');
    await page.keyboard.type('done');
    await check('the search');
    await page.keyboard.press('Escape');
    await page.getByRole('tab').first().press('Delete');
    await page.getByRole('dialog').waitFor();
    await check('a question');
    await page.keyboard.press('Escape');
    await page.locator('.pane:not([hidden]) .xterm-helper-textarea').focus();
    await ann.run('exit 3');
    await page.getByText('Exited with code 3.').waitFor();
    await check('a session that ended');
    if (device !== phone) return;
    await page.locator('#keys').getByRole('button', { name: 'Copy', exact: true }).tap();
    await page.getByRole('dialog').waitFor();
    await check('the text of the terminal');
  });

  test.each(devices)('while the connection is away, on %s', async (_, device) => {
    const ann = await arrive('', device);
    site.isDown = true;
    site.cut();
    await ann.isIn('Reconnecting');
    await ann.page.locator('.pane:not([hidden]) .xterm-helper-textarea').focus();
    await ann.page.keyboard.type('x');
    await ann.page.getByText('Not connected: what you type is not sent.').waitFor();
    expect(await findViolations(ann)).toEqual([]);
    const late = await open('', device);
    await eventually(() => late.page.locator('#screen').textContent()).toContain('Trying again');
    expect(await findViolations(late)).toEqual([]);
  });

  test.each(devices)('on each screen that says why there is no terminal, on %s', async (_, device) => {
    const refusals: [number, string, object][] = [
      [401, 'sign-in-required', { signIn: '/login/github' }],
      [401, 'sign-in-ended', { command: 'open', phase: 'running' }],
      [404, 'not-found', { command: 'list' }],
      [410, 'code-spent', { command: 'open api-412', trigger: '/box' }],
      [409, 'not-running', { command: 'start api-412', phase: 'stopped' }],
      [403, 'wrong-origin', { address: 'https://sam.example.com' }],
      [400, 'broken', {}],
    ];
    for (const [status, error, more] of refusals) {
      site.answerTickets(grantless(status, error, more));
      const ann = await open('#code', device);
      await ann.page.locator('#screen h1').waitFor();
      expect(await findViolations(ann), error).toEqual([]);
    }
  });

  test.each(devices)('on each screen that says how the workspace stands, on %s', async (_, device) => {
    const failure = { class: 'configuration', message: 'It broke.' } as const;
    const log = Array.from({ length: 30 }, (__, at) => `clone  line ${at}`);
    site.tell({ phase: 'stopped', refused: 'You may not `start` it.' });
    const ann = await open('', device);
    const titles = {
      stopped: 'was stopped',
      preparing: 'getting ready',
      failed: 'failed',
      stopping: 'being stopped',
      deleting: 'being deleted',
    } as const;
    for (const [phase, title] of Object.entries(titles)) {
      site.tell({ phase: phase as keyof typeof titles, log, failure });
      await eventually(() => ann.page.locator('#screen h1').textContent()).toContain(title);
      expect(await findViolations(ann), phase).toEqual([]);
    }
  });
});
