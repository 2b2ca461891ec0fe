// Telling a device of something while nobody looks: what the settings ask, and what the bot hears, in a real browser.
import { describe, expect, test } from 'vitest';
import { browserMissing } from '../../browser.ts';
import { findViolations } from '../violations.ts';
import { eventually, type Visitor } from '../visitor.ts';
import { useVisits } from '../visits.ts';
import { arrive, ENDPOINT, KEY, type Bot } from './browser.ts';

describe.skipIf(browserMissing)('a device that is told of something', { timeout: 120_000 }, () => {
  const visits = useVisits();

  const newBot = (): Bot => ({ known: { key: KEY, questions: false, commands: false }, said: [] });
  const openSettings = ({ page }: Visitor) => page.getByRole('button', { name: 'Settings and keys' }).click();
  const box = ({ page }: Visitor, name: RegExp) => page.getByRole('checkbox', { name });
  const asked = ({ page }: Visitor) =>
    page.evaluate(() => (globalThis as unknown as { asked: { count: number } }).asked.count);

  test('is asked for its leave by a press alone, subscribes, and is on after a reload until it is turned off', async () => {
    const bot = newBot();
    const ann = await arrive(visits, 'granted', bot);
    await openSettings(ann);
    await eventually(() => box(ann, /coding agent/).isEnabled()).toBe(true);
    expect(await asked(ann)).toBe(0);
    expect(await findViolations(ann)).toEqual([]);
    await box(ann, /coding agent/).check();
    const keys = { p256dh: 'p', auth: 'a' };
    const wish = { endpoint: ENDPOINT, keys, questions: true, commands: false };
    await eventually(() => bot.said).toContainEqual({ method: 'PUT', path: '', body: wish });
    await eventually(() => bot.said).toContainEqual({
      method: 'POST',
      path: '/look',
      body: { isLooking: true },
    });
    expect(await asked(ann)).toBe(1);
    bot.said.length = 0;
    await ann.page.reload();
    await ann.isIn('Connected');
    await eventually(() => bot.said).toContainEqual({
      method: 'POST',
      path: '/look',
      body: { isLooking: true },
    });
    await ann.see('hidden');
    await eventually(() => bot.said).toContainEqual({
      method: 'POST',
      path: '/look',
      body: { isLooking: false },
    });
    await ann.see('visible');
    await openSettings(ann);
    await eventually(() => box(ann, /coding agent/).isChecked()).toBe(true);
    expect(await box(ann, /30 seconds/).isChecked()).toBe(false);
    await box(ann, /coding agent/).uncheck();
    await eventually(() => bot.said).toContainEqual({
      method: 'PUT',
      path: '',
      body: { ...wish, questions: false },
    });
    await eventually(() => ann.page.evaluate(() => localStorage.getItem('subscribed'))).toBeNull();
    expect(await asked(ann)).toBe(0);
  });

  test('whose browser says no, or whose Sam does, is told so, and is off', async () => {
    const bot = newBot();
    const ann = await arrive(visits, 'denied', bot);
    await openSettings(ann);
    await eventually(() => box(ann, /30 seconds/).isEnabled()).toBe(true);
    await box(ann, /30 seconds/).click();
    const said = ann.page.locator('.telling [role=status]');
    await eventually(() => said.textContent()).toContain('does not let the page tell you anything');
    expect(await box(ann, /30 seconds/).isChecked()).toBe(false);
    expect(await findViolations(ann)).toEqual([]);
    await ann.page.context().grantPermissions(['notifications']);
    bot.refuse = { status: 400, message: 'Sam cannot reach this device.' };
    await box(ann, /30 seconds/).click();
    await eventually(() => said.textContent()).toBe('Sam cannot reach this device.');
    expect(await box(ann, /30 seconds/).isChecked()).toBe(false);
  });

  test('subscribes anew when Sam has another key, and says nothing where nobody turned anything on', async () => {
    const bot = newBot();
    const ann = await arrive(visits, 'granted', bot);
    await openSettings(ann);
    await eventually(() => box(ann, /coding agent/).isEnabled()).toBe(true);
    expect(bot.said).toEqual([]);
    await ann.page.evaluate(() => localStorage.setItem('subscribed', 'old'));
    bot.known = { key: KEY, endpoint: 'https://push.example.com/old', questions: true, commands: true };
    await ann.page.reload();
    await eventually(() => bot.said).toContainEqual({
      method: 'PUT',
      path: '',
      body: { endpoint: ENDPOINT, keys: { p256dh: 'p', auth: 'a' }, questions: true, commands: true },
    });
    expect(await ann.page.evaluate(() => localStorage.getItem('subscribed'))).toBe(KEY);
  });
});
