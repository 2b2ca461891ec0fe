// What people leave with Sam: by its calls, in the rows, under another key, and who gets it.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createCredentials } from '../../../bot/access/credentials/credentials.ts';
import { KEY, PLAN } from '../../fakes/model.ts';
import { signIn, startSignInSite, type SignInSite, type TestBrowser } from '../people/sign-in-site.ts';

const OPENAI = 'sk-proj-canary0123456789abcdefghijklmnop-open';
const RING = [Buffer.alloc(32, 1)];

let site: SignInSite;
beforeAll(async () => {
  site = await startSignInSite();
});
afterAll(() => site.close());

const PATH = '/api/credentials';

const put = (browser: TestBrowser, provider: string, value: string) =>
  browser.post(PATH, { json: { provider, value } });

const list = async (browser: TestBrowser) =>
  (JSON.parse((await browser.get(PATH)).text) as { items: Record<string, string>[] }).items;

test('a key that was left is shown by its last four characters, and never again', async () => {
  const browser = await signIn(site);
  const made = await put(browser, 'anthropic', ` "${KEY}"\n`);
  expect(made.status).toBe(201);
  const item = { provider: 'anthropic', lastFour: 'wxyz', madeAt: expect.any(String), usedAt: null };
  expect(JSON.parse(made.text)).toEqual(item);
  const listed = await browser.get(PATH);
  expect(JSON.parse(listed.text)).toEqual({ items: [item], next: null });
  expect(made.text + listed.text).not.toContain('canary');
  expect(listed.headers.get('cache-control')).toBe('no-store');
});

test('rows hold it sealed, for its owner and its kind alone', async () => {
  const [one, other] = [await signIn(site), await signIn(site)];
  await put(one, 'anthropic', KEY);
  const [row] = await site.rows.sql`select * from credentials where owner = ${one.user}`;
  expect(JSON.stringify(row)).not.toContain('canary');
  expect(String(row!['ciphertext'])).not.toContain('canary');
  const credentials = createCredentials(site.rows.db, RING)!;
  expect(await credentials.open(one.user, 'anthropic')).toBe(KEY);
  await site.rows
    .sql`update credentials set owner = ${other.user}, id = ${`${other.user}:anthropic`} where owner = ${one.user}`;
  await expect(credentials.open(other.user, 'anthropic')).rejects.toThrow('sealed for another place');
});

test('a new one takes the place of the old one; what was deleted is gone', async () => {
  const browser = await signIn(site);
  await put(browser, 'anthropic', KEY);
  await put(browser, 'openai', OPENAI);
  await put(browser, 'anthropic', KEY.replace('wxyz', '1234'));
  expect((await list(browser)).map(({ lastFour }) => lastFour)).toEqual(['1234', 'open']);
  expect((await browser.delete(`${PATH}/anthropic`)).status).toBe(204);
  expect((await list(browser)).map(({ lastFour }) => lastFour)).toEqual(['open']);
  const again = await browser.delete(`${PATH}/anthropic`);
  expect([again.status, JSON.parse(again.text)['error']]).toEqual([404, 'not-found']);
});

test.each([
  ['anthropic', PLAN, 'wrong-field', 'Claude plan token'],
  ['claude', KEY, 'wrong-field', 'Anthropic API key'],
  ['openai', KEY, 'wrong-field', 'Anthropic API key'],
  ['anthropic', OPENAI, 'wrong-field', 'OpenAI API key'],
  ['anthropic', 'a password of mine', 'bad-value', 'sk-ant-api03-…'],
  ['anthropic', '', 'bad-value', 'sk-ant-api03-…'],
  ['openai', `${OPENAI}\r\nx-evil: 1`, 'bad-value', 'sk-…'],
])('for %s %j is refused as %s, and not repeated', async (provider, value, code, says) => {
  const browser = await signIn(site);
  const refused = await put(browser, provider, value);
  const { error, message, fields } = JSON.parse(refused.text) as Record<string, string>;
  expect([refused.status, error, fields]).toEqual([400, code, ['value']]);
  expect(message).toContain(says);
  if (value) expect(refused.text).not.toContain(value);
  expect(await list(browser)).toEqual([]);
});

test('nobody but a person on our own page is heard', async () => {
  const [browser, nobody] = [await signIn(site), site.browser()];
  const refusals = [
    await nobody.get(PATH),
    await put(nobody, 'anthropic', KEY),
    await browser.post(PATH, { origin: 'https://evil.example', json: { provider: 'anthropic', value: KEY } }),
    await browser.delete(`${PATH}/anthropic`, { origin: 'https://evil.example' }),
    await browser.post(PATH),
    await browser.post(PATH, { json: { provider: 'gemini', value: 'x' } }),
    await browser.post(PATH, { json: { provider: 'nothing', value: 'https://github.com/ann/dotfiles' } }),
  ].map(({ status, text }) => [status, (JSON.parse(text) as { error: string }).error]);
  expect(refusals).toEqual([
    [401, 'sign-in-required'],
    [401, 'sign-in-required'],
    [403, 'wrong-origin'],
    [403, 'wrong-origin'],
    [415, 'wrong-content-type'],
    [400, 'bad-request'],
    [400, 'bad-request'],
  ]);
  expect(await list(browser)).toEqual([]);
});

test('another key of the ring takes over what the old one sealed; what none opens is named', async () => {
  const browser = await signIn(site);
  await put(browser, 'claude', PLAN);
  const [first, second] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
  const { db, sql } = site.rows;
  const keyIds = async () =>
    (await sql`select key_id from credentials where owner = ${browser.user}`)[0]!['key_id'];
  const before = await keyIds();
  await createCredentials(db, [second, first])!.reseal();
  expect(await keyIds()).not.toBe(before);
  expect(await createCredentials(db, [second])!.open(browser.user, 'claude')).toBe(PLAN);
  const lost = await createCredentials(db, [first])!.reseal();
  expect(lost).toContainEqual(expect.objectContaining({ provider: 'claude', shown: 'plan' }));
  // The site's own ring goes on.
  await createCredentials(db, [first, second])!.reseal();
});

test('its use is written down', async () => {
  const browser = await signIn(site);
  await put(browser, 'anthropic', KEY);
  await createCredentials(site.rows.db, RING)!.open(browser.user, 'anthropic');
  expect(await list(browser)).toMatchObject([{ usedAt: expect.stringMatching(/^\d{4}-.*Z$/) }]);
});

test('the address of dotfiles is no secret: it is shown whole, told to nodes, and takes no password and no key', async () => {
  const browser = await signIn(site);
  const address = 'https://git.example.com/ada/dotfiles';
  const made = await put(browser, 'dotfiles', address);
  expect(JSON.parse(made.text)).toMatchObject({ provider: 'dotfiles', address, lastFour: 'iles' });
  const credentials = createCredentials(site.rows.db, RING)!;
  expect([...(await credentials.findDotfiles([browser.user, 'us-nobody']))]).toEqual([
    [browser.user, address],
  ]);
  for (const wrong of [
    'https://ada:secret@git.example.com/ada/dotfiles',
    'git@git.example.com:ada/dotfiles',
    "https://git.example.com/ada/dot'files",
    '--upload-pack=x',
  ])
    expect(JSON.parse((await put(browser, 'dotfiles', wrong)).text)).toMatchObject({ error: 'bad-value' });
  expect(JSON.parse((await put(browser, 'dotfiles', KEY)).text)).toMatchObject({ error: 'wrong-field' });
});
