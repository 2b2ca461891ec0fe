// Buttons in Slack, pressed more than once: what they give they give each time, what they change they change once.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { renderCard } from '../../bot/chat/slack/render.ts';
import { inSlack } from '../../bot/chat/slack/request.ts';
import { viewOf } from '../../bot/chat/view.ts';
import { findCommand } from '../../bot/commands/command.ts';
import { commands } from '../../bot/commands/index.ts';
import { parse } from '../../bot/commands/parser/parse.ts';
import { startSlack, type Slack } from '../testers/slack.ts';
import { PHASES } from '../views.ts';
import { nodeRow, T0, workspaceRow } from '../workspaces/rows.ts';

let bot: Slack;
/** Of the test alone. */
let context: Slack;
beforeAll(async () => {
  bot = await startSlack();
});
afterAll(() => bot[Symbol.asyncDispose]());
beforeEach(async () => {
  context = await bot.room();
});

/** Every button of every card, by what stands on it. */
function buttonsOfCards(): Map<string, string> {
  const found = new Map<string, string>();
  for (const phase of PHASES)
    for (const desired of ['running', 'stopped', 'deleted'] as const) {
      const workspace = workspaceRow({ phase, desired });
      const owner = { id: 'us-ada', name: 'ada', createdAt: T0 };
      const view = viewOf({ workspace, node: nodeRow(), owner, now: T0, expiry: undefined, warningMs: 0 });
      for (const block of renderCard(view, '/sam').blocks)
        for (const element of block.type === 'actions' ? block.elements : [])
          for (const { text, value } of element.type === 'button' ? [element] : element.options)
            found.set(text.text, value);
    }
  return found;
}

function whatOf(line: string): string {
  if (line.startsWith('?')) return 'asks back';
  const context = { traits: inSlack, markup: 'mrkdwn', triggers: ['/sam'], triggerOptional: true } as const;
  const parsed = parse(line, { ...context, commands, allowPaths: false, allowUrls: false });
  if (parsed.kind !== 'command') throw new Error(`${line} is no command`);
  return findCommand(commands, parsed.verb)?.gives ? 'gives' : 'changes';
}

test('of each button on a card it is known whether it gives or changes something', () => {
  const table = [...buttonsOfCards()].map(([label, line]) => `${label}: ${whatOf(line)}`).toSorted();
  expect(table).toEqual([
    'Delete…: asks back',
    'Keep 4h: changes',
    'Logs: gives',
    'Open terminal: gives',
    'Rename…: asks back',
    'Restart: changes',
    'Retry: changes',
    'Start: changes',
    'Stop: changes',
  ]);
});

test('of all commands these give, and change nothing of a workspace', () => {
  const giving = commands.filter((command) => 'gives' in command).map(({ name }) => name);
  expect(giving.toSorted()).toEqual([
    'connect',
    'cost',
    'help',
    'limit',
    'list',
    'logs',
    'nodes',
    'open',
    'status',
    'tokens',
    'who',
  ]);
});

/** The address that was shown, with its code. */
function linkIn(context: Slack): string {
  const shown = context.slack.seenBy(context.people.bob, context.dev).at(-1);
  return /<(http[^|>]+)\|/.exec(JSON.stringify(shown?.blocks))?.[1] ?? 'no link';
}

test('`Open terminal` is answered each time: with the same link while it is unspent, then with another', async () => {
  await context.say('up acme/api');
  const card = context.card();
  const links: string[] = [];
  for (let presses = 0; presses < 3; presses++) {
    expect((await context.press('Open terminal', card)).at(-1)).toContain('Open the terminal');
    links.push(linkIn(context));
    if (presses === 1)
      await context.place.sql`update tokens set used_at = clock_timestamp() where purpose = 'link'`;
  }
  const [first, second, third] = links;
  expect(second).toBe(first);
  expect(third).not.toBe(first);
  expect(third).toMatch(/#[\w-]{43}$/);
});

test('a link that is shown again is good for five minutes again, and is never another person’s', async () => {
  await context.say('up acme/api');
  await context.press('Open terminal', context.card());
  await context.place
    .sql`update tokens set expires_at = clock_timestamp() + interval '1 minute' where purpose = 'link'`;
  await context.press('Open terminal', context.card());
  const codes = await context.place.sql<{ left: number }[]>`
    select extract(epoch from expires_at - clock_timestamp())::int as left from tokens t
      join identities i on i.user_id = t.user_id and i.external_id = ${context.people.bob.id}
     where t.purpose = 'link' and t.used_at is null`;
  expect(codes).toHaveLength(1);
  expect(codes[0]?.left).toBeGreaterThan(200);
});

test('logs that are asked for twice are shown twice', async () => {
  await context.say('up acme/api');
  const card = context.card();
  expect(await context.press('Logs', card)).toHaveLength(1);
  expect(await context.press('Logs', card)).toHaveLength(1);
});

test('what changes something counts once, however often it is pressed within ten seconds', async () => {
  await context.say('up acme/api --name counted');
  for (const label of ['Keep 4h', 'Restart', 'Stop']) {
    // The second time on what was there to be seen the first time.
    const shown = { ...context.card() };
    await context.press(label, shown);
    await context.press(label, shown);
  }
  const verbs = await context.place.sql<{ verb: string }[]>`
    select c.verb from commands c join workspaces w on w.id = c.workspace_id where w.name = 'counted' order by c.id`;
  expect(verbs.map(({ verb }) => verb)).toEqual(['up', 'extend', 'restart', 'stop']);
});
