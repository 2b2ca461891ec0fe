// That the fake GitHub is as strict as GitHub: its API, seen by the real Octokit and by bare requests.
import { request as httpRequest } from 'node:http';
import { expect, test } from 'vitest';
import { setScene, statusOf } from './github/scene.ts';

export const api = { owner: 'acme', repo: 'api' };
export const site = { owner: 'acme', repo: 'site' };

test('Probot, told only host and protocol, comments as the App', async () => {
  const { github, octokit, pr } = await setScene();
  const { data } = await octokit.rest.issues.createComment({
    ...api,
    issue_number: pr.number,
    body: 'hello',
  });
  expect(data.user).toMatchObject({ login: 'sam-app[bot]', type: 'Bot' });
  expect(data.performed_via_github_app?.id).toBe(7);
  await octokit.rest.issues.updateComment({ ...api, comment_id: data.id, body: 'hello again' });
  expect(github.commentsOn(pr).map((one) => one.body)).toEqual(['hello again']);
  expect(github.log.at(-1)).toMatchObject({ method: 'PATCH', auth: 'installation', status: 200 });
  await octokit.rest.issues.deleteComment({ ...api, comment_id: data.id });
  expect(await statusOf(octokit.rest.issues.updateComment({ ...api, comment_id: data.id, body: 'x' }))).toBe(
    404,
  );
  await github.stop();
});

test('every operation Sam may use is answered as the description says', async () => {
  const { github, octokit, app, pr, installation } = await setScene();
  const issue = github.addIssue('acme/api', { by: 'stan', labels: ['bug'] });
  const sha = pr.head!.sha;
  const review = await github.reviewComment(pr, 'alice', 'here');
  const on = { ...api, issue_number: pr.number };
  const { repos, issues, pulls, reactions, checks, apps, git, users, rateLimit } = octokit.rest;
  const comment = await issues.createComment({ ...on, body: 'a' });
  const comment_id = comment.data.id;
  const reaction = await reactions.createForIssueComment({ ...api, comment_id, content: 'eyes' });
  const onReview = { ...api, comment_id: review.comment.id };
  const eyes = await reactions.createForPullRequestReviewComment({ ...onReview, content: 'eyes' });
  const deployment = await repos.createDeployment({ ...api, ref: 'feature', environment: 'sam' });
  if (deployment.status !== 201) throw new Error('no deployment');
  const deployed = { ...api, deployment_id: deployment.data.id };
  const check = await checks.create({ ...api, name: 'sam/workspace', head_sha: sha, status: 'in_progress' });
  await Promise.all([
    repos.get(api),
    repos.getCollaboratorPermissionLevel({ ...api, username: 'mona' }),
    repos.checkCollaborator({ ...api, username: 'mona' }),
    repos.listBranches(api),
    repos.getBranch({ ...api, branch: 'main' }),
    repos.getCommit({ ...api, ref: sha.slice(0, 10) }),
    repos.getContent({ ...api, path: '.github/sam.yml' }),
    repos.getContent({ ...api, path: '.github' }),
    git.getRef({ ...api, ref: 'heads/main' }),
    issues.listForRepo({ ...api, state: 'all' }),
    issues.get({ ...api, issue_number: issue.number }),
    issues.get(on),
    issues.listComments(on),
    issues.getComment({ ...api, comment_id }),
    issues.listLabelsForRepo(api),
    issues.getLabel({ ...api, name: 'bug' }),
    pulls.list(api),
    pulls.get({ ...api, pull_number: pr.number }),
    pulls.listFiles({ ...api, pull_number: pr.number }),
    pulls.listReviewComments({ ...api, pull_number: pr.number }),
    pulls.getReviewComment(onReview),
    pulls.updateReviewComment({ ...onReview, body: 'there' }),
    pulls.createReplyForReviewComment({ ...onReview, pull_number: pr.number, body: 'yes' }),
    reactions.listForIssueComment({ ...api, comment_id }),
    reactions.listForIssue(on),
    reactions.createForIssue({ ...on, content: 'rocket' }),
    reactions.listForPullRequestReviewComment(onReview),
    repos.listDeployments(api),
    repos.getDeployment(deployed),
    repos.createDeploymentStatus({
      ...deployed,
      state: 'success',
      environment_url: 'https://sam.example/w/1',
    }),
    repos.listDeploymentStatuses(deployed),
    checks.get({ ...api, check_run_id: check.data.id }),
    checks.update({ ...api, check_run_id: check.data.id, conclusion: 'neutral' }),
    checks.listForRef({ ...api, ref: sha }),
    apps.listReposAccessibleToInstallation(),
    users.getByUsername({ username: 'alice' }),
    octokit.request('GET /user/{account_id}', { account_id: github.account('alice').id }),
    rateLimit.get(),
    app.rest.apps.getAuthenticated(),
    app.rest.apps.listInstallations(),
    app.rest.apps.getInstallation({ installation_id: installation.id }),
    app.rest.apps.getOrgInstallation({ org: 'acme' }),
    app.rest.apps.getRepoInstallation(api),
    app.rest.apps.getWebhookConfigForApp(),
    // Octokit takes a property named url for the address of the request.
    app.request('PATCH /app/hook/config', { data: { url: 'http://127.0.0.1:9/' } }),
    app.rest.apps.listWebhookDeliveries(),
  ]);
  await issues.createLabel({ ...api, name: 'sam', color: 'ededed' });
  await issues.addLabels({ ...on, labels: ['sam'] });
  await issues.removeLabel({ ...on, name: 'SAM' });
  await issues.setLabels({ ...on, labels: ['one', 'two'] });
  await issues.listLabelsOnIssue(on);
  await issues.removeAllLabels(on);
  await issues.updateLabel({ ...api, name: 'one', new_name: 'three' });
  await issues.deleteLabel({ ...api, name: 'three' });
  await repos.createDeploymentStatus({ ...deployed, state: 'inactive' });
  await repos.deleteDeployment(deployed);
  await reactions.deleteForIssueComment({ ...api, comment_id, reaction_id: reaction.data.id });
  await reactions.deleteForPullRequestComment({ ...onReview, reaction_id: eyes.data.id });
  expect(github.log.filter((one) => one.status >= 300)).toEqual([]);
  await github.stop();
});

