// What strangers, accidents and bad luck can make of Sam: words where there should be none, words said twice, words for
// everybody that were for few, and people who are not heard because of others.
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Thread } from '../fakes/github/github.ts';
import { until } from '../until.ts';
import { startGitHub, type GitHub } from '../testers/github.ts';

const PER_HOUR = 6;

let context: GitHub;
let count = 0;
beforeAll(async () => {
  context = await startGitHub({
    env: {
      SAM_DEADLINE_BASE: '3s',
      MAX_COMMANDS_PER_HOUR: String(PER_HOUR),
      MAX_WORKSPACES_PER_USER: '2',
    },
  });
});
afterAll(() => context[Symbol.asyncDispose]());
afterEach(() => context.github.mend());

/** A repository of its own, and somebody of its own who may write there, so that no test counts another's commands. */
async function newPlace({ isPrivate = false } = {}) {
  const [repository, person] = [`acme/place-${++count}`, `person-${count}`];
  await context.github.addRepository(repository, { private: isPrivate });
  context.github.addUser(person);
  context.github.addCollaborator(repository, person, 'write');
  const newIssue = (): Thread => context.github.addIssue(repository, { by: person });
  return { repository, person, newIssue, issue: newIssue() };
}
const threadOf = ({ repository, number }: Thread): string => `acme/${repository.name}#${number}`;
const commentsOf = ({ repository, number }: Thread): string =>
  `/repos/acme/${repository.name}/issues/${number}/comments`;

test('an answer of which GitHub does not say that it has it is not said again', async () => {
  const { person, issue } = await newPlace();
  context.github.fail('POST', commentsOf(issue), { status: 'lost' });
  const { comment } = await context.github.comment(issue, person, '/sam help');
  await until(() => Promise.resolve(context.comments(issue).length === 1));
  // It is tried again when its lease is over.
  await context.place.sql`
    update deliveries set lease_until = clock_timestamp()
     where answered_at is null and ended_at is not null and thread = ${threadOf(issue)}`;
  await until(() => Promise.resolve(context.signs(comment).includes('rocket')));
  expect(context.comments(issue)).toHaveLength(1);
}, 90_000);

test('a card that somebody deleted is posted again once, whatever GitHub says of it', async () => {
  const { person, issue } = await newPlace();
  await context.say('/sam up', person, issue);
  const [first] = context.github.commentsOn(issue).filter((one) => one.byApp);
  await context.github.deleteComment(first!, person);
  context.github.fail('POST', commentsOf(issue), { status: 'lost', times: 3 });
  await context.say('/sam stop', person, issue);
  expect(context.comments(issue)).toHaveLength(1);
  expect(context.comments(issue)[0]).toContain(': stopped');
});

test('a bot that dies between a card and its number posts no second one', async () => {
  const { person, issue } = await newPlace();
  await context.say('/sam up', person, issue);
  // As after a kill: it was claimed and posted, and nobody wrote down where.
  await context.place.sql`
    update cards set external_id = null, sent_hash = null, sent_version = 0, attempts = 0,
                     lease_token = 'of the dead', lease_until = clock_timestamp() - interval '1 second'
     where subject = ${threadOf(issue)}`;
  await context.say('/sam stop', person, issue);
  expect(context.comments(issue)).toHaveLength(1);
});

test('a command does not wait for its eyes: while GitHub takes no reaction it is done all the same', async () => {
  const { person, issue } = await newPlace();
  context.github.fail('POST', '/repos/*/reactions', { status: 502, times: Infinity });
  const { comment } = await context.github.comment(issue, person, '/sam up');
  await until(() => Promise.resolve(context.comments(issue)[0]?.includes(': running') === true));
  context.github.mend();
  await context.place
    .sql`update deliveries set lease_until = clock_timestamp() where lease_until is not null`;
  await context.settle();
  expect(context.signs(comment)).toEqual(['rocket']);
}, 90_000);

test('a label on many issues at once brings one word about the limit, not one on each', async () => {
  const { person, newIssue } = await newPlace();
  const issues = Array.from({ length: 14 }, newIssue);
  for (const issue of issues) await context.github.label(issue, person, 'sam');
  await context.settle();
  const said = issues.flatMap((issue) => context.comments(issue));
  const cards = said.filter((text) => text.startsWith('<!-- sam:v1'));
  expect(cards).toHaveLength(2);
  expect(said.length - cards.length).toBeGreaterThan(0);
  expect(said.length - cards.length).toBeLessThanOrEqual(2);
});

