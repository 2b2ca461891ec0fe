// The page in a real browser, on a node that is there: arriving, tabs, sessions, what programs write.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { browserMissing } from '../browser.ts';
import { type Site, WORKSPACE } from './site.ts';
import { desktop, phone, eventually } from './visitor.ts';
import { PROMPT, useVisits } from './visits.ts';

const visits = useVisits();
const { arrive } = visits;
let site: Site;
beforeEach(() => void ({ site } = visits));

describe.skipIf(browserMissing)('the terminal in a browser', { timeout: 120_000 }, () => {
  test('what one types runs on the node, and the answer comes back', async () => {
    const ann = await arrive('#code');
    await ann.run('echo $((6*7))');
    await ann.sees(/^42$/m);
  });

  test('the code leaves the address at once, is sent once, and nothing is kept in the browser', async () => {
    const ann = await arrive('?s=signed#one-time-code');
    expect(ann.page.url()).toBe(site.page('?s=signed'));
    await ann.page.reload();
    await ann.sees(PROMPT);
    const asked = { workspace: WORKSPACE, s: 'signed' };
    expect(site.asked).toEqual([{ ...asked, code: 'one-time-code' }, asked]);
    const kept = await ann.page.evaluate(() => [localStorage.length, sessionStorage.length, document.cookie]);
    expect(kept).toEqual([0, 0, '']);
  });

  test('a page that nobody sees spends no code', async () => {
    const context = await visits.browser.newContext(desktop);
    await context.addInitScript(() => {
      let state = 'hidden';
      Object.defineProperty(document, 'visibilityState', { get: () => state });
      addEventListener('seen', () => {
        state = 'visible';
        document.dispatchEvent(new Event('visibilitychange'));
      });
    });
    const page = await context.newPage();
    await page.goto(site.page('#code'), { waitUntil: 'networkidle' });
    expect(site.asked).toEqual([]);
    await page.evaluate(() => dispatchEvent(new Event('seen')));
    await eventually(() => site.asked).toEqual([{ workspace: WORKSPACE, code: 'code' }]);
    await context.close();
  });

  test('a reload shows the same session with its screen', async () => {
    const ann = await arrive();
    await ann.run('name=kept; echo before-the-reload');
    await ann.sees(/^before-the-reload$/m);
    await ann.page.reload();
    await ann.sees(/^before-the-reload$/m);
    await ann.run('echo $name-$((1+1))');
    await ann.sees(/^kept-2$/m);
    expect(site.terminals.sessions(WORKSPACE)).toHaveLength(1);
  });

  test('two tabs keep their own screens, and Alt with a digit switches', async () => {
    const ann = await arrive();
    await ann.run('echo this is $((1+0))st');
    await ann.sees('this is 1st');
    await ann.page.getByRole('button', { name: 'New terminal' }).click();
    await eventually(() => ann.page.getByRole('tab').count()).toBe(2);
    await ann.sees(PROMPT);
    await ann.run('echo this is $((1+1))nd');
    await ann.sees('this is 2nd');
    expect(await ann.screen()).not.toContain('1st');
    await ann.page.keyboard.press('Alt+1');
    await ann.sees('this is 1st');
    expect(await ann.screen()).not.toContain('2nd');
    await ann.page.keyboard.press('Alt+2');
    await ann.sees('this is 2nd');
  });

  test('the menu beside the button for a shell has what the node offers', async () => {
    const ann = await arrive();
    await ann.page.getByRole('button', { name: 'Terminals and files' }).click();
    const items = ann.page.getByRole('menuitem');
    expect(await items.allInnerTexts()).toEqual(['Shell', 'Claude Code', 'notebook', 'Upload files…']);
    await ann.page.keyboard.press('ArrowDown');
    await ann.page.keyboard.press('Enter');
    expect(await items.count()).toBe(0);
    await eventually(() => ann.page.getByRole('tab').allInnerTexts()).toContainEqual(
      expect.stringContaining('Claude'),
    );
    await ann.sees(PROMPT);
    await ann.run('echo "profile:$PROFILE"');
    await ann.sees('profile:claude');
  });

  test('the name of a tab shows for everyone who looks, and markup in it is text', async () => {
    const ann = await arrive();
    const ben = await arrive();
    await ann.page.getByRole('tab').dblclick();
    await ann.page.keyboard.type('<img src=x onerror=alert(1)>');
    await ann.page.keyboard.press('Enter');
    const label = ben.page.locator('.tab .label');
    await eventually(() => label.textContent()).toBe('<img src=x onerror=alert(1)>');
    expect(await label.locator('*').count()).toBe(0);
    await ben.page.keyboard.press('Alt+0');
    await ben.page.keyboard.press('F2');
    await ben.page.keyboard.type('build');
    await ben.page.keyboard.press('Enter');
    await eventually(() => ann.page.getByRole('tab').textContent()).toContain('build');
    await ann.run('echo typed-$((1+1))'); // the keyboard is back in the terminal, and Enter was the name's alone
    await ann.sees(/^api-412 \$ echo.*\ntyped-2\napi-412 \$$/);
  });
});

