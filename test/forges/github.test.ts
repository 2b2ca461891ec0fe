// GitHub as a forge: the contract, over the fake GitHub.
import { generateKeyPairSync } from 'node:crypto';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { openGitHub } from '../../bot/forges/github/github.ts';
import { startFakeGitHub, type FakeGitHub } from '../fakes/github/github.ts';
import { describeForge, type ForgeUnderTest, type RepositoryOptions } from './contract.ts';

const KEY = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
});
const CLIENT = { clientId: 'Iv23forge', clientSecret: 'the client secret of a forge' };
const SECRET = 'the webhook secret of a forge';

describeForge('github', open);

async function open(): Promise<ForgeUnderTest & { github: FakeGitHub }> {
  const github = await startFakeGitHub({
    ...CLIENT,
    appId: 7,
    appSlug: 'sam-forge',
    publicKey: KEY.publicKey,
    webhookSecret: SECRET,
    callbackUrls: ['http://127.0.0.1:9/login/callback'],
  });
  const config = {
    ...CLIENT,
    appId: 7,
    privateKey: KEY.privateKey,
    webhookSecrets: [SECRET],
    url: github.url,
    apiUrl: github.apiUrl,
    mentions: [],
  };
  const log = pino({ level: 'silent' });
  const { forge } = openGitHub(config, { timeoutMs: 5_000, keptMs: 0, isPaced: false, log });
  const threadOf = (label: string, number: number) =>
    github.world.threads.find((one) => one.repository === github.repository(label) && one.number === number)!;
  const reached = new Set<string>();
  return {
    forge,
    github,
    addPerson: (login) => ({ id: String(github.addUser(login).id), login }),
    rename: ({ login }, to) => github.renameUser(login, to),
    async addRepository(label, options = {}) {
      const [owner = ''] = label.split('/');
      const { isPrivate = false, isReached = true } = options;
      await github.addRepository(label, { private: isPrivate, files: filesOf(options) });
      if (isReached && !reached.has(owner)) github.install(owner);
      if (isReached) reached.add(owner);
    },
    allow(label, { login }, level) {
      if (level === 'none') return github.removeCollaborator(label, login);
      const [permission, role] = level === 'maintain' ? (['write', 'maintain'] as const) : [level];
      github.addCollaborator(label, login, permission, role);
    },
    addIssue: (label, { login }) => github.addIssue(label, { by: login }).number,
    async addChange(label, { login }, { from } = {}) {
      if (from) await github.addRepository(from, { forkOf: label });
      return (await github.addPullRequest(label, { by: login, ...(from && { from }) })).number;
    },
    async closeThread(label, number) {
      threadOf(label, number).state = 'closed';
      await Promise.resolve();
    },
    signedInAs: ({ login }) => github.signedInAs(login),
    breakDown: () => github.fail('*', /./, { status: 502, times: Infinity }),
    secrets: () => github.secrets,
    close: () => github.stop(),
  };
}

test('a right that is as it was costs nothing of what GitHub answers in an hour, and one that changed is seen', async () => {
  const { forge, github, ...place } = await open();
  onTestFinished(() => place.close());
  await place.addRepository('acme/api');
  const ann = place.addPerson('ann');
  place.allow('acme/api', ann, 'write');
  const statuses = () =>
    github.log
      .filter(({ path }) => path.endsWith('/collaborators/ann/permission'))
      .map(({ status }) => status);
  const ask = async () => (await forge.readPermission('acme/api', ann))?.level;
  expect([await ask(), await ask(), await ask()]).toEqual(['write', 'write', 'write']);
  expect(statuses()).toEqual([200, 304, 304]);
  place.allow('acme/api', ann, 'admin');
  expect([await ask(), await ask()]).toEqual(['admin', 'admin']);
  expect(statuses().slice(3)).toEqual([200, 304]);
});

const filesOf = ({ rules }: RepositoryOptions): Record<string, string> => ({
  'README.md': '# a repository\n',
  ...(rules && {
    '.github/sam.yml': [
      ...(rules.size ? [`size: ${rules.size}`] : []),
      ...(rules.idleTimeMs ? [`idle_time: ${rules.idleTimeMs / 60_000}m`] : []),
      ...(rules.who ? [`who: ${rules.who}`] : []),
      ...(rules.ask ? [`ask: ${JSON.stringify(rules.ask)}`] : []),
    ].join('\n'),
  }),
});

test('a team is all who are in it, where the App may see them', async () => {
  const { forge, github, ...place } = await open();
  onTestFinished(() => place.close());
  github.addOrganization('acme');
  for (const login of ['ann', 'bob', 'eve']) place.addPerson(login);
  await github.addRepository('acme/api');
  github.setTeam('acme/platform', ['ann', 'bob']);
  github.install('acme', { permissions: { metadata: 'read', members: 'read' } });
  const found = await forge.findPeople('@acme/platform');
  expect(found?.map(({ login }) => login)).toEqual(['ann', 'bob']);
  expect(await forge.findPeople('@acme/nothing')).toBeUndefined();
  expect(await forge.findPeople('@elsewhere/platform')).toBeUndefined();
  expect(await forge.installUrl()).toBe(`${github.url}/apps/sam-forge/installations/new`);
});
