// The app in many workspaces of Slack's: installed by anybody, tokens that rotate, taken away and installed again.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Channel, Person } from '../fakes/slack/slack.ts';
import { until } from '../until.ts';
import { createBrowser, titleOf, type Browser, type Visit } from './browser.ts';
import { openLog } from './log.ts';
import { startSlack, type Slack } from '../testers/slack.ts';

const log = openLog();
const KEY = randomBytes(32).toString('base64');
let context: Slack;
let first: { person: Person; channel: Channel };
let second: { person: Person; channel: Channel };
beforeAll(async () => {
  context = await startSlack({
    isInstalled: true,
    withoutLinks: true,
    log: log.logger,
    env: { ENCRYPTION_KEY: KEY },
  });
  first = await addTeam('T0FIRST', 'bob');
  second = await addTeam('T0SECOND', 'ada');
  for (const team of ['T0FIRST', 'T0SECOND']) await install(team);
  await context.say('up acme/api --name one', first.person, first.channel);
  await context.say('up acme/api --name two', second.person, second.channel);
}, 60_000);
afterAll(() => context[Symbol.asyncDispose]());
/** Both have it, with a token that is good for long, and a workspace that runs; nobody else has it. */
beforeEach(async () => {
  await context.place.sql`delete from credentials where owner not in ('T0FIRST', 'T0SECOND')`;
  for (const team of ['T0FIRST', 'T0SECOND']) await install(team);
  await context.settle();
  for (const [name, { person, channel }] of Object.entries({ one: first, two: second }))
    if ((await context.sam.row(name)).phase !== 'running')
      await context.say(`start ${name}`, person, channel);
});

async function addTeam(team: string, login: string): Promise<{ person: Person; channel: Channel }> {
  const person = context.slack.addPerson(login, team);
  await context.connect(person, login);
  return { person, channel: context.slack.addChannel('general', [person], { team }) };
}

const browserAt = (): Browser => createBrowser(new URL(context.sam.bot.url).origin);
const install = (id: string, more: Partial<Slack['slack']['world']['installer']> = {}): Promise<Visit> => {
  context.slack.world.installer = { team: { id, name: id.toLowerCase() }, says: 'yes', ...more };
  return browserAt().follow('/slack/install');
};
const tokenOf = (team: string): string =>
  [...context.slack.world.installs].findLast(([, { teams }]) => teams.includes(team))![0];
const rows = () => context.place.sql<{ id: string; owner: string; ciphertext: Buffer }[]>`
  select id, owner, ciphertext from credentials order by id`;
const seen = ({ person, channel }: typeof first): string[] =>
  context.slack.seenBy(person, channel).map(context.read);

test('two workspaces of Slack’s install it, and each is answered with its own token', async () => {
  expect(titleOf(await install('T0FIRST'))).toBe('Sam is in t0first');
  expect(titleOf(await install('T0SECOND'))).toBe('Sam is in t0second');
  const [here, there] = [first, second].map(({ person }) => ({
    person,
    channel: context.slack.addChannel('more', [person], { team: person.team }),
  })) as [typeof first, typeof second];
  await context.say('up acme/api --name alpha --new', here.person, here.channel);
  await context.say('up acme/api --name beta --new', there.person, there.channel);
  expect(seen(here).at(-1)).toContain('*`alpha`* running');
  expect(seen(there).at(-1)).toContain('*`beta`* running');
  expect(seen(here).join()).not.toContain('`beta`');
});

test('in the database no token can be read', async () => {
  const kept = await rows();
  expect(kept.map(({ id, owner }) => [id, owner])).toEqual([
    ['slack:T0FIRST', 'T0FIRST'],
    ['slack:T0SECOND', 'T0SECOND'],
  ]);
  for (const { ciphertext } of kept) expect(ciphertext.toString('latin1')).not.toContain('xoxb-');
});

test('a token that was moved into another workspace’s row opens nothing', async () => {
  const [own, other] = await rows();
  const { sql } = context.place;
  await sql`update credentials set ciphertext = ${other!.ciphertext} where id = ${own!.id}`;
  const ended = async () =>
    (await sql`select 1 from deliveries where event = 'message' and ended_at is not null`).length;
  const [before, endedBefore] = [seen(first).length, await ended()];
  await context.slack.mention(first.person, first.channel, '{bot} whoami');
  await until(async () => (await ended()) > endedBefore);
  expect(seen(first)).toHaveLength(before + 1);
  await sql`update credentials set ciphertext = ${own!.ciphertext} where id = ${own!.id}`;
  await sql`update deliveries set lease_until = clock_timestamp() where lease_until is not null`;
  await context.settle();
  expect(seen(first).at(-1)).toContain('You are bob');
});

