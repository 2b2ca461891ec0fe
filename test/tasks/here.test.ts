// `here` in a review comment: a workspace at the commit and the lines that the comment is about.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Thread } from '../fakes/github/github.ts';
import { createScriptedNodes, type ScriptedNodes } from '../testers/scripted-node.ts';
import { startGitHub, type GitHub } from '../testers/github.ts';

let context: GitHub;
let nodes: ScriptedNodes;
beforeAll(async () => {
  nodes = createScriptedNodes();
  const limits = { MAX_COMMANDS_PER_HOUR: '0', MAX_WORKSPACES_PER_USER: '0', MAX_NODES_PER_USER: '0' };
  context = await startGitHub({ env: { PROVIDER: 'scripted', ...limits }, providers: nodes.table });
});
afterAll(async () => {
  nodes.end();
  await context[Symbol.asyncDispose]();
});

let count = 0;
/** A pull request of two commits. */
async function newPull(): Promise<{ pull: Thread; old: string; head: string }> {
  const pull = await context.github.addPullRequest('acme/api', { by: 'bob', branch: `reviewed-${++count}` });
  const old = pull.head!.sha;
  await context.github.push(pull, 'bob');
  return { pull, old, head: pull.head!.sha };
}

type Spot = NonNullable<Parameters<GitHub['github']['reviewComment']>[3]>;
const here = async (pull: Thread, spot: Spot, line = '/sam here'): Promise<void> => {
  await context.github.reviewComment(pull, 'bob', line, spot);
  await context.settle();
};
const rowsOf = ({ number }: Thread) =>
  context.place
    .sql`select name, commit, size from workspaces where topic = ${`acme/api#${number}`} order by created_at`;
const replies = (pull: Thread): string[] =>
  context
    .comments(pull)
    .filter((one) => !one.includes('sam:v1'))
    .map((one) => one.replaceAll(/api-\d+/g, 'api-1'));

test('it opens the pull request’s workspace at its head, and says which line', async () => {
  const { pull, head } = await newPull();
  await here(pull, { path: 'src/login.ts', line: 12, commit: head }, '@sam here --size large');
  expect(await rowsOf(pull)).toMatchObject([{ commit: head, size: 'large' }]);
  expect(replies(pull)).toEqual([
    `\`api-1\` has \`src/login.ts:12\` as this comment speaks of it, at \`commit\`.`,
  ]);
  expect(context.comments(pull).join('\n')).toContain('Workspace `api-1`: running');
});

test('an outdated comment is about the commit that it was written at: another workspace, the same each time', async () => {
  const { pull, old, head } = await newPull();
  await context.say('/sam up', 'bob', pull);
  const outdated: Spot = { path: 'src/a.ts', line: null, commit: head, original: { line: 7, commit: old } };
  await here(pull, outdated);
  await here(pull, outdated);
  expect((await rowsOf(pull)).map(({ commit }) => commit)).toEqual([head, old]);
  expect(replies(pull).at(-1)).toBe(
    `\`api-1-2\` has \`src/a.ts:7\` as this comment speaks of it, at \`commit\`.`,
  );
  await here(pull, { path: 'docs', line: null, commit: head });
  expect(await rowsOf(pull)).toHaveLength(2);
  expect(replies(pull).at(-1)).toContain(`has \`docs\` as this comment`);
});

test('of a fork only the head that was let in is opened', async () => {
  await context.github.addRepository('eve/api', { forkOf: 'acme/api' });
  const fork = await context.github.addPullRequest('acme/api', {
    by: 'eve',
    branch: 'evil',
    from: 'eve/api',
  });
  const old = fork.head!.sha;
  await context.github.push(fork, 'eve');
  await here(fork, { path: 'a.ts', line: 1, commit: old });
  expect(replies(fork).at(-1)).toContain(
    `This comment is about \`commit\`, and the pull request comes from a fork`,
  );
  await context.place.sql`update deliveries set ended_at = ended_at - interval '1 hour'`;
  await here(fork, { path: 'a.ts', line: 1, commit: fork.head!.sha });
  expect(replies(fork).at(-1)).toContain('--trust-fork');
  expect(await rowsOf(fork)).toHaveLength(0);
});

test('anywhere else it says where it works, and what it cannot read of a comment is no place', async () => {
  const { pull, head } = await newPull();
  await context.say('/sam here', 'bob', pull);
  expect(replies(pull)).toEqual([
    '`/sam here` works in a reply to a review comment of a pull request on GitHub: it opens a workspace at the lines that the comment is about. Anywhere else say `/sam up`.',
  ]);
  await context.place.sql`update deliveries set ended_at = ended_at - interval '1 hour'`;
  await here(pull, { path: 'a.ts', line: 1, commit: 'HEAD; rm -rf' });
  await here(pull, { path: 'x'.repeat(5_000), line: 1, commit: head });
  expect(await rowsOf(pull)).toHaveLength(0);
});
