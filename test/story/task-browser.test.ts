// The task tab in a real browser, through the whole bot and a real node; the coding agent alone is a script.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { browserMissing, launchBrowser } from '../browser.ts';
import { KEY, startModel } from '../fakes/model.ts';
import { findViolations } from '../page/violations.ts';
import { desktop, eventually, phone, visit, type Visitor } from '../page/visitor.ts';
import { startSam, type Sam } from '../testers/sam.ts';
import { NO_REGISTRY, placeScriptedClaude } from '../testers/scripted-claude.ts';
import { openSettings } from '../testers/settings.ts';

const ENCRYPTION_KEY = Buffer.alloc(32, 7).toString('base64');

let browser: Browser;
let visitors: Visitor[] = [];
beforeAll(async () => void (browser = await launchBrowser()));
afterAll(() => browser?.close());
afterEach(async () => {
  const complaints = visitors.flatMap((visitor) => visitor.complaints);
  await Promise.all(visitors.map((visitor) => visitor.leave()));
  visitors = [];
  expect(complaints, 'what the browser refused or the page threw').toEqual([]);
});

async function open(link: string, device = desktop): Promise<Visitor> {
  const visitor = await visit(browser, link, device);
  visitors.push(visitor);
  return visitor;
}

/** With a workspace whose coding agent is the script. */
async function startWithAgent(): Promise<Sam> {
  const model = await startModel();
  const sam = await startSam({ env: { ENCRYPTION_KEY, ANTHROPIC_BASE_URL: model.url, ...NO_REGISTRY } });
  sam.place.repository('demo');
  await sam.say('up ./demo');
  await placeScriptedClaude(sam, 'demo');
  return sam;
}

async function leaveKey(sam: Sam): Promise<void> {
  const settings = await openSettings(sam);
  expect((await settings('POST', '/api/credentials', { provider: 'anthropic', value: KEY })).ok).toBe(true);
}

/** With the tab shown. */
async function arrive(sam: Sam, device = desktop): Promise<Visitor> {
  await sam.say('open');
  const ada = await open(sam.link(), device);
  await ada.isIn('Connected');
  await ada.page.getByRole('tab', { name: 'Task' }).click();
  return ada;
}

const fieldOf = ({ page }: Visitor) => page.getByRole('textbox', { name: 'What Claude Code is to do' });
const turnsOf = ({ page }: Visitor) => page.getByRole('article');
const button = ({ page }: Visitor, name: string) => page.getByRole('button', { name, exact: true });

async function ask(visitor: Visitor, prompt: string): Promise<void> {
  await fieldOf(visitor).fill(prompt);
  await fieldOf(visitor).press('Enter');
}

