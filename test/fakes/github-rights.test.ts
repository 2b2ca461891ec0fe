// Who may do what at the fake GitHub: the App, the tokens of its installations, people.
import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { makeJwt, setScene, statusOf } from './github/scene.ts';
import { api, site } from './github.test.ts';

test("the App's own token must be right in every part", async () => {
  const { call } = await setScene();
  const now = Math.floor(Date.now() / 1000);
  const other = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const tokens = {
    good: makeJwt(),
    'by client id': makeJwt({ iss: 'Iv23abcdef' }),
    expired: makeJwt({ exp: now - 1 }),
    'too long': makeJwt({ exp: now + 700 }),
    'from the future': makeJwt({ iat: now + 60 }),
    'of another App': makeJwt({ iss: 8 }),
    'of another key': makeJwt({}, { key: other.privateKey }),
    'of another algorithm': makeJwt({}, { alg: 'none' }),
    'no token': 'x.y.z',
  };
  const answers: [string, string][] = [];
  for (const [name, token] of Object.entries(tokens)) {
    const { status, body } = await call('GET', '/app', undefined, token);
    answers.push([name, `${status} ${(body['message'] as string | undefined) ?? 'fine'}`]);
  }
  expect(Object.fromEntries(answers)).toMatchInlineSnapshot(`
    {
      "by client id": "200 fine",
      "expired": "401 'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
      "from the future": "401 'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
      "good": "200 fine",
      "no token": "401 A JSON web token could not be decoded",
      "of another App": "401 Integration not found",
      "of another algorithm": "401 A JSON web token could not be decoded",
      "of another key": "401 A JSON web token could not be decoded",
      "too long": "401 'Expiration time' claim ('exp') is too far in the future",
    }
  `);
});

test('a token of an installation opens its repositories and permissions, and no more', async () => {
  const { github, call, mintToken, installation, api: repository } = await setScene();
  const token = await mintToken({ repository_ids: [repository.id], permissions: { contents: 'read' } });
  const read = (path: string) => call('GET', path, undefined, token).then((answer) => answer.status);
  expect(await read('/repos/acme/api/contents/README.md')).toBe(200);
  expect(await read('/repos/acme/api/issues')).toBe(403);
  expect(await read('/repos/acme/site/contents/README.md')).toBe(200);
  await github.addRepository('acme/other', { private: true });
  expect(await read('/repos/acme/other')).toBe(404);

  const path = `/app/installations/${installation.id}/access_tokens`;
  for (const wish of [
    { permissions: { contents: 'admin' } },
    { permissions: { administration: 'write' } },
    { repositoryIds: [repository.id] },
    { repository_ids: [1] },
  ]) {
    expect([wish, (await call('POST', path, wish)).status]).toEqual([wish, 422]);
  }
  expect((await call('POST', '/app/installations/1/access_tokens')).status).toBe(404);
});

test('a token ends: in an hour, with its revocation, its suspension, its installation', async () => {
  let now = new Date();
  const { github, call, mintToken, installation } = await setScene({ now: () => now });
  const works = async (token: string) =>
    (await call('GET', '/installation/repositories', undefined, token)).status;
  const revoked = await mintToken();
  expect(await works(revoked)).toBe(200);
  await call('DELETE', '/installation/token', undefined, revoked);
  expect(await works(revoked)).toBe(401);

  const token = await mintToken();
  await github.suspend(installation, 'alice');
  expect(await works(token)).toBe(401);
  expect((await call('POST', `/app/installations/${installation.id}/access_tokens`)).status).toBe(403);
  await github.unsuspend(installation, 'alice');
  expect(await works(token)).toBe(200);
  const started = now;
  now = new Date(started.getTime() + 3_600_001);
  expect(await works(token)).toBe(401);
  now = started;
  await github.uninstall(installation, 'alice');
  expect(await works(token)).toBe(401);
  expect((await call('GET', '/repos/acme/api/installation')).status).toBe(404);
});

test('a permission that the App lost is refused with the name of what it needs', async () => {
  const { github, octokit, installation, pr, call, mintToken } = await setScene();
  const issue = github.addIssue('acme/api', { by: 'alice' });
  await github.acceptPermissions(installation, 'alice', { pull_requests: 'write' });
  const token = await mintToken();
  const answer = await call('POST', '/repos/acme/api/deployments', { ref: 'main' }, token);
  expect([answer.status, answer.headers.get('x-accepted-github-permissions')]).toEqual([
    403,
    'deployments=write',
  ]);
  const comment = (number: number) =>
    octokit.rest.issues.createComment({ ...api, issue_number: number, body: 'x' });
  expect(await statusOf(comment(pr.number))).toBe('fine');
  expect(await statusOf(comment(issue.number))).toBe(403);
});

test('permission and role are told apart for each kind of person', async () => {
  const { github, octokit } = await setScene();
  github.addUser('carl');
  github.addCollaborator('acme/api', 'carl', 'write', 'release-captain');
  const ask = async (repository: typeof api, username: string) => {
    const { data } = await octokit.rest.repos.getCollaboratorPermissionLevel({ ...repository, username });
    return `${data.permission} ${data.role_name}`.trim();
  };
  expect(await ask(api, 'alice')).toBe('write write');
  expect(await ask(api, 'mona')).toBe('write maintain');
  expect(await ask(api, 'carl')).toBe('write release-captain');
  expect(await ask(api, 'tom')).toBe('read triage');
  expect(await ask(api, 'stan')).toBe('none');
  expect(await ask(site, 'stan')).toBe('read read');
  github.renameUser('alice', 'alicia');
  expect(await statusOf(ask(api, 'alice'))).toBe(404);
  expect(await ask(api, 'alicia')).toBe('write write');
});

test('what is private is not there for others; what is public can be read but not written', async () => {
  const { call } = await setScene();
  expect((await call('GET', '/repos/acme/api', undefined, '')).status).toBe(404);
  expect((await call('GET', '/repos/acme/site', undefined, '')).status).toBe(200);
  expect((await call('POST', '/repos/acme/site/deployments', { ref: 'main' }, '')).status).toBe(401);
  expect((await call('GET', '/repos/acme/site', undefined, 'ghs_unknown')).status).toBe(401);
});
