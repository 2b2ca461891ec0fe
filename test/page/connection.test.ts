// The page in a real browser when the connection, the workspace or the right to it goes.
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { browserMissing } from '../browser.ts';
import { type Site, WORKSPACE } from './site.ts';
import { desktop, eventually, type Visitor } from './visitor.ts';
import { PROMPT, useVisits } from './visits.ts';

const visits = useVisits();
const { arrive } = visits;
let site: Site;
beforeEach(() => void ({ site } = visits));

describe.skipIf(browserMissing)('a connection that breaks', { timeout: 120_000 }, () => {
  test('a broken connection shows, mends itself, and nothing is lost or drawn twice', async () => {
    const ann = await arrive();
    const types: number[] = [];
    ann.page.on('websocket', (socket) =>
      socket.on('framereceived', ({ payload }) => typeof payload !== 'string' && types.push(payload[0] ?? 0)),
    );
    const file = (name: string) => path.join(site.folder, name);
    await ann.run(
      'clear; seq -f line-%g 15; until [ -e go ]; do sleep 0.1; done; seq -f line-%g 16 30; touch said',
    );
    await ann.sees('line-15');
    site.isDown = true;
    site.cut();
    await ann.isIn('Reconnecting');
    await eventually(() => ann.page.locator('#strip').textContent()).toMatch(/Connection lost.*in \d+ s/);
    writeFileSync(file('go'), '');
    await eventually(() => existsSync(file('said'))).toBe(true);
    types.length = 0;
    site.isDown = false;
    await ann.isIn('Connected');
    await ann.sees('line-30');
    const lines = (await ann.screen()).split('\n').filter((line) => line.startsWith('line-'));
    expect(lines).toEqual(Array.from({ length: 30 }, (_, index) => `line-${index + 1}`));
    expect(types.length).toBeGreaterThan(0);
    expect(types, 'only what was missing came, no screen anew').not.toContain(0x81);
    expect(await ann.page.locator('#strip').isVisible()).toBe(false);
  });

  test('what is typed while nobody is connected is not sent, and the page says so', async () => {
    const ann = await arrive();
    site.isDown = true;
    site.cut();
    await ann.isIn('Reconnecting');
    await ann.run('echo typed-into-the-void');
    await eventually(() => ann.page.locator('#unsent').textContent()).toContain('not sent');
    site.isDown = false;
    // In the page itself: a retry of its own may come first, and then there is no such button.
    await ann.page.evaluate(() => document.querySelector<HTMLElement>('#strip button')?.click());
    await ann.isIn('Connected');
    await ann.run('echo after');
    await ann.sees(/^after$/m);
    expect(await ann.screen()).not.toContain('void');
    expect(await ann.page.locator('#unsent').textContent()).toBe('');
  });

  test('coming back online tries again at once, without waiting for the delay', async () => {
    const ann = await arrive();
    await ann.page.clock.install();
    await ann.page.clock.pauseAt(new Date(Date.now() + 60_000)); // from here no delay ever passes
    site.cut();
    await ann.isIn('Reconnecting');
    await ann.page.evaluate(() => dispatchEvent(new Event('online')));
    await ann.isIn('Connected');
  });

  test('a node that has gone silent is noticed, and one that is merely quiet is left alone', async () => {
    const context = await visits.browser.newContext(desktop);
    const page = await context.newPage();
    let answers = 0;
    page.on('websocket', (socket) =>
      socket.on('framereceived', ({ payload }) => (answers += String(payload).includes('"gone"') ? 1 : 0)),
    );
    await page.clock.install();
    await page.goto(site.page());
    const state = page.locator('#state');
    await eventually(() => state.textContent()).toBe('Connected');
    for (let minute = 1; minute <= 3; minute++) {
      await page.clock.fastForward(60_000);
      await eventually(() => answers).toBe(minute);
      expect(await state.textContent()).toBe('Connected');
    }
    expect(site.asked).toHaveLength(1);
    site.freeze();
    await eventually(async () => {
      await page.clock.fastForward(16_000);
      return state.textContent();
    }).not.toBe('Connected');
    await eventually(async () => (await page.clock.runFor(1_000), state.textContent())).toBe('Connected');
    expect(site.asked.length).toBeGreaterThan(1);
    await context.close();
  });
});

