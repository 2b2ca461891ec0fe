// What a browser may see while somebody is signed in, who is told to sign in, and how that ends.
import { describe, expect, test } from 'vitest';
import { createLink } from '../../../bot/access/links.ts';
import { newWorkspaceId } from '../../../bot/ids.ts';
import { startSignInSite } from './sign-in-site.ts';
import { workspace, ann, site, askTicket, change } from './sign-in-context.ts';

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
    const link = site.signer.sign(site.origin, workspace.id);
    site.github.signedInAs('bob');
    const bob = site.browser();
    const back = await bob.signIn(link.slice(site.origin.length));
    const foreign = await bob.get(back);
    const unknown = await bob.get(`/w/${newWorkspaceId()}`);
    expect([foreign.status, foreign.text]).toEqual([404, unknown.text]);
    const [ticket, none] = [await askTicket(bob), await askTicket(bob, newWorkspaceId())];
    expect([ticket.status, ticket.text]).toEqual([404, none.text]);
  });

  test('is a 404 by a link that is wrong, for its owner too; a stop and a start leave the right one', async () => {
    await ann.signIn();
    const link = site.signer.sign(site.origin, workspace.id);
    expect((await ann.get(link)).status).toBe(200);
    expect((await ann.get(`${link.slice(0, -1)}!`)).status).toBe(404);
    expect((await ann.get(`/w/${workspace.id}?s=`)).status).toBe(404);
    await change({ access: 2 });
    expect((await ann.get(link)).status).toBe(200);
    expect((await ann.get(`/w/${workspace.id}`)).status).toBe(200);
    await change({ phase: 'deleted' });
    expect((await ann.get(link)).status).toBe(404);
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

  test('everywhere forgets all browsers, leaves links that take a sign-in, and closes the terminals that are open', async () => {
    const phone = site.browser();
    await ann.signIn();
    await phone.signIn();
    const link = site.signer.sign(site.origin, workspace.id);
    const heard: string[] = [];
    const listening = await site.rows.sql.listen('sam', (hint) => heard.push(hint));
    expect((await ann.post('/logout/everywhere')).status).toBe(303);
    for (const browser of [ann, phone]) expect((await askTicket(browser)).status).toBe(401);
    const [row] = await site.rows.sql`select access from workspaces where id = ${workspace.id}`;
    expect(row!['access']).toBe(2);
    await expect.poll(() => heard).toContain(`desired:${workspace.nodeId}`);
    await listening.unlisten();
    await ann.signIn();
    expect((await ann.get(link)).status).toBe(200);
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
        /^__Host-sam-sign-in=[\w-]{43}\.\d+\.[\w-]+\.[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=600; Secure$/,
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
    expect.stringMatching(
      /^sam-sign-in=[\w-]{43}\.\d+\.[\w-]+\.[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=600$/,
    ),
  ]);
});
