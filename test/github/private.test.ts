// A private repository through a whole bot: cloned, committed to and pushed from a person's terminal, on their own right.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { startGitHub, type GitHub } from '../testers/github.ts';
import { openShell } from '../testers/shell.ts';
import { until } from '../until.ts';

let context: GitHub;
beforeAll(async () => {
  context = await startGitHub({ private: true });
  await context.say('/sam up');
}, 60_000);
afterAll(() => context[Symbol.asyncDispose]());

const repository = () => context.github.repository('acme/api');
const headOf = (branch: string) => context.github.git.resolve(repository().id, `refs/heads/${branch}`);

test('a private repository is cloned, and a commit is pushed as the person who made it', async () => {
  expect(context.comments()[0]).toContain('running');
  const shell = await openShell(context, 'api-1');
  const made = await shell.run(
    'echo more > more.txt && git add more.txt && git commit -q -m "more" && git push',
  );
  expect(made).toMatchObject({ code: 0 });
  const head = (await headOf('fix-login')) ?? '';
  const { message, author } = await context.github.git.describe(repository().id, head);
  const { id } = context.github.account('bob');
  expect({ message: message.trim(), author }).toEqual({
    message: 'more',
    author: { name: 'bob', email: `${id}+bob@users.noreply.127.0.0.1` },
  });
});

test('the token is asked for at use, for this one repository, and for no more than the command needs', async () => {
  const shell = await openShell(context, 'api-1');
  const before = context.github.world.tokens.size;
  const minted = () => [...context.github.world.tokens.values()].slice(before);
  expect(await shell.run('git fetch')).toEqual({ said: '', code: 0 });
  expect(minted()).toMatchObject([{ kind: 'installation', permissions: { contents: 'read' } }]);
  expect(minted()[0]).not.toMatchObject({ permissions: { pull_requests: 'write' } });
  await shell.run('git commit -q --allow-empty -m again && git push');
  expect(minted()[1]).toMatchObject({
    permissions: { contents: 'write', pull_requests: 'write' },
    repositoryIds: new Set([repository().id]),
  });
});

test('what a person says in the checkout about who commits, counts', async () => {
  const shell = await openShell(context, 'api-1');
  onTestFinished(async () => void (await shell.run('git config user.name bob')));
  const { said } = await shell.run(
    'git config user.name "Bob Builder" && git commit -q --allow-empty -m x && git log -1 --format=%an',
  );
  expect(said.trim()).toBe('Bob Builder');
});

test('another repository of the same host gets nothing, and git asks nobody else', async () => {
  await context.github.addRepository('acme/other', { private: true });
  const shell = await openShell(context, 'api-1');
  const before = context.github.world.tokens.size;
  const { said, code } = await shell.run(
    `GIT_TERMINAL_PROMPT=0 git ls-remote ${context.github.url}/acme/other.git`,
  );
  expect(code).toBe(128);
  expect(said).toContain('terminal prompts disabled');
  expect(context.github.world.tokens.size).toBe(before);
});

test('whoever lost the right to write hears so at the next push, and may still fetch', async () => {
  const shell = await openShell(context, 'api-1');
  onTestFinished(() => context.github.addCollaborator('acme/api', 'bob', 'write'));
  const { said: before } = await shell.run('git commit -q --allow-empty -m late; git rev-parse HEAD');
  context.github.addCollaborator('acme/api', 'bob', 'read');
  const pushed = await shell.run('git push');
  const sentence =
    'sam: bob may not push to acme/api: that needs write, and you have read. Ask a maintainer of it; your commits are safe here.';
  expect(pushed.code).toBe(128);
  expect(pushed.said).toContain(sentence);
  expect(await headOf('fix-login')).not.toBe(before.trim());
  expect(await shell.run('git fetch')).toEqual({ said: '', code: 0 });
});

test('whoever lost the repository hears that, and nothing of it any more', async () => {
  const shell = await openShell(context, 'api-1');
  context.github.removeCollaborator('acme/api', 'bob');
  const { said, code } = await shell.run('git fetch');
  expect(code).toBe(128);
  expect(said).toContain('sam: bob may not read acme/api (any more).');
  context.github.addCollaborator('acme/api', 'bob', 'write');
  expect(await shell.run('git push')).toMatchObject({ code: 0 });
});

test('a repository that was renamed is still pushed to, from a checkout that has not heard of it', async () => {
  await context.github.rename(repository(), 'ada', 'service');
  await context.settle();
  const shell = await openShell(context, 'api-1');
  expect((await shell.run('git remote get-url origin')).said).toContain('/acme/api.git');
  const pushed = await shell.run('git commit -q --allow-empty -m moved && git push');
  expect(pushed).toMatchObject({ code: 0 });
  await context.github.rename(context.github.repository('acme/service'), 'ada', 'api');
  await context.settle();
});

test('an App that lost a permission, or the repository, says so and who can mend it', async () => {
  const { github } = context;
  const [installation] = github.world.installations;
  const permissions = installation!.permissions;
  onTestFinished(async () => {
    await github.acceptPermissions(installation!, 'ada', permissions);
    if (!github.world.installations.includes(installation!)) github.world.installations.push(installation!);
    await github.installed(installation!, 'ada');
    await context.settle();
  });
  const shell = await openShell(context, 'api-1');
  await shell.run('git commit -q --allow-empty -m later');
  await github.acceptPermissions(installation!, 'ada', { ...installation!.permissions, contents: 'read' });
  await context.settle();
  expect((await shell.run('git push')).said).toContain(
    "sam: Sam's App may not do that on acme/api: it needs contents: write, pull_requests: write. Ask an owner of it to accept the App's permissions, then try again.",
  );
  const [go, fetched] = ['go', 'fetched'].map((name) => join(context.place.root, name)) as [string, string];
  const later = `until [ -e ${go} ]; do sleep 0.05; done; git fetch > ${fetched} 2>&1; echo "code $?" >> ${fetched}`;
  await shell.run(`(${later}) > /dev/null 2>&1 < /dev/null &`);
  await github.uninstall(installation!, 'ada');
  await context.settle();
  // Nobody types there any more; what runs goes on.
  await shell.closes();
  writeFileSync(go, '');
  await until(() => existsSync(fetched) && readFileSync(fetched, 'utf8').includes('code '));
  const said = readFileSync(fetched, 'utf8');
  expect(said).toContain('code 128');
  expect(said).toContain("sam: Sam's App is not installed on acme/api, so it has no password for it.");
});