test('who closes many issues has said no command', async () => {
  const { person, newIssue, issue } = await newPlace();
  for (let closed = 0; closed < 2 * PER_HOUR + 1; closed++) await context.github.close(newIssue(), person);
  await context.settle();
  expect(context.signs(await context.say('/sam list', person, issue))).toEqual(['rocket']);
});

test('strangers do not use up what a repository may say', async () => {
  const { person, issue } = await newPlace();
  for (let said = 0; said < PER_HOUR; said++) {
    await context.github.comment(issue, 'eve', '/sam up');
    await context.github.comment(issue, 'eve', '/sam upp');
  }
  await context.github.comment(issue, 'eve', '/sam up');
  await context.settle();
  expect(context.signs(await context.say('/sam list', person, issue))).toEqual(['rocket']);
  expect(context.comments(issue).join('\n')).not.toContain('needs **write**');
});

test('a workspace of a private repository is not shown where everybody reads, whatever is asked of it by name', async () => {
  const secret = await newPlace({ isPrivate: true });
  await context.say(`/sam up ${secret.repository}@main --name hidden`, secret.person, secret.issue);
  expect(context.comments(secret.issue)[0]).toContain('Workspace `hidden`: running');
  const open = await newPlace();
  context.github.addCollaborator(open.repository, secret.person, 'write');
  for (const line of ['status hidden', 'open hidden', 'stop hidden']) {
    const issue = open.newIssue();
    await context.say(`/sam ${line}`, secret.person, issue);
    const said = context.comments(issue).join('\n');
    expect(said).not.toContain(secret.repository);
    expect(said).toBe(
      line.startsWith('stop')
        ? ''
        : `That repository is private, and this one is for everybody to read, so I show nothing of it here. Say it in a pull request or issue over there: \`/sam ${line}\`.`,
    );
  }
  expect(context.comments(secret.issue)[0]).toContain('Workspace `hidden`: stopped');
});

test('words about a private repository tell whoever may not read it nothing of it', async () => {
  const secret = await newPlace({ isPrivate: true });
  await context.github.close(secret.issue, secret.person);
  const open = await newPlace();
  const answers = [];
  const targets = [secret.repository, ...[1, 2, 99].map((number) => `${secret.repository}#${number}`)];
  secret.newIssue();
  for (const target of [...targets, 'acme/nothing', 'acme/nothing#1']) {
    const issue = open.newIssue();
    await context.say(`/sam up ${target}`, open.person, issue);
    answers.push(
      context
        .comments(issue)
        .join('\n')
        .replaceAll(/acme\/[\w-]+/g, 'NAME'),
    );
  }
  expect(new Set(answers)).toEqual(
    new Set([
      'There is no repository `NAME` that I can see. If it is there, install the App on it. What I can do: `/sam help`.',
    ]),
  );
});

test('who lost a repository starts nothing of it from another one', async () => {
  const lost = await newPlace();
  await context.say('/sam up --name mine', lost.person, lost.issue);
  await context.say('/sam stop', lost.person, lost.issue);
  context.github.removeCollaborator(lost.repository, lost.person);
  const other = await newPlace();
  context.github.addCollaborator(other.repository, lost.person, 'write');
  const comment = await context.say('/sam start mine', lost.person, other.issue);
  expect(context.signs(comment)).toEqual(['-1']);
  expect(context.comments(lost.issue)[0]).toContain('Workspace `mine`: stopped');
});

test('/readyz names no repository, whatever could not be looked at there', async () => {
  const { person, issue, repository } = await newPlace({ isPrivate: true });
  await context.say('/sam up', person, issue);
  context.github.fail('GET', `/repos/${repository}/issues/*`, { status: 500, times: Infinity });
  await context.place
    .sql`update sweeps set last_run_at = null, last_success_at = null where name = 'closed-threads'`;
  const read = async () => (await fetch(`${context.sam.bot.url}/readyz`)).text();
  await expect.poll(read).toContain('1 threads could not be looked at');
  expect(await read()).not.toContain(repository);
});
