// Work that becomes a pull request, with real parts below: a comment, a real node and its checkout, git over HTTP. The coding agent alone
// is a script.
import { expect, test } from 'vitest';
import { startGitHub } from '../testers/github.ts';
import { NO_REGISTRY, placeScriptedClaude } from '../testers/scripted-claude.ts';
import { leaveKey } from '../tasks/conversation.ts';
import { until } from '../until.ts';

test('what a coding agent changed is committed and pushed in the name of who asked, and opened as one pull request', async () => {
  await using context = await startGitHub({ env: NO_REGISTRY });
  const { github, pull, sam } = context;
  await context.say('@sam up');
  const [name] = /api-\d+/.exec(github.commentsOn(pull).find(({ byApp }) => byApp)!.body)!;
  await placeScriptedClaude(sam, name);
  await leaveKey(context, 'bob');
  await github.comment(pull, 'bob', '@sam ask --pr\nwrite fixed.txt by the script\nsay It is mended.');
  const made = () => github.world.threads.find(({ head }) => head?.ref === `sam/${name}`);
  await until(() => made() !== undefined);
  await until(() => context.comments().some((one) => one.includes('It is mended.')));
  await until(() => context.comments().some((one) => one.includes(`#${made()!.number}`)));
  expect(made()).toMatchObject({ base: { ref: 'fix-login' }, state: 'open' });
  const { id } = github.account('bob');
  const commit = await github.git.describe(pull.repository.id, made()!.head!.sha);
  const email = `${id}+bob@users.noreply.${new URL(github.url).hostname}`;
  expect(commit).toMatchObject({ author: { name: 'bob', email }, parents: [pull.head!.sha] });
  expect(commit.message).toMatch(/^Co-authored-by: Claude/m);
  const fixed = await github.git.read(pull.repository.id, `sam/${name}`, 'fixed.txt');
  expect(fixed).toMatchObject({ type: 'file' });
});
