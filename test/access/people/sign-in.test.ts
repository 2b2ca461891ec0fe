// Signing in with GitHub, over real HTTP against the fake GitHub: who gets in, who does not, and what they are told.
import { randomBytes } from 'node:crypto';
import { describe, expect, test, vi } from 'vitest';
import { createLink } from '../../../bot/access/links.ts';
import { parseLocalPath } from '../../../bot/access/people/sign-in-attempts.ts';
import { site, workspace, ann, askTicket, countSessions } from './sign-in-context.ts';
import { forgetExpired } from '../../../bot/access/store/expiry.ts';
import { meetPerson } from '../../../bot/access/store/people.ts';

describe('somebody who signs in', () => {
  test('comes back to the link they came from, and gets a ticket', async () => {
    const link = new URL(site.signer.sign(site.origin, workspace.id));
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
    const cookie = ann.cookies.get('sam-sign-in')!;
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 601_000 });
    expect((await ann.get(callback)).status).toBe(400);
    vi.useRealTimers();
    // Its time is signed.
    ann.cookies.set(
      'sam-sign-in',
      cookie.replace(/\.\d+\./, (until) => `.${Number(until.slice(1, -1)) + 600}.`),
    );
    expect((await ann.get(callback)).status).toBe(400);
    ann.cookies.set('sam-sign-in', cookie);
    expect((await ann.get(callback)).location).toBe(`${site.origin}/w/late`);
    await site.rows.sql`update tokens set expires_at = clock_timestamp() where purpose = 'sign-in'`;
    await forgetExpired(site.rows.db);
    expect(await site.rows.sql`select 1 from tokens where purpose = 'sign-in'`).toEqual([]);
  });

  test('three hundred times leaves nothing behind, and the one that is meant goes through', async () => {
    const count = async () => (await site.rows.sql`select 1 from tokens`).length;
    const before = await count();
    const callback = await ann.goToGitHub('/w/x');
    for (let n = 0; n < 300; n++) await site.browser().get('/login/github');
    const refused = site.browser();
    const back = new URL(await refused.goToGitHub());
    back.searchParams.set('code', 'guess');
    expect((await refused.get(back.href)).status).toBe(400);
    expect(await count()).toBe(before);
    expect((await ann.get(callback)).location).toBe(`${site.origin}/w/x`);
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
