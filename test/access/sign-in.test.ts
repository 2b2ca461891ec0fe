// Signing in with GitHub, over real HTTP against the fake GitHub: who gets in, who does not, and what they are told.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createLink } from '../../bot/access/links.ts';
import { parseLocalPath } from '../../bot/access/people/sign-in-attempts.ts';
import { forgetExpired, meetPerson } from '../../bot/access/store.ts';
import type { Workspace } from '../../bot/database/schema.ts';
import { newWorkspaceId } from '../../bot/ids.ts';
import { startSignInSite, type SignInSite, type TestBrowser } from './sign-in-site.ts';

let site: SignInSite;
let ann: TestBrowser;
let workspace: Workspace;

beforeAll(async () => {
  site = await startSignInSite();
});
afterAll(() => site.close());
beforeEach(async () => {
  site.github.mend();
  site.github.refuseSignIn(false);
  site.github.signedInAs('ann');
  site.log.length = 0;
  ann = site.browser();
  workspace = await site.rows.addWorkspace({ owner: await site.userOf('ann') });
});

const askTicket = (browser: TestBrowser, id = workspace.id, more: object = {}) =>
  browser.post('/api/terminal/token', { json: { workspace: id, ...more } });
const countSessions = async (login: string) => {
  const [row] = await site.rows.sql`
    select count(*)::int from browser_sessions where user_id = ${await site.userOf(login)}`;
  return Number(row!['count']);
};
const change = (patch: Partial<Pick<Workspace, 'phase' | 'desired' | 'access'>>) =>
  site.rows.sql`update workspaces set ${site.rows.sql(patch)} where id = ${workspace.id}`;

describe('somebody who signs in', () => {
  test('comes back to the link they came from, and gets a ticket', async () => {
    const link = new URL(site.signer.sign(site.origin, { workspace: workspace.id, access: 1 }));
    const page = await ann.get(link.href);
    expect(page.status).toBe(200);
    const refused = await askTicket(ann, workspace.id, { s: link.searchParams.get('s') });
    expect(refused.status).toBe(401);
    const { signIn } = JSON.parse(refused.text) as { signIn: string };
    const callback = (await ann.get((await ann.get(signIn)).location!)).location!;
    const back = await ann.get(callback);
    expect(back.location).toBe(link.href);
    expect((await ann.get(link.href)).status).toBe(200);
    const granted = await askTicket(ann);
    expect(granted.status).toBe(200);
    expect(JSON.parse(granted.text)).toMatchObject({ ticket: expect.any(String) });
  });

  test('stays signed in for 30 days, in a cookie that scripts cannot read', async () => {
    const back = await ann.get(await ann.goToGitHub('/w/x'));
    expect(back.setCookies[0]).toMatch(/^sam=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=2592000$/);
    expect(back.setCookies[1]).toMatch(/^sam-sign-in=; Path=\/; .*Max-Age=0$/);
    expect(back.headers.get('cache-control')).toBe('no-store');
    const [row] = await site.rows.sql`
      select extract(epoch from expires_at - clock_timestamp())::float8 / 86400 as days from browser_sessions
       where user_id = ${workspace.owner} order by created_at desc limit 1`;
    expect(row!['days']).toBeCloseTo(30, 1);
  });

  test('is the person whom the chat met by the same GitHub id, whatever they are called by now', async () => {
    const account = site.github.addUser(`old-${randomBytes(4).toString('hex')}`);
    const old = account.login;
    const met = await meetPerson(site.rows.db, {
      source: 'github',
      externalId: String(account.id),
      login: old,
    });
    site.github.renameUser(old, `${old}-new`);
    const taker = site.github.addUser(old);
    site.github.signedInAs(`${old}-new`);
    const one = site.browser();
    await one.signIn();
    expect((await one.get('/login')).text).toContain(`Signed in as ${old}-new`);
    site.github.signedInAs(taker.login);
    await site.browser().signIn();
    const known = await site.rows.sql`
      select i.login, i.user_id, (select count(*)::int from browser_sessions s where s.user_id = i.user_id) as sessions
        from identities i where i.source = 'github' and i.external_id in ${site.rows.sql([String(account.id), String(taker.id)])}
       order by i.external_id = ${String(account.id)} desc`;
    expect(known).toMatchObject([
      { login: `${old}-new`, user_id: met.id, sessions: 1 },
      { login: old, sessions: 1 },
    ]);
    expect(known[1]!['user_id']).not.toBe(met.id);
  });

  test('without a way back lands on the page that says who they are', async () => {
    expect(await ann.signIn()).toBe(`${site.origin}/login`);
    expect((await ann.get('/login')).text).toContain('Signed in as ann');
  });

  test('leaves no trace of GitHub’s token, the code or the sign-in’s secrets with us', async () => {
    const callback = await ann.goToGitHub('/w/x');
    const secrets = [...ann.cookies.values(), new URL(callback).searchParams.get('state')!];
    const rowsBefore = await site.rows.sql`select t::text from tokens t`;
    await ann.get(callback);
    const rowsAfter = await site.rows.sql`
      select t::text from tokens t union all select s::text from browser_sessions s union all select u::text from identities u`;
    const kept = JSON.stringify([rowsBefore, rowsAfter, site.log]);
    for (const secret of [...secrets, ...ann.cookies.values(), ...site.github.secrets])
      expect(kept).not.toContain(secret);
    expect(await site.rows.sql`select 1 from tokens where purpose = 'sign-in' and subject = '/w/x'`).toEqual(
      [],
    );
  });

  test('asks GitHub once, with PKCE, a state and our own address to come back to', async () => {
    const begun = await ann.get('/login/github?returnTo=/w/x&redirect_uri=https://evil.example/');
    const to = new URL(begun.location!);
    expect(to.origin + to.pathname).toBe(`${site.github.url}/login/oauth/authorize`);
    expect(Object.fromEntries(to.searchParams)).toEqual({
      client_id: 'Iv23signin',
      response_type: 'code',
      redirect_uri: `${site.origin}/login/github/callback`,
      state: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
    });
    const before = site.github.log.length;
    await ann.get((await ann.get(to.href)).location!);
    const calls = site.github.log.slice(before).map(({ method, path }) => `${method} ${path.split('?')[0]}`);
    expect(calls).toEqual([
      'GET /login/oauth/authorize',
      'POST /login/oauth/access_token',
      'GET /api/v3/user',
    ]);
  });
});