test('the way back from Slack works once, and only in the browser that began', async () => {
  context.slack.world.installer = { team: { id: 'T0THIRD', name: 'third' }, says: 'yes' };
  const [mine, theirs] = [browserAt(), browserAt()];
  const begun = await mine.visit('/slack/install');
  const back = (await mine.visit(begun.location!)).location!;
  expect(titleOf(await theirs.visit(back))).toBe('This installation was not begun here');
  expect(titleOf(await mine.visit(back.replace(/state=\w{4}/, 'state=aaaa')))).toBe(
    'This installation was not begun here',
  );
  expect(await rows()).toHaveLength(2);
  const again = browserAt();
  const fresh = (await again.visit((await again.visit('/slack/install')).location!)).location!;
  const { host } = new URL(fresh);
  const cookie = (await fetch(`http://${host}/slack/install`, { redirect: 'manual' })).headers.getSetCookie();
  expect(cookie.join()).toMatch(/HttpOnly; SameSite=Lax; Max-Age=600/);
  const [pair = ''] = cookie.join().split(';');
  const state = `${pair.split('=')[1]}.1.x`;
  const forged = await fetch(`http://${host}/slack/oauth_redirect?code=1&state=${state}`, {
    headers: { cookie: pair },
  });
  expect(forged.status).toBe(403);
  expect(titleOf(await again.visit(fresh))).toBe('Sam is in third');
  await context.slack.event(
    { type: 'app_uninstalled' },
    { team_id: 'T0THIRD', authorizations: [], event_time: soon() },
  );
});

test('a state is spent by its first use, even if the cookie is still there', async () => {
  const begun = await fetch(`${context.sam.bot.url}/slack/install`, { redirect: 'manual' });
  const headers = { cookie: begun.headers.getSetCookie().join().split(';')[0]! };
  const state = new URL(begun.headers.get('location')!).searchParams.get('state')!;
  const back = `${context.sam.bot.url}/slack/oauth_redirect?error=access_denied&state=${state}`;
  expect((await fetch(back, { headers })).status).toBe(200);
  expect((await fetch(back, { headers })).status).toBe(403);
});

test('who says no at Slack reads that nothing was installed', async () => {
  expect(titleOf(await install('T0FOURTH', { says: 'no' }))).toBe('Nothing was installed');
  context.slack.world.clientSecret = 'another secret of the app';
  expect(titleOf(await install('T0FOURTH'))).toBe('Slack did not give us a token');
  context.slack.world.clientSecret = 'a-client-secret-for-tests';
  expect(await rows()).toHaveLength(2);
});

test('a token that is near its end is renewed once, however many need it', async () => {
  await install('T0FIRST', { lifeSeconds: 3600 });
  const old = tokenOf('T0FIRST');
  const asked = () => context.slack.server.seen.filter(({ path }) => path === '/api/oauth.v2.access').length;
  const before = asked();
  const others = ['mel', 'nia', 'oz', 'pat', 'quin'].map((name) => context.slack.addPerson(name, 'T0FIRST'));
  for (const { id } of others) first.channel.members.add(id);
  await Promise.all(others.map((one) => context.slack.mention(one, first.channel, '{bot} help')));
  await context.slack.slash(first.person, first.channel, 'stop one');
  await context.settle();
  expect(asked()).toBe(before + 1);
  expect(tokenOf('T0FIRST')).not.toBe(old);
  context.slack.world.installs.get(old)!.expiresAt = 0;
  await context.say('start one', first.person, first.channel);
  expect(context.read(context.card(first.channel))).toContain('running');
});

test('where it was taken away cards wait, and nobody else notices; installed again, they catch up', async () => {
  const { sql } = context.place;
  const calls = () => context.slack.server.seen.length;
  await context.slack.event({ type: 'tokens_revoked', tokens: { oauth: ['U1'], bot: [] } }, inFirst());
  expect(await rows()).toHaveLength(2);
  await context.slack.event({ type: 'tokens_revoked', tokens: { oauth: [], bot: ['U0BOT'] } }, inFirst());
  expect((await rows()).map(({ owner }) => owner)).toEqual(['T0SECOND']);
  await context.github.comment(context.pull, 'bob', '/sam stop one');
  await until(async () => (await context.sam.row('one')).phase === 'stopped');
  await until(async () => {
    const [card] = await sql`select 1 from cards where thread like 'T0FIRST/%' and attempts > 0`;
    return card !== undefined;
  });
  const before = calls();
  await context.slack.slash(second.person, second.channel, 'stop two');
  await until(() => context.read(context.card(second.channel)).includes('stopped'));
  expect(calls() - before).toBeLessThan(6);
  expect(context.read(context.card(first.channel))).toContain('running');
  await install('T0FIRST');
  await until(() => context.read(context.card(first.channel)).includes('stopped'));
});

