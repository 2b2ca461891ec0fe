// How an agent becomes its next version: fetched from the bot's own downloads, at a quiet moment, and back if it fails.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { createLog } from '../../agent/log.ts';
import { parseBootstrap, parseBotMessage } from '../../agent/bot-link/messages.ts';
import type { WorkspaceReport } from '../../agent/protocol.ts';
import { confirmStart } from '../../agent/update/artifact.ts';
import { createUpdater, isQuiet } from '../../agent/update/update.ts';
import { artifactRoutes } from '../../bot/nodes/artifact.ts';
import { parseAgentMessage } from '../../bot/nodes/messages.ts';
import { tar } from '../../tools/tar.ts';
import { serveRoutes } from '../access/http-server.ts';
import { createWatch } from '../testers/watch.ts';

const START = join(import.meta.dirname, '../../tools/sam-agent.sh');
/** What stands for Node: says the version that it was started from, and ends with the code in the file `code`. */
const NODE =
  '#!/bin/sh\nhere=${1%/lib/main.js}\ncat "$here/VERSION"\nexit "$(cat "$here/code" 2>/dev/null || echo 0)"\n';

/** A bot with downloads, and a machine whose agent is version `1`. */
async function makeContext({ backMs = 0, latestMs = 60_000 } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'sam-update-'));
  const [dist, root] = [join(folder, 'dist'), join(folder, 'opt')];
  mkdirSync(dist);
  const server = await serveRoutes(async (baseUrl) => ({
    routes: artifactRoutes({ folder: dist, baseUrl }),
  }));
  const stopping = new AbortController();
  onTestFinished(async () => {
    stopping.abort();
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const install = (version: string, code = 0) => {
    const at = join(root, `agent-${version}`);
    mkdirSync(join(at, 'bin'), { recursive: true });
    writeFileSync(join(at, 'bin/node'), NODE, { mode: 0o755 });
    cpSync(START, join(at, 'sam-agent'));
    writeFileSync(join(at, 'VERSION'), version);
    writeFileSync(join(at, 'code'), String(code));
    return at;
  };
  const installed = { version: '1', folder: install('1'), root };
  symlinkSync('agent-1', join(root, 'agent'));
  const publish = (version: string, { code = 0, isBroken = false } = {}) => {
    const bytes = gzipSync(
      tar([
        { path: 'sam-agent', isExecutable: true, content: readFileSync(START) },
        { path: 'bin/node', isExecutable: true, content: Buffer.from(NODE) },
        { path: 'VERSION', isExecutable: false, content: Buffer.from(version) },
        { path: 'code', isExecutable: false, content: Buffer.from(String(code)) },
      ]),
    );
    const file = 'sam-agent-linux-x64.tar.gz';
    const sha256 = isBroken ? '0'.repeat(64) : createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(dist, file), bytes);
    const artifacts = [{ os: 'linux', arch: process.arch, file, sha256, size: bytes.length }];
    writeFileSync(join(dist, 'manifest.json'), JSON.stringify({ version, artifacts }));
  };
  const watch = createWatch();
  const state = {
    replaced: [] as string[],
    lines: [] as string[],
    reports: [] as WorkspaceReport[],
    looks: 0,
    isWorking: false,
    late: [] as boolean[],
  };
  const updater = createUpdater({
    installed,
    samUrl: server.origin,
    reports() {
      state.looks++;
      return state.reports;
    },
    isWorking() {
      state.looks++;
      return state.isWorking;
    },
    onReplaced(version, isLate) {
      state.replaced.push(version);
      state.late.push(isLate);
      watch.changed();
    },
    log: createLog((line) => {
      state.lines.push(line);
      watch.changed();
    }),
    signal: stopping.signal,
    timing: { backMs, lookEveryMs: 10, latestMs, retry: { firstMs: 10, maxMs: 20 } },
  });
  return {
    root,
    installed,
    state,
    updater,
    publish,
    install,
    at: (path: string) => join(root, path),
    logs: (pattern: RegExp) =>
      watch.until(
        () => state.lines.some((line) => pattern.test(line)),
        () => String(pattern),
      ),
    replaced: (version: string) =>
      watch.until(
        () => state.replaced.includes(version),
        () => `version ${version}`,
      ),
    /** What systemd does: starts whatever the link leads to. */
    start: () => spawnSync(join(root, 'agent/sam-agent'), { encoding: 'utf8' }),
  };
}

