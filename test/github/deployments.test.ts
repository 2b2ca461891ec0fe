// What a pull request shows of its newest workspace beside the comment: a deployment and a check with buttons.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CheckRun, Deployment, Thread } from '../fakes/github/github.ts';
import { until } from '../until.ts';
import { startGitHub, type GitHub } from '../testers/github.ts';

let context: GitHub;
/** With a workspace that no test stops. */
let kept: Thread;
beforeAll(async () => {
  context = await startGitHub();
  kept = await newWorkspace();
});
afterAll(() => context[Symbol.asyncDispose]());

let count = 0;
const newPull = (branch = `topic-${++count}`): Promise<Thread> =>
  context.github.addPullRequest('acme/api', { by: 'bob', branch });
/** With a workspace that runs. */
async function newWorkspace(branch?: string): Promise<Thread> {
  const pull = await newPull(branch);
  await context.github.label(pull, 'bob', 'sam');
  await context.settle();
  return pull;
}
const headOf = (pull: Thread): string => pull.head?.sha ?? '';
const checkOf = (pull: Thread): CheckRun | undefined =>
  context.github.world.checks.find(({ headSha }) => headSha === headOf(pull));
const deploymentsOf = (pull: Thread): Deployment[] =>
  context.github.world.deployments.filter(
    ({ payload }) => (payload as { number: number }).number === pull.number,
  );
const statesOf = (one: Deployment | undefined): string[] => (one?.statuses ?? []).map(({ state }) => state);

/** As the page of the check shows it. */
function showCheck(pull: Thread): string {
  const check = checkOf(pull);
  if (!check) return 'no check';
  const { title, summary } = check.output as { title: string; summary: string };
  const buttons = check.actions.map(({ label }) => `[${label}]`).join(' ');
  return context.stable(
    `${check.name}: ${check.status} ${check.conclusion ?? ''}\n${title}\n${check.detailsUrl}\n${buttons}\n\n${summary}`,
    pull,
  );
}

async function press(pull: Thread, identifier: string, by: string): Promise<string> {
  const check = checkOf(pull);
  if (!check) throw new Error('there is no check');
  await context.github.pressButton(check, by, identifier);
  await context.settle();
  return showCheck(pull);
}

test('a label brings a deployment and a check beside the comment, and both say where the terminal is', async () => {
  await context.github.label(context.pull, 'bob', 'sam');
  await context.settle();
  const [deployment, ...others] = deploymentsOf(context.pull);
  expect(others).toEqual([]);
  expect(deployment).toMatchObject({
    environment: 'sam',
    task: 'sam',
    transient: true,
    production: false,
    sha: headOf(context.pull),
  });
  expect(statesOf(deployment).join(' ')).toMatch(/^(queued )?(in_progress )?success$/);
  expect(context.stable(deployment?.statuses.at(-1)?.environmentUrl ?? '')).toMatchInlineSnapshot(
    `"http://localhost/w/ws-1?s=SIGNATURE"`,
  );
  expect(showCheck(context.pull)).toMatchInlineSnapshot(`
    "sam/workspace: completed neutral
    api-1: running
    http://localhost/w/ws-1?s=SIGNATURE
    [Open] [Stop] [Keep 4h]

    ### ✅ Workspace \`api-1\`: running
    \`acme/api@fix-login\` @ \`commit\` · medium · on the host, which does not isolate · for \`bob\`

    **[Open terminal](http://localhost/w/ws-1?s=SIGNATURE)** (sign in with GitHub) · stops at **TIME** if idle: \`/sam extend api-1 4h\`

    <sub>ws-1 · \`/sam open api-1\` · \`/sam extend api-1 4h\` · \`/sam stop api-1\` · \`/sam rm api-1\`</sub>"
  `);
});

test('`Open` is answered on the check, because a button leads no browser anywhere', async () => {
  expect(await press(kept, 'open', 'bob')).toContain(
    'ℹ `bob` pressed **Open**: the link **Open terminal** on this page leads there.',
  );
});

