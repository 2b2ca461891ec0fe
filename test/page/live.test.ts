// What the page shows while the workspace does not run, as the bot tells it, in a real browser.
import { beforeEach, describe, expect, test } from 'vitest';
import { browserMissing } from '../browser.ts';
import { WORKSPACE, type Site } from './site.ts';
import { eventually, phone, type Visitor } from './visitor.ts';
import { PROMPT, useVisits } from './visits.ts';

const heading = ({ page }: Visitor) => eventually(() => page.locator('#screen h1').textContent());
const steps = ({ page }: Visitor) => eventually(() => page.locator('.steps li').allTextContents());
const button = ({ page }: Visitor, name: string) =>
  page.locator('#screen').getByRole('button', { name, exact: true });

/** Time-outs of requests, from now on, are over when the returned function is called, and not before. */
async function holdTimeouts({ page }: Visitor): Promise<() => Promise<void>> {
  await page.evaluate(() => {
    AbortSignal.timeout = () => {
      const controller = new AbortController();
      addEventListener('expire', () => controller.abort());
      return controller.signal;
    };
  });
  return () => page.evaluate(() => void dispatchEvent(new Event('expire')));
}

const visits = useVisits();
const { arrive, open } = visits;
let site: Site;
beforeEach(() => void ({ site } = visits));

describe.skipIf(browserMissing)('a workspace that does not run', { timeout: 120_000 }, () => {
  test('that was stopped is started by one button; its steps and its log are shown; then the page goes in', async () => {
    const ann = await arrive();
    await site.stop();
    await heading(ann).toBe('The workspace was stopped');
    await button(ann, 'Start').click();
    await eventually(() => site.pressed.map(({ verb }) => verb)).toEqual(['start']);
    expect(site.pressed[0]?.turn).toBe('7');
    expect(await button(ann, 'Start').isDisabled()).toBe(true);
    site.tell({ phase: 'preparing', log: ['clone  Receiving objects: 7%'] });
    await heading(ann).toBe('The workspace is getting ready');
    await steps(ann).toContain('Repository cloned (under way)');
    expect(await ann.page.locator('.live-text').textContent()).toBe('Now: cloning the repository.');
    site.tell({ log: ['clone  Receiving objects: 7%', 'clone  Receiving objects: 98%'] });
    await eventually(() => ann.page.getByRole('log').textContent()).toMatch(/7%Receiving objects: 98%$/);
    site.start();
    await ann.isIn('Connected');
    await ann.sees(PROMPT);
    await ann.run('echo in-$((1+1))');
    await ann.sees('in-2');
    // A page whose terminal is open listens to nothing else.
    await eventually(() => site.listeners.size).toBe(0);
  });

  test('what somebody does on the screen is left alone while the rest of it moves', async () => {
    site.tell({ phase: 'preparing', log: ['clone one'] });
    const ann = await open('', phone);
    await heading(ann).toBe('The workspace is getting ready');
    const log = ann.page.getByRole('log');
    await log.focus();
    site.tell({ log: ['clone one', 'clone two'] });
    await eventually(() => log.textContent()).toContain('two');
    expect(await log.evaluate((element) => element === document.activeElement)).toBe(true);
    // The page looks again now and then, and draws what it knows each second: what is the same stays, selected and scrolled as it is.
    const text = await log.evaluateHandle((element) => element.querySelector('.line'));
    const before = site.asked.length;
    await eventually(() => site.asked.length).toBeGreaterThan(before);
    expect(await log.evaluate((element, drawn) => element.querySelector('.line') === drawn, text)).toBe(true);
  });

  test('that failed says why and what is next, has its log, and one button tries it again', async () => {
    const failure = { class: 'user', code: 'no-such-repository', details: { repository: 'acme/<b>x</b>' } };
    site.tell({ phase: 'failed', failure: failure as never, log: ['clone  fatal: not found'] });
    const ann = await open();
    await heading(ann).toBe('The workspace failed');
    const text = await ann.page.locator('.live-text').textContent();
    expect(text).toContain('acme/<b>x</b> does not exist, or Sam may not see it. Check the name.');
    expect(await ann.page.locator('.command code').textContent()).toBe('/box retry api-412');
    await eventually(() => ann.page.locator('.making .line').allTextContents()).toEqual(['fatal: not found']);
    await steps(ann).toContain('Repository cloned (failed)');
    await button(ann, 'Retry').click();
    await eventually(() => site.pressed.map(({ verb }) => verb)).toEqual(['retry']);
  });

  test('a press that the network ate is sent again as the same; what is refused is said, in the words of the bot', async () => {
    site.tell({ phase: 'stopped' });
    site.answerPresses((tries) => ({ status: tries < 3 ? 503 : 202, body: {} }));
    const ann = await open();
    await button(ann, 'Start').click();
    await eventually(() => site.pressed.length).toBe(3);
    expect(new Set(site.pressed.map(({ key }) => key)).size).toBe(1);
    const refused = ann.page.locator('.refused');
    site.tell({ refused: 'You have no right to `start` it.' });
    await eventually(() => refused.textContent()).toBe('You have no right to start it.');
    expect(await refused.locator('code').textContent()).toBe('start');
    site.answerPresses(() => ({ status: 429, body: { message: 'That was pressed too often.' } }));
    await ann.page.reload();
    await button(ann, 'Start').click();
    await eventually(() => refused.textContent()).toBe('That was pressed too often.');
    expect(await button(ann, 'Start').isDisabled()).toBe(false);
    expect(site.pressed[3]?.key).not.toBe(site.pressed[0]?.key);
  });

  test('names commands as they are typed where the person came from: the console has no trigger', async () => {
    site.tell({ phase: 'stopped', trigger: '', mayPress: false });
    const ann = await open();
    await heading(ann).toBe('The workspace was stopped');
    expect(await ann.page.locator('.command code').textContent()).toBe('start api-412');
    expect(await button(ann, 'Start').count()).toBe(0);
  });

  test('behind a proxy that holds events back the page asks instead', async () => {
    site.tell({ phase: 'stopped', isHeldBack: true });
    const ann = await open();
    await heading(ann).toBe('The workspace was stopped');
    site.tell({ phase: 'preparing', log: ['clone one'] });
    await heading(ann).toBe('The workspace is getting ready');
    await eventually(() => ann.page.locator('.making .line').allTextContents()).toEqual(['one']);
    site.start();
    await ann.isIn('Connected');
  });
});

