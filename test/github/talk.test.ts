// Conversations on pull requests and issues, as people see them.
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Thread } from '../fakes/github/github.ts';
import { until } from '../until.ts';
import { startGitHub, type GitHub } from '../testers/github.ts';

let context: GitHub;
beforeAll(async () => {
  context = await startGitHub();
});
afterAll(() => context[Symbol.asyncDispose]());

let count = 0;
const newPull = (branch = `topic-${++count}`): Promise<Thread> =>
  context.github.addPullRequest('acme/api', { by: 'bob', branch });

async function newWorkspace(branch?: string): Promise<Thread> {
  const pull = await newPull(branch);
  await context.say('/sam up', 'bob', pull);
  return pull;
}

const lastComment = (thread: Thread): string => context.comments(thread).at(-1) ?? 'nothing was said';

test('`@sam workspace` on a pull request makes one workspace, one card, and a link for those who may', async () => {
  const comment = await context.say('@sam workspace');
  expect(context.comments()).toMatchInlineSnapshot(`
    [
      "<!-- sam:v1 acme/api#1 -->

    ### ✅ Workspace \`api-1\`: running
    \`acme/api@fix-login\` @ \`commit\` · medium · on the host, which does not isolate · for \`bob\`

    **[Open terminal](http://localhost/w/ws-1?s=SIGNATURE)** (sign in with GitHub) · stops at **TIME** if idle: \`/sam extend api-1 4h\`

    <sub>ws-1 · \`/sam open api-1\` · \`/sam extend api-1 4h\` · \`/sam stop api-1\` · \`/sam rm api-1\`</sub>",
    ]
  `);
  expect(context.signs(comment)).toEqual(['rocket']);
});

test('a second `up` says nothing new, and makes nothing', async () => {
  const pull = await newWorkspace();
  const before = context.comments(pull);
  const comment = await context.say('Again, from my phone:\n\n- `/Sam up`', 'bob', pull);
  expect(context.comments(pull)).toEqual(before);
  expect(context.signs(comment)).toEqual(['rocket']);
});

test('`stop` and `start` edit the same comment', async () => {
  const pull = await newWorkspace('stopped');
  await context.say('/sam stop', 'bob', pull);
  expect(context.comments(pull)).toMatchInlineSnapshot(`
    [
      "<!-- sam:v1 acme/api#1 -->

    ### ⏹ Workspace \`api-1\`: stopped
    \`acme/api@stopped\` @ \`commit\` · medium · for \`bob\`

    Its files are kept until TIME. Go on: \`/sam start api-1\`

    <sub>ws-1 · \`/sam start api-1\` · \`/sam rm api-1\`</sub>",
    ]
  `);
  await context.say('@sam-test[bot] start', 'bob', pull);
  expect(context.comments(pull)[0]).toContain('✅ Workspace `api-1`: running');
});

test('`rm` ends with a card that says so and is folded away', async () => {
  const pull = await newWorkspace('deleted');
  await context.say('/sam rm', 'bob', pull);
  expect(context.comments(pull)).toMatchInlineSnapshot(`
    [
      "<!-- sam:v1 acme/api#1 -->

    ### 🗑 Workspace \`api-1\`: deleted
    \`acme/api@deleted\` · medium · for \`bob\`

    <sub>ws-1</sub>
    (minimised: OUTDATED)",
    ]
  `);
});

test('eyes are the first that is seen where the work takes longer, and stay beside how it ended', async () => {
  const pull = await newPull();
  const cloning = context.github.hold('POST', '/acme/api.git/git-upload-pack');
  onTestFinished(() => context.github.mend());
  const before = context.github.log.length;
  const { comment } = await context.github.comment(pull, 'bob', '/sam up');
  await cloning.arrived;
  await until(() => context.comments(pull).length > 0);
  expect(context.github.reactionsOn(comment)).toEqual(['eyes']);
  const writes = context.github.log
    .slice(before)
    .filter(({ method, path }) => method === 'POST' && path.includes('/repos/'));
  expect(writes[0]?.path).toContain(`/comments/${comment.id}/reactions`);
  context.github.mend();
  await context.settle();
  expect(context.github.reactionsOn(comment)).toEqual(['eyes', 'rocket']);
});

test('what ends at once gets no eyes', async () => {
  const pull = await newWorkspace();
  const comment = await context.say('/sam extend 8h', 'bob', pull);
  expect(context.github.reactionsOn(comment)).toEqual(['rocket']);
});

