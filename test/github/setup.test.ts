// GET /setup: a bot without a GitHub App gets one, by the hand of whoever started it and of nobody else.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import examples from '@octokit/webhooks-examples' with { type: 'json' };
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { understand } from '../../bot/chat/github/understand.ts';
import { parseConfig } from '../../bot/config.ts';
import { readDescribedApp, readManifest } from '../../bot/forges/github/manifest.ts';
import { savedAppPath } from '../../bot/forges/github/saved-app.ts';
import { browserMissing, launchBrowser } from '../browser.ts';
import { startFakeGitHub, type FakeGitHub } from '../fakes/github/github.ts';
import { createPlace, type Place } from '../testers/place.ts';
import { startSam, type Sam } from '../testers/sam.ts';
import { until } from '../until.ts';

let github: FakeGitHub;
let place: Place;
let sam: Sam;
let clock: number;
let ending = new AsyncDisposableStack();

async function open(env: NodeJS.ProcessEnv = {}): Promise<void> {
  clock = 0;
  github = await startFakeGitHub({
    appId: 1,
    appSlug: 'nobody',
    publicKey: 'none yet',
    webhookSecret: 'none yet, none yet, none yet',
    clientId: 'none',
    clientSecret: 'none yet, none yet, none yet',
    now: () => new Date(Date.now() + clock),
  });
  ending.defer(() => github.stop());
  github.addUser('ann');
  github.signedInAs('ann');
  place = ending.use(await createPlace());
  sam = await startSam({
    place,
    env: {
      GHE_HOST: github.host,
      GHE_PROTOCOL: 'http',
      ENCRYPTION_KEY: randomBytes(32).toString('base64'),
      ALLOW_LOCAL_NODES: 'true',
      ALLOW_INSECURE_BASE_URL: 'true',
      ...env,
    },
  });
  ending.use(sam);
}

afterEach(async () => {
  const all = ending.move();
  ending = new AsyncDisposableStack();
  await all.disposeAsync();
});

const entities: Record<string, string> = { quot: '"', amp: '&', lt: '<', gt: '>', '#39': "'" };
const unescape = (text: string): string =>
  text.replaceAll(/&(quot|amp|lt|gt|#39);/g, (_, name: string) => entities[name] ?? '');

interface Visit {
  status: number;
  text: string;
  cookie: string;
}

async function visit(to: string, cookie = ''): Promise<Visit> {
  const answer = await fetch(new URL(to, sam.bot.url), { headers: { cookie }, redirect: 'manual' });
  const [set = ''] = answer.headers.getSetCookie();
  return { status: answer.status, text: await answer.text(), cookie: set.split(';')[0] || cookie };
}

/** What the browser does with the form: the address where GitHub sends it back to. */
async function takeToGitHub({ text }: Visit): Promise<string> {
  const action = unescape(/action="(http[^"]*settings\/apps\/new[^"]*)"/.exec(text)?.[1] ?? '');
  const manifest = unescape(/name="manifest" value="([^"]*)"/.exec(text)?.[1] ?? '');
  const answer = await fetch(action, {
    method: 'POST',
    body: new URLSearchParams({ manifest }),
    redirect: 'manual',
  });
  return answer.headers.get('location') ?? `${answer.status} ${await answer.text()}`;
}

const setUpUrl = (): string | undefined => sam.bot.fronts.find(({ title }) => title === 'GitHub')?.setUpUrl;
const setupUrl = (): string => setUpUrl() ?? '/setup';
const setupCode = (): string => new URL(setupUrl(), sam.bot.url).hash.slice(1);

/** As the page's script takes the code out of the address, and goes on. */
async function enter(code = setupCode(), origin = sam.bot.url): Promise<Visit> {
  const answer = await fetch(new URL('/setup/code', sam.bot.url), {
    method: 'POST',
    body: code,
    headers: { origin },
  });
  const [set = ''] = answer.headers.getSetCookie();
  const { next } = (await answer.json()) as { next: string };
  return visit(next, set.split(';')[0]);
}

describe.skipIf(browserMissing)('in a browser', { timeout: 120_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser?.close());

  test('one button makes the App, and after the next start comments are heard', async () => {
    await open();
    const page = await browser.newPage();
    await page.goto(setupUrl());
    await page.getByRole('heading', { name: 'Connect Sam to GitHub' }).waitFor();
    expect(page.url()).toBe(`${sam.bot.url}/setup`);
    await page.getByRole('button', { name: 'Create the App in my account' }).click();
    await page.getByRole('link', { name: 'Install it on GitHub' }).waitFor();
    expect(await page.locator('h1').textContent()).toBe('The App sam-localhost is made');
    expect(page.url()).toContain('/setup/done');
    await page.close();

    await sam.restart();
    expect(setUpUrl()).toBeUndefined();
    expect((await visit('/setup')).status).toBe(404);
    await github.addRepository('ann/tool');
    github.install('ann');
    const issue = github.addIssue('ann/tool', { by: 'ann' });
    await github.comment(issue, 'ann', '@sam-localhost help');
    await until(() => github.commentsOn(issue).some(({ byApp }) => byApp));
  });
});

