// What fingers and the keyboards of phones do in a terminal, in a real browser.
import { beforeEach, describe, expect, test } from 'vitest';
import type { CDPSession } from 'playwright-core';
import { browserMissing } from '../../browser.ts';
import { eventually, phone, type Visitor } from '../visitor.ts';
import { useVisits } from '../visits.ts';

describe.skipIf(browserMissing)('a finger in a terminal', { timeout: 120_000 }, () => {
  const { arrive } = useVisits();
  let ann: Visitor;
  let session: CDPSession;
  beforeEach(async () => {
    ann = await arrive('', phone);
    await ann.page.locator('.pane:not([hidden])').tap();
    session = await ann.page.context().newCDPSession(ann.page);
  });

  const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd' | 'touchCancel', x = 0, y = 0) => {
    const isOver = type === 'touchEnd' || type === 'touchCancel';
    return session.send('Input.dispatchTouchEvent', { type, touchPoints: isOver ? [] : [{ x, y }] });
  };
  const selected = () => ann.page.locator('.xterm-selection > div');
  async function findText(text: string) {
    const span = ann.page.locator('.xterm-rows span', { hasText: text }).last();
    return (await span.boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
  }

  test('that goes sideways moves the cursor, as far as it goes', async () => {
    await ann.page.keyboard.type('echo abcd');
    await ann.sees('abcd');
    await touch('touchStart', 200, 400);
    for (let x = 190; x >= 140; x -= 5) await touch('touchMove', x, 401);
    await touch('touchEnd');
    await ann.page.keyboard.type('-');
    await ann.page.keyboard.press('Enter');
    await ann.sees(/^ab-cd$/m);
  });

  test('that is held selects a word, and with a drag what follows it, to copy', async () => {
    await ann.page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await ann.run('clear; echo "one two three"');
    await ann.sees(/^one two three$/m);
    const { x, y, width } = await findText('one two three');
    const offer = ann.page.locator('#offer');
    await touch('touchStart', x + width * 0.4, y + 8);
    await eventually(() => selected().count()).toBeGreaterThan(0);
    await touch('touchEnd');
    await offer.getByText('two', { exact: true }).waitFor();
    await touch('touchStart', x + 3, y + 8);
    // Another word is selected: the finger was held for long enough.
    await eventually(async () => (await selected().first().boundingBox())?.x).toBeLessThan(x + 3);
    await touch('touchMove', x + width - 3, y + 8);
    await touch('touchEnd');
    await offer.getByText('one two three', { exact: true }).waitFor();
    await offer.getByRole('button', { name: 'Copy it' }).tap();
    await eventually(() => ann.page.evaluate(() => navigator.clipboard.readText())).toBe('one two three');
  });

  test('that the system takes away in the middle selects nothing more: the next one scrolls', async () => {
    await ann.run('clear; seq 300; echo "one two three"');
    await ann.sees(/^one two three$/m);
    const { x, y, width } = await findText('one two three');
    await touch('touchStart', x + width * 0.4, y + 8);
    await eventually(() => selected().count()).toBeGreaterThan(0);
    await touch('touchCancel');
    await touch('touchStart', 150, 300);
    for (let at = 320; at <= 700; at += 20) await touch('touchMove', 150, at);
    await touch('touchEnd');
    await eventually(ann.screen).not.toMatch(/^one two three$/m);
    expect(await ann.page.locator('#offer').isVisible()).toBe(false);
  });

  test('what an input method composes arrives once, when it is done', async () => {
    await ann.run('cat');
    for (const text of ['に', 'にほ', '日本'])
      await session.send('Input.imeSetComposition', {
        text,
        selectionStart: text.length,
        selectionEnd: text.length,
      });
    await session.send('Input.insertText', { text: '日本' });
    await eventually(ann.screen).toMatch(/日本/);
    await ann.page.keyboard.press('Enter');
    await ann.sees(/^日本\n日本$/m);
  });

  test('what a keyboard would put right is left as it was typed', async () => {
    await ann.page.keyboard.type('teh');
    await ann.sees('teh');
    const isTaken = await ann.page.locator('.pane:not([hidden]) .xterm-helper-textarea').evaluate((field) => {
      const init = { inputType: 'insertReplacementText', data: 'the', bubbles: true, cancelable: true };
      return !field.dispatchEvent(new InputEvent('beforeinput', init));
    });
    expect(isTaken).toBe(true);
    const field = ann.page.locator('.pane:not([hidden]) .xterm-helper-textarea');
    const said = await field.evaluate((one) =>
      ['autocorrect', 'autocapitalize', 'spellcheck'].map((name) => one.getAttribute(name)),
    );
    expect(said).toEqual(['off', 'off', 'false']);
  });

  test('where the clipboard may not be read, Paste opens a field to paste into', async () => {
    await ann.page.evaluate(() => {
      navigator.clipboard.readText = () => Promise.reject(new Error('no'));
    });
    await ann.page.locator('#keys').getByRole('button', { name: 'Paste', exact: true }).tap();
    await ann.page.getByRole('textbox', { name: 'Paste it here' }).fill('echo by-$((1+1))-hand');
    await ann.page.getByRole('button', { name: 'Send' }).tap();
    await ann.page.locator('dialog').waitFor({ state: 'detached' });
    await ann.page.keyboard.press('Enter');
    await ann.sees(/^by-2-hand$/m);
  });
});