test('an issue gets a workspace on the default branch', async () => {
  const issue = context.github.addIssue('acme/api', { by: 'eve' });
  await context.say('/sam up --size small', 'ada', issue);
  expect(lastComment(issue)).toContain(
    '`acme/api@main` @ `commit` · small · on the host, which does not isolate · for `ada`',
  );
});

test('a command on a line of the diff is one like the others', async () => {
  const pull = await newPull();
  const { comment } = await context.github.reviewComment(pull, 'bob', '@sam up --size small');
  await context.settle();
  expect(context.signs(comment)).toEqual(['rocket']);
  expect(context.comments(pull)[0]).toContain(' · small · on the host, which does not isolate · for `bob`');
});

test('a stranger on a public repository gets a thumb down and no word', async () => {
  const pull = await newPull();
  const comment = await context.say('/sam up', 'eve', pull);
  const typo = await context.say('/sam satus', 'eve', pull);
  expect(context.signs(comment)).toEqual(['-1']);
  expect(context.signs(typo)).toEqual(['confused']);
  expect(context.comments(pull)).toEqual([]);
});

test('a typo is answered once, with what was probably meant', async () => {
  const pull = await newPull();
  const comment = await context.say('/sam satus', 'bob', pull);
  await context.say('/sam statuss', 'bob', pull);
  expect(context.signs(comment)).toEqual(['confused']);
  expect(context.comments(pull)).toMatchInlineSnapshot(`
    [
      "I don't know \`satus\`. Did you mean \`/sam status\`? All commands: \`/sam help\`.",
    ]
  `);
});

test('whoever mends a typo by an edit is told once that edits do not run', async () => {
  const pull = await newPull();
  const typo = await context.say('/sam lits', 'bob', pull);
  await context.github.editComment(typo, 'ada', '/sam rm --force');
  await context.github.editComment(typo, 'bob', 'Never mind.');
  await context.github.editComment(typo, 'bob', '/sam list');
  await context.github.editComment(typo, 'bob', '/sam list --all');
  await context.settle();
  expect(context.comments(pull).slice(1)).toMatchInlineSnapshot(`
    [
      "I run no edits, so that nobody can make a comment mean something else afterwards. Say it in a new one: \`/sam list\`.",
    ]
  `);
  expect(context.signs(typo)).toEqual(['confused']);
});

test('help names every command, and none of its lines is one', async () => {
  const pull = await newPull();
  await context.say('/sam help', 'bob', pull);
  expect(lastComment(pull)).toMatchInlineSnapshot(`
    "I make cloud workspaces from a chat. What you can say:
    - \`/sam up [target]\`: makes a workspace for a repository, branch, pull request or issue, or shows the one that is there.
    - \`/sam list\`: lists your workspaces, where each stands and with whom it is shared, and those that others share with you.
    - \`/sam status [target]\`: shows where a workspace stands and brings its card up to date.
    - \`/sam open [target]\`: gives you a link that opens a terminal in the browser.
    - \`/sam stop [target]\`: stops a workspace and keeps every file of it.
    - \`/sam extend [target] [4h]\`: keeps a workspace from stopping by itself, for a while or until a time of day.
    - \`/sam ask [flags] WHAT YOU WANT DONE\`: has a coding agent work on what you say, in a workspace that it makes if there is none.
    - Also: \`start\`, \`restart\`, \`rm\`, \`rename\`, \`logs\`, \`retry\`, \`who\`, \`nodes\`, \`node\`, \`cost\`, \`limit\`, \`run\`, \`here\`, \`cancel\`, \`allow\`, \`deny\`, \`pr\`, \`port\`, \`share\`, \`unshare\`, \`connect\`, \`token\`, \`tokens\`, \`help\`.
    A target is \`owner/name\`, \`owner/name@branch\`, \`#412\` or a workspace's name; without one I take this pull request or issue. More about a command: \`/sam help up\`."
  `);
});

test('of three commands in a comment the first runs and the others are named', async () => {
  const pull = await newPull();
  context.github.addUser('zoe');
  context.github.addCollaborator('acme/api', 'zoe', 'write');
  await context.say('/sam list\n/sam up\n/sam rm --force', 'zoe', pull);
  expect(lastComment(pull)).toMatchInlineSnapshot(`
    "You have no workspace of this repository. Make one: \`/sam up\`.
    I run one command per message; ignored: \`up\`, \`rm --force\`."
  `);
});