describe.skipIf(browserMissing)('the task tab', () => {
  test('one asks, approves what it wants to do, and has the answer; a reload keeps all of it', async () => {
    await using sam = await startWithAgent();
    await leaveKey(sam);
    const ada = await arrive(sam);
    await ask(
      ada,
      'plan look first\nsay I look.\ntool npm test\nask rm -rf build\nwrite made.txt x\ncost 0.25\nanswer All is <b>done</b>.',
    );
    const turn = turnsOf(ada).first();
    await turn.getByRole('group', { name: 'Question 1' }).getByText('rm -rf build').waitFor();
    await eventually(() => turn.locator('.plan').textContent()).toContain('look first');
    await eventually(() => turn.locator('.did').textContent()).toContain('npm test (done)');
    expect(await findViolations(ada)).toEqual([]);
    await button(ada, 'Approve').click();
    await turn.getByText('Done', { exact: true }).waitFor();
    const shown = async () => (await turn.locator('.answer').textContent()) ?? '';
    await eventually(shown).toBe('All is <b>done</b>.');
    expect(await turn.locator('.answer b').count()).toBe(0);
    expect(await turn.locator('.foot').textContent()).toMatch(/0\.25 USD/);
    expect(await turn.locator('.changes').textContent()).toContain('1 file changed');
    await turn.getByText('What it did', { exact: false }).click();
    expect(await turn.locator('.did').textContent()).toMatch(/rm -rf build approved by \w+/);
    await ada.page.reload();
    await turn.getByText('Done', { exact: true }).waitFor();
    expect(await turn.locator('.prompt').textContent()).toContain('plan look first');
    await eventually(shown).toBe('All is <b>done</b>.');
    await ask(ada, 'recall');
    await eventually(() => turnsOf(ada).nth(1).locator('.answer').textContent()).toContain('plan look first');
    await sam.settle();
  });

  test('what is denied is not done; what it works on is cancelled, and what waits comes next', async () => {
    await using sam = await startWithAgent();
    await leaveKey(sam);
    const ada = await arrive(sam);
    await ask(ada, 'ask touch allowed.txt\nask touch denied.txt\nhang');
    await button(ada, 'Approve').click();
    await turnsOf(ada).first().locator('.did').getByText('allow_once').waitFor();
    await button(ada, 'Deny').click();
    await turnsOf(ada).first().locator('.did').getByText('reject_once').waitFor();
    const { checkout } = await sam.row('demo');
    const isMade = (name: string) => existsSync(join(checkout, 'demo', name));
    expect([isMade('allowed.txt'), isMade('denied.txt')]).toEqual([true, false]);
    await ask(ada, 'say next');
    await turnsOf(ada).nth(1).getByText('Waits', { exact: true }).waitFor();
    await turnsOf(ada).first().getByRole('button', { name: 'Cancel this task' }).click();
    await turnsOf(ada).first().getByText('Cancelled', { exact: true }).waitFor();
    await eventually(() => turnsOf(ada).nth(1).locator('.answer').textContent()).toBe('next');
  });

  test('without a key it says so, and what is typed is kept; with one it can be asked', async () => {
    await using sam = await startWithAgent();
    const ada = await arrive(sam, phone);
    await ada.page.locator('.composer').getByText('connect claude').waitFor();
    expect(await fieldOf(ada).isDisabled()).toBe(true);
    expect(await findViolations(ada)).toEqual([]);
    await leaveKey(sam);
    await eventually(() => fieldOf(ada).isDisabled()).toBe(false);
    await fieldOf(ada).fill('say one');
    await fieldOf(ada).press('Shift+Enter');
    await ada.page.keyboard.type('say two');
    await ada.page.reload();
    await eventually(() => fieldOf(ada).inputValue()).toBe('say one\nsay two');
    await button(ada, 'Ask').click();
    await turnsOf(ada).first().getByText('Done', { exact: true }).waitFor();
    expect(await fieldOf(ada).inputValue()).toBe('');
    expect(await turnsOf(ada).count()).toBe(1);
    expect(await findViolations(ada)).toEqual([]);
    const wide = await ada.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(wide).toBeLessThanOrEqual(0);
  });

  test('a question in the chat is answered on the page, and the tab says that it waits', async () => {
    await using sam = await startWithAgent();
    await leaveKey(sam);
    await sam.say('open');
    const ada = await open(sam.link());
    await ada.isIn('Connected');
    await sam.say('ask ask make all');
    await ada.page.getByRole('tab', { name: 'Task (waits for you)' }).click();
    await button(ada, 'Approve always').click();
    await turnsOf(ada).first().getByText('Done', { exact: true }).waitFor();
    await turnsOf(ada)
      .first()
      .getByText('approved for the rest of the task', { exact: false })
      .waitFor({ state: 'attached' });
    await eventually(() => sam.shown()).toContain('demo: done');
    await sam.say('ask ask make all');
    await turnsOf(ada).nth(1).getByText('Done', { exact: true }).waitFor();
  });
});

describe.skipIf(browserMissing)('the task tab of somebody else', () => {
  test('somebody else hears nothing of it and can say nothing', async () => {
    await using sam = await startWithAgent();
    await leaveKey(sam);
    const ada = await arrive(sam);
    await ask(ada, 'hang');
    await turnsOf(ada).first().getByText('At work', { exact: true }).waitFor();
    await sam.say('up ./demo --new');
    await sam.give('demo-2', 'bob');
    const bob = await open(await sam.linkFor('bob', 'demo-2'));
    await bob.isIn('Connected');
    const { id } = await sam.row('demo');
    const say = (visitor: Visitor, verb: string, body: object, workspace = id) =>
      visitor.page.evaluate(
        async ([path, text]) => {
          const headers = { 'content-type': 'application/json', 'idempotency-key': crypto.randomUUID() };
          const answer = await fetch(path!, { method: 'POST', headers, body: text! });
          return answer.status;
        },
        [`/w/${workspace}/tasks/${verb}`, JSON.stringify(body)],
      );
    const task = await sam.place.sql<{ task_id: string }[]>`select task_id from task_turns`;
    const about = { task: task[0]!.task_id, turn: 1 };
    expect(await say(bob, 'ask', { prompt: 'say mine' })).toBe(401);
    expect(await say(bob, 'cancel', about)).toBe(401);
    expect(await bob.page.evaluate(async (path) => (await fetch(path)).status, `/w/${id}/tasks`)).toBe(401);
    // In his own workspace he may speak, but not of what is in hers.
    const { id: his } = await sam.row('demo-2');
    expect(await say(bob, 'cancel', about, his)).toBe(202);
    await sam.settle();
    const [heard] = await sam.place.sql<{ answer: object }[]>`
      select answer from deliveries where event = 'task-cancel'`;
    expect(heard!.answer).toMatchObject({ ok: false, code: 'nothing-asked' });
    expect(await turnsOf(ada).first().locator('.state').textContent()).toBe('At work');
    const foreign = await fetch(`${sam.bot.url}/w/${id}/tasks/ask`, {
      method: 'POST',
      headers: { origin: 'https://evil.example', 'content-type': 'application/json' },
      body: '{"prompt":"x"}',
    });
    expect(foreign.status).toBe(403);
  });
});
