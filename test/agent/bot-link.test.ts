// The agent's end of the connection: what is taken, what is said when, how often it is dialled, who it is.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { backoffMs } from '../../agent/bot-link/backoff.ts';
import { createCredentials } from '../../agent/bot-link/bootstrap.ts';
import { keepConnected, type ConnectionOptions } from '../../agent/bot-link/connection.ts';
import { createLog } from '../../agent/log.ts';
import { parseBotMessage } from '../../agent/bot-link/messages.ts';
import { createOutbox } from '../../agent/bot-link/outbox.ts';
import type { AgentMessage, Bootstrap, WorkspaceReport } from '../../agent/protocol.ts';
import { throttleProgress } from '../../agent/workspaces/steps.ts';
import { debounce } from '../../agent/workspaces/worker.ts';
import { startBot } from '../testers/node-bot.ts';
import { createWatch } from '../testers/watch.ts';

const silent = createLog(() => undefined);

test('what the bot says is taken only if it has the shape, and an id can never be a path', () => {
  const workspace = {
    id: 'ws-aaaaaaaaaaaa',
    name: 'a',
    desired: 'running',
    run: 1,
    access: 0,
    force: false,
    repository: '/x',
  };
  const say = (change: object) =>
    JSON.stringify({ type: 'desired', all: true, workspaces: [{ ...workspace, ...change }] });
  expect(parseBotMessage(say({}))).toEqual(JSON.parse(say({})));
  for (const id of ['../../etc', 'ws-', 'ws-AAAAAAAAAAAA', 'ws-aaaaaaaaaaa/', '']) {
    const skipped: number[] = [];
    const taken = parseBotMessage(say({ id }), (count) => skipped.push(count));
    expect([taken, skipped]).toEqual([{ type: 'desired', all: true, workspaces: [] }, [1]]);
    expect(parseBotMessage(`{"type":"revoke","workspace":"${id}","access":1}`)).toBeUndefined();
  }
  expect(parseBotMessage('{"type":"news"}')).toBeUndefined();
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void parseBotMessage(text)));
});

test('a turn that it cannot read keeps no other one away, and no task is the name of another file', () => {
  const turn = {
    workspace: 'ws-aaaaaaaaaaaa',
    task: 'ta-1',
    turn: 1,
    agent: 'claude',
    prompt: 'p',
    policy: { allow: ['read'], deny: [] },
    minutes: 30,
    desired: 'done',
    decisions: [{ request: '1-1', decision: 'always' }],
  };
  const bad = [{ task: '../1' }, { turn: 0 }, { minutes: 0 }, { workspace: 'ws-1' }, { desired: 'soon' }];
  const turns = [
    turn,
    ...bad.map((change) => ({ ...turn, ...change })),
    { ...turn, turn: 2, agent: 'codex' },
  ];
  expect(parseBotMessage(JSON.stringify({ type: 'turns', turns }))).toEqual({
    type: 'turns',
    turns: [turn, { ...turn, turn: 2, agent: 'codex' }],
  });
  const stored = { type: 'task-events-stored', task: 'ta-1', seq: 3 };
  expect(parseBotMessage(JSON.stringify(stored))).toEqual(stored);
});

test('waits grow from the first to the longest, and are never the same for all', () => {
  expect(backoffMs(0, 500, 30_000, () => 1)).toBe(500);
  expect(backoffMs(3, 500, 30_000, () => 1)).toBe(4_000);
  expect(backoffMs(1_000, 500, 30_000, () => 1)).toBe(30_000);
  expect(backoffMs(1_000, 500, 30_000, () => 0)).toBe(15_000);
});

function makeOutbox() {
  const reports = new Map<string, WorkspaceReport>();
  const said: AgentMessage[] = [];
  const watch = createWatch();
  const outbox = createOutbox({ version: '1', terminalPort: () => 7, reports: () => [...reports.values()] });
  onTestFinished(outbox.close);
  const send = (message: AgentMessage) => {
    said.push(message);
    watch.changed();
  };
  const logs = () => said.filter((one) => one.type === 'log');
  return {
    outbox,
    reports,
    said,
    send,
    logs,
    until: <V>(find: () => V | false | undefined) => watch.until(find, () => JSON.stringify(said)),
  };
}

