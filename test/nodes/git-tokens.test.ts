// Which agent gets a password for which workspace's repository, and what a node is told of git.
import pino from 'pino';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { GitOperation } from '../../agent/protocol.ts';
import { wordGitRefusal } from '../../bot/chat/wording.ts';
import { answerGit, type GitBroker, createGitBroker } from '../../bot/nodes/git-tokens.ts';
import type { Node, Workspace } from '../../bot/database/schema.ts';
import { UserError } from '../../bot/errors.ts';
import type { GitHubConfig } from '../../bot/forges/github/config.ts';
import { openGitHub } from '../../bot/forges/github/github.ts';
import { openRows, type Rows } from '../access/rows.ts';
import { meetPerson } from '../../bot/access/store/people.ts';

const anApp = (url: string): GitHubConfig => ({
  appId: 7,
  privateKey: 'no key: nothing is asked',
  webhookSecrets: ['a-webhook-secret-for-tests'],
  clientId: 'client',
  clientSecret: 'secret',
  url,
  apiUrl: 'http://127.0.0.1:9',
  mentions: [],
});
const SECRET = 'ghs_ATokenForTestsOnly';
const token = { username: 'x-access-token', password: SECRET, expiresAt: 4e12 };

let rows: Rows;
let node: Node;
let workspace: Workspace;
let logged = '';
const log = pino({ level: 'trace' }, { write: (line: string) => void (logged += line) });

beforeAll(async () => {
  rows = await openRows();
});
afterAll(() => rows.close());
beforeEach(async () => {
  node = await rows.addNode();
  workspace = await rows.addWorkspace({ owner: node.owner, nodeId: node.id });
  logged = '';
});

const deskThat = (mint: GitBroker['token']): GitBroker => ({
  facts: () => Promise.resolve(new Map()),
  token: mint,
});
const giving = deskThat(() => Promise.resolve(token));

const ask = (
  git: GitBroker | undefined,
  { of = workspace.id, by = node.id, minting = 0, operation = 'push' as GitOperation } = {},
) =>
  answerGit(
    { db: rows.db, git, wordRefusal: wordGitRefusal },
    { node: by, log, minting },
    { type: 'git-token', ref: 7, workspace: of, operation },
  );

test('the node of a workspace gets the token, and no log knows it', async () => {
  expect(await ask(giving)).toEqual({ type: 'git-token', ref: 7, ...token });
  expect(logged).not.toContain(SECRET);
});

test('no other node gets it, and nobody for a workspace that is deleted or unknown', async () => {
  const other = await rows.addNode();
  const deleted = await rows.addWorkspace({
    owner: node.owner,
    nodeId: node.id,
    phase: 'deleted',
    desired: 'deleted',
  });
  const refused = { type: 'git-token', ref: 7, error: { code: 'no-workspace' } };
  expect(await ask(giving, { by: other.id })).toMatchObject(refused);
  expect(await ask(giving, { of: deleted.id })).toMatchObject(refused);
  expect(await ask(giving, { of: 'ws-aaaaaaaaaaaa' })).toMatchObject(refused);
  expect(await ask(undefined)).toMatchObject(refused);
});

test('one that is being deleted still gets it where its work is to be saved, and only there', async () => {
  const add = (patch: Partial<Workspace>) =>
    rows.addWorkspace({
      owner: node.owner,
      nodeId: node.id,
      phase: 'deleting',
      desired: 'deleted',
      ...patch,
    });
  const saving = { isAutomatic: true, isPrivate: true };
  expect(await ask(giving, { of: (await add(saving)).id })).toMatchObject(token);
  for (const patch of [{}, { ...saving, isPrivate: false }, { ...saving, force: true }, { force: true }])
    expect(await ask(giving, { of: (await add(patch)).id })).toMatchObject({
      error: { code: 'no-workspace' },
    });
});