const action = { label: 'Stop', description: 'Stops it', identifier: 'stop' };
const checkRun = { name: 'sam/workspace', head_sha: 'HEAD' };
const refused: [string, string, string, unknown, number][] = [
  ['an unknown path', 'GET', '/repos/acme/api/nothing', undefined, 404],
  ['an issue number that is no number', 'GET', '/repos/acme/api/issues/one', undefined, 404],
  ['an unknown query', 'GET', '/repos/acme/api/issues?sort_by=x', undefined, 422],
  ['a body that is no JSON', 'POST', '/repos/acme/api/issues/1/comments', '{"body":', 400],
  ['a comment without a body', 'POST', '/repos/acme/api/issues/1/comments', {}, 422],
  ['a blank comment', 'POST', '/repos/acme/api/issues/1/comments', { body: ' ' }, 422],
  [
    'a comment that is too long',
    'POST',
    '/repos/acme/api/issues/1/comments',
    { body: 'x'.repeat(65_537) },
    422,
  ],
  ['a comment on nothing', 'POST', '/repos/acme/api/issues/99/comments', { body: 'x' }, 404],
  ['a misspelt property', 'POST', '/repos/acme/api/issues/1/comments', { body: 'x', Body: 'y' }, 422],
  ['an unknown reaction', 'POST', '/repos/acme/api/issues/1/reactions', { content: 'tada' }, 422],
  ['a label that is there', 'POST', '/repos/acme/api/labels', { name: 'BUG' }, 422],
  ['a colour with a hash', 'POST', '/repos/acme/api/labels', { name: 'sam', color: '#ededed' }, 422],
  ['a label that is not on it', 'DELETE', '/repos/acme/api/issues/1/labels/bug', undefined, 404],
  [
    'four buttons',
    'POST',
    '/repos/acme/api/check-runs',
    { ...checkRun, actions: Array(4).fill(action) },
    422,
  ],
  ['a long label', 'POST', '/repos/acme/api/check-runs', withAction({ label: 'x'.repeat(21) }), 422],
  [
    'a long description',
    'POST',
    '/repos/acme/api/check-runs',
    withAction({ description: 'x'.repeat(41) }),
    422,
  ],
  [
    'a long identifier',
    'POST',
    '/repos/acme/api/check-runs',
    withAction({ identifier: 'x'.repeat(21) }),
    422,
  ],
  [
    'a check that ends with nothing',
    'POST',
    '/repos/acme/api/check-runs',
    { ...checkRun, status: 'completed' },
    422,
  ],
  [
    'a check of no commit',
    'POST',
    '/repos/acme/api/check-runs',
    { ...checkRun, head_sha: 'a'.repeat(40) },
    422,
  ],
  ['a time that is none', 'POST', '/repos/acme/api/check-runs', { ...checkRun, started_at: 'now' }, 422],
  ['a deployment of no ref', 'POST', '/repos/acme/api/deployments', { ref: 'nowhere' }, 422],
  [
    'a deployment with a typo',
    'POST',
    '/repos/acme/api/deployments',
    { ref: 'main', transientEnvironment: true },
    422,
  ],
  ['an unknown file', 'GET', '/repos/acme/api/contents/nothing.yml', undefined, 404],
  ['an unknown branch', 'GET', '/repos/acme/api/branches/nothing', undefined, 404],
  ['an unknown person', 'GET', '/repos/acme/api/collaborators/nobody/permission', undefined, 404],
  ['a place for people', 'GET', '/user', undefined, 403],
  ['a place for the App', 'GET', '/app', undefined, 401],
];