describe('a sign-in that nobody began here', () => {
  const sessionsOfAnn = async (visit: () => Promise<{ status: number; text: string }>) => {
    const before = await countSessions('ann');
    const answer = await visit();
    return { ...answer, more: (await countSessions('ann')) - before };
  };

  test('in another browser, or in one that lost its cookie, ends on a calm page', async () => {
    const callback = await ann.goToGitHub('/w/x');
    for (const cookie of [undefined, 'guess', '']) {
      const stranger = site.browser();
      if (cookie !== undefined) stranger.cookies.set('sam-sign-in', cookie);
      const answer = await sessionsOfAnn(() => stranger.get(callback));
      expect(answer).toMatchObject({ status: 400, more: 0 });
      expect(answer.text).toContain('This sign-in cannot be finished');
      expect(answer.text).toContain('href="/login/github"');
    }
    expect((await ann.get(callback)).location).toBe(`${site.origin}/w/x`);
  });

  test('with a wrong state is refused, asks GitHub nothing, and leaves the right one as it was', async () => {
    const callback = await ann.goToGitHub('/w/x');
    const before = site.github.log.length;
    for (const state of ['wrong', '', 'A'.repeat(43)]) {
      const wrong = new URL(callback);
      wrong.searchParams.set('state', state);
      expect(await sessionsOfAnn(() => ann.get(wrong.href))).toMatchObject({ status: 400, more: 0 });
    }
    const without = new URL(callback);
    without.searchParams.delete('state');
    expect((await ann.get(without.href)).status).toBe(400);
    expect((await ann.get('/login/github/callback?error=access_denied')).status).toBe(400);
    expect(site.github.log.length).toBe(before);
    expect((await ann.get(callback)).location).toBe(`${site.origin}/w/x`);
  });

  test('with a code that was made for another browser’s sign-in is refused by its verifier', async () => {
    const mallory = site.browser();
    site.github.signedInAs('bob');
    const stolen = new URL(await mallory.goToGitHub()).searchParams.get('code')!;
    site.github.signedInAs('ann');
    const mine = new URL(await ann.goToGitHub('/w/x'));
    mine.searchParams.set('code', stolen);
    const answer = await ann.get(mine.href);
    expect(answer.status).toBe(400);
    expect(answer.text).toContain('GitHub did not confirm the sign-in');
    expect(ann.cookies.has('sam')).toBe(false);
    expect(site.log).toEqual([{ reason: 'bad_verification_code' }]);
  });

  test('a second time is over, in the same browser and with its old cookie too', async () => {
    const callback = await ann.goToGitHub('/w/x');
    const secret = ann.cookies.get('sam-sign-in')!;
    expect((await ann.get(callback)).status).toBe(303);
    const before = site.github.log.length;
    for (const cookie of [undefined, secret]) {
      if (cookie) ann.cookies.set('sam-sign-in', cookie);
      const again = await sessionsOfAnn(() => ann.get(callback));
      expect(again).toMatchObject({ status: 400, more: 0 });
      expect(again.text).toContain('This sign-in cannot be finished');
    }
    expect(site.github.log.length).toBe(before);
  });

  test('ten times at the same moment asks GitHub once, and makes one session', async () => {
    const callback = await ann.goToGitHub('/w/x');
    const [sessions, calls] = [await countSessions('ann'), site.github.log.length];
    const answers = await Promise.all(Array.from({ length: 10 }, () => ann.get(callback)));
    expect(answers.filter(({ status }) => status === 303)).toHaveLength(1);
    expect(await countSessions('ann')).toBe(sessions + 1);
    expect(site.github.log.length).toBe(calls + 2);
  });

  test('or that took longer than ten minutes is over, and forgotten', async () => {
    const callback = await ann.goToGitHub('/w/late');
    const [row] = await site.rows.sql`
      select extract(epoch from expires_at - clock_timestamp())::float8 as s from tokens where subject = '/w/late'`;
    expect(row!['s']).toBeGreaterThan(580);
    expect(row!['s']).toBeLessThanOrEqual(600);
    await site.rows.sql`update tokens set expires_at = clock_timestamp() where subject = '/w/late'`;
    expect((await ann.get(callback)).status).toBe(400);
    await forgetExpired(site.rows.db);
    expect(await site.rows.sql`select 1 from tokens where subject = '/w/late'`).toEqual([]);
  });

  test('does not make use of a session that somebody put into this browser before', async () => {
    const mallory = site.browser();
    site.github.signedInAs('bob');
    await mallory.signIn();
    const planted = mallory.cookies.get('sam')!;
    ann.cookies.set('sam', planted);
    site.github.signedInAs('ann');
    await ann.signIn(`/w/${workspace.id}`);
    expect(ann.cookies.get('sam')).not.toBe(planted);
    expect((await askTicket(ann)).status).toBe(200);
    expect((await askTicket(mallory)).status).toBe(401);
  });

  test('turns a browser that a code let in into a new session, and the old cookie is worth nothing', async () => {
    const invitation = { workspace: workspace.id, user: workspace.owner, access: 1 };
    const code = new URL(await createLink(site.rows.db, site.origin, invitation)).hash.slice(1);
    expect((await askTicket(ann, workspace.id, { code })).status).toBe(200);
    const before = ann.cookies.get('sam')!;
    await ann.signIn();
    expect(ann.cookies.get('sam')).not.toBe(before);
    const old = site.browser();
    old.cookies.set('sam', before);
    expect((await askTicket(old)).status).toBe(401);
  });
});

