// A bot and an agent one version apart. Each side is real here; what the other one says stands word for word, as a version
// before said it, or with what a version after may say. Such words are never brought up to date: they are the point.
import { once } from 'node:events';
import pino from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import WebSocket from 'ws';
import type { Failure } from '../../agent/protocol.ts';
import { wordGitRefusal } from '../../bot/chat/wording.ts';
import { parseAgentMessage } from '../../bot/nodes/messages.ts';
import { makeSigningKey } from '../../bot/access/keys.ts';
import { createKeys } from '../../bot/access/keys.ts';
import { createHub, type Hub } from '../../bot/nodes/hub.ts';
import { createNode } from '../testers/node.ts';
import { providers, traitsIn } from '../../bot/providers/index.ts';
import { serveRoutes } from '../access/http-server.ts';
import { openRows } from '../access/rows.ts';
import { failureText } from '../words.ts';

/** A bot over a real database with one node and one workspace on it, and a socket on which the test says what an agent says. */
async function startHub() {
  const rows = await openRows();
  const log = pino({ level: 'silent' });
  let token = '';
  let hub: Hub | undefined;
  const node = await rows.addNode();
  const workspace = await rows.addWorkspace({ owner: node.owner, nodeId: node.id, phase: 'preparing' });
  const server = await serveRoutes(async (issuer) => {
    const keys = await createKeys({ pems: [makeSigningKey()], issuer });
    token = await keys.sign('sam-node+jwt', { aud: 'agent', sub: node.id }, 60);
    hub = createHub({
      environments: { runtime: 'host' },
      db: rows.db,
      keys,
      log,
      traitsOf: traitsIn(providers),
      wordRefusal: wordGitRefusal,
      agentVersion: () => Promise.resolve('2.0.0+new'),
    });
    return { upgrades: [hub.upgrade] };
  });
  onTestFinished(async () => {
    await hub?.close();
    await server.close();
    await rows.close();
  });
  const socket = new WebSocket(`${server.origin.replace('http', 'ws')}/agent/connect`, {
    headers: { authorization: `Bearer ${token}` },
  });
  await once(socket, 'open');
  const heard: Record<string, unknown>[] = [];
  socket.on('message', (data: Buffer) => heard.push(JSON.parse(data.toString()) as Record<string, unknown>));
  return {
    node,
    workspace,
    socket,
    say: (text: string) => socket.send(text.replaceAll('WORKSPACE', workspace.id)),
    hears: (type: string) =>
      expect.poll(() => heard.find((message) => message['type'] === type)).toBeDefined(),
    heard: (type: string) => heard.find((message) => message['type'] === type),
    phase: async (): Promise<unknown> => {
      const [row] = await rows.sql`select reported from workspaces where id = ${workspace.id}`;
      return (row?.['reported'] as { phase?: string } | null)?.phase;
    },
  };
}

test('an agent of the first version is understood, and gets all that it cannot do without', async () => {
  const { say, hears, heard, phase, workspace } = await startHub();
  say('{"type":"hello","protocol":1,"version":"0.1.0","now":1795300000000,"workspaces":[]}');
  await hears('desired');
  expect(heard('desired')).toMatchObject({
    all: true,
    workspaces: [
      {
        id: workspace.id,
        name: workspace.name,
        desired: 'running',
        run: expect.any(Number),
        access: expect.any(Number),
        force: false,
        repository: `${workspace.repository}.git`,
      },
    ],
    agent: { version: '2.0.0+new' },
  });
  say(
    '{"type":"log","id":1,"lines":[{"workspace":"WORKSPACE","at":1795300000000,"step":"clone","text":"Cloning"}]}',
  );
  await hears('logged');
  say(
    '{"type":"report","now":1795300000000,"workspaces":[{"id":"WORKSPACE","phase":"running","run":1,"sessions":0}]}',
  );
  await expect.poll(phase).toBe('running');
});

test('an agent of a version after this one may say more: what is known of it counts', async () => {
  const { say, hears, phase, socket } = await startHub();
  say('{"type":"mood","is":"good"}');
  say(
    '{"type":"hello","protocol":2,"version":"9.0.0","now":1795300000000,"colour":"red","workspaces":[{"id":"WORKSPACE","phase":"preparing","run":1,"sessions":0,"step":"warming-up","colour":"red"},{"id":"WORKSPACE","phase":"sleeping","run":1,"sessions":0}]}',
  );
  await hears('desired');
  await expect.poll(phase).toBe('preparing');
  say('{"type":"prompt","workspace":"WORKSPACE","text":"hello"}');
  say(
    '{"type":"report","now":1795300000000,"workspaces":[{"id":"WORKSPACE","phase":"failed","run":1,"sessions":0,"failure":{"class":"weather","message":"Rain."}}]}',
  );
  await expect.poll(phase).toBe('failed');
  expect(socket.readyState).toBe(WebSocket.OPEN);
});

const failureOf = (failure: unknown) => {
  const workspaces = [{ id: 'ws-abcdefghijkl', phase: 'failed', run: 1, sessions: 0, failure }];
  const message = parseAgentMessage(JSON.stringify({ type: 'report', now: 1, workspaces }));
  return message?.type === 'report' ? message.workspaces[0]?.failure : undefined;
};

test.each([
  ['before', { class: 'provider', message: 'Rain.' }, { class: 'provider', message: 'Rain.' }, 'Rain.'],
  [
    'after',
    { class: 'transient', code: 'weather', details: { rain: 3, drops: [1], by: '\u001b[2Jx' } },
    { class: 'transient', code: 'weather', details: {} },
    'Something broke.',
  ],
  [
    'like',
    { class: 'transient', code: 'silent-host', details: { host: '\u001b[2Jh.test' } },
    { class: 'transient', code: 'silent-host', details: { host: 'h.test' } },
    'h.test sent nothing for too long.',
  ],
])('what went wrong with an agent of a version %s this one has words', (_when, said, kept, text) => {
  expect(failureOf(said)).toEqual(kept);
  expect(failureText(kept as Failure)).toBe(text);
});

test('a bot of the first version is understood: no setting, field or answer that came later is missed', async () => {
  const context = await createNode();
  context.bot.state.acknowledges = false;
  const { id, repository } = context.goal();
  context.start();
  await context.bot.until(
    () => context.bot.state.hellos.length === 1,
    () => 'the hello',
  );
  context.bot.sayText(
    `{"type":"desired","all":true,"workspaces":[{"id":"${id}","name":"api","desired":"running","run":1,"access":0,"force":false,"repository":"${repository}"}]}`,
  );
  await context.bot.report(id, ({ phase }) => phase === 'running');
});

test('a bot of a version after this one may ask for more: what is known of it is done', async () => {
  const context = await createNode();
  const { id, repository } = context.goal();
  const other = context.goal();
  const agent = context.start();
  await context.bot.until(
    () => context.bot.state.hellos.length === 1,
    () => 'the hello',
  );
  context.bot.sayText('{"type":"weather","is":"fine"}');
  context.bot.sayText(
    `{"type":"desired","all":true,"colour":"red","workspaces":[{"id":"${other.id}","name":"api","desired":"hibernating","run":1,"access":0,"force":false,"repository":"${repository}"},{"id":"${id}","name":"api","desired":"running","run":1,"access":0,"force":false,"repository":"${repository}","colour":"red"}]}`,
  );
  await context.bot.report(id, ({ phase }) => phase === 'running');
  expect(context.bot.state.reports.has(other.id)).toBe(false);
  expect([context.bot.state.connects, agent.output()]).toEqual([
    1,
    expect.stringContaining('wants what this agent does not understand'),
  ]);
});
