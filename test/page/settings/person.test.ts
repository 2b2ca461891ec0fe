// What a person wants of the page, in a real browser: the same wherever they are signed in, and this browser's own where they are not.
import { describe, expect, test } from 'vitest';
import { browserMissing } from '../../browser.ts';
import { eventually, phone, type Visitor } from '../visitor.ts';
import { PROMPT, useVisits } from '../visits.ts';

const visits = useVisits();
const { arrive } = visits;

const sizeOf = ({ page }: Visitor) =>
  page.locator('.pane:not([hidden]) .xterm-rows').evaluate((rows) => getComputedStyle(rows).fontSize);

async function openSettings({ page }: Visitor) {
  await page.getByRole('button', { name: 'Settings and keys' }).click();
  return page.getByRole('dialog');
}

async function closeSettings({ page }: Visitor) {
  await page.keyboard.press('Escape');
  await eventually(() => page.locator('.pane:not([hidden]) textarea:focus').count()).toBe(1);
}

/** What the dialog says of bells. */
async function bellOf(ann: Visitor): Promise<string> {
  const bell = await (await openSettings(ann)).getByLabel('A bell').inputValue();
  await closeSettings(ann);
  return bell;
}

async function setBell(ann: Visitor, bell: string): Promise<void> {
  await (await openSettings(ann)).getByLabel('A bell').selectOption(bell);
  await closeSettings(ann);
}

describe.skipIf(browserMissing)('whoever is signed in', { timeout: 120_000 }, () => {
  test('has what they set elsewhere, and has elsewhere what they set here', async () => {
    visits.site.wanted = { bell: 'off', fontSize: 20, touchFontSize: 11, shortcuts: false };
    const ann = await arrive();
    await eventually(() => sizeOf(ann)).toBe('20px');
    expect(await bellOf(ann)).toBe('off');
    // The page's keys are the shell's.
    await ann.page.keyboard.press('Control+Equal');
    expect(await sizeOf(ann)).toBe('20px');
    const settings = await openSettings(ann);
    await settings.getByLabel('Copy what is selected at once').check();
    await settings.getByRole('button', { name: 'Smaller' }).click();
    await settings.getByRole('button', { name: 'Smaller' }).click();
    const all = { bell: 'off', fontSize: 18, touchFontSize: 11, shortcuts: false, copyOnSelect: true };
    await eventually(() => visits.site.wanted).toEqual(all);
  });

  test('has on a phone a size of its own', async () => {
    visits.site.wanted = { fontSize: 20, touchFontSize: 11 };
    const ann = await arrive('', phone);
    await eventually(() => sizeOf(ann)).toBe('11px');
    await (await openSettings(ann)).getByRole('button', { name: 'Larger' }).tap();
    await eventually(() => visits.site.wanted).toEqual({ fontSize: 20, touchFontSize: 12 });
  });

  test('keeps what they said while the bot was away, and it hears of that when it is there', async () => {
    visits.site.wanted = { bell: 'sound', copyOnSelect: true };
    const ann = await arrive();
    await eventually(() => bellOf(ann)).toBe('sound');
    await ann.page.route('**/api/page-settings', (route) => route.abort());
    await setBell(ann, 'off');
    expect(visits.site.wanted).toEqual({ bell: 'sound', copyOnSelect: true });
    await ann.page.unroute('**/api/page-settings');
    await ann.page.reload();
    await ann.sees(PROMPT);
    await eventually(() => visits.site.wanted).toEqual({ bell: 'off', copyOnSelect: true });
    expect(await bellOf(ann)).toBe('off');
  });
});

describe.skipIf(browserMissing)('whoever is not', { timeout: 120_000 }, () => {
  test('has what this browser keeps, and it is theirs when they sign in', async () => {
    const ann = await arrive();
    await setBell(ann, 'off');
    await ann.page.reload();
    await ann.sees(PROMPT);
    expect(await bellOf(ann)).toBe('off');
    visits.site.wanted = {};
    await ann.page.reload();
    await eventually(() => visits.site.wanted).toEqual({ bell: 'off' });
  });

  test('has what versions before kept here', async () => {
    visits.site.wanted = { bell: 'sound' };
    const ann = await visits.open();
    await ann.page.evaluate(() => {
      localStorage.setItem('sam.shortcuts', 'off');
      localStorage.setItem('sam.settings', '{"bell":"mark","fontSize":16}');
    });
    await ann.page.reload();
    await ann.sees(PROMPT);
    await eventually(() => visits.site.wanted).toEqual({ bell: 'sound', fontSize: 16, shortcuts: false });
    expect(await bellOf(ann)).toBe('sound');
  });
});