describe('a way back that leads elsewhere', () => {
  const elsewhere = [
    'https://evil.example',
    '//evil.example',
    '/\\evil.example',
    '/\t/evil.example',
    '/\n//evil.example',
    '\\\\evil.example',
    '/.//evil.example',
    '/w/..//evil.example',
    '/%09/../..//evil.example/',
    'javascript:alert(1)',
    'w/ws-1',
    '',
    ' /w/x',
  ];
  test.each(elsewhere)('as %j is refused before GitHub is asked', async (returnTo) => {
    const answer = await ann.get(`/login/github?returnTo=${encodeURIComponent(returnTo)}`);
    expect(answer).toMatchObject({ status: 400, location: undefined, setCookies: [] });
    expect(answer.text).toContain('This link leads elsewhere');
  });

  test('is told from one of ours by where a browser would go', () => {
    const parse = (text: string) => parseLocalPath('https://sam.example', text);
    expect(parse('/w/ws-1?s=a_b-c#x')).toBe('/w/ws-1?s=a_b-c#x');
    expect(parse('/w/ws-1?next=https://evil.example')).toBe('/w/ws-1?next=https://evil.example');
    expect(parse('/w/a\r\nset-cookie: x=y')).toBe('/w/aset-cookie:%20x=y');
    expect(parse(`/w/${'x'.repeat(2000)}`)).toBeUndefined();
    expect(parse('/@evil.example')).toBe('/@evil.example');
  });

  test('as GitHub’s: a foreign redirect_uri gets no code there, and never comes from us', async () => {
    const begun = new URL((await ann.get('/login/github')).location!);
    begun.searchParams.set('redirect_uri', 'https://evil.example/login/github/callback');
    const refused = new URL((await ann.get(begun.href)).location!);
    expect(refused.origin).toBe(site.origin);
    expect(refused.searchParams.has('code')).toBe(false);
    const answer = await ann.get(refused.href);
    expect(answer.status).toBe(400);
    expect(answer.text).toContain('GitHub does not know this address');
  });
});

