// Those who run Sam, in Slack: what they set holds for a channel, and what anybody has they see and stop.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startSlack, type Slack } from '../../testers/slack.ts';

let context: Slack;
beforeAll(async () => {
  context = await startSlack({ env: { ADMINS: 'ada' } });
});
afterAll(() => context[Symbol.asyncDispose]());

const last = async (...said: Parameters<Slack['say']>): Promise<string> =>
  (await context.say(...said)).at(-1) ?? '';

test('a limit of a channel holds there, says who can raise it, and is raised by them with that very command', async () => {
  const { ada, bob } = context.people;
  expect(await last('limit here workspaces=9', bob)).toContain('That is for those who run Sam (`ada`).');
  expect(await last('limit here workspaces=0', ada)).toMatch(/workspaces +0 +0/);
  expect(await last('up acme/api', bob)).toContain(
    'This channel has 0 workspaces, and 0 is the most. Delete one that you do not need: `/sam list` shows yours. Those who run Sam (`ada`) can raise it: `/sam limit here workspaces=1`.',
  );
  expect(await last('limit here workspaces=1', ada)).toMatch(/workspaces +0 +1/);
  await context.say('up acme/api', bob);
  expect(await last('limit here', ada)).toMatch(/workspaces +1 +1/);
  expect(await last(`limit <@${bob.id}> machines=3`, ada)).toMatch(/@bob:[^]*machines +1 +3/);
  expect(await last('limit', bob)).toMatch(/machines +1 +3/);
  expect(await last('limit @bob', bob)).toContain('That is for those who run Sam');

  expect(await last('list --all', ada)).toMatch(/api +running +\S*acme\/api +bob/);
  expect(await last('list --all', bob)).not.toMatch(/OWNER/);
  await context.say('stop api', ada);
  const [row] = await context.place.sql`select desired, notice from workspaces`;
  expect(row).toEqual({ desired: 'stopped', notice: [{ code: 'admin-stopped', details: { by: 'ada' } }] });
  const audit = await context.place
    .sql`select action, place is not null as placed, target, by_right, result from audit
    where front = 'slack' order by id desc limit 1`;
  expect([...audit]).toEqual([
    { action: 'stop', placed: true, target: 'api', by_right: 'admin', result: 'ok' },
  ]);
});

test('of what is anybody’s they hear in private, where nobody else reads what runs in it', async () => {
  const { ada } = context.people;
  const room = await context.room();
  await room.say('up acme/api --name apart');
  const ops = context.slack.addChannel('ops', [ada]);
  expect(await last('status apart', ada, ops)).toMatch(
    /NAME +PHASE +WANTED +REPOSITORY +OWNER\s+apart +running +running +\S*acme\/api +bob/,
  );
  expect(await last('stop apart', ada, ops)).toMatch(/apart +\w+ +stopped/);
  expect(() => context.card(ops)).toThrow('there is no card');
  expect(await room.sam.row('apart')).toMatchObject({ desired: 'stopped' });
});

test('a right on the channel’s repository is none on another one’s workspace: the audit says what it was', async () => {
  const { ada } = context.people;
  const room = await context.room();
  await context.github.addRepository('acme/other', { private: true });
  context.github.addCollaborator('acme/other', room.people.bob.name, 'write');
  await room.say('up acme/other --name elsewhere');
  await context.say('use acme/api', ada, room.dev);
  await context.say('stop elsewhere', ada, room.dev);
  const rights = await context.place.sql`select by_right from audit where target = 'elsewhere'`;
  expect([...rights]).toEqual([{ by_right: 'admin' }]);
});
