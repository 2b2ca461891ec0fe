// The page's buttons in a real browser, through the whole bot and a real node.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startSession } from '../../bot/access/people/sessions.ts';
import { connect } from '../../bot/database/connect.ts';
import { browserMissing, launchBrowser } from '../browser.ts';
import { eventually, visit, type Visitor } from '../page/visitor.ts';
import { startSam, type Sam } from '../testers/sam.ts';

let browser: Browser;
beforeAll(async () => void (browser = await launchBrowser()));
afterAll(() => browser?.close());

/** The owner, signed in as a forge would have them be, on the page of their workspace. */
async function arriveSignedIn(sam: Sam): Promise<Visitor> {
  const [row] = await sam.place.sql`select id, owner from workspaces where name = 'demo'`;
  const database = await connect(sam.place.databaseUrl);
  const { secret } = await startSession(database.db, row?.['owner']);
  await database.close();
  const visitor = await visit(browser, 'about:blank');
  onTestFinished(() => visitor.leave());
  await visitor.page.context().addCookies([{ name: 'sam', value: secret, url: sam.bot.url }]);
  await visitor.page.goto(`${sam.bot.url}/w/${row?.['id']}`);
  return visitor;
}

describe.skipIf(browserMissing)('the page of a workspace', { timeout: 120_000 }, () => {
  test('starts it by a button, which is a command like all others, shows how far it is, and goes in by itself', async () => {
    await using sam = await startSam();
    sam.place.repository('demo');
    await sam.say('up ./demo');
    const ada = await arriveSignedIn(sam);
    await ada.isIn('Connected');
    await sam.say('stop');
    const title = eventually(() => ada.page.locator('#screen h1').textContent());
    await title.toBe('The workspace was stopped');
    expect(await ada.page.locator('#screen .command code').textContent()).toBe('start demo');
    await ada.page.getByRole('button', { name: 'Start', exact: true }).click();
    await ada.isIn('Connected');
    await ada.sees(/[$#]\s*$/);
    await ada.run('echo in-$((1+1))');
    await ada.sees('in-2');
    await sam.settle();
    const said = await sam.place.sql`select front, verb, line, status from commands order by id desc limit 1`;
    expect(said).toEqual([{ front: 'page', verb: 'start', line: 'start demo', status: 'done' }]);
    expect(ada.complaints).toEqual([]);
  });
});
