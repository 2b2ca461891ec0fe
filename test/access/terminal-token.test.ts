// Who gets a ticket: codes, cookies, revocations, over real HTTP and a real database.
import { decodeJwt } from 'jose';
import { beforeEach, describe, expect, test } from 'vitest';
import { createLink, createLinkSigner } from '../../bot/access/links.ts';
import {
  cookieOf,
  endAllSessions,
  endSession,
  endingCookie,
  readSession,
  startSession,
} from '../../bot/access/people/sessions.ts';
import { forgetExpired } from '../../bot/access/store/expiry.ts';
import { newWorkspaceId } from '../../bot/ids.ts';
import { useTicketSite, type Asked, type TicketSite } from './ticket-site.ts';

const { site, ask, invite, signIn, change } = useTicketSite();
let rows: TicketSite['rows'];
let server: TicketSite['server'];
let keys: TicketSite['keys'];
let workspace: TicketSite['workspace'];
beforeEach(() => void ({ rows, server, keys, workspace } = site));

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
  test('ends the codes, and the sessions that codes made', async () => {
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

  test('leaves signed links, which say the workspace alone; each character of one counts', () => {
    const [oldKey, newKey] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)] as const;
    const signer = createLinkSigner([oldKey]);
    const { id } = workspace;
    const url = new URL(signer.sign('https://sam.example', id));
    expect(url.pathname).toBe(`/w/${workspace.id}`);
    const signature = url.searchParams.get('s')!;
    expect(signer.isSigned(id, signature)).toBe(true);
    expect(signer.isSigned(newWorkspaceId(), signature)).toBe(false);
    for (let at = 0; at < signature.length; at++) {
      const flipped = signature.slice(0, at) + (signature[at] === 'A' ? 'B' : 'A') + signature.slice(at + 1);
      expect(signer.isSigned(id, flipped)).toBe(false);
    }
    expect(createLinkSigner([newKey, oldKey]).isSigned(id, signature)).toBe(true);
    expect(createLinkSigner([newKey]).isSigned(id, signature)).toBe(false);
    expect(signer.isSigned(id, '')).toBe(false);
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
