// Who gets no ticket though they may ask for one: nothing runs, the right is gone, or the request is not our page's.
import { beforeEach, describe, expect, test } from 'vitest';
import { newWorkspaceId } from '../../bot/ids.ts';
import { useTicketSite, type TicketSite } from './ticket-site.ts';

const { site, ask, invite, signIn, change } = useTicketSite();
let rows: TicketSite['rows'];
let server: TicketSite['server'];
let workspace: TicketSite['workspace'];
beforeEach(() => void ({ rows, server, workspace } = site));

describe('a workspace without a terminal', () => {
  test('that is stopped says how to start it, and the code was not in vain', async () => {
    await change({ phase: 'stopped', desired: 'stopped' });
    const { status, body, cookie } = await ask({ workspace: workspace.id, code: await invite() });
    expect({ status, body }).toMatchObject({
      status: 409,
      body: { error: 'not-running', phase: 'stopped', command: `start ${workspace.name}` },
    });
    await change({ phase: 'running', desired: 'running' });
    expect((await ask({ workspace: workspace.id }, { cookie: cookie! })).status).toBe(200);
  });

  test('says what fits when it failed or is being made', async () => {
    const cookie = await signIn(workspace.owner);
    await change({ phase: 'failed' });
    expect((await ask({ workspace: workspace.id }, { cookie })).body['command']).toBe(
      `retry ${workspace.name}`,
    );
    await change({ phase: 'preparing' });
    expect((await ask({ workspace: workspace.id }, { cookie })).body).toMatchObject({
      phase: 'preparing',
      command: `status ${workspace.name}`,
    });
  });

  test('that is about to stop or to go is spoken of as such', async () => {
    const cookie = await signIn(workspace.owner);
    const phaseWhen = async (patch: Parameters<typeof change>[0]) => {
      await change(patch);
      return (await ask({ workspace: workspace.id }, { cookie })).body['phase'];
    };
    expect(await phaseWhen({ desired: 'stopped' })).toBe('stopping');
    expect(await phaseWhen({ desired: 'deleted' })).toBe('deleting');
    expect(await phaseWhen({ desired: 'deleted', phase: 'stopped' })).toBe('deleting');
  });

  test('says to a page whose code the stop ended how it stands, and lets it in no more', async () => {
    const { cookie } = await ask({ workspace: workspace.id, code: await invite() });
    await change({ phase: 'stopped', desired: 'stopped', access: 2 });
    expect(await ask({ workspace: workspace.id }, { cookie: cookie! })).toMatchObject({
      status: 409,
      body: { error: 'not-running', phase: 'stopped' },
    });
    await change({ phase: 'running', desired: 'running' });
    expect(await ask({ workspace: workspace.id }, { cookie: cookie! })).toMatchObject({
      status: 401,
      body: { error: 'sign-in-ended', phase: 'running' },
    });
  });

  test('names commands as its owner last typed them; nobody knows how before', async () => {
    const cookie = await signIn(workspace.owner);
    await change({ phase: 'stopped', desired: 'stopped' });
    const trigger = async () => (await ask({ workspace: workspace.id }, { cookie })).body['trigger'];
    expect(await trigger()).toBeUndefined();
    const say = (seq: number, front: string, actor = workspace.owner) => rows.sql`
      insert into commands (workspace_id, seq, actor, front, verb, line, status, gen)
      values (${workspace.id}, ${seq}, ${actor}, ${front}, 'up', 'up', 'done', 1)`;
    await say(1, 'console');
    expect(await trigger()).toBe('');
    await say(2, 'slack');
    await say(3, 'github', await rows.addUser());
    expect(await trigger()).toBe('/box');
    await change({ phase: 'running', desired: 'running' });
    expect((await ask({ workspace: workspace.id }, { cookie })).body).toMatchObject({ trigger: '/box' });
  });

  test('on a silent machine says so', async () => {
    const cookie = await signIn(workspace.owner);
    await rows.sql`update nodes set phase = 'unhealthy' where id = ${workspace.nodeId}`;
    const { status, body } = await ask({ workspace: workspace.id }, { cookie });
    expect({ status, body }).toMatchObject({ status: 503, body: { error: 'node-silent' } });
    await rows.sql`update nodes set phase = 'ready', terminal_port = null where id = ${workspace.nodeId}`;
    expect((await ask({ workspace: workspace.id }, { cookie })).status).toBe(503);
  });

  test('on a machine of its own is reached there, not through the bot', async () => {
    const cookie = await signIn(workspace.owner);
    const place = async (host: string | null) => {
      await rows.sql`update nodes set provider = 'hetzner', address = '203.0.113.7', host = ${host} where id = ${workspace.nodeId}`;
      return (await ask({ workspace: workspace.id }, { cookie })).body['url'];
    };
    expect(await place('vm-abc.example.com')).toBe('wss://vm-abc.example.com/terminal');
    expect(await place(null)).toBeUndefined();
  });
});

test('who lost the right on the repository is told nothing; who may have it still, to try again', async () => {
  const cookie = await signIn(workspace.owner);
  const unknown = await ask({ workspace: newWorkspaceId() }, { cookie });
  site.right = { is: 'gone' };
  expect((await ask({ workspace: workspace.id }, { cookie })).text).toBe(unknown.text);
  site.right = { is: 'unknown', title: 'GitHub' };
  expect(await ask({ workspace: workspace.id }, { cookie })).toMatchObject({
    status: 503,
    body: {
      error: 'forge-silent',
      message: expect.stringMatching(/^GitHub does not answer.* Try again in a minute\.$/),
    },
  });
  site.right = { is: 'too-often' };
  expect(await ask({ workspace: workspace.id }, { cookie })).toMatchObject({
    status: 429,
    body: { error: 'too-often' },
  });
});

describe('a request that our page would not send', () => {
  test('from another origin is refused, and spends nothing', async () => {
    const code = await invite();
    const cookie = await signIn(workspace.owner);
    for (const origin of ['https://evil.example', 'null', `${server.origin}.evil.example`, ''])
      expect(await ask({ workspace: workspace.id, code }, { cookie, origin })).toMatchObject({
        status: 403,
        body: { error: 'wrong-origin', address: server.origin },
      });
    expect((await ask({ workspace: workspace.id, code })).status).toBe(200);
  });

  test('as a form, too large or of another shape is refused', async () => {
    const form = { 'content-type': 'text/plain' };
    expect((await ask({ workspace: workspace.id }, form)).status).toBe(415);
    expect((await ask({ workspace: workspace.id, code: 'x'.repeat(5000) })).status).toBe(413);
    const bodies = ['', '{', '[]', '{"workspace":1}', '{"workspace":"ws\\u0000"}', '{"workspace":"../x"}'];
    for (const body of bodies) expect((await ask(body)).status).toBe(400);
  });
});