function withAction(wrong: Partial<typeof action>) {
  return { ...checkRun, actions: [{ ...action, ...wrong }] };
}

test('what GitHub refuses is refused', async () => {
  const { github, call, mintToken, pr } = await setScene();
  github.addIssue('acme/api', { by: 'alice', labels: ['bug'] });
  const token = await mintToken();
  for (const [what, method, path, body, status] of refused) {
    const sent =
      typeof body === 'string' ? body : JSON.stringify(body)?.replace('"HEAD"', `"${pr.head!.sha}"`);
    const answer = await call(method, path, sent, token);
    expect([what, answer.status, typeof answer.body['message']]).toEqual([what, status, 'string']);
  }
  const good = { ...checkRun, head_sha: pr.head!.sha, actions: [action, action, action] };
  expect((await call('POST', '/repos/acme/api/check-runs', good, token)).status).toBe(201);
  await github.stop();
});

test('a request without a User-Agent is refused', async () => {
  const { github } = await setScene();
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  httpRequest(`${github.apiUrl}/users/alice`, (answer) => resolve(answer.resume().statusCode)).end();
  expect(await promise).toBe(403);
});

test('a renamed repository answers by its new place: 301 to reads, 307 to writes, and Octokit follows', async () => {
  const { github, octokit, api: repository, pr, call, mintToken } = await setScene();
  await github.rename(repository, 'alice', 'core');
  const token = await mintToken();
  const read = await call('GET', '/repos/acme/api/issues/1', undefined, token);
  expect([read.status, read.headers.get('location')]).toEqual([
    301,
    `${github.apiUrl}/repositories/${repository.id}/issues/1`,
  ]);
  const path = `/repos/acme/api/issues/${pr.number}/comments`;
  expect((await call('POST', path, { body: 'x' }, token)).status).toBe(307);
  const { data } = await octokit.rest.repos.get(api);
  expect(data.full_name).toBe('acme/core');
  await octokit.rest.issues.createComment({ ...api, issue_number: pr.number, body: 'still here' });
  expect(github.commentsOn(pr).map((one) => one.body)).toEqual(['still here']);
  await github.addRepository('acme/api');
  expect((await octokit.rest.repos.get(api)).data.id).not.toBe(repository.id);
});

test('an archived repository takes no writes', async () => {
  const { octokit, api: repository, pr } = await setScene();
  repository.archived = true;
  const write = octokit.rest.issues.createComment({ ...api, issue_number: pr.number, body: 'x' });
  expect(await statusOf(write)).toBe(403);
  expect(await statusOf(octokit.rest.issues.listComments({ ...api, issue_number: pr.number }))).toBe('fine');
});

test('the same reaction again is the one that is there', async () => {
  const { github, octokit, pr } = await setScene();
  const { comment } = await github.comment(pr, 'alice', '@sam workspace');
  const react = () =>
    octokit.rest.reactions.createForIssueComment({ ...api, comment_id: comment.id, content: 'eyes' });
  const [first, second] = [await react(), await react()];
  expect([first.status, second.status, first.data.id === second.data.id]).toEqual([201, 200, true]);
  expect(github.reactionsOn(comment)).toEqual(['eyes']);
});

test('a successful deployment retires its older siblings, but not transient ones', async () => {
  const { github, octokit, api: repository } = await setScene();
  const deploy = async (transient_environment: boolean) => {
    const wish = { ...api, ref: 'main', environment: 'sam', transient_environment, required_contexts: [] };
    const { data } = await octokit.rest.repos.createDeployment(wish);
    if (!('id' in data)) throw new Error('no deployment');
    const status = { ...api, deployment_id: data.id, state: 'success' as const };
    await octokit.rest.repos.createDeploymentStatus({
      ...status,
      environment_url: 'https://sam.example/w/1',
    });
  };
  await deploy(false);
  await deploy(true);
  await deploy(true);
  const states = github.deploymentsOf(repository).map((one) => one.statuses.at(-1)?.state);
  expect(states).toEqual(['inactive', 'success', 'success']);
  const [, newest] = github.deploymentsOf(repository);
  const remove = octokit.rest.repos.deleteDeployment({ ...api, deployment_id: newest!.id });
  expect(await statusOf(remove)).toBe(422);
});

