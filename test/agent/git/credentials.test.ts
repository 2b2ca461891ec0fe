// Git's passwords on a node: real git, the real helper and socket, and a bot that is there, away, or of another mind.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { createBroker, helperCommand, type Subject } from '../../../agent/credentials/broker.ts';
import { createTokens, type Answer, type Tokens } from '../../../agent/credentials/tokens.ts';
import { credentialEnvironment } from '../../../agent/git/git.ts';
import { createLog } from '../../../agent/log.ts';
import type { AgentMessage } from '../../../agent/protocol.ts';
import { serveGit } from './server.ts';
import { makeRepository } from '../../testers/node.ts';

const TOKEN = 'ghs_ATokenForTestsOnly';
const given: Answer = { username: 'x-access-token', password: TOKEN, expiresAt: Date.now() + 3_600_000 };
type Question = AgentMessage & { type: 'git-token' };

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** Standard input is empty, and there is no terminal. */
function run(file: string, args: string[], env: Record<string, string>, input = ''): Promise<Ended> {
  const { promise, resolve } = Promise.withResolvers<Ended>();
  const child = execFile(file, args, { env, encoding: 'utf8' }, (error, stdout, stderr) =>
    resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
  );
  child.stdin?.on('error', () => {});
  child.stdin?.end(input);
  return promise;
}

