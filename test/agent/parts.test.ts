// The parts that decide: which step comes next, what is said when, which ticket is good, who is a workspace's process.
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { expect, onTestFinished, test, vi } from 'vitest';
import { WebSocketServer } from 'ws';
import { backoffMs } from '../../agent/bot-link/backoff.ts';
import { createCredentials } from '../../agent/bot-link/bootstrap.ts';
import { keepConnected, type ConnectionOptions } from '../../agent/bot-link/connection.ts';
import { createLog } from '../../agent/log.ts';
import { parseBotMessage } from '../../agent/bot-link/messages.ts';
import { createOutbox } from '../../agent/bot-link/outbox.ts';
import { endProcesses, findProcesses } from '../../agent/system/processes.ts';
import type { AgentMessage, Bootstrap, DesiredWorkspace, WorkspaceReport } from '../../agent/protocol.ts';
import { createTicketVerifier } from '../../agent/identity/tickets.ts';
import { throttleProgress } from '../../agent/workspaces/steps.ts';
import { debounce } from '../../agent/workspaces/worker.ts';
import { isSuperseded, nextStep, withDesired, type Workspace } from '../../agent/workspaces/workspace.ts';
import { newWorkspaceId } from '../../bot/ids.ts';
import { startBot } from './bot.ts';
import { createWatch, eventually } from './watch.ts';

vi.setConfig({ testTimeout: 60_000 });

const silent = createLog(() => undefined);

// ------------------------------------------------------------------------------------------------- the next step

const goals = fc.record<DesiredWorkspace>({
  id: fc.constant('ws-aaaaaaaaaaaa'),
  name: fc.constant('api'),
  desired: fc.constantFrom('running', 'stopped', 'deleted'),
  run: fc.integer({ min: 1, max: 4 }),
  access: fc.integer({ min: 0, max: 3 }),
  force: fc.boolean(),
  repository: fc.constant('/x'),
});

/** What the steps do, without a machine; `outcome` says whether it works, and whether there is work. */
function perform(workspace: Workspace, outcome: { works: boolean; isDirty: boolean }): Workspace {
  const step = nextStep(workspace);
  if (step === undefined) return workspace;
  if (!outcome.works) return { ...workspace, run: workspace.desired.run, phase: 'failed', isGivenUp: true };
  switch (step) {
    case 'prepare':
      return { ...workspace, run: workspace.desired.run, phase: 'running' };
    case 'stop':
      return { ...workspace, run: workspace.desired.run, phase: 'stopped' };
    case 'check':
      return outcome.isDirty
        ? { ...workspace, refused: { changed: 1, untracked: 0, unpushed: 0 } }
        : { ...workspace, phase: 'deleting' };
    case 'delete':
      return { ...workspace, phase: 'deleted' };
  }
}

test('whatever is wanted in whatever order, a few steps end it, and the last goal is the one that holds', () => {
  const outcomes = fc.record({ works: fc.boolean(), isDirty: fc.boolean() });
  fc.assert(
    fc.property(goals, fc.array(fc.tuple(goals, outcomes), { minLength: 1, maxLength: 8 }), (first, rest) => {
      let workspace: Workspace = {
        desired: first,
        runtime: 'host',
        folder: 'x',
        phase: 'preparing',
        run: first.run,
      };
      for (const [goal, outcome] of rest) {
        if (workspace.phase === 'deleted') return;
        workspace = withDesired(perform(workspace, outcome), goal);
        expect(workspace.desired.access).toBeGreaterThanOrEqual(goal.access);
      }
      const works = { works: true, isDirty: false };
      for (let steps = 0; nextStep(workspace) !== undefined; steps++) {
        expect(steps).toBeLessThan(4);
        workspace = perform(workspace, works);
      }
      if (workspace.isGivenUp || workspace.phase === 'deleted') return;
      expect(workspace.phase).toBe(
        { running: 'running', stopped: 'stopped', deleted: 'deleted' }[workspace.desired.desired],
      );
    }),
  );
});