const report = (change: Partial<WorkspaceReport>): WorkspaceReport => ({
  id: 'ws-aaaaaaaaaaaa',
  phase: 'running',
  run: 1,
  sessions: 0,
  ...change,
});

test('with nobody at work the agent becomes the version that the bot has', async () => {
  const { updater, publish, replaced, at, start, root } = await makeContext();
  publish('2');
  updater.offer('2');
  await replaced('2');
  expect(readlinkSync(at('agent'))).toBe('agent-2');
  expect(start().stdout).toBe('2');
  expect(readdirSync(root).filter((name) => /part|new|link/.test(name))).toEqual([]);
});

test('the version that runs is left as it is, and so is an agent that runs from its sources', async () => {
  const { updater, state, publish, at } = await makeContext();
  publish('1');
  updater.offer('1');
  const sources = createUpdater({
    installed: undefined,
    samUrl: 'http://127.0.0.1:1',
    reports: () => [],
    isWorking: () => false,
    onReplaced: () => expect.unreachable(),
    log: createLog((line) => void state.lines.push(line)),
    signal: AbortSignal.abort(),
  });
  sources.offer('2');
  expect([readlinkSync(at('agent')), state.lines]).toEqual(['agent-1', []]);
});

test('a session keeps nobody waiting: it goes on beside the next version, whoever types', async () => {
  const { updater, publish, replaced, state } = await makeContext();
  state.reports = [report({ sessions: 1, activityAt: Date.now() })];
  publish('2');
  updater.offer('2');
  await replaced('2');
  expect(state.late).toEqual([false]);
});

test('while a workspace is being prepared it waits, and goes on when that is done', async () => {
  const { updater, publish, replaced, state, logs, at } = await makeContext();
  state.reports = [report({ phase: 'preparing' })];
  publish('2');
  updater.offer('2');
  await logs(/waits for a quiet moment/);
  await expect.poll(() => state.looks).toBeGreaterThan(3);
  expect([readlinkSync(at('agent')), state.replaced]).toEqual(['agent-1', []]);
  state.reports = [report({})];
  await replaced('2');
});

test('while a coding agent works on a prompt it waits, though nobody has a session', async () => {
  const { updater, publish, replaced, state, logs } = await makeContext();
  state.isWorking = true;
  publish('2');
  updater.offer('2');
  await logs(/waits for a quiet moment/);
  await expect.poll(() => state.looks + state.replaced.length).toBeGreaterThan(3);
  expect(state.replaced).toEqual([]);
  state.isWorking = false;
  await replaced('2');
});

test('where no moment is quiet it goes in the end, and says so', async () => {
  const { updater, publish, replaced, state, logs } = await makeContext({ latestMs: 100 });
  state.reports = [report({ phase: 'preparing' })];
  publish('2');
  updater.offer('2');
  await replaced('2');
  expect(state.late).toEqual([true]);
  await logs(/no moment was quiet/);
});

test('quiet is: nothing is under way, whoever has a session', () => {
  const quiet = (change: Partial<WorkspaceReport>) => isQuiet([report({}), report(change)]);
  expect(quiet({ sessions: 2, activityAt: Date.now() })).toBe(true);
  for (const phase of ['preparing', 'stopping', 'deleting'] as const) expect(quiet({ phase })).toBe(false);
  for (const phase of ['stopped', 'failed', 'deleted'] as const) expect(quiet({ phase })).toBe(true);
});

test('what came broken is fetched again, and never unpacked', async () => {
  const { updater, publish, replaced, logs, at } = await makeContext();
  publish('2', { isBroken: true });
  updater.offer('2');
  await logs(/what came is not what was announced/);
  expect(existsSync(at('agent-2'))).toBe(false);
  publish('2');
  await replaced('2');
});

test('of two offers the later one counts', async () => {
  const { updater, publish, replaced, state, logs } = await makeContext();
  state.reports = [report({ phase: 'preparing' })];
  publish('2');
  updater.offer('2');
  await logs(/waits for a quiet moment/);
  publish('3');
  updater.offer('3');
  state.reports = [];
  await replaced('3');
  expect(state.replaced).toEqual(['3']);
});

