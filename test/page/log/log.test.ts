// The log of a making on the page, in a real browser: live, in steps that fold, searched, copied, and with what came before.
import { beforeEach, describe, expect, test } from 'vitest';
import { browserMissing } from '../../browser.ts';
import { findViolations } from '../violations.ts';
import type { Site } from '../site.ts';
import { eventually, phone, type Visitor } from '../visitor.ts';
import { useVisits } from '../visits.ts';

const visits = useVisits();
const { arrive, open } = visits;
let site: Site;
beforeEach(() => void ({ site } = visits));

const LOG = [
  'clone Receiving objects: 98%',
  'clone Resolving deltas: done',
  'build Step 1/2 : FROM debian',
  'build \u001b[31mE: no package\u001b[0m \u001b]0;a title\u0007here\u202e\u001b[2J',
  'hooks npm ci',
];
const lines = ({ page }: Visitor) => page.locator('.making .line');
const steps = ({ page }: Visitor) =>
  page.locator('.making summary').evaluateAll((all) =>
    all.map((one) => {
      const text = (name: string) => one.querySelector(name)?.textContent ?? '';
      const isOpen = (one.parentElement as HTMLDetailsElement).open;
      return `${isOpen ? 'v' : '>'} ${text('.title')}${text('.said')}`;
    }),
  );
const times = ({ page }: Visitor) => page.locator('.making .time').allTextContents();

describe.skipIf(browserMissing)('the log of a making', { timeout: 120_000 }, () => {
  test('grows while somebody looks: the step that is under way is open, those before it have their times', async () => {
    site.tell({ phase: 'preparing', log: LOG.slice(0, 2) });
    const ann = await open();
    await eventually(() => steps(ann)).toEqual(['v Clone (under way)']);
    site.tell({ log: LOG });
    await eventually(() => steps(ann)).toEqual([
      '> Clone (done)',
      '> Build the image (done)',
      'v Lifecycle commands (under way)',
    ]);
    expect((await times(ann)).slice(0, 2)).toEqual(['2.0 s', '2.0 s']);
    site.tell({ phase: 'failed' });
    await eventually(async () => (await steps(ann)).at(-1)).toBe('v Lifecycle commands (failed)');
    expect(await lines(ann).count()).toBe(5);
  });

  test('folds and unfolds by key as somebody wants it, and stays so while more comes', async () => {
    site.tell({ phase: 'preparing', log: LOG });
    const ann = await open();
    const build = ann.page.locator('.making summary', { hasText: 'Build the image' });
    await build.focus();
    await ann.page.keyboard.press('Enter');
    await eventually(async () => (await steps(ann))[1]).toBe('v Build the image (done)');
    site.tell({ log: [...LOG, 'hooks added 3 packages', 'start here'] });
    await eventually(() => steps(ann)).toEqual([
      '> Clone (done)',
      'v Build the image (done)',
      '> Lifecycle commands (done)',
      'v Start (under way)',
    ]);
    expect(await build.evaluate((element) => element === document.activeElement)).toBe(true);
  });

  test('shows colours, and nothing else that a program says to a terminal', async () => {
    site.tell({ phase: 'failed', log: LOG });
    const ann = await open();
    const line = lines(ann).nth(3);
    await eventually(() => line.textContent()).toBe('E: no package here');
    expect(await line.locator('.c1').textContent()).toBe('E: no package');
  });
});

