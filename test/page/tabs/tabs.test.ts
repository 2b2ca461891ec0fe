// Tabs as people live with them: in their order, closed and begun again, in a real browser.
import { beforeEach, describe, expect, test } from 'vitest';
import { browserMissing } from '../../browser.ts';
import { WORKSPACE } from '../site.ts';
import { desktop, eventually, phone, type Visitor } from '../visitor.ts';
import { PROMPT, useVisits } from '../visits.ts';

const visits = useVisits();
const { arrive } = visits;

const tabs = ({ page }: Visitor) => page.getByRole('tab');
const names = (ann: Visitor) => ann.page.locator('.tab .label').allTextContents();
const press = ({ page }: Visitor, name: string) => page.getByRole('button', { name }).click();

async function open(ann: Visitor, count: number): Promise<void> {
  for (let at = 1; at < count; at++) {
    await press(ann, 'New terminal');
    await eventually(() => tabs(ann).count()).toBe(at + 1);
    await ann.sees(PROMPT);
  }
  await eventually(() => names(ann)).toEqual(Array.from({ length: count }, (_, at) => String(at + 1)));
}

describe.skipIf(browserMissing)('the order of tabs', { timeout: 120_000 }, () => {
  let ann: Visitor;
  beforeEach(async () => {
    ann = await arrive();
    await open(ann, 3);
  });

  test('is changed by dragging, and kept by the browser', async () => {
    await tabs(ann).nth(0).dragTo(tabs(ann).nth(2));
    await eventually(() => names(ann)).toEqual(['2', '3', '1']);
    await ann.page.reload();
    await ann.sees(PROMPT);
    await eventually(() => names(ann)).toEqual(['2', '3', '1']);
    await ann.page.keyboard.press('Alt+3');
    expect(await tabs(ann).nth(2).getAttribute('aria-selected')).toBe('true');
    // What was opened elsewhere comes behind.
    const ben = await arrive();
    await press(ben, 'New terminal');
    await eventually(() => names(ann)).toEqual(['2', '3', '1', '4']);
    expect(await names(ben)).toEqual(['1', '2', '3', '4']);
  });

  test('is changed by keys, which stay with the tab and say where it is', async () => {
    await ann.page.keyboard.press('Alt+0');
    await ann.page.keyboard.press('Control+Shift+ArrowLeft');
    await eventually(() => names(ann)).toEqual(['1', '3', '2']);
    expect(await ann.page.locator('#notice').textContent()).toBe('“3” is tab 2 of 3.');
    await ann.page.keyboard.press('Control+Shift+ArrowLeft');
    await ann.page.keyboard.press('Control+Shift+ArrowLeft');
    await eventually(() => names(ann)).toEqual(['3', '1', '2']);
    expect(await ann.page.evaluate(() => document.activeElement?.textContent)).toContain('3');
  });

  test('is changed by the menu of a tab, which can rename and close it as well', async () => {
    await tabs(ann).nth(0).click({ button: 'right' });
    const items = ann.page.getByRole('menuitem');
    expect(await items.allInnerTexts()).toEqual([
      expect.stringContaining('Rename'),
      expect.stringContaining('Move left'),
      expect.stringContaining('Move right'),
      expect.stringContaining('Close'),
    ]);
    await items.filter({ hasText: 'Move right' }).click();
    await eventually(() => names(ann)).toEqual(['2', '1', '3']);
    await tabs(ann).nth(1).click({ button: 'right' });
    await items.filter({ hasText: 'Rename' }).click();
    await ann.page.keyboard.type('build');
    await ann.page.keyboard.press('Enter');
    await eventually(() => names(ann)).toEqual(['2', 'build', '3']);
    await tabs(ann).nth(2).click({ button: 'right' });
    await ann.page.keyboard.press('Escape');
    expect(await items.count()).toBe(0);
    expect(await names(ann)).toEqual(['2', 'build', '3']);
  });
});

