// What axe finds in the states that tabs, files and fingers bring, on a desktop in both colours and on a phone: nothing.
import { expect, describe, test } from 'vitest';
import { browserMissing } from '../../browser.ts';
import { findViolations } from '../violations.ts';
import { desktop, eventually, phone, type Visitor } from '../visitor.ts';
import { PROMPT, useVisits } from '../visits.ts';

describe.skipIf(browserMissing)('axe finds nothing to complain of', { timeout: 240_000 }, () => {
  const visits = useVisits();
  const devices = [
    ['a desktop', desktop],
    ['a desktop in light colours', { ...desktop, colorScheme: 'light' }],
    ['a phone', phone],
  ] as const;

  test.each(devices)('in menus, marks, transfers and questions, on %s', async (_, device) => {
    visits.site.marksPrompts = true;
    const ann = await visits.arrive('', device);
    const { page } = ann;
    const check = async (state: string) => expect(await findViolations(ann), state).toEqual([]);
    await ann.run('false');
    await page.locator('.exit.bad').waitFor();
    await check('the bar of a command that failed');
    await page.getByRole('button', { name: 'Terminals and files' }).click();
    await page.getByRole('menuitem').first().waitFor();
    await check('the menu');
    await page.getByRole('menuitem', { name: 'Shell' }).click();
    await eventually(() => page.getByRole('tab').count()).toBe(2);
    await ann.sees(PROMPT);
    await page.getByRole('tab').first().dispatchEvent('contextmenu', { clientX: 40, clientY: 20 });
    await page.getByRole('menuitem', { name: 'Move right' }).waitFor();
    await check('the menu of a tab');
    await page.getByRole('menuitem', { name: 'Move right' }).click();
    await page.locator('#notice').getByText('is tab 2 of 2').waitFor();
    await check('a tab that was moved');
    await markAll(ann);
    await check('tabs with marks');
    await page.locator('.pane:not([hidden]) .xterm-helper-textarea').focus();
    await showTransfer(ann);
    await check('a file on its way');
    await page.getByRole('button', { name: 'Stop: Uploading large' }).click();
    await ann.run(`printf '\\e]7717;download;L2V0Yy9ob3N0bmFtZQ==\\a'`);
    await page.locator('#offer').getByText('/etc/hostname').waitFor();
    await check('a file that is offered');
    if (device !== phone) return;
    await page.evaluate(() => {
      navigator.clipboard.readText = () => Promise.reject(new Error('no'));
    });
    await page.locator('#keys').getByRole('button', { name: 'Paste', exact: true }).tap();
    await page.getByRole('textbox', { name: 'Paste it here' }).waitFor();
    await check('a field to paste into');
  });

  async function markAll({ page }: Visitor): Promise<void> {
    await page.evaluate(() => {
      const tab = document.querySelector('.tab:not([aria-selected=true])');
      tab?.classList.add('news', 'bell', 'done', 'failed');
    });
  }

  /** Nothing of it leaves the page: it stays. */
  async function showTransfer({ page }: Visitor): Promise<void> {
    await page.locator('.pane:not([hidden]) .xterm-screen').evaluate((screen) => {
      const send = Reflect.get(WebSocket.prototype, 'send') as (data: unknown) => void;
      WebSocket.prototype.send = function (data) {
        if (!(data instanceof Uint8Array && data[0] === 3)) send.call(this, data);
      };
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File(['x'.repeat(100_000)], 'large'));
      screen.dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer }));
    });
    await page.getByRole('button', { name: 'Stop: Uploading large' }).waitFor();
  }
});
