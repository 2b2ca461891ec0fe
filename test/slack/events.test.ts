// Who said it, where, and whose token answers: in one workspace, between companies (Slack Connect), in an organisation
// (Enterprise Grid). The shapes are those of Slack's documentation.
import { expect, test } from 'vitest';
import { understand } from '../../bot/chat/slack/events.ts';
import type { Event } from '../../bot/chat/slack/request.ts';

const authorized = (team_id: string | null, more: object = {}) => ({
  authorizations: [{ team_id, enterprise_id: null, user_id: 'U0BOT', is_enterprise_install: false, ...more }],
});
const mention = (user_team: string, body: object = {}): unknown => ({
  type: 'event_callback',
  team_id: 'T0OURS',
  event_id: 'Ev1',
  ...authorized('T0OURS'),
  event: { type: 'app_mention', user: 'U1', user_team, text: '<@U0BOT> list', ts: '1.1', channel: 'C1' },
  ...body,
});
const press = (body: object): unknown => ({
  type: 'block_actions',
  user: { id: 'U1', username: 'bob', team_id: 'T0OURS' },
  team: { id: 'T0OURS' },
  enterprise: null,
  is_enterprise_install: false,
  channel: { id: 'C1' },
  container: { message_ts: '1.1' },
  trigger_id: '1.2.abc',
  actions: [{ action_id: 'say:0', block_id: 'card:ws-1', value: 'stop ws-1' }],
  ...body,
});
const slash = (body: object): unknown => ({
  command: '/sam',
  text: 'list',
  team_id: 'T0OURS',
  user_id: 'U1',
  channel_id: 'C1',
  response_url: 'https://hooks.slack.com/commands/1',
  trigger_id: '1.2.abc',
  ...body,
});

function eventOf(body: unknown): Event {
  const understood = understand(body, '/sam');
  if (!('event' in understood)) throw new Error(JSON.stringify(understood));
  return understood.event;
}
/** Whose token answers, and where the person's id means something. */
const whose = (body: unknown): string => {
  const { team, home } = eventOf(body);
  return `${team} answers U1 of ${home}`;
};

test('in one workspace people are known by its id and theirs', () => {
  for (const body of [mention('T0OURS'), press({}), slash({})])
    expect(whose(body)).toBe('T0OURS answers U1 of T0OURS');
});

test('a guest from another company is somebody of that company, and our token answers', () => {
  expect(whose(mention('T0THEIRS'))).toBe('T0OURS answers U1 of T0THEIRS');
  // Slack may say whose event it is by their team; the authorization says where the app is.
  expect(whose(mention('T0THEIRS', { team_id: 'T0THEIRS' }))).toBe('T0OURS answers U1 of T0THEIRS');
  const theirs = { user: { id: 'U1', team_id: 'T0THEIRS' } };
  expect(whose(press(theirs))).toBe('T0OURS answers U1 of T0THEIRS');
});

test('a form that was opened in a shared channel is answered where the app is', () => {
  const form = {
    type: 'view_submission',
    user: { id: 'U1', name: 'bob', team_id: 'T0THEIRS' },
    team: { id: 'T0THEIRS' },
    enterprise: null,
    is_enterprise_install: false,
    view: {
      id: 'V1',
      callback_id: 'rename',
      app_installed_team_id: 'T0OURS',
      private_metadata: '{"channel":"C1","id":"ws-1"}',
      state: { values: { name: { name: { value: 'x' } } } },
    },
  };
  expect(whose(form)).toBe('T0OURS answers U1 of T0THEIRS');
});

test('in an organisation a person is one person in all of its workspaces', () => {
  const enterprise = { id: 'E0ORG' };
  const grid = authorized('T0OURS', { enterprise_id: 'E0ORG' });
  const said = [
    mention('T0OURS', { enterprise_id: 'E0ORG', ...grid }),
    mention('T0SISTER', { enterprise_id: 'E0ORG', ...grid }),
    press({ enterprise }),
    press({ enterprise, user: { id: 'U1', team_id: 'T0SISTER' } }),
    slash({ enterprise_id: 'E0ORG' }),
  ];
  expect(new Set(said.map(whose))).toEqual(new Set(['T0OURS answers U1 of E0ORG']));
});

test('installed for the whole organisation its token answers, also where Slack names no team', () => {
  const all = { enterprise: { id: 'E0ORG' }, is_enterprise_install: true };
  const everywhere = authorized(null, { enterprise_id: 'E0ORG', is_enterprise_install: true });
  const said = [
    mention('T0OURS', { enterprise_id: 'E0ORG', ...everywhere }),
    press(all),
    press({ ...all, team: null }),
    press({ ...all, team: null, channel: null, container: {}, view: { id: 'V1' } }),
    slash({ enterprise_id: 'E0ORG', is_enterprise_install: 'true' }),
  ];
  expect(new Set(said.map(whose))).toEqual(new Set(['E0ORG answers U1 of E0ORG']));
});

test('of what Slack sends only what is needed is kept', () => {
  const more = {
    token: 'MARK',
    api_app_id: 'MARK',
    team_domain: 'MARK',
    channel_name: 'MARK',
    event_context: 'MARK',
    state: { values: { x: 'MARK' } },
    message: { text: 'MARK', blocks: [{ text: 'MARK' }], user: 'MARK' },
  };
  const said = mention('T0OURS') as { event: object };
  const event = { ...said.event, blocks: ['MARK'], files: ['MARK'], user_profile: { email: 'MARK' } };
  for (const body of [{ ...said, ...more, event }, press(more), slash(more)])
    expect(JSON.stringify(understand(body, '/sam'))).not.toContain('MARK');
});

test('what lets its holder open a form is not kept', () => {
  for (const body of [press({}), slash({})])
    expect(JSON.stringify(understand(body, '/sam'))).not.toContain('1.2.abc');
  const [one, same, other] = [slash({}), slash({}), slash({ trigger_id: '1.2.abd' })].map(
    (body) => (understand(body, '/sam') as { delivery: { deliveryId: string } }).delivery.deliveryId,
  );
  expect([one === same, one === other]).toEqual([true, false]);
});
