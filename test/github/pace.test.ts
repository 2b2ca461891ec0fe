// How fast Sam writes to GitHub, which asks for a write each second at most: of each installation by itself.
import { generateKeyPairSync } from 'node:crypto';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { createGitHubApp, type GitHubApp } from '../../bot/forges/github/app.ts';
import { react, type Reaction } from '../../bot/forges/github/threads.ts';
import { startFakeGitHub, type FakeGitHub } from '../fakes/github/github.ts';

const KEY = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
});

async function openGitHub(): Promise<FakeGitHub> {
  const github = await startFakeGitHub({
    appId: 7,
    appSlug: 'sam-test',
    publicKey: KEY.publicKey,
    webhookSecret: 'a-webhook-secret-for-tests',
    clientId: 'client',
    clientSecret: 'client-secret-for-tests',
  });
  onTestFinished(() => github.stop());
  for (const owner of ['acme', 'other']) {
    await github.addRepository(`${owner}/api`);
    github.install(owner);
  }
  return github;
}

const appOf = ({ url, apiUrl }: FakeGitHub): GitHubApp =>
  createGitHubApp(
    {
      appId: 7,
      privateKey: KEY.privateKey,
      webhookSecrets: ['a-webhook-secret-for-tests'],
      clientId: 'client',
      clientSecret: 'client-secret-for-tests',
      url,
      apiUrl,
      mentions: [],
    },
    pino({ level: 'silent' }),
  );

/** A comment on an issue there, and what reacts to it. */
async function writerOn(github: FakeGitHub, app: GitHubApp, repository: string) {
  const issue = github.addIssue(repository, { by: repository.split('/')[0] ?? '' });
  const { comment } = await github.comment(issue, repository.split('/')[0] ?? '', 'hello');
  const octokit = await app.on(repository);
  if (!octokit) throw new Error('not installed');
  return (content: Reaction) => react(octokit, { repository, comment: comment.id, isReview: false }, content);
}

test('writes of one installation are a second apart, and another one does not wait for them', async () => {
  const github = await openGitHub();
  const app = appOf(github);
  const here = await writerOn(github, app, 'acme/api');
  const there = await writerOn(github, app, 'other/api');
  // So that both have their tokens.
  for (const write of [here, there]) await write('eyes');
  const ends: string[] = [];
  const startedAt = performance.now();
  await Promise.all([
    here('rocket').then(() => ends.push('here')),
    here('-1').then(() => ends.push('here')),
    there('rocket').then(() => ends.push('there')),
  ]);
  expect(performance.now() - startedAt).toBeGreaterThan(900);
  expect(ends.at(-1)).toBe('here');
});