describe.skipIf(browserMissing)('a page that listens', { timeout: 120_000 }, () => {
  test('hears that the machine is silent, and goes in when it is back', async () => {
    site.tell({ isSilent: true });
    const ann = await open();
    await heading(ann).toBe('The machine does not answer');
    expect(await ann.page.locator('.live-text').textContent()).toMatch(/comes back by itself/);
    site.tell({ isSilent: false });
    await ann.isIn('Connected');
  });

  test('leaves the terminal in sight when its machine falls silent', async () => {
    const ann = await arrive();
    site.tell({ isSilent: true });
    site.cut();
    await eventually(() => ann.page.locator('#strip').textContent()).toContain('The bot says node-silent.');
    await eventually(() => site.listeners.size).toBe(1);
    expect(await ann.page.locator('#screen').isVisible()).toBe(false);
    site.tell({ isSilent: false });
    await ann.isIn('Connected');
  });

  test('listens only while somebody looks at it', async () => {
    const ann = await arrive();
    await site.stop();
    await eventually(() => site.listeners.size).toBe(1);
    await ann.see('hidden');
    await eventually(() => site.listeners.size).toBe(0);
    await ann.see('visible');
    await eventually(() => site.listeners.size).toBe(1);
  });

  test('goes in once when it hears again and again that it may', async () => {
    site.tell({ phase: 'preparing' });
    const ann = await open();
    await heading(ann).toBe('The workspace is getting ready');
    const release = site.hold('/token');
    const tickets = () => site.paths.filter((path) => path.endsWith('/token')).length;
    const before = tickets();
    site.start();
    for (const line of ['one', 'two', 'three']) site.tell({ log: [`clone ${line}`] });
    // What the page shows came after all of that.
    site.tell({ isSilent: true });
    await heading(ann).toBe('The machine does not answer');
    await eventually(tickets).toBe(before + 1);
    site.tell({ isSilent: false });
    release();
    await ann.isIn('Connected');
    expect(tickets()).toBe(before + 1);
  });

  test('asks again when an answer never comes', async () => {
    site.tell({ phase: 'stopped', isHeldBack: true });
    const ann = await open();
    await heading(ann).toBe('The workspace was stopped');
    await ann.page.clock.install();
    const expire = await holdTimeouts(ann);
    const asked = (end: string) => () => site.paths.filter((path) => path.endsWith(end)).length;
    const press = site.hold('/start');
    await button(ann, 'Start').click();
    await eventually(asked('/start')).toBe(1);
    await expire();
    await eventually(asked('/start')).toBe(2);
    press();
    await eventually(() => site.pressed.length).toBe(2);
    expect(new Set(site.pressed.map(({ key }) => key)).size).toBe(1);
    const events = site.hold('/events');
    const before = asked('/events')();
    await ann.page.clock.runFor(10_000);
    await eventually(asked('/events')).toBe(before + 1);
    await expire();
    await ann.page.clock.runFor(20_000);
    await eventually(asked('/events')).toBe(before + 2);
    events();
  });

  test('listens again by itself when the bot was away', async () => {
    site.tell({ phase: 'stopped' });
    const ann = await open();
    await heading(ann).toBe('The workspace was stopped');
    for (const listener of site.listeners) listener.destroy();
    await eventually(() => site.listeners.size).toBe(1);
    site.phase('preparing');
    await heading(ann).toBe('The workspace is getting ready');
    expect(site.terminals.sessions(WORKSPACE)).toEqual([]);
  });
});
