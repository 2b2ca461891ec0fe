// A real dev server with hot reload behind a port, in a real browser: alone and shared, and apart from Sam's own pages.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startSession } from '../../bot/access/people/sessions.ts';
import { browserMissing, launchBrowser } from '../browser.ts';
import { findFreePort } from '../free-port.ts';
import { until } from '../until.ts';
import { openStand, type Stand } from './stand.ts';

let stand: Stand;
let browser: Browser;
let port: number;
const folder = mkdtempSync(join(tmpdir(), 'sam-vite-'));
const write = (name: string, content: string) => writeFileSync(join(folder, name), content);
const words = (said: string) =>
  `export const said = '${said}';\ndocument.querySelector('#said').textContent = said;\nimport.meta.hot?.accept();\n`;

beforeAll(async () => {
  if (browserMissing) return;
  [stand, browser, port] = await Promise.all([openStand(), launchBrowser(), findFreePort()]);
  write('index.html', '<title>Dev</title><p id="said"></p><script type="module" src="/main.js"></script>');
  write('main.js', words('one'));
  const vite = createRequire(import.meta.url).resolve('vite/package.json');
  // As it comes: nothing is said of the host by which it is visited.
  const child = spawn(
    process.execPath,
    [join(dirname(vite), 'bin/vite.js'), '--port', String(port), '--strictPort', '--host', '127.0.0.1'],
    { cwd: folder, stdio: 'ignore' },
  );
  closing.push(() => void child.kill());
});
const closing: (() => void)[] = [];
afterAll(async () => {
  for (const close of closing) close();
  await browser?.close();
  await stand?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** Of somebody who is signed in; undefined: of nobody. */
async function open(user?: string): Promise<BrowserContext> {
  const context = await browser.newContext();
  onTestFinished(() => context.close());
  const { secret: value } = await startSession(stand.rows.db, user ?? 'nobody').catch(() => ({ secret: '' }));
  if (value) await context.addCookies([{ name: 'sam', value, url: stand.baseUrl, httpOnly: true }]);
  return context;
}

const said = (page: Page) => page.locator('#said').textContent();

/** What a program's own script would do. */
const tryToReach = (sams: string): string => `(async () => {
  for (const name of ['sam', 'sam-port', 'sam-sign-in', 'other'])
    for (const where of ['', '; Domain=localhost', '; Domain=' + location.hostname])
      document.cookie = name + '=theirs' + where + '; Path=/';
  const asked = await fetch('${sams}/login', { credentials: 'include' }).catch(() => 'refused');
  return { cookies: document.cookie, asked: String(asked) };
})()`;

describe.skipIf(browserMissing)('a dev server', () => {
  test('shows its page, and what is changed in it without loading it anew, to its owner and to whom it is shared with', async () => {
    const reader = await stand.meet('read');
    const [mine, theirs] = await Promise.all([open(stand.workspace.owner), open(reader)]);
    const [own, shared] = await Promise.all([mine.newPage(), theirs.newPage()]);
    await own.goto(stand.origin(port));
    // It may still be about to listen: the page looks again by itself.
    await own.getByText('one').waitFor();
    await shared.goto(stand.origin(port));
    expect(await shared.title()).toContain('No such');
    await stand.say({ share: true, port });
    await shared.goto(`${stand.origin(port)}/index.html?x=1`);
    expect([shared.url(), await said(shared)]).toEqual([`${stand.origin(port)}/index.html?x=1`, 'one']);
    for (const page of [own, shared]) await page.evaluate(() => Object.assign(globalThis, { mark: 1 }));
    write('main.js', words('two'));
    for (const page of [own, shared]) {
      await until(async () => (await said(page)) === 'two');
      expect(await page.evaluate(() => 'mark' in globalThis)).toBe(true);
    }
  });

  test("has no part in Sam's cookies and pages, nor Sam in its", async () => {
    const context = await open(stand.workspace.owner);
    const page = await context.newPage();
    const origin = stand.origin();
    await page.goto(origin);
    expect(await page.title()).toBe('The program');
    const before = await context.cookies(stand.baseUrl);
    const seen = await page.evaluate<{ cookies: string; asked: string }>(tryToReach(stand.baseUrl));
    expect(seen.asked).toBe('refused');
    expect(seen.cookies).not.toMatch(/[\w-]{43}/);
    expect(await context.cookies(stand.baseUrl)).toEqual(before);
    // Its own still lets it in.
    await page.reload();
    expect(await page.title()).toBe('The program');
    const cookies = await context.cookies(origin);
    expect(cookies.find(({ value }) => value.length === 43)).toMatchObject({
      name: 'sam-port',
      httpOnly: true,
      sameSite: 'Lax',
      domain: new URL(origin).hostname,
    });
  });

  test('somebody who is not signed in is asked who they are, on our own page', async () => {
    const page = await (await open()).newPage();
    await page.goto(`${stand.origin()}/x`);
    expect(new URL(page.url()).origin).toBe(stand.baseUrl);
    expect(await page.title()).toContain('Who are you?');
  });
});
