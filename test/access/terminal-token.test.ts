// Who gets a ticket: codes, cookies, revocations, over real HTTP and a real database.
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { makeSigningKey } from '../../bot/access/key-files.ts';
import { createKeys, type Keys } from '../../bot/access/keys.ts';
import { createLink, createLinkSigner } from '../../bot/access/links.ts';
import {
  cookieOf,
  endAllSessions,
  endSession,
  endingCookie,
  readSession,
  startSession,
} from '../../bot/access/people/sessions.ts';
import type { RightLeft } from '../../bot/access/repository-guard.ts';
import { ticketRoutes } from '../../bot/access/terminal-token.ts';
import type { Workspace } from '../../bot/database/schema.ts';
import { newWorkspaceId } from '../../bot/ids.ts';
import { providers, traitsIn } from '../../bot/providers/index.ts';
import { serveRoutes, type TestServer } from './http-server.ts';
import { openRows, type Rows } from './rows.ts';
import { forgetExpired } from '../../bot/access/store/expiry.ts';

let rows: Rows;
let server: TestServer;
let keys: Keys;
let workspace: Workspace;
let right: RightLeft;

beforeAll(async () => {
  rows = await openRows();
  server = await serveRoutes(async (baseUrl) => {
    keys = await createKeys({ pems: [makeSigningKey()], issuer: baseUrl });
    return {
      routes: ticketRoutes({
        db: rows.db,
        keys,
        baseUrl,
        traitsOf: traitsIn(providers),
        forges: [],
        mayStill: async () => right,
        triggers: { console: '', slack: '/box', github: '/sam' },
      }),
    };
  });
});
afterAll(async () => {
  await server.close();
  await rows.close();
});
beforeEach(async () => {
  right = { is: 'there' };
  workspace = await rows.addWorkspace();
});

type Asked = { status: number; body: Record<string, unknown>; cookie: string | undefined; text: string };

