// The task tab of the page in a real browser, with a bot that tells what a test wants; no coding agent. Tests nothing of the bot.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { beforeEach, describe, expect, test } from 'vitest';
import { browserMissing } from '../browser.ts';
import type { Told, Turn } from '../../web-terminal/tasks/feed.ts';
import { eventually, type Visitor } from './visitor.ts';
import { PROMPT, useVisits } from './visits.ts';

const TASK = 'tk-abcdefghij23';
const turnOf = (more: Partial<Turn> = {}): Turn => ({
  task: TASK,
  turn: 1,
  order: 1,
  by: 'ada',
  prompt: 'look',
  state: 'running',
  isEnding: false,
  at: '2026-01-01T00:00:00Z',
  plan: [],
  questions: [],
  decisions: [],
  answer: '',
  ...more,
});

/** What the bot says of coding agents, and what it hears. */
interface Bot {
  told: Partial<Told>;
  /** A proxy lets nothing of a stream through. */
  isHeldBack: boolean;
  /** No more may listen. */
  isFull: boolean;
  /** Pages that listen now; how often one came; how often one asked instead. */
  listeners: Set<ServerResponse>;
  streams: number;
  looks: number;
  /** Keys of presses, by verb. */
  said: { verb: string; key: string }[];
  tell: (more?: Partial<Told>) => void;
}

function startBot(): Bot {
  const bot: Bot = {
    told: {},
    isHeldBack: false,
    isFull: false,
    listeners: new Set(),
    streams: 0,
    looks: 0,
    said: [],
    tell(more = {}) {
      Object.assign(bot.told, more);
      for (const one of bot.listeners) one.write(eventOf(bot.told));
    },
  };
  return bot;
}

const bodyOf = (told: Partial<Told>): string =>
  JSON.stringify({
    id: 'one',
    isNew: false,
    isShown: true,
    turns: [],
    happened: [],
    hasOlder: false,
    refused: [],
    ...told,
  });
const eventOf = (told: Partial<Told>): string => `event: tasks\ndata: ${bodyOf(told)}\n\n`;

function answerAs(bot: Bot) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    if (request.method === 'POST') {
      const verb = request.url?.split('/').at(-1) ?? '';
      bot.said.push({ verb, key: String(request.headers['idempotency-key']) });
      return void response.writeHead(202, { 'content-type': 'application/json' }).end('{}');
    }
    if (request.headers.accept !== 'text/event-stream') {
      bot.looks += 1;
      return void response.writeHead(200).end(bodyOf(bot.told));
    }
    bot.streams += 1;
    if (bot.isFull) return void response.writeHead(429).end();
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    if (bot.isHeldBack) return;
    bot.listeners.add(response);
    response.on('close', () => bot.listeners.delete(response));
    response.write(eventOf(bot.told));
  };
}

const visits = useVisits();
let bot: Bot;
beforeEach(() => {
  bot = startBot();
  visits.site.answerTasks(answerAs(bot));
});

/** With the tab shown. */
async function arrive(): Promise<Visitor> {
  const ann = await visits.arrive();
  await ann.page.getByRole('tab', { name: 'Task' }).click();
  return ann;
}
const isSelected = ({ page }: Visitor, name: string | RegExp) =>
  page.getByRole('tab', { name }).getAttribute('aria-selected');

describe.skipIf(browserMissing)('the task tab', { timeout: 120_000 }, () => {
  test('stays chosen when a terminal opens that was asked for before; that one is there all the same', async () => {
    const ann = await visits.arrive();
    await ann.page.getByRole('tab', { name: 'Task' }).waitFor();
    // In one go: no answer comes in between.
    await ann.page.evaluate(() => {
      document.getElementById('new')!.click();
      document.getElementById('tab-task')!.click();
    });
    const second = ann.page.locator('.tab:not(.fixed)').nth(1);
    await second.waitFor();
    await eventually(() => second.locator('.label').textContent()).not.toBe('…');
    expect(await isSelected(ann, /^Task/)).toBe('true');
    await second.click();
    await ann.sees(PROMPT);
    await ann.run('echo in-$((1+1))');
    await ann.sees('in-2');
  });

  test('gives back what was refused, though other presses came after it and nobody looked for a while', async () => {
    const ann = await arrive();
    const field = ann.page.getByRole('textbox', { name: 'What Claude Code is to do' });
    await field.fill('say one');
    await field.press('Enter');
    await ann.page.getByRole('button', { name: 'Sending' }).waitFor();
    await eventually(() => bot.said.map(({ verb }) => verb)).toEqual(['ask']);
    await ann.see('hidden');
    await eventually(() => bot.listeners.size).toBe(0);
    const key = bot.said[0]?.key ?? '';
    bot.told.refused = [
      { key: 'of-another', text: 'Another one.' },
      { key, text: 'You may not `ask` here.' },
    ];
    await ann.see('visible');
    await ann.page.getByRole('button', { name: 'Ask', exact: true }).waitFor();
    expect(await field.inputValue()).toBe('say one');
    await eventually(() => ann.page.locator('.composer .note').textContent()).toBe('You may not ask here.');
  });

  test('is there though a bot of the version before says nothing of what was refused', async () => {
    bot.told = { refused: undefined as never, turns: [turnOf()] };
    const ann = await arrive();
    await ann.page.getByText('At work').waitFor();
    expect(await ann.page.getByRole('textbox', { name: 'What Claude Code is to do' }).isEnabled()).toBe(true);
  });

  test('keeps the keyboard in a turn whose button went under it', async () => {
    bot.told.turns = [turnOf()];
    const ann = await arrive();
    const cancel = ann.page.getByRole('button', { name: 'Cancel this task' });
    await cancel.focus();
    await cancel.press('Enter');
    await eventually(() => bot.said.map(({ verb }) => verb)).toEqual(['cancel']);
    bot.tell({ turns: [turnOf({ isEnding: true })] });
    await ann.page.getByText('Is being cancelled').waitFor();
    const hasFocus = () => ann.page.locator('article').evaluate((one) => one === document.activeElement);
    expect(await hasFocus()).toBe(true);
  });

  test('asks where events are held back, and listens again when somebody comes back or some minutes are over', async () => {
    bot.isHeldBack = true;
    const ann = await visits.arrive();
    await ann.page.clock.install();
    await ann.page.clock.runFor(10_000);
    await ann.page.getByRole('tab', { name: 'Task' }).waitFor();
    expect(bot.streams).toBe(1);
    await ann.see('hidden');
    await ann.see('visible');
    await eventually(() => bot.streams).toBe(2);
    const looks = bot.looks;
    await ann.page.clock.runFor(10_000);
    await eventually(() => bot.looks).toBeGreaterThan(looks);
    bot.isHeldBack = false;
    const minute = async () => {
      await ann.page.clock.runFor(60_000);
      return bot.listeners.size;
    };
    await eventually(minute).toBe(1);
    bot.tell({ turns: [turnOf({ prompt: 'by an event' })] });
    await ann.page.getByText('by an event').waitFor({ state: 'attached' });
  });

  test('asks where too many listen already', async () => {
    bot.isFull = true;
    bot.told.turns = [turnOf()];
    const ann = await arrive();
    await ann.page.getByText('At work').waitFor();
    expect(bot.listeners.size).toBe(0);
  });
});
