// What a verb writes to GitHub on a pull request with comment, deployment and check: how much, in which order, and that a
// bot which is killed in the middle of it loses nothing and says nothing twice.
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { FakeGitHub, Logged, Thread } from '../fakes/github/github.ts';
import { findFreePort } from '../free-port.ts';
import { envFor, isSettled, startFake, startGitHub, type GitHub } from '../testers/github.ts';
import { createPlace } from '../testers/place.ts';
import { spawnSam } from '../testers/spawned-sam.ts';
import { until } from '../until.ts';

let context: GitHub;
let count = 0;
beforeAll(async () => {
  context = await startGitHub();
});
afterAll(() => context[Symbol.asyncDispose]());

const newPull = (): Promise<Thread> =>
  context.github.addPullRequest('acme/api', { by: 'bob', branch: `topic-${++count}` });

const SHORT: [RegExp, string][] = [
  [/reactions\/create/, 'reaction'],
  [/issues\/create-comment/, 'comment'],
  [/issues\/update-comment/, 'edit'],
  [/create-deployment-status/, 'status'],
  [/create-deployment$/, 'deployment'],
  [/checks\//, 'check'],
];

function kindOf({ method, operation = '', body, auth }: Logged): string[] {
  if (auth !== 'installation' || method === 'GET') return [];
  // Whether a command takes longer than a second depends on the machine.
  if (body.includes('"eyes"')) return [];
  return [SHORT.find(([pattern]) => pattern.test(operation))?.[1] ?? operation];
}

/** Each of what `up` is made of, and an edit of the comment where the machine takes its time. */
const MOST = 6;

/** Says it, and gives what was written until all is quiet. */
async function writesOf(line: string, pull: Thread): Promise<string[]> {
  const before = context.github.log.length;
  await context.say(line, 'bob', pull);
  return context.github.log.slice(before).flatMap(kindOf);
}

test('`up` is a reaction, a comment that is edited once at most, a deployment with its status, and a check', async () => {
  const pull = await newPull();
  const writes = await writesOf('/sam up', pull);
  const once = writes.filter((kind) => kind !== 'edit');
  expect(once.toSorted()).toEqual(['check', 'comment', 'deployment', 'reaction', 'status']);
  expect(once.indexOf('deployment')).toBeGreaterThan(once.indexOf('reaction'));
  expect(once.indexOf('check')).toBeGreaterThan(once.indexOf('comment'));
  expect(writes.length).toBeLessThanOrEqual(MOST);
});

test('`up` again after `rm` writes no more than the first', async () => {
  const pull = await newPull();
  await context.say('/sam up', 'bob', pull);
  await context.say('/sam rm --force', 'bob', pull);
  const writes = await writesOf('/sam up', pull);
  expect(writes.filter((kind) => kind !== 'edit').toSorted()).toEqual([
    'check',
    'comment',
    'deployment',
    'reaction',
    'status',
  ]);
  expect(writes.length).toBeLessThanOrEqual(MOST);
});

test('a quick verb writes three times: the reaction, the card, the check', async () => {
  const pull = await newPull();
  await context.say('/sam up', 'bob', pull);
  expect(await writesOf('/sam extend 8h', pull)).toEqual(['reaction', 'edit', 'check']);
  expect(await writesOf(`/sam rename box-${count}`, pull)).toEqual(['reaction', 'edit', 'check']);
  expect(await writesOf('/sam status', pull)).toEqual(['reaction']);
});

test('`stop` leaves the deployment alone: whoever starts it soon spares its two statuses', async () => {
  const pull = await newPull();
  await context.say('/sam up', 'bob', pull);
  const writes = [...(await writesOf('/sam stop', pull)), ...(await writesOf('/sam start', pull))];
  expect(writes).not.toContain('status');
  expect(writes.filter((kind) => kind === 'reaction')).toHaveLength(2);
});

test('who pressed another button than `Stop` waits for no end of the deployment: it rests as well', async () => {
  const pull = await newPull();
  await context.say('/sam up', 'bob', pull);
  const check = context.github.world.checks.find(({ headSha }) => headSha === pull.head?.sha);
  await context.github.pressButton(check!, 'bob', 'open');
  await context.settle();
  expect(await writesOf('/sam stop', pull)).not.toContain('status');
});

test('a stop that lasts ends the deployment', async () => {
  const pull = await newPull();
  await context.say('/sam up', 'bob', pull);
  await context.say('/sam stop', 'bob', pull);
  await context.place.sql`
    update workspaces set phase_since = phase_since - interval '16 minutes' where topic = ${`acme/api#${pull.number}`}`;
  await context.place.sql`
    update cards set next_at = clock_timestamp() where thread = ${`acme/api#${pull.number}`} and kind = 'deployment'`;
  await context.place.sql`select pg_notify('sam', 'card')`;
  await until(() => statesOn(context.github, pull).at(-1) === 'inactive');
});

function statesOn({ world }: FakeGitHub, pull: Thread): string[] {
  return world.deployments
    .filter(({ payload }) => (payload as { number: number }).number === pull.number)
    .flatMap(({ statuses }) => statuses.map(({ state }) => state));
}

test('a status of which GitHub did not say that it has it is not said twice', async () => {
  const pull = await newPull();
  context.github.fail('POST', /^\/repos\/acme\/api\/deployments\/\d+\/statuses$/, { status: 'lost' });
  await context.say('/sam up', 'bob', pull);
  expect(statesOn(context.github, pull)).toEqual(['success']);
});

/** Where GitHub has got a request, and nobody will hear its answer. */
const MOMENTS: [string, string, RegExp][] = [
  ['the card', 'POST', /^\/repos\/acme\/api\/issues\/\d+\/comments$/],
  ['its status', 'POST', /^\/repos\/acme\/api\/deployments\/\d+\/statuses$/],
  ['the check', 'POST', /^\/repos\/acme\/api\/check-runs$/],
];

test.each(MOMENTS)(
  'a bot that is killed in the middle of %s loses nothing, and doubles nothing',
  { timeout: 120_000 },
  async (_what, method, path) => {
    const github = await startFake();
    await using place = await createPlace();
    onTestFinished(() => github.stop());
    github.addUser('bob');
    await github.addRepository('acme/api');
    github.addCollaborator('acme/api', 'bob', 'write');
    github.install('acme');
    const pull = await github.addPullRequest('acme/api', { by: 'bob', branch: 'fix' });
    const env = { ...envFor(github), PORT: String(await findFreePort()) };
    const hold = github.hold(method, path);
    await using first = spawnSam([], { place, env });
    github.world.app.webhookUrl = `${await first.url()}/api/github/webhooks`;
    const { comment } = await github.comment(pull, 'bob', '/sam up');
    await hold.arrived;
    await first.kill();
    // It happens at GitHub all the same.
    github.mend();
    for (const table of ['turns', 'cards', 'deliveries', 'workspaces', 'nodes'] as const)
      await place.sql`update ${place.sql(table)} set lease_until = clock_timestamp() where lease_until is not null`;
    await using second = spawnSam([], { place, env });
    await second.url();
    await until(() => isSettled(place));
    expect(github.commentsOn(pull).filter(({ byApp }) => byApp)).toHaveLength(1);
    expect(github.commentsOn(pull).find(({ byApp }) => byApp)?.body).toContain(': running');
    expect(github.reactionsOn(comment).filter((sign) => sign !== 'eyes')).toEqual(['rocket']);
    expect(github.world.checks.map(({ status }) => status)).toEqual(['completed']);
    expect(statesOn(github, pull)).toEqual(['success']);
    expect(await second.stop()).toBe(0);
  },
);