describe.skipIf(browserMissing)('sessions in a browser', { timeout: 120_000 }, () => {
  const endOf = (index = 0) => site.terminals.sessions(WORKSPACE)[index]?.end ?? 0;

  test('a session that ends says how, and its tab can open a new one or be closed', async () => {
    const ann = await arrive();
    await ann.run('exit 7');
    await ann.page.getByText('Exited with code 7.').waitFor();
    await ann.page.getByRole('button', { name: 'Start it again' }).click();
    await ann.sees(PROMPT);
    expect(await ann.page.getByRole('tab').count()).toBe(1);
    await ann.run('exit');
    await ann.page.getByText('Exited with code 0.').waitFor();
    await ann.page.getByRole('button', { name: 'Close' }).click();
    await eventually(() => ann.page.getByRole('tab').count()).toBe(0);
  });

  test('closing a tab asks first, and ends the session for everyone', async () => {
    const ann = await arrive();
    const ben = await arrive();
    await ann.page.getByRole('tab').click({ button: 'middle' });
    await ann.page.getByRole('button', { name: 'Cancel' }).click();
    // Gone from the document: only then has the keyboard come back to where it was.
    await ann.page.locator('dialog').waitFor({ state: 'detached' });
    expect(site.terminals.sessions(WORKSPACE)).toHaveLength(1);
    await ann.page.keyboard.press('Alt+0');
    await ann.page.keyboard.press('Delete');
    await ann.page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
    await eventually(() => site.terminals.sessions(WORKSPACE)).toEqual([]);
    await eventually(() => ann.page.getByRole('tab').count()).toBe(0);
    await ben.page.getByText(/Exited|Ended/).waitFor();
  });

  test('the one who typed last sets the size for all', async () => {
    const ann = await arrive();
    const ben = await arrive('', phone);
    const cols = () => site.terminals.sessions(WORKSPACE)[0]?.cols ?? 0;
    await ann.run('echo wide');
    await eventually(cols).toBeGreaterThan(100);
    await ben.page.locator('.pane:not([hidden])').tap();
    await ben.run('tput cols');
    await eventually(cols).toBeLessThan(60);
    await ann.sees(new RegExp(`^${cols()}$`, 'm'));
    await ann.run('tput cols');
    await eventually(cols).toBeGreaterThan(100);
  });

  test('a flood is taken in pieces and the page stays usable', async () => {
    const ann = await arrive();
    await ann.run(
      'yes "a line of some sixty characters, over and over again, until" | head -c 6000000; echo; echo flood-$((1+1))',
    );
    await ann.sees('flood-2');
    await ann.run('yes');
    await ann.sees(/^y$/m);
    await ann.page.keyboard.press('Control+c');
    await ann.sees(/\^C[^]*api-412 \$$/);
  });

  test('a large paste arrives whole, as UTF-8', async () => {
    const ann = await arrive();
    await ann.page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    const text = 'grüße, 日本語 🚀 und noch etwas\n'.repeat(600);
    await ann.page.evaluate((pasted) => navigator.clipboard.writeText(pasted), text);
    await ann.run("echo re''ady; cat > pasted; wc -c < pasted");
    await ann.sees(/^ready$/m);
    await ann.page.keyboard.press('Control+Shift+V');
    await ann.page.getByRole('dialog').getByRole('button', { name: 'Paste' }).click();
    // Not by the echo: the kernel drops some of it when a reader is slow.
    await eventually(() => readFileSync(path.join(site.folder, 'pasted'), 'utf8')).toBe(text);
    await ann.page.keyboard.press('Control+d');
    await ann.sees(new RegExp(`^${Buffer.byteLength(text)}$`, 'm'));
  });

  test('questions that programs asked of a terminal that was away are not answered into the shell', async () => {
    const ann = await arrive();
    const questions = String.raw`printf '\e[c\e[6n\e]11;?\a'`;
    await ann.run(`clear; (until [ -e go ]; do sleep 0.05; done; ${questions}; echo asked-$((1+1))) &`);
    await ann.sees('[1]');
    site.isDown = true;
    site.cut();
    await ann.isIn('Reconnecting');
    const before = endOf();
    writeFileSync(path.join(site.folder, 'go'), '');
    await eventually(() => endOf()).toBeGreaterThan(before + 10);
    site.isDown = false;
    await ann.isIn('Connected');
    await ann.sees('asked-2');
    await ann.run('echo done-$((1+1))');
    await ann.sees('done-2');
    expect(await ann.screen()).not.toMatch(/1;2c|\d+R|rgb:/);
  });
});

