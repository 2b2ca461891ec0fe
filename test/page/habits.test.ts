// What programs say to a page beside their output, and what a person wants of it, in a real browser.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { browserMissing } from '../browser.ts';
import { WORKSPACE } from './site.ts';
import { eventually, type Visitor } from './visitor.ts';
import { PROMPT, useVisits } from './visits.ts';

const tab = ({ page }: Visitor, at: number) => page.getByRole('tab').nth(at);
const title = ({ page }: Visitor) => eventually(() => page.title());

const visits = useVisits();
const { arrive } = visits;

describe.skipIf(browserMissing)('a program that speaks to the page', { timeout: 120_000 }, () => {
  let ann: Visitor;
  beforeEach(async () => void (ann = await arrive()));

  test('and rings in a tab that nobody sees marks it until somebody looks', async () => {
    await ann.page.getByRole('button', { name: 'New terminal' }).click();
    await eventually(() => ann.page.getByRole('tab').count()).toBe(2);
    await ann.sees(PROMPT);
    await tab(ann, 0).click();
    await ann.run('printf "\\a"; echo rung');
    await ann.sees(/^rung$/m);
    expect(await tab(ann, 0).getAttribute('class')).not.toContain('bell');
    await ann.run('until [ -e go ]; do sleep 0.1; done; printf "\\a"');
    await tab(ann, 1).click();
    writeFileSync(path.join(visits.site.folder, 'go'), '');
    await eventually(() => tab(ann, 0).getAttribute('class')).toContain('bell');
    expect(await tab(ann, 0).textContent()).toContain('rang the bell');
    await tab(ann, 0).click();
    await eventually(() => tab(ann, 0).getAttribute('class')).not.toContain('bell');
  });

  test('and names itself is shown beside the name that people gave, short and in one line', async () => {
    await ann.run(String.raw`printf '\e]2;vim \u202etxt.a\a'; echo named`);
    await ann.sees(/^named$/m);
    await eventually(() => ann.page.locator('.tab .title').textContent()).toBe('vim txt.a');
    await title(ann).toBe('vim txt.a · api-412 · acme/api');
    await ann.run(String.raw`printf '\e]2;%s\a' "$(head -c 100000 /dev/zero | tr '\0' x)"; echo long`);
    await ann.sees(/^long$/m);
    await title(ann).toBe(`${'x'.repeat(64)} · api-412 · acme/api`);
    expect(await tab(ann, 0).evaluate((element) => element.getBoundingClientRect().width)).toBeLessThan(210);
  });

  test('and rings while nobody looks at the page says so in the browser’s own tab', async () => {
    await ann.see('hidden');
    await ann.run('printf "\\a"');
    await title(ann).toBe('🔔 · api-412 · acme/api');
    await ann.see('visible');
    await title(ann).toBe('api-412 · acme/api');
  });

  test('and wants to fill the clipboard has to be allowed each time; it is never read', async () => {
    await ann.page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    const clipboard = () => ann.page.evaluate(() => navigator.clipboard.readText());
    await ann.page.evaluate(() => navigator.clipboard.writeText('mine'));
    const copy = (text: string) => `printf '\\e]52;c;%s\\a' "$(printf %s '${text}' | base64 -w0)"`;
    await ann.run(copy('rm -rf /'));
    const offer = ann.page.locator('#offer');
    await offer.getByText('rm -rf /').waitFor();
    // Whoever types goes on typing.
    await ann.run('echo typed-$((1+1))');
    await ann.sees('typed-2');
    expect(await clipboard()).toBe('mine');
    await offer.getByRole('button', { name: 'No' }).click();
    expect(await offer.isVisible()).toBe(false);
    await ann.run(copy('été'));
    await offer.getByText('été').waitFor();
    await offer.getByRole('button', { name: 'Copy it' }).click();
    await eventually(clipboard).toBe('été');
    await ann.run(`clear; printf '\\e]52;c;?\\a'; echo asked`);
    await ann.sees(/^asked$/m);
    expect(await ann.screen()).not.toMatch(/52;|w6l0w6k/);
    expect(await offer.isVisible()).toBe(false);
  });
});

describe.skipIf(browserMissing)('what a person wants of the page', { timeout: 120_000 }, () => {
  test('the size of the text is kept, and the terminal fits it', async () => {
    const ann = await arrive();
    const cols = () => visits.site.terminals.sessions(WORKSPACE)[0]?.cols ?? 0;
    await eventually(cols).toBeGreaterThan(100);
    const before = cols();
    await ann.page.getByRole('button', { name: 'Settings and keys' }).click();
    for (let count = 0; count < 6; count++) await ann.page.getByRole('button', { name: 'Larger' }).click();
    expect(await ann.page.locator('.sizes output').textContent()).toBe('20 px');
    await eventually(cols).toBeLessThan(before * 0.8);
    await ann.page.reload();
    await ann.sees(PROMPT);
    const size = await ann.page.locator('.xterm-rows').evaluate((rows) => getComputedStyle(rows).fontSize);
    expect(size).toBe('20px');
  });

  test('what is selected goes to the clipboard at once where that is wanted', async () => {
    const ann = await arrive();
    await ann.page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await ann.run('clear; echo abcdefgh');
    await ann.sees(/^abcdefgh$/m);
    await ann.page.getByRole('button', { name: 'Settings and keys' }).click();
    await ann.page.getByLabel('Copy what is selected at once').check();
    await ann.page.keyboard.press('Escape');
    await ann.page.locator('.xterm-rows').getByText('abcdefgh', { exact: true }).dblclick({ force: true });
    const clipboard = () => ann.page.evaluate(() => navigator.clipboard.readText());
    await eventually(clipboard).toBe('abcdefgh');
    // What the search marks nobody has selected: neither at first, nor when it marks anew what the program has printed since.
    const found = () => ann.page.locator('#search .count').textContent();
    await ann.page.keyboard.press('Control+Shift+F');
    await ann.page.keyboard.type('bcd');
    await eventually(found).toBe('1 of 1');
    expect(await clipboard()).toBe('abcdefgh');
    const isMarked = async () => (await ann.page.locator('.xterm-selection > div').count()) > 0;
    await ann.page.locator('.xterm-screen').click({ position: { x: 5, y: 300 }, force: true });
    await eventually(isMarked).toBe(false);
    await ann.run('echo xbcdx');
    await eventually(isMarked).toBe(true);
    expect(await clipboard()).toBe('abcdefgh');
  });
});

describe.skipIf(browserMissing)('what listens in the workspace', { timeout: 120_000 }, () => {
  test('has a link each in the bar, in a tab of its own, and not more than fit', async () => {
    visits.site.ports.push(3000, 5173, 8080, 9000);
    const ann = await arrive();
    const bar = ann.page.getByRole('navigation', { name: 'What listens in the workspace' });
    const links = bar.getByRole('link');
    await eventually(() => links.allTextContents()).toEqual(['3000', '5173', '8080']);
    const href = await links.first().getAttribute('href');
    const target = await links.first().getAttribute('target');
    expect([href, target]).toEqual([`https://3000--${WORKSPACE}.ports.test/`, '_blank']);
  });

  test('is nothing where nothing does', async () => {
    const ann = await arrive();
    expect(await ann.page.locator('#ports').isHidden()).toBe(true);
  });
});
