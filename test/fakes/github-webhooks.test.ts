// That the fake GitHub's deliveries are such as GitHub sends: signed, complete, kept and sent again.
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { verify } from '@octokit/webhooks-methods';
import { expect, onTestFinished, test } from 'vitest';
import type { Delivery } from './github/github.ts';
import { openContext } from './github/context.ts';

/** A place that takes deliveries; `status` is what it answers. */
async function listen() {
  const place = { url: '', status: 200, got: [] as { headers: IncomingHttpHeaders; body: string }[] };
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      place.got.push({ headers: request.headers, body: Buffer.concat(parts).toString() });
      response.writeHead(place.status).end('thank you');
    });
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  onTestFinished(() => void server.close());
  place.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/github/webhooks`;
  return place;
}

test('a comment arrives signed, with its installation, and Probot hears it', async () => {
  const place = await listen();
  const { github, pr, probot, known, installation, api } = await openContext({ webhookUrl: place.url });
  const { guid, answer, comment } = await github.comment(pr, 'alice', '@sam workspace');
  expect(answer).toEqual({ status: 200, body: 'thank you' });
  const { headers, body } = place.got[0]!;
  const signature = String(headers['x-hub-signature-256']);
  expect(headers).toMatchObject({ 'x-github-event': 'issue_comment', 'x-github-delivery': guid });
  expect(await verify(known.webhookSecret, body, signature)).toBe(true);

  const heard: unknown[] = [];
  probot.on('issue_comment.created', async ({ payload, octokit }) => {
    const { data } = await octokit.rest.repos.get({ owner: 'acme', repo: 'api' });
    heard.push([
      payload.comment.body,
      payload.sender.login,
      payload.issue.number,
      payload.installation?.id,
      data.id,
    ]);
  });
  await probot.webhooks.verifyAndReceive({ id: guid, name: 'issue_comment', payload: body, signature });
  expect(heard).toEqual([['@sam workspace', 'alice', pr.number, installation.id, api.id]]);
  expect(comment.author.login).toBe('alice');
  await github.stop();
});

test('each thing that people do has its delivery, and no name of the examples is left in it', async () => {
  const { github, pr, api, site, octokit, installation } = await openContext();
  const issue = github.addIssue('acme/api', { by: 'stan' });
  const check = { owner: 'acme', repo: 'api', name: 'sam/workspace', head_sha: pr.head!.sha };
  const actions = [{ label: 'Stop', description: 'Stops it', identifier: 'stop' }];
  await octokit.rest.checks.create({ ...check, actions });
  const said = await github.comment(pr, 'alice', '@sam up');
  const chosen = github.install('stan', { repositories: [] });
  const theirs = await github.addRepository('stan/toy');
  const deliveries: Delivery[] = [
    said,
    await github.editComment(said.comment, 'alice', '@sam stop'),
    await github.deleteComment(said.comment, 'alice'),
    await github.reviewComment(pr, 'alice', '@sam up'),
    await github.label(pr, 'alice', 'sam'),
    await github.unlabel(pr, 'alice', 'SAM'),
    await github.label(issue, 'alice', 'sam'),
    await github.close(issue, 'alice'),
    await github.reopen(issue, 'alice'),
    await github.push(pr, 'alice'),
    await github.convertToDraft(pr, 'alice'),
    await github.readyForReview(pr, 'alice'),
    await github.close(pr, 'alice'),
    await github.reopen(pr, 'alice'),
    await github.merge(pr, 'mona'),
    await github.pressButton(github.checksOf(api)[0]!, 'alice', 'stop'),
    await github.rename(api, 'mona', 'core'),
    await github.deleteRepository(site, 'mona'),
    await github.addToInstallation(chosen, 'stan', theirs),
    await github.removeFromInstallation(chosen, 'stan', theirs),
    await github.acceptPermissions(installation, 'mona', { issues: 'write' }),
    await github.suspend(installation, 'mona'),
    await github.unsuspend(installation, 'mona'),
    await github.uninstall(installation, 'mona'),
  ];
  const summary = deliveries.map(({ event, action, payload }) => {
    const keys = Object.keys(payload).filter((key) => !['action', 'sender', 'organization'].includes(key));
    return `${event}.${action}: ${keys.join(' ')}`;
  });
  expect(summary).toMatchInlineSnapshot(`
    [
      "issue_comment.created: issue comment repository installation",
      "issue_comment.edited: issue comment changes repository installation",
      "issue_comment.deleted: issue comment repository installation",
      "pull_request_review_comment.created: pull_request comment repository installation",
      "pull_request.labeled: number pull_request label repository installation",
      "pull_request.unlabeled: number pull_request label repository installation",
      "issues.labeled: issue label repository installation",
      "issues.closed: issue repository installation",
      "issues.reopened: issue repository installation",
      "pull_request.synchronize: number pull_request before after repository installation",
      "pull_request.converted_to_draft: number pull_request repository installation",
      "pull_request.ready_for_review: number pull_request repository installation",
      "pull_request.closed: number pull_request repository installation",
      "pull_request.reopened: number pull_request repository installation",
      "pull_request.closed: number pull_request repository installation",
      "check_run.requested_action: check_run requested_action repository installation",
      "repository.renamed: changes repository installation",
      "repository.deleted: repository installation",
      "installation_repositories.added: installation repository_selection repositories_added repositories_removed requester",
      "installation_repositories.removed: installation repository_selection repositories_added repositories_removed requester",
      "installation.new_permissions_accepted: installation repositories",
      "installation.suspend: installation repositories",
      "installation.unsuspend: installation repositories",
      "installation.deleted: installation repositories",
    ]
  `);
  for (const { body, event } of deliveries) {
    expect([event, /codertocat|octocoders|octocat|electron|api\.github\.com/i.exec(body)?.[0]]).toEqual([
      event,
      undefined,
    ]);
  }
});

test('a merged pull request is merged in git and in the payload', async () => {
  const { github, pr, api } = await openContext();
  const { payload } = await github.merge(pr, 'mona');
  const main = await github.git.resolve(api.id, 'refs/heads/main');
  expect(payload['pull_request']).toMatchObject({ merged: true, state: 'closed', merge_commit_sha: main });
  expect(await github.git.read(api.id, 'main', 'feature.txt')).toBeDefined();
});

test('a button pressed twice sends the same body twice, and an unknown button does not exist', async () => {
  const { github, api, octokit, pr } = await openContext();
  const actions = [{ label: 'Stop', description: 'Stops it', identifier: 'stop' }];
  const wish = { owner: 'acme', repo: 'api', name: 'sam/workspace', head_sha: pr.head!.sha, actions };
  await octokit.rest.checks.create(wish);
  const check = github.checksOf(api)[0]!;
  const [first, second] = [
    await github.pressButton(check, 'alice', 'stop'),
    await github.pressButton(check, 'alice', 'stop'),
  ];
  expect(first.body).toBe(second.body);
  expect(first.guid).not.toBe(second.guid);
  expect(first.payload).toMatchObject({
    requested_action: { identifier: 'stop' },
    check_run: { app: { id: 7 } },
  });
  expect(() => github.pressButton(check, 'alice', 'explode')).toThrow('no button explode');
});

test('failed deliveries are listed, and sent again under the same id', async () => {
  const place = await listen();
  const { github, pr, app } = await openContext({ webhookUrl: place.url });
  place.status = 503;
  const failed = await github.comment(pr, 'alice', 'one');
  place.status = 200;
  await github.comment(pr, 'alice', 'two');
  github.app.webhookUrl = 'http://127.0.0.1:1/';
  await github.comment(pr, 'alice', 'three');
  github.app.webhookUrl = place.url;
  const list = async (status: 'success' | 'failure') =>
    (await app.rest.apps.listWebhookDeliveries({ status })).data.map((one) => [
      one.status_code,
      one.redelivery,
    ]);
  expect(await list('failure')).toEqual([
    [502, false],
    [503, false],
  ]);
  expect(await list('success')).toEqual([[200, false]]);
  const one = await app.rest.apps.getWebhookDelivery({ delivery_id: failed.id });
  expect(one.data).toMatchObject({ guid: failed.guid, event: 'issue_comment', action: 'created' });
  await app.rest.apps.redeliverWebhookDelivery({ delivery_id: failed.id });
  await github.settled();
  expect(github.deliveries.at(-1)).toMatchObject({ guid: failed.guid, redelivery: true });
  const again = place.got.at(-1)!;
  expect([again.headers['x-github-delivery'], again.body]).toEqual([failed.guid, failed.body]);
  expect(await list('success')).toEqual([
    [200, true],
    [200, false],
  ]);
  await github.stop();
});

test('deliveries come in pages', async () => {
  const place = await listen();
  const { github, pr, app } = await openContext({ webhookUrl: place.url });
  for (let n = 0; n < 5; n++) await github.comment(pr, 'alice', `comment ${n}`);
  const all = await app.paginate(app.rest.apps.listWebhookDeliveries, { per_page: 2 });
  expect(all.map((one) => one.id)).toEqual(github.deliveries.map((one) => one.id).toReversed());
});

test('anything at all can be delivered: another secret, another id, to another place', async () => {
  const place = await listen();
  const { github } = await openContext();
  const options = { id: 'one', secret: 'another secret', to: place.url };
  await github.deliver('ping', { zen: 'Keep it logically awesome.' }, options);
  const { headers, body } = place.got[0]!;
  expect(headers['x-github-delivery']).toBe('one');
  expect(await verify('another secret', body, String(headers['x-hub-signature-256']))).toBe(true);
});

test('a suspended or absent installation hears nothing', async () => {
  const place = await listen();
  const { github, pr, installation } = await openContext({ webhookUrl: place.url });
  await github.suspend(installation, 'mona');
  expect((await github.comment(pr, 'alice', 'x')).answer).toBeUndefined();
  const elsewhere = github.addIssue((await github.addRepository('stan/toy'), 'stan/toy'), { by: 'stan' });
  expect((await github.comment(elsewhere, 'stan', 'x')).payload).not.toHaveProperty('installation');
  expect(place.got.map((one) => one.headers['x-github-event'])).toEqual(['installation']);
});

test('the App hears of its own comments and labels, if that is wished for', async () => {
  const place = await listen();
  const { github, pr, octokit } = await openContext({ webhookUrl: place.url, echoes: true });
  const on = { owner: 'acme', repo: 'api', issue_number: pr.number };
  await octokit.rest.issues.createComment({ ...on, body: '@sam up' });
  await octokit.rest.issues.addLabels({ ...on, labels: ['sam'] });
  await octokit.rest.issues.removeLabel({ ...on, name: 'sam' });
  await github.settled();
  const heard = place.got.map(
    ({ body }) => JSON.parse(body) as { action: string; sender: { login: string; type: string } },
  );
  expect(heard.map(({ action }) => action).toSorted()).toEqual(['created', 'labeled', 'unlabeled']);
  expect(new Set(heard.map(({ sender }) => `${sender.login} ${sender.type}`))).toEqual(
    new Set(['sam-app[bot] Bot']),
  );
});
