// The Slack app is taken away: its token ends at once, and what was asked for there goes after three days unless it is back by then.
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Workspace } from '../../bot/database/schema.ts';
import { until } from '../until.ts';
import { startSlack, type Slack } from '../testers/slack.ts';
import { createBrowser } from '../slack/browser.ts';

let context: Slack;
let count = 0;
beforeAll(async () => {
  context = await startSlack({ isInstalled: true, withoutLinks: true });
}, 60_000);
afterAll(() => context[Symbol.asyncDispose]());

/** A workspace of Slack's with the app, and two of ours that were asked for there: in a channel and in private. */
async function newTeam() {
  const team = `T0LEFT${++count}`;
  const login = `person-${count}`;
  context.github.addUser(login);
  context.github.addCollaborator('acme/api', login, 'write');
  const person = context.slack.addPerson(login, team);
  await context.connect(person, login);
  const channel = context.slack.addChannel('general', [person], { team });
  await install(team);
  // Cards of where the app is not wait, and with them whoever waits until all is quiet.
  onTestFinished(async () => {
    await install(team);
    await context.settle();
  });
  const [here, alone] = [`here-${count}`, `alone-${count}`];
  await context.say(`up acme/api --name ${here}`, person, channel);
  await context.say(`up acme/api --new --name ${alone}`, person, context.slack.directOf(person));
  return { team, person, channel, here, alone, names: [here, alone] };
}

const install = (id: string): Promise<unknown> => {
  context.slack.world.installer = { team: { id, name: id.toLowerCase() }, says: 'yes' };
  return createBrowser(new URL(context.sam.bot.url).origin).follow('/slack/install');
};
const row = async (name: string): Promise<Pick<Workspace, 'phase' | 'desired' | 'access' | 'notice'>> => {
  const [found] = await context.place.sql<Workspace[]>`
    select phase, desired, access, notice from workspaces where name = ${name}`;
  return found!;
};
const said = async (name: string) => ((await row(name)).notice ?? []).map(({ code }) => code);
const tokens = (team: string) => context.place.sql`select 1 from credentials where owner = ${team}`;

/** The look that comes every hour, so many hours after it left. */
async function look(team: string, hours: number): Promise<void> {
  const { sql } = context.place;
  await sql`update commands set created_at = created_at - ${hours} * interval '1 hour'`;
  await sql`update settings set value = (clock_timestamp() - ${hours} * interval '1 hour')::text
    where name = ${`departed slack ${team}`}`;
  await sql`update sweeps set last_run_at = null where name = 'slack-departures'`;
  await until(async () => {
    const [swept] = await sql`select 1 from sweeps
      where name = 'slack-departures' and last_run_at is not null and lease_until is null`;
    return swept !== undefined;
  });
}

const at = (team: string, ago = 0) => ({
  team_id: team,
  authorizations: [],
  event_time: Math.floor(Date.now() / 1000) + 1 - ago,
});
const HOW = [
  ['app_uninstalled', { type: 'app_uninstalled' }],
  ['tokens_revoked', { type: 'tokens_revoked', tokens: { oauth: [], bot: ['U0BOT'] } }],
] as const;

test.each(HOW)(
  '%s: no token is left, and what was asked for there goes after three days',
  async (_how, event) => {
    const other = await newTeam();
    const { team, here, names } = await newTeam();
    const { access } = await row(here);
    await context.slack.event(event, at(team));
    expect(await tokens(team)).toHaveLength(0);
    for (const name of names) {
      expect(await row(name)).toMatchObject({ phase: 'running', access: access + 1 });
      expect(await said(name)).toEqual(['app-left']);
    }
    await context.sam.restart();
    await look(team, 71);
    expect((await row(here)).desired).toBe('running');
    await look(team, 73);
    for (const name of names) await until(async () => (await row(name)).phase === 'deleted');
    expect(await row(other.here)).toMatchObject({ phase: 'running', notice: null });
  },
);

test.each(HOW)('%s, and installed again within them: everything is as it was', async (_how, event) => {
  const { team, names } = await newTeam();
  await context.slack.event(event, at(team));
  await context.sam.restart();
  await install(team);
  for (const name of names) expect(await row(name)).toMatchObject({ phase: 'running', notice: null });
  await look(team, 73);
  for (const name of names) expect(await row(name)).toMatchObject({ phase: 'running', notice: null });
});

test('word of a removal that an installation followed changes nothing', async () => {
  const { team, here } = await newTeam();
  await context.slack.event({ type: 'app_uninstalled' }, at(team, 3600));
  expect(await tokens(team)).toHaveLength(1);
  expect((await row(here)).notice).toBeNull();
});