async function ask(body: unknown, { cookie = '', ...headers }: Record<string, string> = {}): Promise<Asked> {
  const response = await fetch(`${server.origin}/api/terminal/token`, {
    method: 'POST',
    headers: { origin: server.origin, 'content-type': 'application/json', cookie, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await response.text();
  const set = response.headers.get('set-cookie') ?? undefined;
  return { status: response.status, body: JSON.parse(text), cookie: set?.split(';')[0], text };
}

const invite = async (to = workspace, user = to.owner): Promise<string> => {
  const url = await createLink(rows.db, server.origin, { workspace: to.id, user, access: to.access });
  return new URL(url).hash.slice(1);
};

const signIn = async (user: string): Promise<string> => `sam=${(await startSession(rows.db, user)).secret}`;
const change = (patch: Partial<Pick<Workspace, 'phase' | 'desired' | 'access'>>) =>
  rows.sql`update workspaces set ${rows.sql(patch)} where id = ${workspace.id}`;

describe('a link with a code', () => {
  test('opens the workspace once: of 50 browsers at the same moment, one gets in', async () => {
    const code = await invite();
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => ask({ workspace: workspace.id, code })),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 410)).toHaveLength(49);
    const [sessions] = await rows.sql`
      select count(*)::int from browser_sessions where user_id = ${workspace.owner}`;
    expect(sessions!['count']).toBe(1);
  });

  test('gives a ticket, the way to the terminal, and a cookie that scripts cannot read', async () => {
    const response = await fetch(`${server.origin}/api/terminal/token`, {
      method: 'POST',
      headers: { origin: server.origin, 'content-type': 'application/json' },
      body: JSON.stringify({ workspace: workspace.id, code: await invite() }),
    });
    expect(response.headers.get('set-cookie')).toMatch(
      /^sam=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=86400$/,
    );
    expect(response.headers.get('cache-control')).toBe('no-store');
    const body = (await response.json()) as { ticket: string };
    expect(body).toEqual({
      ticket: expect.any(String),
      url: `${server.origin.replace('http', 'ws')}/nodes/${workspace.nodeId}/terminal`,
      workspace: {
        id: workspace.id,
        name: workspace.name,
        phase: 'running',
        repository: 'https://github.com/acme/api',
      },
    });
    expect(
      await keys.verify(body.ticket, { type: 'sam-ticket+jwt', audience: `workspace:${workspace.id}` }),
    ).toMatchObject({ sub: workspace.owner, access: 1, drive: true });
  });

  test('is not spent by a preview’s GET', async () => {
    const code = await invite();
    const url = `${server.origin}/api/terminal/token?workspace=${workspace.id}&code=${code}`;
    for (let count = 0; count < 10; count++)
      expect((await fetch(url, { headers: { origin: server.origin } })).status).toBe(405);
    expect((await ask({ workspace: workspace.id, code })).status).toBe(200);
  });

  test('is not in the database, and never in the part of a URL that servers see', async () => {
    const url = await createLink(rows.db, server.origin, {
      workspace: workspace.id,
      user: workspace.owner,
      access: 1,
    });
    expect(url).toMatch(new RegExp(`^${server.origin}/w/${workspace.id}#[\\w-]{27,}$`));
    const code = new URL(url).hash.slice(1);
    const [row] = await rows.sql`select t::text from tokens t where subject = ${workspace.id}`;
    expect(row!['t']).not.toContain(code);
  });

  test('in another person’s browser is refused, and still opens for the right one', async () => {
    const code = await invite();
    const other = await rows.addWorkspace();
    const cookies = [
      await signIn(other.owner),
      (await ask({ workspace: other.id, code: await invite(other) })).cookie!,
    ];
    for (const cookie of cookies) {
      const refused = await ask({ workspace: workspace.id, code }, { cookie });
      expect(refused).toMatchObject({ status: 404, body: { error: 'not-found' }, cookie: undefined });
    }
    expect((await ask({ workspace: workspace.id, code })).status).toBe(200);
  });

  test('for one workspace does not open another', async () => {
    const other = await rows.addWorkspace({ owner: workspace.owner });
    const code = await invite();
    expect((await ask({ workspace: other.id, code })).status).toBe(410);
    expect((await ask({ workspace: workspace.id, code })).status).toBe(200);
  });

  test('older than 5 minutes is spent', async () => {
    const code = await invite();
    const [left] = await rows.sql`
      select extract(epoch from expires_at - clock_timestamp())::float8 as s from tokens where subject = ${workspace.id}`;
    expect(left!['s']).toBeGreaterThan(290);
    expect(left!['s']).toBeLessThanOrEqual(300);
    await rows.sql`update tokens set expires_at = clock_timestamp() where subject = ${workspace.id}`;
    expect(await ask({ workspace: workspace.id, code })).toMatchObject({
      status: 410,
      body: { error: 'code-spent', command: 'open' },
    });
  });

  test('that was used tells its owner how to get a new one, by name only in a browser that knows it', async () => {
    const code = await invite();
    const { cookie } = await ask({ workspace: workspace.id, code });
    const again = await ask({ workspace: workspace.id, code }, { cookie: cookie! });
    expect(again).toMatchObject({ status: 410, body: { command: `open ${workspace.name}` } });
    const nobody = await ask({ workspace: workspace.id, code });
    expect(nobody).toMatchObject({ status: 410, body: { command: 'open' } });
    const unknown = await ask({ workspace: newWorkspaceId(), code: 'guess' });
    expect(unknown.text).toBe(nobody.text);
  });
});