test('quotes, code, edits and bots are not heard', async () => {
  const pull = await newPull();
  const quoted = await context.say('> /sam up\n\n```\n/sam up\n```\nI would not.', 'bob', pull);
  await context.github.editComment(quoted, 'bob', '/sam up');
  context.github.addBot('robot[bot]');
  const robot = await context.say('/sam up', 'robot[bot]', pull);
  expect([...context.signs(quoted), ...context.signs(robot), ...context.comments(pull)]).toEqual([]);
});

test('a private repository is not shown on a public one', async () => {
  await context.github.addRepository('acme/secret', { private: true });
  context.github.addCollaborator('acme/secret', 'bob', 'write');
  const pull = await newPull();
  await context.say('/sam up acme/secret', 'bob', pull);
  await context.say('/sam up acme/secret', 'ada', pull);
  expect(context.comments(pull)).toMatchInlineSnapshot(`
    [
      "That repository is private, and this one is for everybody to read, so I show nothing of it here. Say it in a pull request or issue over there: \`/sam up\`.",
      "There is no repository \`acme/secret\` that I can see. If it is there, install the App on it. What I can do: \`/sam help\`.",
    ]
  `);
});

test('a closed pull request starts nothing', async () => {
  const pull = await newPull();
  await context.github.close(pull, 'bob');
  await context.say('/sam up', 'bob', pull);
  expect(lastComment(pull)).toMatchInlineSnapshot(
    `"This pull request is closed, so I start nothing for it. Reopen it, or take a branch: \`/sam up acme/api@main\`."`,
  );
});

test('two people have two workspaces on one card, and `stop` means mine', async () => {
  const pull = await newPull();
  await context.say('/sam up', 'bob', pull);
  await context.say('/sam up', 'ada', pull);
  await context.say('/sam stop', 'ada', pull);
  expect(context.comments(pull)).toHaveLength(1);
  expect(lastComment(pull)).toMatch(/: running\n.*for `bob`[^]*: stopped\n.*for `ada`/);
  await context.github.merge(pull, 'bob');
  await context.settle();
  expect(lastComment(pull)).toContain('because the pull request was merged');
});

test('the label `sam:large` is an `up`, and its removal the end', async () => {
  const pull = await newPull();
  await context.github.label(pull, 'bob', 'sam:large');
  await context.settle();
  expect(lastComment(pull)).toMatch(
    /: running\n.* · large · on the host, which does not isolate · for `bob`/,
  );
  await context.github.unlabel(pull, 'bob', 'sam:large');
  await context.settle();
  expect(lastComment(pull)).toContain('because the label `sam:large` was removed');
});

test('an issue with the label has a workspace until it is closed', async () => {
  const issue = context.github.addIssue('acme/api', { by: 'bob' });
  await context.github.label(issue, 'bob', 'sam:small');
  await context.settle();
  expect(lastComment(issue)).toMatch(
    /: running\n.* · small · on the host, which does not isolate · for `bob`/,
  );
  await context.github.close(issue, 'bob');
  await context.settle();
  expect(lastComment(issue)).toContain('because the issue was closed');
});

test('a label by somebody who may only triage does nothing', async () => {
  context.github.addUser('tri');
  context.github.addCollaborator('acme/api', 'tri', 'read', 'triage');
  const pull = await newPull();
  await context.github.label(pull, 'tri', 'sam');
  await context.settle();
  expect(context.comments(pull)).toEqual([]);
});

test('a card that somebody deletes is posted again once', async () => {
  const pull = await newPull();
  await context.say('/sam up', 'bob', pull);
  const [first] = context.github.commentsOn(pull).filter((one) => one.byApp);
  await context.github.deleteComment(first!, 'bob');
  await context.say('/sam stop', 'bob', pull);
  expect(context.comments(pull)).toHaveLength(1);
  const [second] = context.github.commentsOn(pull).filter((one) => one.byApp);
  await context.github.deleteComment(second!, 'bob');
  await context.say('/sam start', 'bob', pull);
  await context.say('/sam stop', 'bob', pull);
  expect(context.comments(pull)).toEqual([]);
});

test('`connect claude` is answered with the page to sign in at, and with no code: everybody reads along', async () => {
  const pull = await newPull();
  await context.say('/sam connect claude', 'bob', pull);
  await until(() => context.comments(pull).length > 0);
  expect(lastComment(pull)).toMatch(
    /^Everybody reads along here, so I give no private link\. Sign in on my own page and leave your key there: http\S+\/settings\. Never put one into a comment\.$/m,
  );
  expect(lastComment(pull)).not.toContain('#');
});
