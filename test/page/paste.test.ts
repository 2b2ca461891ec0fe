// What comes in whole (by the clipboard, a button, a keyboard's menu, the mouse) types no key that nobody pressed.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { cleanPaste } from '../../web-terminal/session/paste.ts';
import { browserMissing } from '../browser.ts';
import { useVisits } from './visits.ts';
import { desktop, eventually, phone, type Visitor } from './visitor.ts';

const ESC = '\u001b';
const EVIL = `ls\n${ESC}[201~\necho pwned > pwned\n\u009b201~\necho pwned > pwned\n`;

test('of a pasted text only tabs and line breaks are left of what is no character', () => {
  expect(cleanPaste(`a\tb\r\nc\nd\re${ESC}[201~\0\u0003\u007f\u009b31mü🚀`)).toEqual({
    text: 'a\tb\rc\rd\re[201~31mü🚀',
    isCut: true,
    lines: 3,
  });
  expect(cleanPaste('plain')).toEqual({ text: 'plain', isCut: false, lines: 0 });
});

describe.skipIf(browserMissing)('pasting in a browser', { timeout: 120_000 }, () => {
  const visits = useVisits();
  let ann: Visitor;

  async function arrive(options = desktop): Promise<void> {
    ann = await visits.arrive('', options);
    await ann.page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  }

  /** Puts `text` in by the event that browsers send for each of the ways. */
  const put = (way: string, text: string) =>
    ann.page.evaluate(
      ([type, data]) => {
        const field = document.querySelector('.pane:not([hidden]) .xterm-helper-textarea');
        const carried = new DataTransfer();
        carried.setData('text/plain', data);
        const init = { bubbles: true, cancelable: true };
        if (type === 'paste')
          field?.dispatchEvent(new ClipboardEvent('paste', { ...init, clipboardData: carried }));
        else if (type === 'drop')
          document
            .querySelector('.pane:not([hidden]) .xterm-screen')
            ?.dispatchEvent(new DragEvent('drop', { ...init, dataTransfer: carried }));
        else field?.dispatchEvent(new InputEvent('beforeinput', { ...init, inputType: 'insertText', data }));
      },
      [way, text] as const,
    );
  const copy = (text: string) => ann.page.evaluate((copied) => navigator.clipboard.writeText(copied), text);
  const isPwned = async () => {
    await ann.page.keyboard.press('Control+c');
    await ann.run("ls; echo re''ady");
    await ann.sees(/^ready$/m);
    return (await ann.screen()).split('\n').includes('pwned');
  };

  test.each(['paste', 'drop', 'keyboard'])(
    'text that ends its own paste runs nothing (by %s)',
    async (way) => {
      await arrive();
      await put(way, EVIL);
      await ann.sees(/201~/);
      expect(await ann.page.getByRole('dialog').count()).toBe(0);
      expect(await isPwned()).toBe(false);
    },
  );

  test('nor does it by the keys for pasting, and the page says that something was left out', async () => {
    await arrive();
    await copy(EVIL);
    await ann.page.keyboard.press('Control+Shift+V');
    await ann.sees(/201~/);
    expect(await ann.page.locator('#notice').textContent()).toBe(
      'Control characters in what you pasted were left out.',
    );
    expect(await isPwned()).toBe(false);
  });

  test('nor by the button of a phone', async () => {
    await arrive(phone);
    await ann.page.locator('.pane:not([hidden])').tap();
    await copy(EVIL);
    await ann.page.locator('#keys').getByRole('button', { name: 'Paste', exact: true }).tap();
    await ann.sees(/201~/);
    expect(await isPwned()).toBe(false);
  });

  test('lines for a program that takes each break for Enter wait for a yes', async () => {
    await arrive();
    await ann.run("echo re''ady; cat > pasted");
    await ann.sees(/^ready$/m);
    await put('paste', 'one\r\ntwo\n');
    const dialog = ann.page.getByRole('dialog');
    await eventually(() => dialog.locator('h2').textContent()).toBe('Paste 2 lines?');
    expect(await dialog.locator('code').innerText()).toMatch(/^one\ntwo\n?$/);
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await dialog.waitFor({ state: 'detached' });
    await put('paste', 'three\nfour\n');
    await dialog.getByRole('button', { name: 'Paste' }).click();
    await ann.sees(/^four$/m);
    await ann.page.keyboard.type('five\n');
    await ann.page.keyboard.press('Control+d');
    await eventually(() => readFileSync(path.join(visits.site.folder, 'pasted'), 'utf8')).toBe(
      'three\nfour\nfive\n',
    );
  });

  test('a line without a break goes in as it is, and Ctrl of the key bar is not for it', async () => {
    await arrive(phone);
    await ann.page.locator('.pane:not([hidden])').tap();
    await ann.run("echo re''ady; cat");
    await ann.sees(/^ready$/m);
    await ann.page.locator('#keys').getByRole('button', { name: 'Ctrl, for the next key' }).tap();
    await put('paste', 'c');
    await ann.page.keyboard.press('Enter');
    await ann.sees(/^c\nc$/m);
  });
});
