// A push to a fork that nobody heard of: whatever starts something, wherever it is said, asks the gate first.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createVoice, wordRefusal } from '../../bot/chat/wording.ts';
import { commands } from '../../bot/commands/index.ts';
import type { Answer } from '../../bot/database/types.ts';
import type { Thread } from '../fakes/github/github.ts';
import type { Person } from '../fakes/slack/slack.ts';
import { startSlack, type Slack } from '../testers/slack.ts';

let scene: Slack;
let mia: Person;
let fork: Thread;
beforeAll(async () => {
  scene = await startSlack({ env: { MAX_COMMANDS_PER_HOUR: '0' } });
  const { github } = scene;
  github.addUser('mia');
  github.addCollaborator('acme/api', 'mia', 'write', 'maintain');
  await github.addRepository('eve/api', { forkOf: 'acme/api' });
  mia = scene.slack.addPerson('mia');
  await scene.connect(mia, 'mia');
  fork = await github.addPullRequest('acme/api', { by: 'eve', from: 'eve/api', branch: 'evil' });
  // Mia's workspace of it, stopped, at the commit that she let in.
  await scene.say(`up acme/api#${fork.number} --trust-fork ${head()}`, mia);
  await scene.say(`stop ${name()}`, mia);
  expect(await phase()).toBe('stopped');
}, 120_000);
afterAll(() => scene[Symbol.asyncDispose]());

const head = (): string => fork.head?.sha ?? '';
const name = (): string => `api-${fork.number}`;

/** To the fork; nobody hears of it, now or later. */
async function pushUnheard(): Promise<void> {
  const { app } = scene.github.world;
  const url = app.webhookUrl;
  app.webhookUrl = undefined;
  await scene.github.push(fork, 'eve');
  app.webhookUrl = url;
}

const phase = async (): Promise<string | undefined> =>
  (
    await scene.place.sql<{ phase: string }[]>`
    select phase from workspaces where topic = ${`acme/api#${fork.number}`} and desired <> 'deleted'`
  )[0]?.phase;

/** What was answered last, wherever that is shown: GitHub's people read it once in a while only. */
async function answered(): Promise<string> {
  const [row] = await scene.place.sql<{ answer: Answer }[]>`
    select answer from deliveries where answer is not null order by seq desc limit 1`;
  if (!row || row.answer.ok) return JSON.stringify(row);
  return wordRefusal(row.answer as Parameters<typeof wordRefusal>[0], createVoice('/sam').say).text;
}

/** With the whole command that lets in the head of this moment. */
const refusal = (): RegExp => new RegExp(`/sam up (acme/api#${fork.number} )?--trust-fork ${head()}`);

const starting = commands.filter(({ starts }) => starts).map((command) => command.name);
/** Each as it can be said of a workspace that is there. */
const lines = starting.flatMap((verb) => [`${verb} NAME`, verb, `${verb} #N`, `${verb} acme/api#N`]);
const written = (line: string): string => line.replace('NAME', name()).replace('#N', `#${fork.number}`);

test('there are verbs that start something', () => {
  expect(starting.toSorted()).toEqual(['restart', 'retry', 'start', 'up']);
});

test.each(lines)('`%s` on GitHub is refused', async (line) => {
  await pushUnheard();
  await scene.github.comment(fork, 'mia', `/sam ${written(line)}`);
  await scene.settle();
  expect(await answered()).toMatch(refusal());
  expect(await phase()).toBe('stopped');
});

test.each(lines.filter((line) => line.includes(' ')))('`%s` in Slack is refused', async (line) => {
  await pushUnheard();
  await scene.say(written(line).replace(/ #/, ' acme/api#'), mia);
  expect(await answered()).toMatch(refusal());
  expect(await phase()).toBe('stopped');
});

test('a press on `Start` is refused', async () => {
  await scene.say(`status ${name()}`, mia);
  await pushUnheard();
  await scene.press('Start', scene.card(), mia);
  expect(await answered()).toMatch(refusal());
  expect(await phase()).toBe('stopped');
});

test('a label is refused', async () => {
  await pushUnheard();
  await scene.github.label(fork, 'mia', 'sam');
  await scene.settle();
  expect(await answered()).toMatch(refusal());
  expect(await phase()).toBe('stopped');
});
