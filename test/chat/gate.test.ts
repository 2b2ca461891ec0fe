// A push to a fork that nobody heard of: whatever starts something, wherever it is said, asks the gate first.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createVoice, wordRefusal } from '../../bot/chat/wording.ts';
import { commands } from '../../bot/commands/index.ts';
import type { Answer } from '../../bot/database/types.ts';
import type { Thread } from '../fakes/github/github.ts';
import type { Person } from '../fakes/slack/slack.ts';
import { leaveKey } from '../tasks/conversation.ts';
import { startSlack, type Slack } from '../testers/slack.ts';

let context: Slack;
let mia: Person;
let fork: Thread;
beforeAll(async () => {
  context = await startSlack({ env: { MAX_COMMANDS_PER_HOUR: '0' } });
  const { github } = context;
  github.addUser('mia');
  github.addCollaborator('acme/api', 'mia', 'write', 'maintain');
  await github.addRepository('eve/api', { forkOf: 'acme/api' });
  mia = context.slack.addPerson('mia');
  await context.connect(mia, 'mia');
  await leaveKey(context, 'mia');
  fork = await github.addPullRequest('acme/api', { by: 'eve', from: 'eve/api', branch: 'evil' });
  // Mia's workspace of it, stopped, at the commit that she let in.
  await context.say(`up acme/api#${fork.number} --trust-fork ${head()}`, mia);
  await context.say(`stop ${name()}`, mia);
  expect(await phase()).toBe('stopped');
}, 120_000);
afterAll(() => context[Symbol.asyncDispose]());

const head = (): string => fork.head?.sha ?? '';
const name = (): string => `api-${fork.number}`;

/** To the fork; nobody hears of it, now or later. */
async function pushUnheard(): Promise<void> {
  const { app } = context.github.world;
  const url = app.webhookUrl;
  app.webhookUrl = undefined;
  await context.github.push(fork, 'eve');
  app.webhookUrl = url;
}

const phase = async (): Promise<string | undefined> =>
  (
    await context.place.sql<{ phase: string }[]>`
    select phase from workspaces where topic = ${`acme/api#${fork.number}`} and desired <> 'deleted'`
  )[0]?.phase;

/** What was answered last, wherever that is shown: GitHub's people read it once in a while only. */
async function answered(): Promise<string> {
  const [row] = await context.place.sql<{ answer: Answer }[]>`
    select answer from deliveries where answer is not null order by seq desc limit 1`;
  if (!row || row.answer.ok) return JSON.stringify(row);
  return wordRefusal(row.answer as Parameters<typeof wordRefusal>[0], createVoice('/sam').say).text;
}

/** With the whole command that lets in the head of this moment. */
const refusal = (): RegExp => new RegExp(`/sam up (acme/api#${fork.number} )?--trust-fork ${head()}`);

const starting = commands.filter(({ starts }) => starts).map((command) => command.name);
/** Each as it can be said of a workspace that is there. */
const lines = [
  ...starting
    .filter((verb) => !['ask', 'run', 'here'].includes(verb))
    .flatMap((verb) => [`${verb} NAME`, verb, `${verb} #N`, `${verb} acme/api#N`]),
  // What is behind these is for the coding agent and the shell; `here` is said of review comments alone.
  'ask look',
  'ask --ws NAME look',
  'run make',
  'run --ws NAME make',
];
const written = (line: string): string => line.replace('NAME', name()).replace('#N', `#${fork.number}`);

test('there are verbs that start something', () => {
  expect(starting.toSorted()).toEqual(['ask', 'here', 'restart', 'retry', 'run', 'start', 'up']);
});

test.each(lines)('`%s` on GitHub is refused', async (line) => {
  await pushUnheard();
  await context.github.comment(fork, 'mia', `/sam ${written(line)}`);
  await context.settle();
  expect(await answered()).toMatch(refusal());
  expect(await phase()).toBe('stopped');
});

test.each(lines.filter((line) => line.includes(' ')))('`%s` in Slack is refused', async (line) => {
  await pushUnheard();
  await context.say(written(line).replace(/ #/, ' acme/api#'), mia);
  expect(await answered()).toMatch(refusal());
  expect(await phase()).toBe('stopped');
});

test('a press on `Start` is refused', async () => {
  await context.say(`status ${name()}`, mia);
  await pushUnheard();
  await context.press('Start', context.card(), mia);
  expect(await answered()).toMatch(refusal());
  expect(await phase()).toBe('stopped');
});

test('a label is refused', async () => {
  await pushUnheard();
  await context.github.label(fork, 'mia', 'sam');
  await context.settle();
  expect(await answered()).toMatch(refusal());
  expect(await phase()).toBe('stopped');
});