test('what is not wanted running gets none, whoever asks in its name', async () => {
  let minted = 0;
  const counting = deskThat(() => Promise.resolve((minted++, token)));
  for (const [desired, phase, isGiven] of [
    ['running', 'preparing', true],
    ['running', 'running', true],
    ['stopped', 'running', false],
    ['stopped', 'stopping', false],
    ['stopped', 'stopped', false],
    ['stopped', 'failed', false],
    ['running', 'failed', false],
    ['running', 'stopped', false],
    ['deleted', 'running', false],
  ] as const) {
    const one = await rows.addWorkspace({ owner: node.owner, nodeId: node.id, desired, phase });
    const answer = await ask(counting, { of: one.id });
    expect('password' in answer, `${desired}, ${phase}`).toBe(isGiven);
  }
  expect(minted).toBe(2);
});

test('what is wrong is a sentence for the person, and a bug is only in the log', async () => {
  const forbidding = deskThat(() =>
    Promise.reject(new UserError('no-push', { login: 'ada', repository: 'acme/api', role: 'read' })),
  );
  expect(await ask(forbidding)).toMatchObject({
    error: { code: 'no-push', message: expect.stringContaining('ada may not push to acme/api') as string },
  });
  const breaking = deskThat(() => Promise.reject(new Error('github: mint token: 502')));
  expect(await ask(breaking)).toMatchObject({
    error: {
      code: 'unavailable',
      message: 'Sam could not get a password for this repository just now. Try again in a minute.',
    },
  });
  expect(logged).toContain('502');
});

test('a program that asks without end is told to wait', async () => {
  expect(await ask(giving, { minting: 16 })).toMatchObject({ error: { code: 'busy' } });
});

test('a program that asks again and again is told to wait, before others’ calls to GitHub are used up', async () => {
  let minted = 0;
  const counting = deskThat(() => Promise.resolve((minted++, token)));
  const asking = { node: node.id, log, minting: 0 };
  const question = { type: 'git-token', ref: 7, workspace: workspace.id, operation: 'fetch' } as const;
  const answers = [];
  for (let asked = 0; asked < 200; asked++)
    answers.push(
      await answerGit({ db: rows.db, git: counting, wordRefusal: wordGitRefusal }, asking, question),
    );
  expect(minted).toBeGreaterThanOrEqual(100);
  expect(minted).toBeLessThan(150);
  expect(answers.at(-1)).toMatchObject({ error: { code: 'too-often' } });
});

test('a node is told who commits and where passwords come from, where the owner is known on that GitHub', async () => {
  const url = 'https://github.com';
  const { forge } = openGitHub(anApp(url), { timeoutMs: 1_000, keptMs: 0, isPaced: false, log });
  const desk = createGitBroker({ db: rows.db, forges: [forge], log });
  const grace = await meetPerson(rows.db, { source: 'github', externalId: '42', login: 'grace' });
  const console_ = await meetPerson(rows.db, { source: 'console', externalId: 'ada', login: 'ada' });
  const add = (patch: Partial<Workspace>) => rows.addWorkspace({ owner: grace.id, nodeId: null, ...patch });
  const own = await add({});
  const fork = await add({ fork: { from: 'eve/api', head: 'b', trusted: 'a' } });
  const elsewhere = await add({ repository: 'https://git.example/acme/api' });
  const folder = await add({ repository: '/home/grace/api' });
  const unknown = await add({ owner: console_.id });
  const facts = await desk.facts([own, fork, elsewhere, folder, unknown]);
  const identity = { name: 'grace', email: '42+grace@users.noreply.github.com' };
  expect(facts.get(own.id)).toEqual({ identity, credentials: 'sam' });
  expect(facts.get(fork.id)).toEqual({ identity, credentials: 'none' });
  expect(facts.get(elsewhere.id)).toBeUndefined();
  expect(facts.get(folder.id)).toBeUndefined();
  expect(facts.get(unknown.id)).toEqual({});
  for (const one of [fork, elsewhere, unknown])
    await expect(desk.token(one, 'fetch')).rejects.toMatchObject({ code: 'no-credentials' });
});