describe.skipIf(browserMissing)('whoever types before their terminal is there', { timeout: 120_000 }, () => {
  /** Loaded anew and let in, the page asks for no terminal until the returned function is called. */
  async function loadAnew(ann: Visitor): Promise<() => Promise<void>> {
    const { page } = ann;
    await page.addInitScript(() => {
      const send = Reflect.get(WebSocket.prototype, 'send') as (data: unknown) => void;
      let held: (() => void)[] | undefined = [];
      WebSocket.prototype.send = function (data) {
        const isAsking = typeof data === 'string' && /^{"type":"(open|resume)"/.test(data);
        // What a connection asked that is gone goes with it.
        if (held && isAsking) held.push(() => this.readyState === WebSocket.OPEN && send.call(this, data));
        else send.call(this, data);
      };
      addEventListener('ask', () => {
        for (const ask of held ?? []) ask();
        held = undefined;
      });
    });
    await page.reload();
    await ann.isIn('Connected');
    return () => page.evaluate(() => void dispatchEvent(new Event('ask')));
  }
  const focused = ({ page }: Visitor) => page.locator('.pane:not([hidden]) textarea:focus').count();

  test('has it typed as soon as it is, in order and once', async () => {
    const ann = await arrive();
    const goOn = await loadAnew(ann);
    await eventually(() => focused(ann)).toBe(1);
    await ann.run('echo typed-$((1+1))');
    await ann.page.keyboard.type('echo and-');
    await goOn();
    await ann.sees(/^typed-2$/m);
    await ann.run('$((2+2))');
    await ann.sees(/^and-4$/m);
    expect((await ann.screen()).match(/^typed-2$/gm)).toHaveLength(1);
    expect(await ann.page.locator('#unsent').textContent()).toBe('');
  });

  test('of a workspace without one as well', async () => {
    const ann = await arrive();
    await ann.run('exit');
    await ann.page.getByText('Exited with code 0.').waitFor();
    const goOn = await loadAnew(ann);
    await ann.page.keyboard.type('echo firsx');
    await ann.page.keyboard.press('Backspace');
    await ann.run('t-$((1+1))');
    await goOn();
    await ann.sees(/^first-2$/m);
  });

  test('is told that it went nowhere, where the connection breaks before', async () => {
    const ann = await arrive();
    const goOn = await loadAnew(ann);
    await eventually(() => focused(ann)).toBe(1);
    await ann.run('echo into-the-void');
    site.isDown = true;
    site.cut();
    await ann.isIn('Reconnecting');
    expect(await ann.page.locator('#unsent').textContent()).toContain('not sent');
    site.isDown = false;
    await ann.page.evaluate(() => document.querySelector<HTMLElement>('#strip button')?.click());
    await ann.isIn('Connected');
    await goOn();
    await ann.run('echo after-$((1+1))');
    await ann.sees(/^after-2$/m);
    expect(await ann.screen()).not.toContain('void');
  });
});

describe.skipIf(browserMissing)('a workspace or a right that ends', { timeout: 120_000 }, () => {
  test('when the workspace stops, the page says so as people type it there, and goes in by itself when it runs', async () => {
    const ann = await arrive();
    await ann.page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await site.stop();
    await ann.page.getByRole('heading', { name: 'The workspace was stopped' }).waitFor();
    await ann.page.getByRole('button', { name: 'Copy' }).click();
    await eventually(() => ann.page.evaluate(() => navigator.clipboard.readText())).toBe(
      '/box start api-412',
    );
    site.phase('preparing');
    await ann.page.getByRole('heading', { name: 'The workspace is getting ready' }).waitFor();
    site.start();
    await ann.isIn('Connected');
    await eventually(() => site.terminals.sessions(WORKSPACE).length).toBe(1);
    await ann.sees(PROMPT);
    await ann.run('echo started-$((1+1))');
    await ann.sees('started-2');
  });

  test('a page that nobody looks at asks for nothing; it goes in when somebody does', async () => {
    const ann = await arrive();
    await ann.page.clock.install();
    await site.stop();
    await ann.page.getByRole('heading', { name: 'The workspace was stopped' }).waitFor();
    await ann.see('hidden');
    const before = site.asked.length;
    site.start();
    await ann.page.clock.runFor(60_000); // longer than any delay
    await ann.page.evaluate(() => fetch('/asked-after')); // what was asked before has come by now
    expect(site.asked).toHaveLength(before);
    await ann.see('visible');
    await ann.isIn('Connected');
  });

  test.each([
    ['failed', 'The workspace failed', '/box retry api-412'],
    ['deleted', 'The workspace was deleted', 'list'],
  ] as const)('a workspace that %s is not called stopped', async (phase, title, command) => {
    const ann = await arrive();
    await site.stop(phase);
    await ann.page.getByRole('heading', { name: title }).waitFor();
    expect(await ann.page.locator('#screen code').textContent()).toBe(command);
  });

  test('one that is being deleted is called so until it is gone, and then asked for no more', async () => {
    const ann = await arrive();
    await site.stop('deleting');
    await ann.page.getByRole('heading', { name: 'The workspace is being deleted' }).waitFor();
    site.phase('deleted');
    await ann.page.getByRole('heading', { name: 'The workspace was deleted' }).waitFor();
    expect(await ann.page.locator('#screen code').textContent()).toBe('/box list');
    expect(await ann.page.getByText('by itself').count()).toBe(0);
  });

  test('after a revocation the page asks for a new ticket by itself, once', async () => {
    const ann = await arrive();
    // On a busy machine it may have asked more than once to get in.
    const asked = site.asked.length;
    site.revoke(2);
    await eventually(() => site.asked.length).toBe(asked + 1);
    await ann.isIn('Connected');
    await ann.run('echo still-$((1+1))');
    await ann.sees('still-2');
  });

  test('tickets that the node refuses again and again end in a screen, not in a loop', async () => {
    const ann = await arrive();
    const workspace = { id: WORKSPACE, name: 'api-412', phase: 'running', repository: 'acme/api' };
    const url = `${site.page().replace('http', 'ws').split('/w/')[0]}/terminal`;
    site.answerTickets(() => ({ status: 200, body: { ticket: 'forged', url, workspace } }));
    site.cut();
    await ann.page.getByRole('heading', { name: 'Your access ended' }).waitFor();
    expect(site.asked).toHaveLength(3);
  });
});