describe('GitHub on a bad day', () => {
  const fails = async (title: string): Promise<string> => {
    const answer = await ann.get(await ann.goToGitHub('/w/x?s=1'));
    expect(answer.text).toContain(`<h1>${title}</h1>`);
    expect(answer.text).toContain('href="/login/github?returnTo=%2Fw%2Fx%3Fs%3D1"');
    expect(ann.cookies.size).toBe(0);
    return `${answer.status} ${JSON.stringify(site.log)}`;
  };

  test('says that the person said no', async () => {
    site.github.refuseSignIn(true);
    expect(await fails('You are not signed in')).toBe('403 []');
  });

  test.each([
    [500, { message: 'Server Error' }, 'OAUTH_RESPONSE_IS_NOT_CONFORM'],
    [503, '<html>Unicorn!</html>', 'OAUTH_RESPONSE_IS_NOT_CONFORM'],
    [200, 'nonsense', 'OAUTH_INVALID_RESPONSE'],
    [200, { token_type: 'bearer' }, 'OAUTH_INVALID_RESPONSE'],
    [200, { access_token: '', token_type: 'bearer' }, 'OAUTH_INVALID_RESPONSE'],
    [200, null, 'OAUTH_INVALID_RESPONSE'],
  ])('answers the code with %i %j', async (status, body, reason) => {
    site.github.fail('POST', '/login/oauth/access_token', { status, body });
    expect(await fails('GitHub does not answer')).toBe(`503 [{"reason":"${reason}"}]`);
  });

  test('says no to the code', async () => {
    const body = { error: 'incorrect_client_credentials', error_description: 'x' };
    site.github.fail('POST', '/login/oauth/access_token', { status: 200, body });
    expect(await fails('GitHub did not confirm the sign-in')).toBe(
      '400 [{"reason":"incorrect_client_credentials"}]',
    );
  });

  test('hangs up', async () => {
    site.github.fail('POST', '/login/oauth/access_token', { status: 'hang up' });
    expect(await fails('GitHub does not answer')).toMatch(/^503 \[{"reason":"\w+"}\]$/);
  });

  test.each([
    [500, { message: 'Server Error' }],
    [401, { message: 'Bad credentials' }],
    [200, 'nonsense'],
    [200, { id: 'one', login: 'ann' }],
    [200, { id: 0, login: '' }],
    [200, { login: 'ann' }],
  ])('answers who it is with %i %j', async (status, body) => {
    site.github.fail('GET', '/user', { status, body });
    expect(await fails('GitHub does not answer')).toContain('503 [{"reason":"GET /user: ');
  });

  test('does not put its words into our page', async () => {
    const callback = new URL(await ann.goToGitHub('/w/x'));
    callback.searchParams.delete('code');
    callback.searchParams.set('error', '<script>alert(1)</script>');
    callback.searchParams.set('error_description', 'call +1 555');
    const answer = await ann.get(callback.href);
    expect(answer.status).toBe(400);
    expect(answer.text).not.toMatch(/<script|555/);
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
  });

  test('is forgotten when it is a good one again', async () => {
    site.github.fail('GET', '/user', { status: 500 });
    await fails('GitHub does not answer');
    expect(await ann.signIn('/w/x')).toBe(`${site.origin}/w/x`);
  });
});

