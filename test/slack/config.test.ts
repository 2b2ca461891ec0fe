// Slack's settings: all of them, or none; nothing half-done starts.
import { expect, test } from 'vitest';
import { parseConfig } from '../../bot/config.ts';

const good = {
  SLACK_SIGNING_SECRET: 'a-signing-secret-for-tests',
  SLACK_BOT_TOKEN: 'xoxb-a-bot-token-for-tests',
  BASE_URL: 'https://sam.example',
  ALLOW_LOCAL_NODES: 'true',
};

const MANY = {
  SLACK_CLIENT_ID: '123.456',
  SLACK_CLIENT_SECRET: 'a-client-secret-for-tests',
  SLACK_STATE_SECRET: 'a-state-secret-for-tests',
};

const refusal = (env: Record<string, string>): string => {
  try {
    parseConfig(env, '/');
    return 'it starts';
  } catch (error) {
    return (error as Error).message;
  }
};

test('without settings the front is off, with two of them it is on', () => {
  expect(parseConfig({}, '/').slack).toBeUndefined();
  expect(parseConfig(good, '/').slack).toEqual({
    signingSecret: good.SLACK_SIGNING_SECRET,
    botToken: good.SLACK_BOT_TOKEN,
    install: undefined,
    appToken: undefined,
    apiUrl: 'https://slack.com/api/',
    command: '/sam',
    allowedChannels: [],
  });
});

test('with what an installation needs it may be installed in many', () => {
  expect(parseConfig({ ...good, SLACK_BOT_TOKEN: '', ...MANY }, '/').slack).toMatchObject({
    botToken: undefined,
    install: {
      clientId: MANY.SLACK_CLIENT_ID,
      clientSecret: MANY.SLACK_CLIENT_SECRET,
      stateSecret: MANY.SLACK_STATE_SECRET,
    },
  });
});

test('what else can be said is understood', () => {
  const env = {
    ...good,
    SLACK_API_URL: 'https://slack.example/api',
    SLACK_COMMAND: '/sam-dev',
    SLACK_ALLOWED_CHANNELS: 'C0123ABCD, G0456EFGH',
    SLACK_APP_TOKEN: 'xapp-1-A0APP-0123456789',
  };
  expect(parseConfig(env, '/').slack).toMatchObject({
    apiUrl: 'https://slack.example/api/',
    command: '/sam-dev',
    allowedChannels: ['C0123ABCD', 'G0456EFGH'],
    appToken: env.SLACK_APP_TOKEN,
  });
});

test.each([
  [{ SLACK_BOT_TOKEN: '' }, 'SLACK_BOT_TOKEN is missing'],
  [{ SLACK_SIGNING_SECRET: '' }, 'SLACK_SIGNING_SECRET is missing'],
  [{ SLACK_SIGNING_SECRET: 'short' }, 'SLACK_SIGNING_SECRET is not the signing secret'],
  [{ SLACK_SIGNING_SECRET: 'development' }, 'SLACK_SIGNING_SECRET is not the signing secret'],
  [{ SLACK_BOT_TOKEN: 'xoxp-a-person-and-no-bot' }, 'SLACK_BOT_TOKEN is not a bot token'],
  [{ SLACK_APP_TOKEN: 'xoxb-a-bot-token-for-tests' }, 'SLACK_APP_TOKEN is not an app-level token'],
  [{ SLACK_API_URL: 'ftp://slack' }, 'SLACK_API_URL is `ftp://slack`'],
  [{ SLACK_COMMAND: 'sam' }, 'SLACK_COMMAND is `sam`'],
  [{ SLACK_ALLOWED_CHANNELS: '#general' }, 'SLACK_ALLOWED_CHANNELS is `#general`'],
  [{ SLACK_ALLOWED_CHANNELS: 'T0123ABCD/C0123ABCD' }, 'SLACK_ALLOWED_CHANNELS is `T0123ABCD/C0123ABCD`'],
  [
    { ...MANY, SLACK_BOT_TOKEN: '', SLACK_ALLOWED_CHANNELS: 'C0123ABCD' },
    'SLACK_ALLOWED_CHANNELS is `C0123ABCD`, not channels like `T0123ABCD/C0123ABCD`',
  ],
  [{ SLACK_CLIENT_ID: '123.456' }, 'leave one or the others out'],
  [{ SLACK_CLIENT_ID: '123.456', SLACK_BOT_TOKEN: '' }, 'SLACK_STATE_SECRET is missing'],
  [{ ...MANY, SLACK_BOT_TOKEN: '', SLACK_STATE_SECRET: 'short' }, 'SLACK_STATE_SECRET is not a secret'],
  [{ ...MANY, SLACK_BOT_TOKEN: '', SLACK_CLIENT_ID: '1 2' }, 'SLACK_CLIENT_ID is `1 2`'],
  [
    { ...MANY, SLACK_BOT_TOKEN: '', DATABASE_URL: 'postgres://localhost/sam', JWT_PRIVATE_KEY: '' },
    'ENCRYPTION_KEY is missing',
  ],
  [{ ALLOW_LOCAL_NODES: 'false' }, 'with Slack on, that needs ALLOW_LOCAL_NODES=true'],
  [{ BASE_URL: 'http://localhost:3000' }, 'with Slack on, that needs ALLOW_INSECURE_BASE_URL=true'],
])('a start with %o is refused', (wrong, says) => {
  expect(refusal({ ...good, ...wrong })).toContain(says);
});

test('no secret is in what the refusal says', () => {
  const text = refusal({ ...good, SLACK_SIGNING_SECRET: 'too-short', SLACK_BOT_TOKEN: 'wrong-token' });
  expect(text).not.toMatch(/too-short|wrong-token/);
});

test('an app token alone is half a setting', () => {
  expect(refusal({ SLACK_APP_TOKEN: 'xapp-1-A0APP-0123456789', BASE_URL: good.BASE_URL })).toContain(
    'SLACK_SIGNING_SECRET is missing',
  );
});
