// From the console's link to a shell in a real browser, through the whole bot and a real node.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { browserMissing, launchBrowser } from '../browser.ts';
import { visit, type Visitor } from '../page/visitor.ts';
import { pidOf } from '../providers/local-place.ts';
import { startSam, type Sam } from '../testers/sam.ts';
import { PATIENCE_MS, until } from '../until.ts';

const PROMPT = /demo.*[$#]\s*$/;
const SOON = { timeout: PATIENCE_MS, interval: 30 };

let browser: Browser;
let visitors: Visitor[] = [];

/** A browser of its own, without cookies. */
async function open(link: string): Promise<Visitor> {
  const visitor = await visit(browser, link);
  visitors.push(visitor);
  return visitor;
}

/** With a workspace and its terminal open. */
async function arrive(sam: Sam): Promise<Visitor> {
  sam.place.repository('demo');
  await sam.say('up ./demo');
  const visitor = await open(sam.link());
  await visitor.isIn('Connected');
  await visitor.sees(PROMPT);
  return visitor;
}

/** As by hand: the address alone would not load the page anew when only the code in it differs. */
async function visitAgain({ page }: Visitor, link: string): Promise<void> {
  await page.goto('about:blank');
  await page.goto(link);
}

const titleOf = ({ page }: Visitor) => expect.poll(() => page.locator('#screen h1').textContent(), SOON);
const commandOf = ({ page }: Visitor) => page.locator('#screen code').textContent();

beforeAll(async () => void (browser = await launchBrowser()));
afterAll(() => browser?.close());
afterEach(async () => {
  const complaints = visitors.flatMap((visitor) => visitor.complaints);
  await Promise.all(visitors.map((visitor) => visitor.leave()));
  visitors = [];
  expect(complaints, 'what the browser refused or the page threw').toEqual([]);
});

describe.skipIf(browserMissing)('the link in a browser', () => {
  test('what one types runs in the clone; after a reload the same session is there with its screen', async () => {
    await using sam = await startSam();
    const ada = await arrive(sam);
    await ada.run('cat README.md; name=ada; echo $((6*7))');
    await ada.sees(/^# demo$/m);
    await ada.sees(/^42$/m);
    await ada.page.reload();
    await ada.sees(/^42$/m);
    await ada.run('echo "still $name"');
    await ada.sees(/^still ada$/m);
    expect(await sam.say('who')).toContain('1 terminal session open in it');
  });

  test('a link opens one browser, once; another one is told how to get its own', async () => {
    await using sam = await startSam();
    const ada = await arrive(sam);
    const late = await open(sam.link());
    await titleOf(late).toBe('This link was used already, or is too old');
    expect(await commandOf(late)).toBe('open');
    await sam.say('open');
    const again = await open(sam.link());
    await again.isIn('Connected');
    await ada.isIn('Connected');
  });

  test('a link of another person opens nothing, and takes nothing away', async () => {
    await using sam = await startSam();
    const ada = await arrive(sam);
    const theirs = await sam.linkFor('bob', 'demo');
    await titleOf(await open(theirs)).toBe('No such workspace');
    const page = ada.page.url();
    await visitAgain(ada, await sam.linkFor('bob', 'demo'));
    await titleOf(ada).toBe('No such workspace');
    await visitAgain(ada, page);
    await ada.isIn('Connected');
    await sam.say('up ./demo --new');
    await sam.give('demo-2', 'bob');
    const { id } = await sam.row('demo-2');
    await visitAgain(ada, `${sam.bot.url}/w/${id}`);
    await titleOf(ada).toBe('Who are you?');
    await visitAgain(ada, await sam.linkFor('bob', 'demo-2'));
    await titleOf(ada).toBe('No such workspace');
    const bob = await open(await sam.linkFor('bob', 'demo-2'));
    await bob.isIn('Connected');
  });
});

describe.skipIf(browserMissing)('the terminal in a browser', () => {
  test('two tabs are two shells', async () => {
    await using sam = await startSam();
    const ada = await arrive(sam);
    await ada.run('here=first');
    await ada.page.getByRole('button', { name: 'New terminal' }).click();
    // Beside the one of the coding agent.
    await expect.poll(() => ada.page.getByRole('tab').count(), SOON).toBe(3);
    await ada.sees(PROMPT);
    await ada.run('echo "here: $here."');
    await ada.sees(/^here: \.$/m);
    await ada.page.getByRole('tab').first().click();
    await ada.run('echo "here: $here."');
    await ada.sees(/^here: first\.$/m);
  });

  test('a session has nothing of the bot in its environment', async () => {
    const canaries = {
      PROVIDER: 'local',
      HCLOUD_TOKEN: 'canary-hcloud',
      GH_TOKEN: 'canary-of-a-tool',
      ANTHROPIC_API_KEY: 'canary-claude',
      AWS_SECRET_ACCESS_KEY: 'canary-of-somebody',
    };
    await using sam = await startSam({ env: canaries });
    const ada = await arrive(sam);
    await ada.run('env > ~/env.txt; tr "\\0" "\\n" < /proc/$PPID/environ > ~/holder.txt; echo $((6*7))');
    await ada.sees(/^42$/m);
    // Its own, and that of what holds its terminal.
    for (const [file, has] of [
      ['env.txt', 'HOME='],
      ['holder.txt', 'SAM_NODE='],
    ] as const) {
      const text = readFileSync(join(sam.place.root, 'home', file), 'utf8');
      expect(text).toContain(has);
      // A token is random letters, which may spell anything.
      const words = text.replace(/^SAM_BOOTSTRAP_TOKEN=.*$/m, '');
      expect(words).not.toMatch(/canary|PRIVATE KEY|JWT|DATABASE_URL|postgres:/);
    }
    const names = readFileSync(join(sam.place.root, 'home/env.txt'), 'utf8').match(/^\w+(?==)/gm);
    const ours = names?.filter((name) => name.startsWith('SAM_')).toSorted();
    expect(ours).toEqual(['SAM_NODE', 'SAM_PROGRAMS', 'SAM_WORKSPACE', 'SAM_WORKSPACE_NAME']);
  });

  test('when it is stopped the page says so, and comes back after the start', async () => {
    await using sam = await startSam();
    const ada = await arrive(sam);
    await ada.run('echo kept > note.txt; echo $((6*7))');
    await ada.sees(/^42$/m);
    await sam.say('stop');
    await titleOf(ada).toBe('The workspace was stopped');
    expect(await commandOf(ada)).toBe('start demo');
    await sam.say('start');
    // The stop ended what the code began: how it stands is all that this browser hears until it brings a new one.
    await titleOf(ada).toBe('The workspace runs; this browser is signed out');
    expect(await commandOf(ada)).toBe('open');
    await visitAgain(ada, sam.link());
    await ada.sees(PROMPT);
    await ada.run('cat note.txt');
    await ada.sees(/^kept$/m);
  });

  test('kill -9 of the agent: the console says so, it comes back, and the page goes on in the same shell', async () => {
    await using sam = await startSam();
    const ada = await arrive(sam);
    await ada.run('kept=in-this-very-shell; echo $((6*7))');
    await ada.sees(/^42$/m);
    const { nodeId } = await sam.row('demo');
    const folder = join(sam.place.dataDir, 'nodes', `vm-${nodeId?.slice(3)}`);
    const agent = await pidOf(folder);
    sam.heard();
    process.kill(agent, 'SIGKILL');
    let heard = '';
    await until(() => /demo: running/.test((heard += `${sam.heard()}\n`))).catch(async () => {
      throw new Error(`all that was heard: ${heard}; ${JSON.stringify(await sam.row('demo'))}`);
    });
    expect(heard.trim().replaceAll(/\n+/g, '\n')).toMatchInlineSnapshot(`
      "! demo: not reachable
        demo@main (commit) · medium · on the host, which does not isolate · ws-1
        Its machine does not answer. It comes back by itself when the machine does.
      ✓ demo: running
        demo@main (commit) · medium · on the host, which does not isolate · ws-1
        Stops at TIME if idle. Keep it: extend demo 4h"
    `);
    expect(await pidOf(folder)).not.toBe(agent);
    await ada.isIn('Connected');
    await ada.run('echo "$kept"');
    await ada.sees(/^42$[^]*^in-this-very-shell$/m);
  });
});