describe('the page of a workspace', () => {
  test('is one and the same for everybody who is not signed in', async () => {
    const paths = [workspace.id, `${workspace.id}?s=wrong`, newWorkspaceId(), 'anything'];
    const pages = await Promise.all(paths.map((path) => ann.get(`/w/${path}`)));
    expect(new Set(pages.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(pages[0]!.status).toBe(200);
  });

  test('is for its owner; unknown, deleted and somebody else’s are the same 404', async () => {
    const gone = { owner: workspace.owner, phase: 'deleted', desired: 'deleted' } as const;
    const deleted = await site.rows.addWorkspace(gone);
    const foreign = await site.rows.addWorkspace();
    await ann.signIn();
    expect((await ann.get(`/w/${workspace.id}`)).status).toBe(200);
    const ids = [foreign.id, deleted.id, newWorkspaceId(), 'anything', '%00', `${workspace.id}%00`];
    const answers = await Promise.all(ids.map((id) => ann.get(`/w/${id}`)));
    const plain = ({ headers }: { headers: Headers }) =>
      JSON.stringify([...headers].filter(([name]) => name !== 'date'));
    const same = new Set(answers.map((answer) => `${answer.status} ${answer.text} ${plain(answer)}`));
    expect(same.size).toBe(1);
    expect(answers[0]!.status).toBe(404);
    expect(answers[0]!.text).toContain('No such workspace');
    expect(answers[0]!.text).toContain('<code>/sam open</code>');
  });

  test('is a 404 for a stranger who signs in by somebody else’s link, signature and all', async () => {
    const link = site.signer.sign(site.origin, { workspace: workspace.id, access: 1 });
    site.github.signedInAs('bob');
    const bob = site.browser();
    const back = await bob.signIn(link.slice(site.origin.length));
    const foreign = await bob.get(back);
    const unknown = await bob.get(`/w/${newWorkspaceId()}`);
    expect([foreign.status, foreign.text]).toEqual([404, unknown.text]);
    const [ticket, none] = [await askTicket(bob), await askTicket(bob, newWorkspaceId())];
    expect([ticket.status, ticket.text]).toEqual([404, none.text]);
  });

  test('is a 404 by a link that is wrong or outdated, for its owner too', async () => {
    await ann.signIn();
    const link = site.signer.sign(site.origin, { workspace: workspace.id, access: 1 });
    expect((await ann.get(link)).status).toBe(200);
    expect((await ann.get(`${link.slice(0, -1)}!`)).status).toBe(404);
    expect((await ann.get(`/w/${workspace.id}?s=`)).status).toBe(404);
    await change({ access: 2 });
    expect((await ann.get(link)).status).toBe(404);
    expect((await ann.get(`/w/${workspace.id}`)).status).toBe(200);
  });

  test('is no 404 in a browser that a code let in: elsewhere it is nobody', async () => {
    const invitation = { workspace: workspace.id, user: workspace.owner, access: 1 };
    const code = new URL(await createLink(site.rows.db, site.origin, invitation)).hash.slice(1);
    await askTicket(ann, workspace.id, { code });
    for (const id of [workspace.id, newWorkspaceId(), (await site.rows.addWorkspace()).id])
      expect((await ann.get(`/w/${id}`)).status).toBe(200);
  });
});

describe('who is told to sign in', () => {
  test('is told where, for every workspace alike', async () => {
    const bodies = await Promise.all(
      [workspace.id, newWorkspaceId()].map(async (id) =>
        (await askTicket(ann, id, { s: 'a&b' })).text.replaceAll(id, 'ws'),
      ),
    );
    expect(bodies[0]).toBe(bodies[1]);
    expect(JSON.parse(bodies[0]!)).toMatchObject({
      error: 'sign-in-required',
      command: 'open',
      signIn: `/login/github?returnTo=${encodeURIComponent('/w/ws?s=a%26b')}`,
    });
  });

  test('hears that it is over when their sign-in expired, and after a revocation', async () => {
    await ann.signIn();
    await site.rows
      .sql`update browser_sessions set expires_at = clock_timestamp() where user_id = ${workspace.owner}`;
    const expired = JSON.parse((await askTicket(ann)).text) as object;
    expect(expired).toMatchObject({
      error: 'sign-in-ended',
      command: 'open',
      signIn: expect.stringContaining('/login'),
    });
    const other = site.browser();
    const invitation = { workspace: workspace.id, user: workspace.owner, access: 1 };
    const code = new URL(await createLink(site.rows.db, site.origin, invitation)).hash.slice(1);
    await askTicket(other, workspace.id, { code });
    await change({ access: 2 });
    expect(JSON.parse((await askTicket(other)).text)).toMatchObject({ error: 'sign-in-ended' });
  });

  test('is not told of a sign-in that is not there', async () => {
    const plain = await startSignInSite({ withoutSignIn: true });
    try {
      const browser = plain.browser();
      const refused = await askTicket(browser);
      expect(refused.status).toBe(401);
      expect(JSON.parse(refused.text)).not.toHaveProperty('signIn');
      expect((await browser.get('/login/github')).status).toBe(404);
      expect((await browser.get('/login')).text).toContain('Nobody is signed in here');
    } finally {
      await plain.close();
    }
  });
});

describe('signing out', () => {
  test('forgets this browser and no other', async () => {
    const phone = site.browser();
    await ann.signIn();
    await phone.signIn();
    const secret = ann.cookies.get('sam')!;
    const answer = await ann.post('/logout');
    expect(answer).toMatchObject({ status: 303, location: `${site.origin}/login` });
    expect(answer.setCookies).toEqual(['sam=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0']);
    ann.cookies.set('sam', secret);
    expect((await askTicket(ann)).status).toBe(401);
    expect((await askTicket(phone)).status).toBe(200);
    const [row] = await site.rows.sql`select access from workspaces where id = ${workspace.id}`;
    expect(row!['access']).toBe(1);
  });

  test('everywhere forgets all browsers, ends links, and closes the terminals that are open', async () => {
    const phone = site.browser();
    await ann.signIn();
    await phone.signIn();
    const link = site.signer.sign(site.origin, { workspace: workspace.id, access: 1 });
    const heard: string[] = [];
    const listening = await site.rows.sql.listen('sam', (hint) => heard.push(hint));
    expect((await ann.post('/logout/everywhere')).status).toBe(303);
    for (const browser of [ann, phone]) expect((await askTicket(browser)).status).toBe(401);
    const [row] = await site.rows.sql`select access from workspaces where id = ${workspace.id}`;
    expect(row!['access']).toBe(2);
    await expect.poll(() => heard).toContain(`desired:${workspace.nodeId}`);
    await listening.unlisten();
    await ann.signIn();
    expect((await ann.get(link)).status).toBe(404);
    expect((await askTicket(ann)).status).toBe(200);
  });

  test('is done by our own page only', async () => {
    await ann.signIn();
    for (const path of ['/logout', '/logout/everywhere']) {
      for (const origin of ['https://evil.example', 'null', `${site.origin}.evil.example`]) {
        const refused = await ann.post(path, { origin });
        expect(refused).toMatchObject({ status: 403, setCookies: [] });
        expect(refused.text).toContain('Nobody was signed out');
      }
      const bare = await fetch(`${site.origin}${path}`, {
        method: 'POST',
        headers: { cookie: `sam=${ann.cookies.get('sam')}` },
      });
      expect(bare.status).toBe(403);
      expect((await ann.get(path)).status).toBe(405);
    }
    expect((await askTicket(ann)).status).toBe(200);
  });

  test('of nobody is no error', async () => {
    expect((await ann.post('/logout')).status).toBe(303);
    expect((await ann.post('/logout/everywhere')).status).toBe(303);
    expect((await ann.get('/login')).text).toContain('Sign in with GitHub');
  });
});

test('over https every cookie is one that only our very host can set', async () => {
  const secure = await startSignInSite({ baseUrl: 'https://sam.example' });
  try {
    secure.github.signedInAs('ann');
    const browser = secure.browser();
    const begun = await browser.get('/login/github?returnTo=/w/x');
    expect(begun.setCookies).toEqual([
      expect.stringMatching(
        /^__Host-sam-sign-in=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=600; Secure$/,
      ),
    ]);
    const callback = new URL((await browser.get(begun.location!)).location!);
    expect(callback.origin).toBe('https://sam.example');
    const back = await browser.get(`${callback.pathname}${callback.search}`);
    expect(back.location).toBe('https://sam.example/w/x');
    expect(back.setCookies).toEqual([
      expect.stringMatching(
        /^__Host-sam=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=2592000; Secure$/,
      ),
      '__Host-sam-sign-in=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0; Secure',
    ]);
    expect((await browser.get('/login')).text).toContain('Signed in as ann');
    const refused = await browser.post('/logout', { origin: secure.origin });
    expect(refused.status).toBe(403);
    const out = await browser.post('/logout', { origin: 'https://sam.example' });
    expect(out.setCookies).toEqual(['__Host-sam=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0; Secure']);
  } finally {
    await secure.close();
  }
});

test('over http the sign-in’s cookie has no prefix, which browsers would refuse', async () => {
  expect((await ann.get('/login/github')).setCookies).toEqual([
    expect.stringMatching(/^sam-sign-in=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=600$/),
  ]);
});
