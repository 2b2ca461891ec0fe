// The way from a link that everyone can read into the terminal, in a real browser through the fake GitHub's sign-in.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Browser } from 'playwright-core';
import { createTerminals } from '../../../agent/terminal/server.ts';
import type { Terminals } from '../../../agent/terminal/terminals.ts';
import type { Keys } from '../../../bot/access/keys.ts';
import type { Workspace } from '../../../bot/database/schema.ts';
import type { Upgrade } from '../../../bot/http/routes.ts';
import { bundlePage } from '../../../bot/http/page-bundle.ts';
import { browserMissing, launchBrowser } from '../../browser.ts';
import { eventually, visit, type Visitor } from '../../page/visitor.ts';
import { ptysHere } from '../../testers/ptys.ts';
import { startSignInSite, type SignInSite } from './sign-in-site.ts';

describe.skipIf(browserMissing)('a link that everyone can read', { timeout: 120_000 }, () => {
  let browser: Browser;
  let site: SignInSite;
  let folder: string;
  let terminals: Terminals;
  let workspace: Workspace;
  let link: string;
  let visitor: Visitor;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sam-sign-in-'));
    browser = await launchBrowser();
    site = await startSignInSite({ page: await bundlePage(join(folder, 'page')), terminals: openTerminals });
  });
  afterAll(async () => {
    await browser?.close();
    await terminals?.close();
    await site?.close();
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    workspace = await site.rows.addWorkspace({ owner: await site.userOf('ann') });
    link = site.signer.sign(site.origin, workspace.id);
  });
  afterEach(async () => {
    const { complaints } = visitor;
    await visitor.leave();
    expect(complaints).toEqual([]);
  });

  /** One node for all workspaces; the bot's own tickets open them. */
  function openTerminals(keys: Keys, origin: string): Upgrade[] {
    const rcfile = join(folder, 'bashrc');
    writeFileSync(rcfile, "PS1='here $ '\n");
    const env = { PATH: process.env['PATH'] ?? '', HOME: folder, TERM: 'xterm-256color', LANG: 'C.UTF-8' };
    const shell = () => ({ file: '/bin/bash', args: ['--rcfile', rcfile], env, cwd: folder });
    terminals = createTerminals({
      origin,
      async verifyTicket(ticket) {
        const wanted = { type: 'sam-ticket+jwt', audience: `workspace:${workspace.id}` } as const;
        const claims = await keys.verify(ticket, wanted);
        if (!claims) throw new Error('no ticket of ours');
        return { workspace: workspace.id, user: claims.sub, access: 1, jti: String(claims.jti), drive: true };
      },
      find: () => ({ running: true, access: 1, shell }),
      ptys: ptysHere,
      onInput: () => {},
      onSessions: () => {},
    });
    const handle: Upgrade['handle'] = (req, socket, head) => terminals.handleUpgrade(req, socket, head);
    return [{ path: '/nodes/:node/terminal', handle }];
  }

  const heading = () => eventually(() => visitor.page.locator('h1').last().textContent());
  const press = (name: string) => visitor.page.getByRole('button', { name, exact: true }).click();
  const follow = (name: string) => visitor.page.getByRole('link', { name, exact: true }).click();

  test('opens the terminal for its owner, who signs in on the way and out again', async () => {
    site.github.signedInAs('ann');
    visitor = await visit(browser, link);
    await heading().toBe('Sign in to open this terminal');
    await follow('Sign in with GitHub');
    await visitor.isIn('Connected');
    expect(visitor.page.url()).toBe(link);
    await visitor.run('echo $((6*7))');
    await visitor.sees(/^42$/m);
    expect(await visitor.page.evaluate(() => document.cookie)).toBe('');

    await press('Settings and keys');
    await follow('Sign out');
    await heading().toBe('Signed in as ann');
    await press('Sign out');
    await heading().toBe('Nobody is signed in here');
    await visitor.page.goto(link);
    await heading().toBe('Sign in to open this terminal');
  });

  test('is the same 404 for a stranger as one that leads nowhere', async () => {
    site.github.signedInAs('bob');
    visitor = await visit(browser, link);
    await follow('Sign in with GitHub');
    await heading().toBe('No such workspace');
    const words = await visitor.page.locator('main').innerText();
    const answer = await visitor.page.goto(`${site.origin}/w/ws-aaaaaaaaaaaa`);
    expect(answer!.status()).toBe(404);
    expect(await visitor.page.locator('main').innerText()).toBe(words);
    await follow('Who is signed in here?');
    await heading().toBe('Signed in as bob');
  });

  test('says so when its reader was signed out everywhere, and the sign-in leads back', async () => {
    site.github.signedInAs('ann');
    visitor = await visit(browser, `${site.origin}/w/${workspace.id}`);
    await follow('Sign in with GitHub');
    await visitor.isIn('Connected');
    const other = site.browser();
    await other.signIn();
    expect((await other.post('/logout/everywhere')).status).toBe(303);
    await visitor.page.reload();
    await heading().toBe('This browser is signed out');
    expect(await visitor.page.locator('#screen code').textContent()).toBe('open');
    await follow('Sign in with GitHub');
    await visitor.isIn('Connected');
  });

  test('after a sign-in that GitHub did not finish, one button tries again', async () => {
    site.github.signedInAs('ann');
    site.github.fail('GET', '/user', { status: 500 });
    visitor = await visit(browser, link);
    await follow('Sign in with GitHub');
    await heading().toBe('GitHub does not answer');
    await follow('Sign in again');
    await visitor.isIn('Connected');
    expect(visitor.page.url()).toBe(link);
  });
});