test('last words are waited for until the bot has stored them, and no longer than is said', async () => {
  const { outbox, send, logs, until } = makeOutbox();
  await outbox.settle(60_000);
  outbox.open(send);
  outbox.log('ws-aaaaaaaaaaaa', 'agent', 'goodbye');
  let isSettled = false;
  const settled = outbox.settle(60_000).then(() => (isSettled = true));
  const [batch] = await until(() => logs().length > 0 && logs());
  expect(isSettled).toBe(false);
  outbox.logged(batch!.id);
  await settled;
  outbox.log('ws-aaaaaaaaaaaa', 'agent', 'nobody stores this');
  await outbox.settle(50);
});

test('many changes of a workspace become one report, of how it is then', async () => {
  const { outbox, reports, said, send, until } = makeOutbox();
  outbox.open(send);
  for (let sessions = 0; sessions <= 50; sessions++) {
    reports.set('a', { id: 'a', phase: 'running', run: 1, sessions });
    outbox.changed('a');
  }
  const news = await until(() => said.find((one) => one.type === 'report' && one.workspaces.length > 0));
  expect(news).toMatchObject({ workspaces: [{ id: 'a', sessions: 50 }] });
  expect(said.filter((one) => one.type === 'report' && one.workspaces.length > 0)).toHaveLength(1);
  expect(said[0]).toMatchObject({ type: 'hello', version: '1', terminalPort: 7 });
  expect(said.find((one) => one.type === 'report' && one.load)).toMatchObject({
    load: { cpu: expect.any(Number), memory: expect.any(Number) },
  });
});

test('log lines wait for a connection and for the bot; the oldest go when there are too many', async () => {
  const { outbox, send, logs, until } = makeOutbox();
  for (let line = 0; line < 2_500; line++) outbox.log('a', 'clone', `line ${line}`);
  outbox.open(send);
  await until(() => logs().length > 0);
  const first = logs();
  expect(first.flatMap((batch) => batch.lines)).toHaveLength(2_000);
  expect(first.at(-1)!.lines.at(-1)!.text).toBe('line 2499');
  const ids = first.map((batch) => batch.id);
  expect(ids).toEqual([...ids].sort((a, b) => a - b));
  outbox.logged(ids[3]!);
  outbox.close();
  outbox.open(send);
  expect(
    logs()
      .slice(first.length)
      .map((batch) => batch.id),
  ).toEqual(ids.slice(4));
  expect(logs().slice(first.length)[0]).toEqual(first[4]);
});

test('a password in a line of git does not leave the node', async () => {
  const { outbox, send, logs, until } = makeOutbox();
  outbox.open(send);
  outbox.log('a', 'clone', 'fatal: https://me:canary@h.test/a.git is not there');
  await until(() => logs().length > 0);
  expect(JSON.stringify(logs())).not.toContain('canary');
});

test('of a progress meter only some lines are kept, of everything else all', () => {
  const lines: string[] = [];
  let now = 0;
  const write = throttleProgress(
    (line) => lines.push(line),
    () => now,
  );
  for (let percent = 0; percent <= 100; percent++, now += 50)
    write(`Receiving objects: ${percent}% (${percent}/100)`);
  write('Receiving objects: 100% (100/100), done.');
  write('warning: x');
  expect(lines.length).toBeLessThan(10);
  expect(lines.slice(-2)).toEqual(['Receiving objects: 100% (100/100), done.', 'warning: x']);
});

test('a quiet while ends also for somebody who never stops', async () => {
  const watch = createWatch();
  let calls = 0;
  const quiet = debounce(() => (calls++, watch.changed()), { waitMs: 100, maxMs: 300 });
  const timer = setInterval(quiet.note, 20);
  onTestFinished(() => (clearInterval(timer), quiet.close()));
  await watch.until(
    () => calls >= 2,
    () => 'two calls',
  );
});