describe('a link with a code, in a browser that knows its owner', () => {
  test('adds its workspace to what the browser may open already', async () => {
    const second = await rows.addWorkspace({ owner: workspace.owner });
    const first = await ask({ workspace: workspace.id, code: await invite() });
    const cookie = first.cookie!;
    const added = await ask({ workspace: second.id, code: await invite(second) }, { cookie });
    expect(added).toMatchObject({ status: 200, cookie });
    for (const { id } of [workspace, second])
      expect((await ask({ workspace: id }, { cookie })).status).toBe(200);
  });

  test('spent in a signed-in browser leaves the sign-in as it is', async () => {
    const cookie = await signIn(workspace.owner);
    const answer = await ask({ workspace: workspace.id, code: await invite() }, { cookie });
    expect(answer).toMatchObject({ status: 200, cookie });
    const session = await readSession(rows.db, server.origin, cookie);
    expect(session!.workspaces).toBeNull();
    const [row] = await rows.sql`
      select expires_at > clock_timestamp() + interval '29 days' as long from browser_sessions
       where user_id = ${workspace.owner}`;
    expect(row!['long']).toBe(true);
  });

  test('two codes spent at the same moment in one browser both count', async () => {
    const { cookie } = await ask({ workspace: workspace.id, code: await invite() });
    const more = await Promise.all([1, 2, 3, 4].map(() => rows.addWorkspace({ owner: workspace.owner })));
    const codes = await Promise.all(more.map((one) => invite(one)));
    await Promise.all(
      more.map((one, index) => ask({ workspace: one.id, code: codes[index] }, { cookie: cookie! })),
    );
    for (const { id } of [workspace, ...more])
      expect((await ask({ workspace: id }, { cookie: cookie! })).status).toBe(200);
  });
});

describe('a browser', () => {
  test('that is nobody is told to sign in, whatever the workspace', async () => {
    const ids = [workspace.id, newWorkspaceId()];
    const answers = await Promise.all(ids.map((id) => ask({ workspace: id })));
    expect(answers[0]).toMatchObject({ status: 401, body: { error: 'sign-in-required' } });
    expect(answers[1]!.text).toBe(answers[0]!.text);
    for (const cookie of ['sam=guess', 'sam=', 'other=1; sam', '__Host-sam=x'])
      expect((await ask({ workspace: workspace.id }, { cookie })).status).toBe(401);
  });

  test('that a code let in is nobody for any other workspace, its person’s own too', async () => {
    const own = await rows.addWorkspace({ owner: workspace.owner });
    const { cookie } = await ask({ workspace: workspace.id, code: await invite() });
    for (const id of [own.id, newWorkspaceId()])
      expect((await ask({ workspace: id }, { cookie: cookie! })).status).toBe(401);
  });

  test('of a person sees no difference between unknown, deleted and somebody else’s', async () => {
    const cookie = await signIn(workspace.owner);
    const foreign = await rows.addWorkspace();
    const deleted = await rows.addWorkspace({
      owner: workspace.owner,
      phase: 'deleted',
      desired: 'deleted',
    });
    const answers = await Promise.all(
      [foreign.id, deleted.id, newWorkspaceId()].map((id) => ask({ workspace: id }, { cookie })),
    );
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers[0]).toMatchObject({ status: 404, body: { error: 'not-found' } });
    expect((await ask({ workspace: workspace.id }, { cookie })).status).toBe(200);
  });

  test('is nobody again when its session ends, by time or by signing out', async () => {
    const gone = await signIn(workspace.owner);
    await endSession(rows.db, (await readSession(rows.db, server.origin, gone))!);
    expect((await ask({ workspace: workspace.id }, { cookie: gone })).status).toBe(401);
    const late = await signIn(workspace.owner);
    await rows.sql`update browser_sessions set expires_at = clock_timestamp() where user_id = ${workspace.owner}`;
    expect((await ask({ workspace: workspace.id }, { cookie: late })).status).toBe(401);
    await forgetExpired(rows.db);
    expect(await rows.sql`select 1 from browser_sessions where user_id = ${workspace.owner}`).toHaveLength(0);
  });

  test('of a signed-out-everywhere person is nobody, their codes are spent, and their tickets are too old', async () => {
    const [one, other] = [await signIn(workspace.owner), await signIn(workspace.owner)];
    const code = await invite();
    const before = await ask({ workspace: workspace.id }, { cookie: one });
    const heard: string[] = [];
    const listening = await rows.sql.listen('sam', (hint) => heard.push(hint));
    await endAllSessions(rows.db, workspace.owner);
    for (const cookie of [one, other])
      expect((await ask({ workspace: workspace.id }, { cookie })).status).toBe(401);
    expect((await ask({ workspace: workspace.id, code })).status).toBe(410);
    const after = await ask({ workspace: workspace.id }, { cookie: await signIn(workspace.owner) });
    const accessOf = (asked: Asked) => decodeJwt(String(asked.body['ticket']))['access'];
    expect([accessOf(before), accessOf(after)]).toEqual([1, 2]);
    await expect.poll(() => heard).toContain(`desired:${workspace.nodeId}`);
    await listening.unlisten();
  });
});

