// What keys type goes to the shell, whatever the keyboard; what the page takes can be turned off.
import { describe, expect, test } from 'vitest';
import { browserMissing } from '../browser.ts';
import { PROMPT, useVisits } from './visits.ts';
import { desktop, eventually, visit, type Visitor } from './visitor.ts';

describe.skipIf(browserMissing)('the keyboard', { timeout: 120_000 }, () => {
  const visits = useVisits();
  let ann: Visitor;

  async function arrive(platform: string): Promise<void> {
    ann = await visit(visits.browser, 'about:blank', desktop);
    visits.remember(ann);
    await ann.page.addInitScript((name) => {
      Object.defineProperty(Navigator.prototype, 'platform', { get: () => name });
    }, platform);
    await ann.page.goto(visits.site.page());
    await ann.isIn('Connected');
    await ann.sees(PROMPT);
  }

  /** A key as a browser tells it, with the bits of what is held: 1 Alt, 2 Ctrl, 4 Cmd, 8 Shift. */
  async function press(key: string, code: string, held: number, types = true): Promise<void> {
    const session = await ann.page.context().newCDPSession(ann.page);
    const windowsVirtualKeyCode = code.startsWith('Digit') ? code.charCodeAt(5) : 0;
    const event = { key, code, modifiers: held, windowsVirtualKeyCode };
    const down = types ? { type: 'keyDown' as const, text: key } : { type: 'rawKeyDown' as const };
    await session.send('Input.dispatchKeyEvent', { ...event, ...down });
    await session.send('Input.dispatchKeyEvent', { ...event, type: 'keyUp' });
    await session.detach();
  }

  async function openSecond(): Promise<void> {
    await ann.page.getByRole('button', { name: 'New terminal' }).click();
    await eventually(() => ann.page.getByRole('tab').count()).toBe(2);
    await ann.sees(PROMPT);
  }
  const shown = () => ann.page.getByRole('tab', { selected: true }).getAttribute('id');

  test('on a Mac, what Option types arrives: | [ ] { } #', async () => {
    await arrive('MacIntel');
    await openSecond();
    const before = await shown();
    await ann.page.keyboard.type("echo '");
    const keys = { '|': 'Digit7', '[': 'Digit5', ']': 'Digit6', '{': 'Digit8', '}': 'Digit9', '#': 'Digit3' };
    for (const [key, code] of Object.entries(keys)) await press(key, code, 1);
    await press('¡', 'Digit1', 1);
    await ann.run("'");
    await ann.sees(/^\|\[\]\{\}#¡$/m);
    expect(await shown()).toBe(before);
    await press('1', 'Digit1', 2 | 4, false);
    await eventually(shown).not.toBe(before);
  });

  test('elsewhere Alt with a digit picks a tab until that is turned off, also after a reload', async () => {
    await arrive('Linux x86_64');
    await openSecond();
    const [first, second] = await ann.page.getByRole('tab').all();
    await ann.page.keyboard.press('Alt+1');
    await eventually(shown).toBe(await first?.getAttribute('id'));
    await ann.page.getByRole('button', { name: 'Settings and keys' }).click();
    const help = ann.page.getByRole('dialog');
    expect(await help.locator('kbd').allTextContents()).toContain('Alt+1 … Alt+9');
    await help.getByLabel(/Keyboard shortcuts/).uncheck();
    await help.getByRole('button', { name: 'Close' }).click();
    await ann.page.reload();
    await ann.sees(PROMPT);
    const before = await shown();
    await ann.run('cat -v');
    await ann.page.keyboard.press(before === (await second?.getAttribute('id')) ? 'Alt+1' : 'Alt+2');
    await ann.page.keyboard.press('Enter');
    await ann.sees(/^\^\[[12]$/m);
    expect(await shown()).toBe(before);
    await ann.page.keyboard.press('Control+F6');
    await eventually(() => ann.page.evaluate(() => document.activeElement?.getAttribute('role'))).toBe('tab');
  });

  test('the help lists the keys of the platform it is read on', async () => {
    await arrive('MacIntel');
    await ann.page.getByRole('button', { name: 'Settings and keys' }).click();
    const listed = await ann.page.getByRole('dialog').locator('kbd').allTextContents();
    expect(listed).toContain('⌃⌘1 … ⌃⌘9');
    expect(listed.join()).not.toContain('Alt');
  });
});