/** A node's folder with one workspace of a private repository; `answer` is the bot's mind. */
async function createNode({ deep = false } = {}) {
  const root = mkdtempSync(join(tmpdir(), 'sam-credentials-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  makeRepository(join(root, 'repositories', 'acme', 'api.git'));
  const server = await serveGit(join(root, 'repositories'), { token: TOKEN });
  const folder = join(
    root,
    ...(deep ? Array.from({ length: 6 }, () => 'a-folder-with-a-long-name') : []),
    'ws',
  );
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const socket = join(folder, '.git.sock');
  const repository = server.url('acme/api.git');
  const subject: Subject = { id: 'ws-abcdefghijkl', repositories: [repository], isOpen: true };
  const tokens: Tokens = createTokens();
  const desk = createBroker(
    tokens.ask,
    createLog(() => {}),
  );
  onTestFinished(() => desk.closeAll());
  await desk.open(socket, () => subject);
  const questions: Question[] = [];
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: root,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    LC_ALL: 'C',
    ...credentialEnvironment({ repository, helper: helperCommand(socket) }),
  };
  return {
    root,
    socket,
    repository,
    subject,
    desk,
    tokens,
    questions,
    /** The bot is there, and answers so. */
    connect: (answer: (question: Question) => Answer) =>
      tokens.open((message) => {
        if (message.type !== 'git-token') return;
        questions.push(message);
        tokens.answered({ type: 'git-token', ref: message.ref, ...answer(message) });
      }),
    git: (...args: string[]) => run('git', args, env),
    /** The helper, asked by something that is not git. */
    ask: (text: string) => run('sh', ['-c', `${helperCommand(socket).slice(1)} get`], env, text),
  };
}

const described = (repository: string, path = 'acme/api.git'): string => {
  const { protocol, host } = new URL(repository);
  return `protocol=${protocol.slice(0, -1)}\nhost=${host}\npath=${path}\n\n`;
};

test('git gets the password from the bot, and asks for what it is about to do', async () => {
  const node = await createNode();
  node.connect(() => given);
  expect(await node.git('ls-remote', node.repository)).toMatchObject({ code: 0, stderr: '' });
  await node.git('clone', '-q', node.repository, join(node.root, 'copy'));
  const pushed = await node.git('-C', join(node.root, 'copy'), 'push', 'origin', 'HEAD:refs/heads/other');
  expect(pushed.code).toBe(0);
  expect(node.questions.map(({ operation }) => operation)).toEqual(['fetch', 'fetch', 'push']);
});

test('while the bot is away git says so in one line, asks nobody, and works again afterwards', async () => {
  const node = await createNode();
  const sentence =
    'sam: Sam cannot be reached, and it has the password for this repository. Your work is safe here; try again in a minute.';
  const away = await node.git('ls-remote', node.repository);
  expect(away.code).toBe(128);
  expect(away.stderr.split('\n')[0]).toBe(sentence);
  node.connect(() => given);
  expect(await node.git('ls-remote', node.repository)).toMatchObject({ code: 0 });
});

test('who waits when the connection breaks hears it at once', async () => {
  const node = await createNode();
  node.tokens.open(() => node.tokens.close());
  const { code, stderr } = await node.git('ls-remote', node.repository);
  expect(code).toBe(128);
  expect(stderr).toContain('sam: Sam went away, and it has the password');
});

test('without the agent the helper says so', async () => {
  const node = await createNode();
  await node.desk.closeAll();
  const { code, stderr } = await node.git('ls-remote', node.repository);
  expect(code).toBe(128);
  expect(stderr).toContain('sam: The agent of this node does not answer');
});

test('the socket is for its owner alone, and the folder may be as deep as it likes', async () => {
  const node = await createNode({ deep: true });
  expect(node.socket.length).toBeGreaterThan(108);
  expect(statSync(node.socket).mode & 0o777).toBe(0o600);
  node.connect(() => given);
  expect(await node.git('ls-remote', node.repository)).toMatchObject({ code: 0 });
  await node.desk.close(node.socket);
  await node.desk.open(node.socket, () => node.subject);
  expect(await node.git('ls-remote', node.repository)).toMatchObject({ code: 0 });
});

test('only the own repository gets an answer; whatever else is asked gets none, and the bot hears nothing', async () => {
  const node = await createNode();
  node.connect(() => given);
  const own = described(node.repository);
  for (const text of [
    described(node.repository, 'acme/other.git'),
    described(node.repository, 'acme/api.git/../other.git'),
    described(node.repository, 'acme'),
    own.replace('protocol=http', 'protocol=https'),
    own.replace(/host=.*/, 'host=elsewhere.example'),
    own.replace(/path=.*\n/, ''),
    'garbage\n\n',
    '',
  ])
    expect(await node.ask(text)).toEqual({ code: 0, stdout: '', stderr: '' });
  expect(node.questions).toEqual([]);
  for (const path of ['acme/api', 'Acme/API.git', 'acme/api.git/info/lfs'])
    expect((await node.ask(described(node.repository, path))).stdout).toContain(`password=${TOKEN}\n`);
});

test('a workspace that gets no credentials gets none, whatever the helper is asked', async () => {
  const node = await createNode();
  node.connect(() => given);
  node.subject.isOpen = false;
  expect(await node.ask(described(node.repository))).toEqual({ code: 0, stdout: '', stderr: '' });
  expect(node.questions).toEqual([]);
});

test('where nobody can tell what git is about, whoever may only read still reads', async () => {
  const node = await createNode();
  node.connect(({ operation }) =>
    operation === 'push' ? { error: { code: 'forbidden', message: 'You may not.' } } : given,
  );
  const { stdout, stderr } = await node.ask(described(node.repository));
  expect(stderr).toBe('');
  expect(stdout).toMatch(/^username=x-access-token\npassword=ghs_\w+\npassword_expiry_utc=\d{10}\n$/);
  expect(node.questions.map(({ operation }) => operation)).toEqual(['push', 'fetch']);
});

test('a door that closes gives nothing more, not even to whoever waits before it', async () => {
  const node = await createNode();
  let answer: (one: Answer) => void = () => {};
  node.tokens.open((message) => {
    if (message.type === 'git-token')
      answer = (one) => node.tokens.answered({ type: 'git-token', ref: message.ref, ...one });
  });
  const heard: string[] = [];
  const wait = (text: string) => {
    const client = connect({ path: node.socket, allowHalfOpen: true });
    client.on('data', (bytes) => heard.push(String(bytes))).on('error', () => {});
    client.write(text);
    return new Promise((resolve) => client.once('end', resolve).once('close', resolve));
  };
  const { protocol, host } = new URL(node.repository);
  const question = { protocol: protocol.slice(0, -1), host, path: 'acme/api.git', operation: 'push' };
  const waiting = [wait(`${JSON.stringify(question)}\n`), wait('half a question'), wait('')];
  await delay(300);
  const startedAt = performance.now();
  await node.desk.close(node.socket);
  answer(given);
  await Promise.all(waiting);
  expect([heard, performance.now() - startedAt < 1_000, existsSync(node.socket)]).toEqual([[], true, false]);
});

test('without credentials the helpers of the host are off, and those of others are not', () => {
  const repository = 'https://git.example/acme/api.git';
  expect(credentialEnvironment({ repository, helper: '' })).toEqual({
    GIT_CONFIG_COUNT: '2',
    GIT_CONFIG_KEY_0: 'credential.https://git.example.helper',
    GIT_CONFIG_VALUE_0: '',
    GIT_CONFIG_KEY_1: 'credential.https://git.example.useHttpPath',
    GIT_CONFIG_VALUE_1: 'true',
  });
  expect(credentialEnvironment({ repository, helper: undefined })).toEqual({});
  expect(credentialEnvironment({ repository: '/a/folder', helper: 'x' })).toEqual({});
});
