// A person's own page: who gets there, by which way, and what they can do without a script.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSettingsLink } from '../../../bot/access/credentials/settings-sessions.ts';
import { endAllSessions } from '../../../bot/access/people/sessions.ts';
import { unlink } from '../../../bot/access/people/links-store.ts';
import { KEY, PLAN } from '../../fakes/model.ts';
import { signIn, startSignInSite, type SignInSite, type TestBrowser } from '../people/sign-in-site.ts';

let site: SignInSite;
beforeAll(async () => {
  site = await startSignInSite();
});
afterAll(() => site.close());

/** As the page does that finds a code in its address. */
async function follow(browser: TestBrowser, link: string) {
  const { hash, pathname } = new URL(link);
  expect(pathname).toBe('/settings');
  return browser.send('/settings/code', hash.slice(1));
}

const linkFor = (user: string) => createSettingsLink(site.rows.db, site.origin, user);

test('a key is put in, replaced and deleted by forms alone', async () => {
  const ann = await signIn(site);
  expect((await ann.get('/settings')).text).toContain('<h2>Anthropic API key</h2><p>None.</p>');
  const put = await ann.post('/settings/anthropic', { form: { value: KEY } });
  expect([put.status, put.location]).toEqual([303, `${site.origin}/settings`]);
  const page = await ann.get('/settings');
  expect(page.text).toMatch(/<p>…wxyz, put in \d{4}-\d\d-\d\d \d\d:\d\d UTC, not used yet\.<\/p>/);
  expect(page.text).not.toContain('canary');
  await ann.post('/settings/anthropic', { form: { value: KEY.replace('wxyz', '1234') } });
  expect((await ann.get('/settings')).text).toContain('…1234, put in');
  await ann.post('/settings/anthropic/delete');
  expect((await ann.get('/settings')).text).toContain('<h2>Anthropic API key</h2><p>None.</p>');
});

test('a key in the wrong field is told apart, beside that field, and is nowhere on the page', async () => {
  const ann = await signIn(site);
  const refused = await ann.post('/settings/anthropic', { form: { value: PLAN } });
  expect(refused.status).toBe(400);
  expect(refused.text).toContain(
    'That is another kind: Claude plan token (sk-ant-oat01-…), not Anthropic API key (sk-ant-api03-…).',
  );
  expect(refused.text).toContain('aria-invalid="true" autofocus');
  expect(refused.text).not.toContain('canary');
});

test('a link of the chat lets in once, to this page and its calls alone', async () => {
  const user = await site.rows.addUser('ada');
  const link = await linkFor(user);
  const browser = site.browser();
  // Visiting spends nothing: previewers do.
  expect((await browser.get('/settings')).status).toBe(401);
  expect(JSON.parse((await follow(browser, link)).text)).toEqual({ next: '/settings' });
  expect(browser.cookies.get('sam')).toBeUndefined();
  const page = await browser.get('/settings');
  expect(page.text).toContain('Keys of ada');
  expect(page.text).toContain('If somebody else sent you that link, close the page');
  await browser.post('/settings/anthropic', { form: { value: KEY } });
  const listed = JSON.parse((await browser.get('/api/credentials')).text) as { items: object[] };
  expect(listed.items).toMatchObject([{ provider: 'anthropic', lastFour: 'wxyz' }]);
  // Nowhere else is it anybody.
  const workspace = await site.rows.addWorkspace({ owner: user });
  const ticket = await browser.post('/api/terminal/token', { json: { workspace: workspace.id } });
  expect(ticket.status).toBe(401);
  expect((await browser.get('/login')).text).toContain('Nobody is signed in here');
  // Nor as the other cookie.
  browser.cookies.set('sam', browser.cookies.get('sam-settings')!);
  expect((await browser.get('/login')).text).toContain('Nobody is signed in here');
  const late = site.browser();
  expect(JSON.parse((await follow(late, link)).text)).toEqual({ next: '/settings?link=spent' });
  expect((await late.get('/settings?link=spent')).text).toContain('/sam connect claude');
});

