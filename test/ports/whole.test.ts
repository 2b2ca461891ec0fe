// From `port` in a chat to a program in a workspace: a whole bot, its node, and a browser without a screen.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { findFreePort } from '../free-port.ts';
import { until } from '../until.ts';
import { createBrowser } from './browser.ts';
import { signIn, startProgram, startSite } from './site.ts';

test('what listens is seen, has an address, opens for its owner alone, and ends with the workspace', async () => {
  await using site = await startSite();
  const { sam, port, origin, workspace } = site;
  expect(await sam.say('port')).toContain('Nothing listens in `demo`');
  const none = await sam.say(`port ${port}`);
  expect(none).toContain(`Port ${port} of \`demo\`: `);
  expect(none).toContain('Nothing listens there yet');
  await startProgram(site);
  await until(async () => (await sam.say('port')).includes(`${port}: http://`));
  expect(sam.shown()).toContain(`Port ${port} of \`demo\`: ${origin}/`);
  expect(await sam.say('status demo')).toContain(String(port));
  // The link beside it lets a browser in that is nobody's yet.
  const [, way = '', code = ''] = /^(http\S+\/ports\/\S+)#(\S+)$/m.exec(sam.shown()) ?? [];
  const fresh = createBrowser();
  expect((await fresh.open(way)).status).toBe(401);
  const spent = await fresh.ask(`${way}/code`, {
    method: 'POST',
    headers: { origin: sam.bot.url },
    body: code,
  });
  expect(
    (await fresh.open(`${sam.bot.url}${(JSON.parse(spent.body) as { next: string }).next}`)).body,
  ).toContain(`Hello from ${port}`);
  expect(
    await sam.place.sql`
      select workspace_id from audit where action = 'link-spent' and target = ${String(port)}`,
  ).toEqual([{ workspace_id: workspace }]);
  const browser = await signIn(site);
  // The page of its terminal is told of it, too.
  const told = await browser.ask(`${sam.bot.url}/w/${workspace}/ports`);
  expect(JSON.parse(told.body)).toEqual({ ports: [{ port, address: `${origin}/` }] });
  const page = await browser.open(`${origin}/path?x=1`);
  expect([page.status, page.url]).toEqual([200, `${origin}/path?x=1`]);
  expect(page.body).toContain(`Hello from ${port}`);

  // Whoever comes by hand uses the workspace.
  await sam.place.sql`update workspaces set last_activity_at = now() - interval '10 minutes'`;
  const byHand = { 'sec-fetch-mode': 'navigate', 'sec-fetch-user': '?1' };
  await browser.ask(`${origin}/`, { headers: byHand });
  await until(async () => {
    const [row] = await sam.place
      .sql`select last_activity_at > now() - interval '5 minutes' as used from workspaces`;
    return row?.['used'] === true;
  });

  // Sam's own port, and one of this machine that is nobody's workspace's, are not there.
  const other = createServer((_req, res) => res.end('secret')).listen(0, '127.0.0.1');
  await once(other, 'listening');
  for (const taken of [Number(new URL(sam.bot.url).port), (other.address() as AddressInfo).port])
    expect((await browser.open(`${site.originOf(taken)}/`)).status).toBe(502);
  other.close();

  // On a machine that is the bot's, too: the agent itself is not reached.
  const [row] = await sam.place.sql<{ at: number }[]>`select terminal_port as at from nodes`;
  expect((await browser.open(`${site.originOf(row!.at)}/`)).status).toBe(502);

  await sam.say(`port ${port} --close`);
  expect((await browser.open(`${origin}/`)).status).toBe(404);
  await sam.say(`port ${port}`);
  expect((await browser.open(`${origin}/`)).status).toBe(200);

  await sam.say('stop demo');
  const stopped = await browser.open(`${origin}/`);
  expect([stopped.status, stopped.body.includes('demo is not running')]).toEqual([409, true]);
  expect(await sam.say(`port ${port}`)).toContain('is stopped');
  await sam.give('demo', 'eve');
  expect((await browser.open(`${origin}/`)).status).toBe(404);
  expect(workspace).toMatch(/^ws-/);
});

test('without a domain there is no address, and it is said who can give one', async () => {
  const port = await findFreePort();
  // This machine, by a name below which there are no others.
  await using site = await startSite({
    env: { PORT: String(port), BASE_URL: `http://[::ffff:7f00:1]:${port}` },
  });
  expect(await site.sam.say('port 3000')).toContain('`PORTS_DOMAIN`');
});