test('nothing is deleted without a look, unless it is forced', () => {
  fc.assert(
    fc.property(
      goals,
      fc.constantFrom('preparing', 'running', 'stopping', 'stopped', 'failed'),
      (goal, phase) => {
        const step = nextStep({ desired: goal, runtime: 'host', folder: 'x', phase, run: 1 });
        if (step === 'delete') expect(goal).toMatchObject({ desired: 'deleted', force: true });
        if (step === 'check') expect(goal).toMatchObject({ desired: 'deleted', force: false });
      },
    ),
  );
});

test('a saving ends when it is not asked for any more, and a mere look goes on', () => {
  const base = { id: 'ws-aaaaaaaaaaaa', name: 'api', run: 1, access: 0, force: false, repository: '/x' };
  const asked: DesiredWorkspace = { ...base, desired: 'deleted', save: true };
  const { save: _, ...unasked } = asked;
  const saving: Workspace = {
    desired: asked,
    runtime: 'host',
    folder: 'x',
    phase: 'stopping',
    run: 1,
    step: 'saving',
  };
  expect(isSuperseded('check', 1, saving)).toBe(false);
  for (const goal of [unasked, { ...asked, force: true }, { ...base, desired: 'stopped' as const }])
    expect(isSuperseded('check', 1, { ...saving, desired: goal }), JSON.stringify(goal)).toBe(true);
  expect(isSuperseded('check', 1, { ...saving, step: 'check', desired: unasked })).toBe(false);
});

// ------------------------------------------------------------------------------------------------- messages

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

test('waits grow from the first to the longest, and are never the same for all', () => {
  expect(backoffMs(0, 500, 30_000, () => 1)).toBe(500);
  expect(backoffMs(3, 500, 30_000, () => 1)).toBe(4_000);
  expect(backoffMs(1_000, 500, 30_000, () => 1)).toBe(30_000);
  expect(backoffMs(1_000, 500, 30_000, () => 0)).toBe(15_000);
});

// ------------------------------------------------------------------------------------------------- the outbox

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

// ------------------------------------------------------------------------------------------------- the connection

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

// ------------------------------------------------------------------------------------------------- the identity

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

// ------------------------------------------------------------------------------------------------- tickets

async function makeIssuer({ refetchMs = 5_000 } = {}) {
  const keys = await Promise.all(
    ['k1', 'k2'].map(async (kid) => ({ kid, ...(await generateKeyPair('EdDSA', { extractable: true })) })),
  );
  const published = new Set(['k1']);
  const state = { fetches: 0, now: Date.now() };
  const server = createServer((_request, response) => {
    state.fetches++;
    const answer = keys
      .filter((key) => published.has(key.kid))
      .map(async ({ kid, publicKey }) => ({ ...(await exportJWK(publicKey)), kid, alg: 'EdDSA' }));
    void Promise.all(answer).then((all) =>
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: all })),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const jwks = `http://127.0.0.1:${(server.address() as { port: number }).port}/jwks`;
  const startedAt = state.now - 60_000;
  const verify = createTicketVerifier({
    jwks,
    issuer: 'https://sam.test',
    startedAt,
    refetchMs,
    now: () => state.now,
  });
  let jti = 0;
  const sign = (claims: object = {}, header: object = {}, kid = 'k1') => {
    const iat = Math.floor(state.now / 1000);
    const all = {
      iss: 'https://sam.test',
      aud: 'workspace:ws-aaaaaaaaaaaa',
      sub: 'us-1',
      access: 2,
      jti: `j${jti++}`,
      drive: true,
      iat,
      exp: iat + 60,
    };
    return new SignJWT({ ...all, ...claims })
      .setProtectedHeader({ alg: 'EdDSA', typ: 'sam-ticket+jwt', kid, ...header })
      .sign(keys.find((key) => key.kid === kid)!.privateKey);
  };
  const isGood = (ticket: string | Promise<string>) =>
    Promise.resolve(ticket)
      .then(verify)
      .then(
        () => true,
        () => false,
      );
  return { verify, sign, isGood, state, published, keys };
}

test('a good ticket says who may do what, once', async () => {
  const { verify, sign } = await makeIssuer();
  const ticket = await sign({ drive: false });
  expect(await verify(ticket)).toEqual({
    workspace: 'ws-aaaaaaaaaaaa',
    user: 'us-1',
    access: 2,
    jti: 'j0',
    drive: false,
  });
  await expect(verify(ticket)).rejects.toThrow('used before');
});