test('its browser is let in for half an hour, and the link for five minutes', async () => {
  const user = await site.rows.addUser();
  const browser = site.browser();
  await follow(browser, await linkFor(user));
  const minutes = async (purpose: string) => {
    const [row] = await site.rows.sql`
      select round(extract(epoch from expires_at - created_at) / 60)::int as minutes from tokens
       where user_id = ${user} and purpose = ${purpose}`;
    return row!['minutes'] as number;
  };
  expect([await minutes('settings'), await minutes('settings-session')]).toEqual([5, 30]);
  await site.rows.sql`update tokens set expires_at = clock_timestamp() where user_id = ${user}`;
  expect((await browser.get('/settings')).status).toBe(401);
  const late = await linkFor(user);
  await site.rows.sql`update tokens set expires_at = clock_timestamp() where user_id = ${user}`;
  expect(JSON.parse((await follow(site.browser(), late)).text)).toEqual({ next: '/settings?link=spent' });
});

test('a link of somebody else opens nothing where a person is signed in, and stays good', async () => {
  const ann = await signIn(site);
  const link = await linkFor(await site.rows.addUser('mallory'));
  expect(JSON.parse((await follow(ann, link)).text)).toEqual({ next: '/settings?link=spent' });
  const page = await ann.get('/settings?link=spent');
  expect(page.text).toContain(`Keys of ${ann.login}`);
  expect(page.text).toContain('made for somebody else than who is signed in here');
  expect(JSON.parse((await follow(site.browser(), link)).text)).toEqual({ next: '/settings' });
});

test('signing out everywhere ends it, and so does forgetting the browser, or the connection of the chat', async () => {
  const ends: ((user: string, browser: TestBrowser) => Promise<unknown>)[] = [
    (user) => endAllSessions(site.rows.db, user),
    (_user, browser) => browser.post('/settings/leave'),
    (user) => unlink(site.rows.db, { source: 'slack:T1', externalId: user }),
  ];
  for (const end of ends) {
    const user = await site.rows.addUser();
    await site.rows.sql`insert into identities (source, external_id, user_id, login) values
      ('slack:T1', ${user}, ${user}, 'ada'), ('github', ${user}, ${user}, 'ada')`;
    const [browser, unspent] = [site.browser(), await linkFor(user)];
    await follow(browser, await linkFor(user));
    const secret = browser.cookies.get('sam-settings')!;
    expect((await browser.get('/settings')).status).toBe(200);
    await end(user, browser);
    browser.cookies.set('sam-settings', secret);
    expect((await browser.get('/settings')).status).toBe(401);
    if (end !== ends[1])
      expect(JSON.parse((await follow(site.browser(), unspent)).text)).toEqual({
        next: '/settings?link=spent',
      });
  }
});

test('who signs out of a browser is signed out of their own page, too', async () => {
  const browser = site.browser();
  await follow(browser, await linkFor(await site.rows.addUser()));
  const secret = browser.cookies.get('sam-settings')!;
  expect((await browser.post('/logout')).status).toBe(303);
  expect(browser.cookies.has('sam-settings')).toBe(false);
  browser.cookies.set('sam-settings', secret);
  expect((await browser.get('/settings')).status).toBe(401);
});

test('another site changes nothing, and frames nothing', async () => {
  const ann = await signIn(site);
  for (const path of ['/settings/anthropic', '/settings/anthropic/delete', '/settings/leave'])
    expect((await ann.post(path, { origin: 'https://evil.example', form: { value: KEY } })).status).toBe(403);
  const page = await ann.get('/settings');
  expect(page.text).toContain('<h2>Anthropic API key</h2><p>None.</p>');
  expect(page.headers.get('content-security-policy')).toMatch(
    /^default-src 'none'; style-src 'sha256-[^']+'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'$/,
  );
  expect(page.headers.get('cache-control')).toBe('no-store');
});

test('what people are called is shown as text', async () => {
  const user = await site.rows.addUser('<img src=x onerror=alert(1)>');
  const browser = site.browser();
  await follow(browser, await linkFor(user));
  const page = await browser.get('/settings');
  expect(page.text).not.toContain('<img');
  expect(page.text).toContain('Keys of &lt;img');
});
