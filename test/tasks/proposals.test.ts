// Conversations on GitHub: the work of a workspace becomes a pull request, once, when somebody asks for it.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DesiredPush, DesiredTurn, PushResult } from '../../agent/protocol.ts';
import type { Thread } from '../fakes/github/github.ts';
import { until } from '../until.ts';
import { done, startAsking, type Asking } from './conversation.ts';

let context: Asking;
beforeAll(async () => {
  context = await startAsking();
  await context.leaveKey('bob');
});
afterAll(() => context[Symbol.asyncDispose]());

const CHANGES = { branch: 'topic', files: [{ path: 'a.txt', added: 1, removed: 0 }], count: 1 };
const PULLS = /\/repos\/acme\/api\/pulls$/;

let asks = 0;
/** A pull request of bob's, and a turn there. */
async function ask(flags = ''): Promise<{ pull: Thread; turn: DesiredTurn }> {
  const pull = await context.newPull();
  const prompt = `mend number ${++asks}`;
  await context.github.comment(pull, 'bob', `/sam ask ${flags}${prompt}`);
  const turn = await context.asked(prompt);
  return { pull, turn };
}

const work = (turn: DesiredTurn) =>
  context.happens(turn, { kind: 'started' }, { ...done('Done.'), changes: CHANGES } as never);

const pushOf = ({ workspace }: DesiredTurn, place = 0): Promise<DesiredPush> =>
  context.nodes.push(
    (one) => one === context.nodes.pushes.filter((other) => other.workspace === workspace)[place],
  );

/** As its agent does. */
async function pushes(push: DesiredPush): Promise<void> {
  const commit = await context.github.commit(
    'acme/api',
    'bob',
    { [`${push.id}.txt`]: 'work\n' },
    { branch: push.branch, message: push.subject },
  );
  says(push, { commit, subject: push.subject });
}
const says = ({ workspace, id }: DesiredPush, result: PushResult): void =>
  context.nodes.say(workspace, { type: 'pushed', workspace, id, result });

const told = (thread: Thread): string[] =>
  context
    .comments(thread)
    .filter((one) => one.includes('sam:v1 pp-'))
    .map((one) => one.replaceAll(/pp-[a-z2-7]{12}/g, 'pp-1'));

const opened = (branch: string): Thread[] =>
  context.github.world.threads.filter((one) => one.head?.ref === branch);

test('`ask --pr` pushes what changed and opens one pull request for the branch that was worked on', async () => {
  const { pull, turn } = await ask('--pr ');
  await work(turn);
  const push = await pushOf(turn);
  const { id } = context.github.account('bob');
  expect(push).toEqual({
    workspace: turn.workspace,
    id: push.id,
    branch: `sam/${context.nodes.nameOf(turn.workspace)}`,
    subject: turn.prompt,
    author: { name: 'bob', email: `${id}+bob@users.noreply.${new URL(context.github.url).hostname}` },
    agent: 'claude',
  });
  await pushes(push);
  await until(() => told(pull).length === 1);
  const [made, ...more] = opened(push.branch);
  expect(more).toEqual([]);
  expect(made).toMatchObject({ title: turn.prompt, base: { ref: pull.head!.ref }, state: 'open' });
  const url = `${context.github.url}/acme/api`;
  expect(made!.body).toBe(
    `@bob asked for this in [this conversation](${url}/issues/${pull.number}). It was made in the workspace \`${push.branch.slice(4)}\` of Sam, and is to be read like anybody's change before it is merged.`,
  );
  expect(told(pull)[0]).toContain(
    `[Pull request #${made!.number}](${url.replace(/:\d+/, '')}/pull/${made!.number}) has what is on \`sam/api-1\`, for \`${pull.head!.ref}\`.`,
  );
});

test('without `--pr` nothing is pushed and the answer says how; a second `pr` pushes and has the same pull request', async () => {
  const { pull, turn } = await ask();
  await work(turn);
  await until(() => context.answers(pull).length === 1);
  const name = context.nodes.nameOf(turn.workspace);
  expect(context.answers(pull)[0]).toContain('`/sam pr api-1`');
  expect(context.nodes.pushes.filter(({ workspace }) => workspace === turn.workspace)).toEqual([]);
  for (const place of [0, 1]) {
    await context.github.comment(pull, 'bob', '/sam pr');
    const push = await pushOf(turn, place);
    await pushes(push);
    await until(() => told(pull).length === place + 1);
  }
  expect(new Set(told(pull).map((one) => /#\d+/.exec(one)?.[0])).size).toBe(1);
  expect(opened(`sam/${name}`)).toHaveLength(1);
});

test('`pr --base` for another branch has the pull request that is open, and says where that goes', async () => {
  const { pull, turn } = await ask('--pr ');
  await work(turn);
  await pushes(await pushOf(turn));
  await until(() => told(pull).length === 1);
  await context.github.comment(pull, 'bob', '/sam pr --base main');
  await pushes(await pushOf(turn, 1));
  await until(() => told(pull).length === 2);
  expect(told(pull)[1]).toContain(`has what is on \`sam/api-1\`, for \`${pull.head!.ref}\`.`);
});

test('a pull request whose answer got lost is found again, and not opened twice', async () => {
  const { pull, turn } = await ask('--pr ');
  await work(turn);
  const push = await pushOf(turn);
  context.github.fail('POST', PULLS, { status: 'lost' });
  await pushes(push);
  await until(() => told(pull).length === 1);
  expect(opened(push.branch)).toHaveLength(1);
  expect(told(pull)[0]).toContain(`[Pull request #${opened(push.branch)[0]!.number}]`);
});

test('what keeps it from being pushed or opened is said once, with what to say next', async () => {
  const { pull, turn } = await ask('--pr ');
  await work(turn);
  const push = await pushOf(turn);
  const failure = {
    code: 'protected',
    said: 'GH013: rule violations, ghp_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
  } as const;
  says(push, { failure });
  says(push, { failure });
  await until(() => told(pull).length === 1);
  expect(told(pull)[0]).toContain(
    `A rule of the repository forbids the push (\`GH013: rule violations, [github token]\`). Whoever administers the repository can let me push to \`sam/*\`. Next: \`/sam pr api-1\`.`,
  );
  await context.github.comment(pull, 'bob', '/sam pr --base gone');
  await pushes(await pushOf(turn, 1));
  await until(() => told(pull).length === 2);
  expect(told(pull)[1]).toContain(
    `there is no branch \`gone\` to merge it into. Name another one. Next: \`/sam pr api-1 --base main\`.`,
  );
  expect(opened(push.branch)).toEqual([]);
});

test('with nothing changed there is no pull request, and the answer says so', async () => {
  const { pull, turn } = await ask('--pr ');
  await context.happens(turn, { kind: 'started' }, done('It is fine.'));
  await until(() => context.answers(pull).length === 1);
  expect(context.answers(pull)[0]).toContain('Nothing was changed, so there is no pull request.');
  expect(context.nodes.pushes.filter(({ workspace }) => workspace === turn.workspace)).toEqual([]);
});

test('a workspace that is stopped before its push says so, and a node that lost its connection is told again', async () => {
  const { pull, turn } = await ask('--pr ');
  await work(turn);
  const push = await pushOf(turn);
  context.nodes.drop(turn.workspace);
  expect(await pushOf(turn, 1)).toEqual(push);
  await context.say('/sam stop', 'bob', pull);
  await until(() => told(pull).length === 1);
  expect(told(pull)[0]).toContain('The workspace was stopped before its work was pushed.');
});