test('a ticket that is late, forged, of another kind, or from before this agent opens nothing', async () => {
  const { sign, isGood, state, keys } = await makeIssuer();
  const nowS = Math.floor(state.now / 1000);
  expect(await isGood(sign({ exp: nowS - 4 }))).toBe(true);
  expect(await isGood(sign({ exp: nowS - 6 }))).toBe(false);
  expect(await isGood(sign({ iat: nowS - 61 }))).toBe(false);
  for (const claims of [
    { iss: 'https://other' },
    { aud: 'node:nd-a' },
    { aud: ['workspace:ws-aaaaaaaaaaaa'] },
    { aud: 'workspace:../x' },
    { sub: undefined },
    { jti: undefined },
    { exp: undefined },
    { access: '2' },
    { drive: undefined },
  ]) {
    expect(await isGood(sign(claims)), JSON.stringify(claims)).toBe(false);
  }
  for (const typ of ['JWT', 'sam-node+jwt', undefined]) expect(await isGood(sign({}, { typ }))).toBe(false);
  const [, payload] = (await sign()).split('.') as [string, string];
  const unsigned = Buffer.from(JSON.stringify({ alg: 'none', typ: 'sam-ticket+jwt' })).toString('base64url');
  expect(await isGood(`${unsigned}.${payload}.`)).toBe(false);
  const { x } = await exportJWK(keys[0]!.publicKey);
  const shared = await new SignJWT(
    JSON.parse(Buffer.from(payload, 'base64url').toString()) as object as Record<string, string>,
  )
    .setProtectedHeader({ alg: 'HS256', typ: 'sam-ticket+jwt', kid: 'k1' })
    .sign(Buffer.from(x!, 'base64url'));
  expect(await isGood(shared)).toBe(false);
});

test('keys are fetched once, and unknown ones are looked for only now and then', async () => {
  const { sign, isGood, state } = await makeIssuer();
  for (let count = 0; count < 5; count++) expect(await isGood(sign())).toBe(true);
  expect(state.fetches).toBe(1);
  for (let count = 0; count < 10; count++) expect(await isGood(sign({}, {}, 'k2'))).toBe(false);
  expect(state.fetches).toBe(1);
});

test('a new key of the bot is found without a restart', async () => {
  const { sign, isGood, published } = await makeIssuer({ refetchMs: 50 });
  expect(await isGood(sign())).toBe(true);
  expect(await isGood(sign({}, {}, 'k2'))).toBe(false);
  published.add('k2');
  await eventually(() => isGood(sign({}, {}, 'k2')), 'the new key');
  expect(await isGood(sign())).toBe(true);
});

// ------------------------------------------------------------------------------------------------- processes

test('processes are found by their mark and by their parents, and end even if they do not want to', async () => {
  const id = newWorkspaceId();
  const child = spawn(
    'bash',
    [
      '-c',
      'trap "" HUP TERM; env -i bash -c "trap : HUP TERM; while :; do read -t 60 < <(:); sleep 600; done" & while :; do wait; done',
    ],
    {
      env: { PATH: process.env['PATH'], SAM_WORKSPACE: id },
      detached: true,
      stdio: 'ignore',
    },
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  const found = await eventually(async () => {
    const all = await findProcesses(id);
    return all.length >= 3 && all;
  }, 'the children');
  expect(found.map(({ pid }) => pid)).toContain(child.pid);
  await endProcesses(id, found, { graceMs: 100 });
  expect(await findProcesses(id, found)).toEqual([]);
});

test('another workspace, and whoever asks, are never among them', async () => {
  const id = newWorkspaceId();
  const other = spawn('sleep', ['600'], {
    env: { PATH: process.env['PATH'], SAM_WORKSPACE: `${id}x` },
    stdio: 'ignore',
  });
  onTestFinished(() => void other.kill('SIGKILL'));
  expect(await findProcesses(id)).toEqual([]);
  await endProcesses(id);
  expect(other.exitCode).toBeNull();
  const me = { pid: process.pid, started: '' };
  expect(await findProcesses(id, [me, { pid: other.pid!, started: 'another time' }])).toEqual([]);
});