test('word of an earlier removal does not take a later installation away', async () => {
  await context.slack.event({ type: 'app_uninstalled' }, { ...inFirst(), event_time: soon() - 3600 });
  expect((await rows()).map(({ owner }) => owner)).toEqual(['T0FIRST', 'T0SECOND']);
});

test('a token that Slack refuses is left alone for a while, and a new one is taken at once', async () => {
  context.slack.world.installs.get(tokenOf('T0SECOND'))!.isRevoked = true;
  const tries = () => context.slack.server.seen.filter(({ path }) => path.startsWith('/api/')).length;
  const before = tries();
  for (const line of ['start two', 'stop two', 'start two'])
    await context.slack.slash(second.person, second.channel, line);
  await until(async () => (await context.sam.row('two')).phase === 'running');
  expect(tries() - before).toBeLessThanOrEqual(2);
  await install('T0SECOND');
  await until(() => context.read(context.card(second.channel)).includes('running'));
});

test('installed for an organisation, one token serves all of its workspaces', async () => {
  const organisation = { enterprise: { id: 'E0ORG', name: 'Org' }, isForAll: true };
  expect(titleOf(await install('T0GRID', organisation))).toBe('Sam is in Org');
  expect((await rows()).map(({ owner }) => owner)).toContain('E0ORG');
  const grid = await addTeam('T0GRID', 'eve');
  await context.slack.slash(grid.person, grid.channel, 'whoami', {
    enterprise_id: 'E0ORG',
    is_enterprise_install: 'true',
  });
  await context.settle();
  const [row] = await context.place.sql<{ payload: { team: string; home: string } }[]>`
    select payload from deliveries where payload->>'user' = ${grid.person.id}`;
  expect(row!.payload).toMatchObject({ team: 'E0ORG', home: 'E0ORG' });
  // An answer that needs the token: an event, and no address for it.
  await context.slack.event(
    {
      type: 'app_mention',
      user: grid.person.id,
      text: '<@U0BOT> whoami',
      ts: '1.7',
      channel: grid.channel.id,
    },
    {
      enterprise_id: 'E0ORG',
      authorizations: [
        { enterprise_id: 'E0ORG', team_id: null, user_id: 'U0BOT', is_enterprise_install: true },
      ],
    },
  );
  await context.settle();
  expect(seen(grid).filter((text) => text.includes('You are eve'))).toHaveLength(2);
});

test(
  'with another ENCRYPTION_KEY the bot starts, says what to do, and speaks again once that is done',
  { timeout: 120_000 },
  async () => {
    const found = randomBytes(32).toString('base64');
    await context.sam.restart({ ENCRYPTION_KEY: found });
    await until(() => log.messages('error').some((line) => line.startsWith('ENCRYPTION_KEY')));
    const advice = log.messages('error').filter((line) => line.startsWith('ENCRYPTION_KEY'));
    expect(advice.map((line) => line.replaceAll(context.sam.bot.url, 'http://localhost')))
      .toMatchInlineSnapshot(`
    [
      "ENCRYPTION_KEY is not the one that sealed the Slack tokens of these workspaces, so nothing can be said there. Set the earlier key behind it (ENCRYPTION_KEY=new,old) and start again. If that one is lost: Install the app there again: http://localhost/slack/install",
    ]
  `);
    // Slack is heard, the command runs, and only the card waits.
    await context.slack.slash(second.person, second.channel, 'stop two');
    await until(async () => (await context.sam.row('two')).phase === 'stopped');
    await until(() =>
      log.messages('error').some((line) => line.startsWith('The token for that workspace was sealed')),
    );
    expect(context.read(context.card(second.channel))).toContain('running');
    await install('T0SECOND');
    await until(() => context.read(context.card(second.channel)).includes('stopped'));
    // The others' tokens come back with the old key behind the new one, and from then on the new one is enough.
    await context.sam.restart({ ENCRYPTION_KEY: `${found},${KEY}` });
    await context.say('start one', first.person, first.channel);
    expect(context.read(context.card(first.channel))).toContain('running');
    await until(async () => new Set((await keyIds()).map(({ id }) => id)).size === 1);
    await context.sam.restart({ ENCRYPTION_KEY: found });
    await context.say('stop one', first.person, first.channel);
    expect(context.read(context.card(first.channel))).toContain('stopped');
  },
);

const keyIds = () => context.place.sql<{ id: string }[]>`select key_id as id from credentials`;
const soon = (): number => Math.floor(Date.now() / 1000) + 1;
const inFirst = () => ({ team_id: 'T0FIRST', authorizations: [], event_time: soon() });