test('`Keep 4h` keeps it, and says until when', async () => {
  expect(await press(kept, 'keep', 'bob')).toMatch(/`bob` pressed \*\*Keep 4h\*\*: `api-\d+` stays until/);
});

test('a button that somebody presses who may not does nothing, and says why where it was pressed', async () => {
  expect(await press(kept, 'keep', 'eve')).toContain(
    '`eve` pressed **Keep 4h**: `/sam extend` needs **write** on `acme/api`; you have **read**.',
  );
  context.github.addUser('carol');
  context.github.addCollaborator('acme/api', 'carol', 'write');
  expect(await press(kept, 'stop', 'carol')).toContain('`carol` pressed **Stop**: There is no workspace');
  expect(checkOf(kept)?.output['title']).toBe(`api-${kept.number}: running`);
});

test('a push gets a check and a deployment of its own that say the same', async () => {
  const pull = await newWorkspace();
  const title = `api-${pull.number}: running`;
  const before = { check: checkOf(pull), deployment: deploymentsOf(pull)[0] };
  await context.github.push(pull, 'bob');
  await context.settle();
  const check = checkOf(pull);
  expect(check).not.toBe(before.check);
  expect(check).toMatchObject({
    status: 'completed',
    conclusion: 'neutral',
    output: { title },
  });
  expect(before.check).toMatchObject({
    conclusion: 'neutral',
    actions: [],
    output: { title: 'Goes on at a newer commit' },
  });
  expect(deploymentsOf(pull).map((one) => [one.sha === headOf(pull), statesOf(one).at(-1)])).toEqual([
    [false, 'inactive'],
    [true, 'success'],
  ]);
});

test('`Stop` ends the deployment; the check is neutral, which holds up no merge, and offers a start', async () => {
  const pull = await newWorkspace('stopped');
  expect(await press(pull, 'stop', 'bob')).toMatchInlineSnapshot(`
    "sam/workspace: completed neutral
    api-1: stopped
    http://localhost/w/ws-1?s=SIGNATURE
    [Start]

    ### ⏹ Workspace \`api-1\`: stopped
    \`acme/api@stopped\` @ \`commit\` · medium · for \`bob\`

    Its files are kept until TIME. Go on: \`/sam start api-1\`

    <sub>ws-1 · \`/sam start api-1\` · \`/sam rm api-1\`</sub>"
  `);
  expect(statesOf(deploymentsOf(pull).at(-1)).at(-1)).toBe('inactive');
});

test('a start takes up the same deployment and the same check', async () => {
  const pull = await newWorkspace();
  await press(pull, 'stop', 'bob');
  const [checks, deployments] = [context.github.world.checks.length, context.github.world.deployments.length];
  await press(pull, 'start', 'bob');
  expect(statesOf(deploymentsOf(pull).at(-1)).at(-1)).toBe('success');
  expect(checkOf(pull)?.output['title']).toBe(`api-${pull.number}: running`);
  expect([context.github.world.checks.length, context.github.world.deployments.length]).toEqual([
    checks,
    deployments,
  ]);
});

test('the newest workspace is the one that is shown', async () => {
  const pull = await newWorkspace();
  await context.say('/sam up', 'ada', pull);
  const shown = deploymentsOf(pull).filter((one) => statesOf(one).at(-1) === 'success');
  expect(shown).toHaveLength(1);
  expect(shown[0]?.statuses.at(-1)?.description).toContain('(ada) is running');
  expect(checkOf(pull)?.output['summary']).toContain('for `ada`');
  await context.say('/sam rm', 'ada', pull);
  expect(checkOf(pull)?.output['summary']).toContain('for `bob`');
});