describe.skipIf(browserMissing)('what programs write, in a browser', { timeout: 120_000 }, () => {
  test('a program can lead nobody to another page by a link that lies, and writes no clipboard', async () => {
    const ann = await arrive();
    await ann.page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await ann.page.evaluate(() => navigator.clipboard.writeText('mine'));
    const opened: string[] = [];
    ann.page.context().on('page', (page) => opened.push(page.url()));
    const honest = site.page('?elsewhere');
    const link = (address: string, text: string) => `\\e]8;;${address}\\e\\\\${text}\\e]8;;\\e\\\\`;
    await ann.run(
      `clear; printf '\\n${link('javascript:alert(1)', 'evil-link')}\\n${link(honest, 'my-bank')}\\n\\e]52;c;c3RvbGVu\\a'`,
    );
    await ann.sees(/^my-bank$/m);
    const findMiddle = async (text: string) => {
      const span = ann.page.locator('.xterm-rows span', { hasText: new RegExp(`^${text}$`) });
      const { x, y } = (await span.boundingBox()) ?? { x: 0, y: 0 };
      return [x + 8, y + 8] as const;
    };
    const clickOn = async (text: string) => {
      const [x, y] = await findMiddle(text);
      await ann.page.mouse.click(x, y);
    };
    // A link is found when the pointer comes to another cell, and forgotten when its row is drawn again.
    const pointAt = async (text: string) => {
      const [x, y] = await findMiddle(text);
      await ann.page.mouse.move(x, y + 100);
      await ann.page.mouse.move(x, y, { steps: 3 });
      return ann.page.locator('.xterm-cursor-pointer').count();
    };
    await clickOn('evil-link');
    expect(await ann.page.getByRole('dialog').count()).toBe(0);
    await eventually(() => pointAt('my-bank')).toBe(1);
    await clickOn('my-bank');
    await eventually(() => ann.page.getByRole('dialog').textContent()).toContain(honest);
    expect(opened).toEqual([]);
    const [popup] = await Promise.all([
      ann.page.context().waitForEvent('page'),
      ann.page.getByRole('button', { name: 'Open in a new tab' }).click(),
    ]);
    await popup.waitForURL(honest);
    expect(await popup.evaluate(() => [opener, document.referrer])).toEqual([null, '']);
    expect(await ann.page.evaluate(() => navigator.clipboard.readText())).toBe('mine');
  });

  test('colours of 24 bits show under the strict policy', async () => {
    const ann = await arrive();
    await ann.run(`clear; printf '\\e[38;2;255;100;0mtrue''colour\\e[0m\\n'`);
    await ann.sees(/^truecolour$/m);
    const span = ann.page.locator('.xterm-rows span', { hasText: /^truecolour$/ });
    expect(await span.evaluate((element) => getComputedStyle(element).color)).toBe('rgb(255, 100, 0)');
  });

  test('the service worker keeps the shell, never the page or the API', async () => {
    const ann = await arrive();
    await ann.page.evaluate(async () => void (await navigator.serviceWorker.ready));
    const served: Record<string, boolean> = {};
    ann.page.on('response', (response) => {
      served[new URL(response.url()).pathname] = response.fromServiceWorker();
    });
    await ann.page.reload();
    await ann.sees(PROMPT);
    const script = Object.keys(served).find((name) => name.startsWith('/assets/main-')) ?? '';
    expect(served).toMatchObject({
      [script]: true,
      '/api/terminal/token': false,
    });
    const kept = await ann.page.evaluate(async () => {
      const caching = (await caches.keys()).map(async (name) => (await caches.open(name)).keys());
      return (await Promise.all(caching)).flat().map((request) => new URL(request.url).pathname);
    });
    // The page is none of them: it only goes through the worker, which has another one when there is no network.
    expect(kept.length).toBe(4);
    expect(kept.every((name) => name.startsWith('/assets/'))).toBe(true);
  });
});