describe.skipIf(browserMissing)('a tab', { timeout: 120_000 }, () => {
  test('of a session that ended begins again where it was, of the same kind and by the same name', async () => {
    const ann = await arrive();
    await press(ann, 'Terminals and files');
    await ann.page.getByRole('menuitem', { name: 'Claude Code' }).click();
    await eventually(() => names(ann)).toEqual(['1', 'Claude']);
    await press(ann, 'New terminal');
    await eventually(() => tabs(ann).count()).toBe(3);
    await tabs(ann).nth(1).click();
    await ann.sees(PROMPT);
    await ann.run('exit 3');
    await ann.page.getByText('Exited with code 3.').waitFor();
    await press(ann, 'Start it again');
    await ann.sees(PROMPT);
    expect(await names(ann)).toEqual(['1', 'Claude', '2']);
    await ann.run('echo "profile:$PROFILE"');
    await ann.sees('profile:claude');
    expect(visits.site.terminals.sessions(WORKSPACE)).toHaveLength(3);
  });

  test('in which a shell waits closes at once; one in which something runs asks', async () => {
    visits.site.marksPrompts = true;
    const ann = await arrive();
    await ann.run('sleep 1000');
    await ann.page.keyboard.press('Alt+0');
    await ann.page.keyboard.press('Delete');
    await ann.page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    await ann.page.locator('dialog').waitFor({ state: 'detached' });
    await ann.page.keyboard.press('Control+c');
    await ann.run('sleep 1000 & echo bg-$((1+1))');
    await ann.sees(/bg-2\n(.*\n)?api-412 \$$/);
    await ann.page.keyboard.press('Alt+0');
    await ann.page.keyboard.press('Delete');
    await ann.page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    await ann.page.locator('dialog').waitFor({ state: 'detached' });
    await ann.run('kill %1; wait; clear');
    await ann.run('echo gone-$((1+1))');
    await ann.sees(/^gone-2\napi-412 \$$/m);
    await ann.page.keyboard.press('Alt+0');
    await ann.page.keyboard.press('Delete');
    await eventually(() => visits.site.terminals.sessions(WORKSPACE)).toEqual([]);
    expect(await ann.page.getByRole('dialog').count()).toBe(0);
  });

  test('of a shell that says nothing of the background asks, though it waits', async () => {
    const ann = await arrive();
    await ann.run(String.raw`sleep 1000 & clear; printf '\e]133;C\a\e]133;D;0\a\e]133;A\a'; echo said`);
    await ann.sees(/^said$/m);
    await ann.page.keyboard.press('Alt+0');
    await ann.page.keyboard.press('Delete');
    await ann.page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    expect(visits.site.terminals.sessions(WORKSPACE)).toHaveLength(1);
  });

  test('is held by a finger for its menu', async () => {
    const ann = await arrive('', phone);
    const box = (await tabs(ann).first().boundingBox()) ?? { x: 0, y: 0 };
    const session = await ann.page.context().newCDPSession(ann.page);
    const touchPoints = [{ x: box.x + 20, y: box.y + 15 }];
    await session.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints });
    await ann.page.getByRole('menuitem', { name: 'Rename' }).waitFor();
    await session.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
    const height = (await ann.page.getByRole('menuitem').first().boundingBox())?.height ?? 0;
    expect(height).toBeGreaterThanOrEqual(44);
  });
});

describe.skipIf(browserMissing)('the size of the text', { timeout: 120_000 }, () => {
  test('changes by Ctrl with + and −, is kept, and Ctrl with 0 takes it back', async () => {
    const ann = await arrive('', desktop);
    const size = () =>
      ann.page.locator('.pane:not([hidden]) .xterm-rows').evaluate((rows) => getComputedStyle(rows).fontSize);
    await ann.page.keyboard.press('Control+=');
    await ann.page.keyboard.press('Control+Shift++');
    await ann.page.keyboard.press('Control+Shift++');
    await eventually(size).toBe('17px');
    await ann.page.keyboard.press('Control+-');
    await eventually(size).toBe('16px');
    await ann.page.reload();
    await ann.sees(PROMPT);
    expect(await size()).toBe('16px');
    await ann.page.keyboard.press('Control+0');
    await eventually(size).toBe('14px');
    // Ctrl+_ is the shell's: it undoes.
    await ann.page.keyboard.type('echo abc');
    await ann.page.keyboard.press('Control+Shift+_');
    await eventually(ann.screen).not.toContain('abc');
    expect(await size()).toBe('14px');
  });
});