test('a merge ends all of it', async () => {
  const pull = await newWorkspace();
  await context.github.merge(pull, 'bob');
  await context.settle();
  expect([...new Set(deploymentsOf(pull).map((one) => statesOf(one).at(-1)))]).toEqual(['inactive']);
  expect(checkOf(pull)).toMatchObject({ status: 'completed', conclusion: 'neutral', actions: [] });
});

test('creates whose answers get lost are found again, not made twice', async () => {
  const pull = await newPull();
  context.github.fail('POST', '/repos/acme/api/deployments', { status: 'lost' });
  context.github.fail('POST', '/repos/acme/api/check-runs', { status: 'lost' });
  await context.say('/sam up', 'bob', pull);
  expect(deploymentsOf(pull)).toHaveLength(1);
  expect(statesOf(deploymentsOf(pull)[0]).at(-1)).toBe('success');
  expect(context.github.world.checks.filter(({ headSha }) => headSha === headOf(pull))).toHaveLength(1);
  expect(checkOf(pull)?.conclusion).toBe('neutral');
});

test('a limit of GitHub makes it later, and nothing else', async () => {
  const pull = await newPull();
  context.github.limitSecondary({ retryAfterSeconds: 1, times: 3 });
  await context.say('/sam up', 'bob', pull);
  expect(statesOf(deploymentsOf(pull)[0]).at(-1)).toBe('success');
  expect(checkOf(pull)?.conclusion).toBe('neutral');
});

test('a bot that is killed between a create and its row makes nothing twice', async () => {
  const pull = await newPull();
  const hold = context.github.hold('POST', /^\/repos\/acme\/api\/deployments\/\d+\/statuses$/);
  await context.github.comment(pull, 'bob', '/sam up --size small');
  await hold.arrived;
  // As if it had ended there: what it knew is gone, what it asked for is not.
  await context.place.sql`update cards set lease_token = null, lease_until = null where kind = 'deployment'`;
  hold.release();
  await context.settle();
  expect(deploymentsOf(pull)).toHaveLength(1);
  expect(statesOf(deploymentsOf(pull)[0]).at(-1)).toBe('success');
});

test('an issue has neither', async () => {
  const before = [context.github.world.checks.length, context.github.world.deployments.length];
  const issue = context.github.addIssue('acme/api', { by: 'ada' });
  await context.say('/sam up', 'ada', issue);
  expect([context.github.world.checks.length, context.github.world.deployments.length]).toEqual(before);
});

test('a missing permission costs what needs it and nothing else, and the card says how to give it', async () => {
  const [installation] = context.github.world.installations;
  if (!installation) throw new Error('there is no installation');
  const all = installation.permissions;
  await context.github.acceptPermissions(installation, 'acme', {
    ...all,
    deployments: 'read',
    checks: 'read',
  });
  const pull = await newPull();
  await context.say('/sam up', 'bob', pull);
  expect([deploymentsOf(pull), checkOf(pull)]).toEqual([[], undefined]);
  await until(() => context.comments(pull)[0]?.includes('deployments: write') === true);
  await context.settle();
  expect(context.comments(pull)[0]?.split('\n').at(-1)).toMatchInlineSnapshot(
    `"⚠ The App lacks the permission **checks: write**, **deployments: write**, so some of what it shows is missing. Accept it: http://127.0.0.1/settings/installations/1007"`,
  );
  const asked = context.github.log.filter(({ operation }) => operation === 'repos/create-deployment').length;
  await context.say('/sam stop', 'bob', pull);
  await context.say('/sam start', 'bob', pull);
  expect(context.github.log.filter(({ operation }) => operation === 'repos/create-deployment')).toHaveLength(
    asked,
  );
  await context.github.acceptPermissions(installation, 'acme', all);
  await context.settle();
  expect(statesOf(deploymentsOf(pull)[0])).toEqual(['success']);
  expect(checkOf(pull)?.conclusion).toBe('neutral');
  expect(context.comments(pull)[0]).not.toContain('lacks');
});