describe('a revocation', () => {
  test('ends the codes, the sessions that codes made, and the signed links of before', async () => {
    const { cookie } = await ask({ workspace: workspace.id, code: await invite() });
    const unspent = await invite();
    await change({ access: 2 });
    expect((await ask({ workspace: workspace.id, code: unspent })).status).toBe(410);
    expect((await ask({ workspace: workspace.id }, { cookie: cookie! })).status).toBe(401);
    const renewed = await invite({ ...workspace, access: 2 });
    const again = await ask({ workspace: workspace.id, code: renewed }, { cookie: cookie! });
    expect(again.status).toBe(200);
    expect((await ask({ workspace: workspace.id }, { cookie: cookie! })).status).toBe(200);
  });

  test('ends signed links; each character of one counts', () => {
    const [oldKey, newKey] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)] as const;
    const signer = createLinkSigner([oldKey]);
    const link = { workspace: workspace.id, access: 1 };
    const url = new URL(signer.sign('https://sam.example', link));
    expect(url.pathname).toBe(`/w/${workspace.id}`);
    const signature = url.searchParams.get('s')!;
    expect(signer.isSigned(link, signature)).toBe(true);
    expect(signer.isSigned({ ...link, access: 2 }, signature)).toBe(false);
    expect(signer.isSigned({ ...link, workspace: newWorkspaceId() }, signature)).toBe(false);
    for (let at = 0; at < signature.length; at++) {
      const flipped = signature.slice(0, at) + (signature[at] === 'A' ? 'B' : 'A') + signature.slice(at + 1);
      expect(signer.isSigned(link, flipped)).toBe(false);
    }
    expect(createLinkSigner([newKey, oldKey]).isSigned(link, signature)).toBe(true);
    expect(createLinkSigner([newKey]).isSigned(link, signature)).toBe(false);
    expect(signer.isSigned(link, '')).toBe(false);
  });
});

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
  right = { is: 'gone' };
  expect((await ask({ workspace: workspace.id }, { cookie })).text).toBe(unknown.text);
  right = { is: 'unknown', title: 'GitHub' };
  expect(await ask({ workspace: workspace.id }, { cookie })).toMatchObject({
    status: 503,
    body: {
      error: 'forge-silent',
      message: expect.stringMatching(/^GitHub does not answer.* Try again in a minute\.$/),
    },
  });
  right = { is: 'too-often' };
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

test('over https the cookie is one that only our very host can set', async () => {
  const session = await startSession(rows.db, workspace.owner);
  const cookie = cookieOf('https://sam.example', session);
  expect(cookie).toBe(
    `__Host-sam=${session.secret}; Path=/; HttpOnly; SameSite=Lax; Max-Age=2592000; Secure`,
  );
  expect(endingCookie('https://sam.example')).toContain('__Host-sam=; Path=/');
  const found = await readSession(rows.db, 'https://sam.example', `a=b; ${cookie.split(';')[0]}`);
  expect(found!.user).toBe(workspace.owner);
  expect(await readSession(rows.db, 'https://sam.example', `sam=${session.secret}`)).toBeUndefined();
});