describe.skipIf(browserMissing)('whoever reads the log of a making', { timeout: 120_000 }, () => {
  test('searches it: matches are counted, gone through by Enter, and unfolded', async () => {
    site.tell({ phase: 'failed', log: LOG });
    const ann = await open();
    const field = ann.page.getByRole('searchbox', { name: 'Find in the log' });
    await field.fill('RE');
    const count = ann.page.locator('.log-tools .count');
    await eventually(() => count.textContent()).toBe('3 found');
    await field.press('Enter');
    await eventually(() => count.textContent()).toBe('1 of 3');
    expect((await steps(ann))[0]).toBe('v Clone (done)');
    expect(await ann.page.locator('.line.current').textContent()).toBe('Receiving objects: 98%');
    await field.press('Shift+Enter');
    await eventually(() => ann.page.locator('.line.current').textContent()).toBe('E: no package here');
    await field.fill('nowhere');
    await eventually(() => count.textContent()).toBe('nothing');
  });

  test('copies it whole, without colours', async () => {
    site.tell({ phase: 'failed', log: LOG });
    const ann = await open();
    await ann.page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await ann.page.locator('.log-tools').getByRole('button', { name: 'Copy' }).click();
    await eventually(() => ann.page.evaluate(() => navigator.clipboard.readText())).toBe(
      [
        '== Clone',
        'Receiving objects: 98%',
        'Resolving deltas: done',
        '== Build the image',
        'Step 1/2 : FROM debian',
        'E: no package here',
        '== Lifecycle commands',
        'npm ci',
      ].join('\n'),
    );
  });

  test('has what came before when they ask for it, page by page, above what was there', async () => {
    const older = Array.from({ length: 6 }, (_, at) => `clone older ${at + 1}`);
    site.tell({ phase: 'failed', log: LOG, older });
    const ann = await open();
    const more = ann.page.getByRole('button', { name: 'Show what came before' });
    await more.click();
    await eventually(() => lines(ann).count()).toBe(8);
    expect(await lines(ann).first().textContent()).toBe('older 4');
    await more.click();
    await eventually(() => lines(ann).count()).toBe(11);
    expect(await lines(ann).first().textContent()).toBe('older 1');
    await eventually(() => more.isVisible()).toBe(false);
    // What was the first step has become one with what was before it.
    expect((await steps(ann)).slice(0, 2)).toEqual(['> Clone (done)', '> Build the image (done)']);
  });

  test('reads on where they were when the connection was away: no line twice, none lost', async () => {
    site.tell({ phase: 'preparing', log: LOG.slice(0, 2) });
    const ann = await open();
    await eventually(() => lines(ann).count()).toBe(2);
    await ann.see('hidden');
    await eventually(() => site.listeners.size).toBe(0);
    site.tell({ log: LOG });
    await ann.see('visible');
    await eventually(() => lines(ann).count()).toBe(5);
    expect(await lines(ann).last().textContent()).toBe('npm ci');
  });

  test('has the newest 3,000 lines, and is at their end', async () => {
    site.tell({ phase: 'preparing', log: Array.from({ length: 3_010 }, (_, at) => `hooks line ${at}`) });
    const ann = await open();
    await eventually(() => lines(ann).count()).toBe(3_000);
    expect(await lines(ann).first().textContent()).toBe('line 10');
    expect(await ann.page.getByRole('button', { name: 'Show what came before' }).isVisible()).toBe(true);
    const log = ann.page.getByRole('log');
    const rest = () => log.evaluate((one) => one.scrollHeight - one.scrollTop - one.clientHeight);
    expect(await rest()).toBeLessThan(40);
  });

  test('of a workspace that runs finds it in the help', async () => {
    site.tell({ log: LOG });
    const ann = await arrive();
    await ann.page.getByRole('button', { name: 'Settings and keys' }).click();
    await ann.page.getByRole('button', { name: 'Log', exact: true }).click();
    await eventually(() => ann.page.getByRole('dialog').locator('.line').count()).toBeGreaterThan(0);
    expect(await findViolations(ann)).toEqual([]);
    await ann.page.keyboard.press('Escape');
    await eventually(() => ann.page.getByRole('dialog').count()).toBe(0);
  });

  test('on a phone sees nothing that is wider than the screen, and steps that are large enough for fingers', async () => {
    site.tell({ phase: 'preparing', log: [...LOG, `hooks ${'x'.repeat(400)}`] });
    const ann = await open('', phone);
    await eventually(() => lines(ann).count()).toBe(6);
    expect(await ann.page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    const heights = await ann.page
      .locator('.making summary')
      .evaluateAll((all) => all.map((one) => one.getBoundingClientRect().height));
    expect(Math.min(...heights)).toBeGreaterThanOrEqual(38);
    await ann.page.locator('.making summary', { hasText: 'Clone' }).tap();
    await eventually(async () => (await steps(ann))[0]).toBe('v Clone (done)');
  });
});