describe('whoever has the code', () => {
  beforeEach(() => open());

  test('gets the keys written down, for this user alone', async () => {
    const form = await enter();
    const done = await visit(await takeToGitHub(form), form.cookie);
    expect([done.status, /<h1>(.*?)<\/h1>/.exec(done.text)?.[1]]).toEqual([
      200,
      'The App sam-localhost is made',
    ]);
    const path = savedAppPath(place.dataDir);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const saved = JSON.parse(readFileSync(path, 'utf8')) as Record<string, string>;
    expect(saved).toMatchObject({ APP_ID: String(github.app.id), WEBHOOK_SECRET: github.app.webhookSecret });
    for (const secret of github.secrets) expect(done.text).not.toContain(secret);
    expect(github.app.webhookUrl).toBe(`${sam.bot.url}/api/github/webhooks`);
  });

  test('can spend it once', async () => {
    const form = await enter();
    const back = await takeToGitHub(form);
    await visit(back, form.cookie);
    expect((await enter()).status).toBe(404);
    expect((await visit('/setup', form.cookie)).status).toBe(404);
    expect((await visit(back, form.cookie)).status).toBe(404);
  });

  test('may make the App in an organization', async () => {
    const { cookie } = await enter();
    const form = await visit('/setup?org=acme', cookie);
    expect(form.text).toContain(`${github.url}/organizations/acme/settings/apps/new?state=`);
    expect((await visit('/setup?org=a/b', cookie)).text).toContain('no name that an organization can have');
  });

  test('tries again when GitHub was down, and begins again when its code is too old', async () => {
    const form = await enter();
    const back = await takeToGitHub(form);
    github.fail('POST', '/app-manifests/*', { status: 502 });
    expect((await visit(back, form.cookie)).status).toBe(503);
    clock = 2 * 60 * 60_000;
    const late = await visit(back, form.cookie);
    expect([late.status, late.text]).toEqual([400, expect.stringContaining('older than an hour')]);
    expect(() => statSync(savedAppPath(place.dataDir))).toThrow('ENOENT');
    const again = await visit('/setup', form.cookie);
    expect((await visit(await takeToGitHub(again), again.cookie)).status).toBe(200);
  });
});

describe('whoever has not', () => {
  beforeEach(() => open());

  test('sees nothing, whatever they try', async () => {
    const code = setupCode();
    const none = await visit('/setup');
    for (const wrong of ['', 'x', code.slice(1), `${code}x`, code.toUpperCase()]) {
      expect(await enter(wrong)).toEqual(none);
    }
    expect(await enter(code, 'https://evil.example')).toEqual(none);
    // A code in a query would be in the logs of proxies.
    expect(await visit(`/setup?code=${code}`)).toEqual(none);
    expect((await visit('/setup', 'sam-setup=guess')).text).toBe(none.text);
    expect(none.status).toBe(404);
  });

  test('keeps nobody out who has it, however many codes they guess', async () => {
    for (let count = 0; count < 30; count++) await enter(`guess${count}`);
    expect((await enter()).status).toBe(200);
  });

  test('cannot finish what another browser began', async () => {
    const form = await enter();
    const back = await takeToGitHub(form);
    const other = await enter();
    expect((await visit(back)).status).toBe(404);
    expect((await visit(back, other.cookie)).status).toBe(404);
    expect((await visit(back, form.cookie)).status).toBe(200);
  });
});

test('what would stop the next start is said before anything is made', async () => {
  await open({ ALLOW_INSECURE_BASE_URL: 'false', ALLOW_LOCAL_NODES: 'false' });
  const { status, text } = await enter();
  expect(status).toBe(200);
  expect(text).toContain('that needs <code>ALLOW_LOCAL_NODES=true</code>'.replaceAll(/<\/?code>/g, ''));
  expect(text).toContain('not an https address');
  expect(text).not.toContain('manifest');
});

describe('the file with the App', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sam-saved-app-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const env = () => ({ DATA_DIR: folder, ALLOW_LOCAL_NODES: 'true', ALLOW_INSECURE_BASE_URL: 'true' });

  test('gives way to the environment', () => {
    writeFileSync(savedAppPath(folder), '{"APP_ID":"7"}');
    expect(() => parseConfig({ ...env(), APP_ID: '8' }, '/')).toThrow(/PRIVATE_KEY is missing/);
  });

  test('stops the start when it is broken, and tells nothing of what is in it', () => {
    writeFileSync(savedAppPath(folder), '{"APP_ID":"7","WEBHOOK_SECRET":"a secret that is cut o');
    const read = () => parseConfig(env(), '/');
    expect(read).toThrow(/github-app\.json, the GitHub App that \/setup made, is not whole\./);
    expect(read).not.toThrow(/a secret that/);
  });
});

test('app.yml asks for the events that the bot reads, and for no others', async () => {
  const { default_events: events } = await readDescribedApp();
  const isRead = (name: string): boolean => !('nothing' in understand(name, {}));
  const comesByItself = (name: string): boolean => name.startsWith('installation');
  const all = examples as unknown as { name: string }[];
  const names = all.map(({ name }) => name).filter((name) => isRead(name) && !comesByItself(name));
  expect(events.toSorted()).toEqual(names.toSorted());
});

test('an App is called after its host, and no longer than GitHub allows', async () => {
  const { name } = await readManifest(
    'https://sam.a-rather-long-name-of-a-company.example.com',
    '/setup/done',
  );
  expect(name).toBe('Sam sam-a-rather-long-name-of-a-co');
});