test('a deployment waits for the checks of its commit unless told not to', async () => {
  const { octokit, pr } = await setScene();
  await octokit.rest.checks.create({ ...api, name: 'ci', head_sha: pr.head!.sha, status: 'in_progress' });
  expect(await statusOf(octokit.rest.repos.createDeployment({ ...api, ref: 'feature' }))).toBe(409);
  const wish = { ...api, ref: 'feature', required_contexts: [] };
  expect(await statusOf(octokit.rest.repos.createDeployment(wish))).toBe('fine');
});

test('lists come in pages, and Octokit finds them all', async () => {
  const { github, octokit, pr } = await setScene();
  for (let n = 0; n < 35; n++) await github.comment(pr, 'alice', `comment ${n}`);
  const on = { ...api, issue_number: pr.number };
  expect((await octokit.rest.issues.listComments(on)).data).toHaveLength(30);
  expect(await octokit.paginate(octokit.rest.issues.listComments, on)).toHaveLength(35);
});

test('GraphQL minimizes comments, and does nothing else', async () => {
  const { github, octokit, pr } = await setScene();
  const { data } = await octokit.rest.issues.createComment({ ...api, issue_number: pr.number, body: 'old' });
  const minimize = (id: string) =>
    octokit.graphql(
      `mutation ($id: ID!) { minimizeComment(input: { subjectId: $id, classifier: OUTDATED }) { minimizedComment { isMinimized } } }`,
      { id },
    );
  await minimize(data.node_id);
  expect(github.commentsOn(pr)[0]!.minimized).toBe('OUTDATED');
  await expect(minimize('IC_nothing')).rejects.toThrow('Could not resolve to a node');
  await expect(octokit.graphql('query { viewer { login } }')).rejects.toThrow("doesn't exist");
});

test('failures happen as often as they were asked for', async () => {
  const { github, octokit, pr } = await setScene();
  const comment = () => octokit.rest.issues.createComment({ ...api, issue_number: pr.number, body: 'x' });
  github.fail('POST', '/repos/*/comments', { status: 502, times: 2 });
  expect([await statusOf(comment()), await statusOf(comment()), await statusOf(comment())]).toEqual([
    502,
    502,
    'fine',
  ]);
  github.fail('POST', '/repos/*/comments', { status: 'hang up' });
  expect(await statusOf(comment())).toBe(500);
  expect(github.commentsOn(pr)).toHaveLength(1);
  github.fail('POST', '/repos/*/comments', { status: 'lost' });
  expect(await statusOf(comment())).toBe(500);
  expect(github.commentsOn(pr)).toHaveLength(2);
  expect(github.log.at(-1)).toMatchObject({ operation: 'issues/create-comment', status: 0 });
});

test('the limits answer as GitHub does', async () => {
  const { github, call, mintToken, pr } = await setScene();
  const token = await mintToken();
  const path = `/repos/acme/api/issues/${pr.number}/comments`;
  github.limitPrimary({ resetInSeconds: 30 });
  const primary = await call('GET', path, undefined, token);
  expect([primary.status, primary.headers.get('x-ratelimit-remaining')]).toEqual([403, '0']);
  expect(Number(primary.headers.get('x-ratelimit-reset')) * 1000).toBeGreaterThan(Date.now());
  github.limitSecondary({ status: 429, retryAfterSeconds: 5 });
  expect((await call('GET', path, undefined, token)).status).toBe(200);
  const secondary = await call('POST', path, { body: 'x' }, token);
  expect([secondary.status, secondary.headers.get('retry-after')]).toEqual([429, '5']);
  expect((await call('POST', path, { body: 'x' }, token)).status).toBe(201);
});

test('a request can be held, and nothing has happened until it is released', async () => {
  const { github, octokit, pr } = await setScene();
  const hold = github.hold('POST', '/repos/*/comments');
  const comment = octokit.rest.issues.createComment({ ...api, issue_number: pr.number, body: 'x' });
  await hold.arrived;
  expect(github.commentsOn(pr)).toEqual([]);
  hold.release();
  await comment;
  expect(github.commentsOn(pr)).toHaveLength(1);
});

test('an answer that breaks the description fails the test that got it', async () => {
  const { github, octokit, pr } = await setScene();
  pr.title = 5 as never;
  expect(await statusOf(octokit.rest.issues.get({ ...api, issue_number: pr.number }))).toBe(500);
  await expect(github.stop()).rejects.toThrow('issues/get 200: /title must be string');
});

test('everything that must stay secret is known by name', async () => {
  const { github, mintToken, known } = await setScene();
  const token = await mintToken();
  expect(github.secrets).toEqual(expect.arrayContaining([token, known.webhookSecret, known.clientSecret]));
  expect(github.log.some((one) => one.path.includes(token) || one.body.includes(token))).toBe(false);
});