async function listenForAgents(onSocket: (socket: import('ws').WebSocket) => void, autoPong: boolean) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', autoPong });
  await new Promise((resolve) => server.once('listening', resolve));
  server.on('connection', onSocket);
  onTestFinished(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  return `ws://127.0.0.1:${(server.address() as { port: number }).port}/agent/connect`;
}

function dial(connect: string, change: Partial<ConnectionOptions> = {}) {
  const stopping = new AbortController();
  const settings = { tokenLifeMs: 1e6, origin: '', jwks: '', issuer: '', terminal: 'loopback' as const };
  const bootstrap: Bootstrap = { node: 'nd-a', token: 't', connect, settings };
  const done = keepConnected({
    credentials: { current: () => bootstrap, renew: () => Promise.resolve(bootstrap) },
    onOpen: () => undefined,
    onMessage: () => undefined,
    onEnd: () => undefined,
    log: silent,
    signal: stopping.signal,
    pingEveryMs: 50,
    backoff: { firstMs: 10, maxMs: 20 },
    ...change,
  });
  onTestFinished(async () => {
    stopping.abort();
    await done;
  });
  return { done, stop: () => stopping.abort() };
}

test('a bot that says nothing any more is left after three pings, and dialled again', async () => {
  const watch = createWatch();
  let connects = 0;
  const connect = await listenForAgents(() => (connects++, watch.changed()), false);
  let ends = 0;
  dial(connect, { onEnd: () => ends++ });
  await watch.until(
    () => connects >= 3,
    () => 'the third connection',
  );
  expect(ends).toBeGreaterThanOrEqual(2);
});

test('a bot that answers pings is kept, and the end of the agent is the end of the connection', async () => {
  const watch = createWatch();
  let pings = 0;
  let connects = 0;
  const connect = await listenForAgents((socket) => {
    connects++;
    socket.on('ping', () => (pings++, watch.changed()));
  }, true);
  const { done, stop } = dial(connect);
  await watch.until(
    () => pings >= 8,
    () => 'eight pings',
  );
  expect(connects).toBe(1);
  stop();
  await done;
});

test('a node that the bot does not know goes on asking, slowly', async () => {
  const bot = await startBot();
  const dir = mkdtempSync(join(tmpdir(), 'sam-identity-'));
  const stopping = new AbortController();
  onTestFinished(async () => {
    stopping.abort();
    await bot.vanish();
    rmSync(dir, { recursive: true, force: true });
  });
  const waits: number[] = [];
  const asked = {
    samUrl: bot.url,
    node: bot.node,
    bootstrapToken: bot.bootstrapToken,
    dir,
    log: silent,
    signal: stopping.signal,
  };
  const wait = (ms: number) => {
    waits.push(ms);
    if (waits.length > 3) throw new Error('asked too often');
    return Promise.resolve();
  };
  bot.state.statuses = [404, 404, 500, 404, 404];
  const credentials = await createCredentials({ ...asked, wait });
  expect(credentials.current().node).toBe(bot.node);
  expect(waits).toEqual([30_000, expect.any(Number), 30_000]);
  expect(waits[1]).toBeLessThanOrEqual(2_000);
});

test('a command that ended while no bot heard is told of once, when one does, unless it is no news any more', () => {
  let now = 0;
  const outbox = createOutbox({
    version: '1',
    terminalPort: () => undefined,
    reports: () => [],
    now: () => now,
  });
  onTestFinished(outbox.close);
  const said: AgentMessage[] = [];
  const ends = () => said.flatMap((one) => (one.type === 'command-ended' ? [one.ms] : []));
  outbox.commandEnded('ws-aaaaaaaaaaaa', { ms: 1 });
  now = 11 * 60_000;
  outbox.commandEnded('ws-aaaaaaaaaaaa', { ms: 2, code: 0 });
  outbox.open((message) => said.push(message));
  expect(ends()).toEqual([2]);
  outbox.commandEnded('ws-aaaaaaaaaaaa', { ms: 3 });
  outbox.close();
  outbox.open((message) => said.push(message));
  expect(ends()).toEqual([2, 3]);
});