test('back to the version before it goes only after a while: two bots may answer by turns', async () => {
  const slow = await makeContext({ backMs: 60_000 });
  slow.install('0');
  writeFileSync(join(slow.installed.folder, '.previous'), 'agent-0');
  slow.publish('0');
  slow.updater.offer('0');
  await slow.logs(/the version before this one/);
  expect([readlinkSync(slow.at('agent')), slow.state.looks]).toEqual(['agent-1', 0]);
  const quick = await makeContext();
  quick.install('0');
  writeFileSync(join(quick.installed.folder, '.previous'), 'agent-0');
  quick.publish('0');
  quick.updater.offer('0');
  await quick.replaced('0');
});

test('a new version that fails to start three times gives way to the one before, and is not tried again', async () => {
  const { updater, publish, replaced, start, at, installed, logs } = await makeContext();
  publish('2', { code: 1 });
  updater.offer('2');
  await replaced('2');
  expect([start(), start(), start()].map(({ stdout, status }) => `${stdout} ${status}`)).toEqual([
    '2 1',
    '2 1',
    '2 1',
  ]);
  const fourth = start();
  expect([fourth.stdout, fourth.status]).toEqual(['1', 0]);
  expect(fourth.stderr).toContain('2 failed to start 3 times; going back to agent-1');
  expect(readlinkSync(at('agent'))).toBe('agent-1');
  await confirmStart(installed, '');
  // The agent that runs again after that hears the same offer.
  updater.offer('1');
  updater.offer('2');
  await logs(/offers a version that failed to start here/);
  expect(readlinkSync(at('agent'))).toBe('agent-1');
});

test('a version that works is counted no longer, however often it starts', async () => {
  const { install, root, at, start } = await makeContext();
  const folder = install('2');
  writeFileSync(join(folder, '.previous'), 'agent-1');
  rmSync(at('agent'));
  symlinkSync('agent-2', at('agent'));
  for (let time = 0; time < 5; time++) {
    expect(start().stdout).toBe('2');
    await confirmStart({ version: '2', folder, root }, 'agent-1');
  }
});

test('of the versions before only the last one stays', async () => {
  const { install, root } = await makeContext();
  install('0');
  const folder = install('2');
  await confirmStart({ version: '2', folder, root }, 'agent-1');
  expect(readdirSync(root).toSorted()).toEqual(['agent', 'agent-1', 'agent-2']);
});

test('a first version that fails is started again and again: there is nothing to go back to', async () => {
  const { start, at } = await makeContext();
  writeFileSync(at('agent-1/code'), '1');
  for (let time = 0; time < 5; time++) expect(start().status).toBe(1);
});

test('the start script is what every shell understands', () => {
  execFileSync('dash', ['-n', START]);
});

test('a bot and an agent of another version understand what they both know, and pass over the rest', () => {
  const workspace = {
    id: 'ws-aaaaaaaaaaaa',
    name: 'api',
    desired: 'running',
    run: 1,
    access: 0,
    force: false,
    repository: 'https://example.com/a/b.git',
  };
  const desired = { type: 'desired', all: true, workspaces: [workspace] };
  const newer = {
    ...desired,
    mood: 'good',
    workspaces: [{ ...workspace, colour: 'red' }],
    agent: { version: '2', size: 1 },
  };
  expect(parseBotMessage(JSON.stringify(newer))).toEqual({ ...desired, agent: { version: '2' } });
  expect(parseBotMessage(JSON.stringify(desired))).toEqual(desired);
  expect(parseBotMessage('{"type":"later"}')).toBeUndefined();
  const settings = {
    tokenLifeMs: 1,
    origin: 'https://sam.test',
    jwks: 'https://sam.test/keys',
    issuer: 'sam',
    terminal: 'tls',
  };
  // An older bot says nothing of users; a newer one says more than this agent knows.
  const first = { node: 'nd-aaaaaaaaaaaa', token: 't', connect: 'wss://sam.test/agent', settings };
  expect(parseBootstrap(JSON.stringify(first))).toEqual(first);
  const newerFirst = { ...first, mood: 'good', settings: { ...settings, users: 'own', colour: 'red' } };
  expect(parseBootstrap(JSON.stringify(newerFirst))).toEqual({
    ...first,
    settings: { ...settings, users: 'own' },
  });
  const hello = { type: 'hello', protocol: 2, version: '9', now: 1, workspaces: [report({})] };
  const later = { ...hello, mood: 'good', workspaces: [{ ...report({}), colour: 'red' }] };
  expect(parseAgentMessage(JSON.stringify(later))).toEqual(hello);
  expect(parseAgentMessage('{"type":"later"}')).toBeUndefined();
});
