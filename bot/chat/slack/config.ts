// Slack's settings, read as one group: all of it, or the front is off. Asks Slack nothing.
import type { Reader } from '../../environment.ts';

export interface SlackConfig {
  signingSecret: string;
  /** Of the one workspace that the app is installed in; undefined: it is installed in many, by `install`. */
  botToken: string | undefined;
  /** How people install it in workspaces of theirs. */
  install: SlackInstall | undefined;
  /** With it Slack is heard over a WebSocket that we dial (Socket Mode), not at our own address. */
  appToken: string | undefined;
  /** With a slash at the end. */
  apiUrl: string;
  /** The slash command's name: `/sam`. */
  command: string;
  /**
   * Channels where public repositories may be started when there is no GitHub App: ids, and with `install` each behind that of
   * its Slack workspace, `T…/C…` (an organisation's `E…` where the app is installed for all of it).
   */
  allowedChannels: string[];
}

export interface SlackInstall {
  clientId: string;
  clientSecret: string;
  /** Signs what goes to Slack and comes back with the browser. */
  stateSecret: string;
}

/** The slash command of an app that was made from our manifest. */
export const DEFAULT_COMMAND = '/sam';

const SHORTEST_SECRET = 16;
const ONE = ['SLACK_SIGNING_SECRET', 'SLACK_BOT_TOKEN'] as const;
const MANY = ['SLACK_CLIENT_ID', 'SLACK_CLIENT_SECRET', 'SLACK_STATE_SECRET'] as const;

/** Undefined if nothing of the group is set. What is missing or bad is added to the reader's problems. */
export function readSlack(reader: Reader): SlackConfig | undefined {
  const { read, text, problems } = reader;
  const isSet = (name: string): boolean => text(name) !== undefined;
  const rest = readRest(reader, MANY.some(isSet));
  if (![...ONE, ...MANY, 'SLACK_APP_TOKEN'].some(isSet)) return undefined;
  problems.push(...findMissing(isSet));
  return {
    signingSecret: read('SLACK_SIGNING_SECRET', '', parseSecret, wantedSecret('signing secret')),
    botToken: read('SLACK_BOT_TOKEN', undefined, tokenParser('xoxb-'), 'a bot token: it begins with `xoxb-`'),
    install: MANY.some(isSet) ? readInstall(reader) : undefined,
    appToken: read(
      'SLACK_APP_TOKEN',
      undefined,
      tokenParser('xapp-'),
      'an app-level token: it begins with `xapp-`',
    ),
    ...rest,
  };
}

/** One workspace by its token, or many by installing: never half of either, nor both. */
function findMissing(isSet: (name: string) => boolean): string[] {
  const isMany = MANY.some(isSet);
  if (isMany && isSet('SLACK_BOT_TOKEN'))
    return [
      `SLACK_BOT_TOKEN is of one Slack workspace, ${MANY.join(', ')} are for many: leave one or the others out`,
    ];
  const names = isMany ? (['SLACK_SIGNING_SECRET', ...MANY] as const) : ONE;
  return names
    .filter((name) => !isSet(name))
    .map((name) => `${name} is missing; Slack needs all of ${names.join(', ')}, or none`);
}

const readInstall = ({ read }: Reader): SlackInstall => ({
  clientId: read('SLACK_CLIENT_ID', '', parseClientId, 'the client id of the app, like `123.456`'),
  clientSecret: read('SLACK_CLIENT_SECRET', '', parseSecret, wantedSecret('client secret')),
  stateSecret: read(
    'SLACK_STATE_SECRET',
    '',
    parseSecret,
    `a secret of your own (${SHORTEST_SECRET} characters or more, not \`development\`)`,
  ),
});

const readRest = (
  { read }: Reader,
  isMany: boolean,
): Pick<SlackConfig, 'apiUrl' | 'command' | 'allowedChannels'> => ({
  apiUrl: read(
    'SLACK_API_URL',
    'https://slack.com/api/',
    parseApiUrl,
    'an address like https://slack.com/api/',
  ),
  command: read('SLACK_COMMAND', DEFAULT_COMMAND, parseCommand, 'a name like `/sam`'),
  allowedChannels: read(
    'SLACK_ALLOWED_CHANNELS',
    [],
    isMany
      ? channelsParser(/^[TE][A-Z0-9]{2,20}\/[CG][A-Z0-9]{2,20}$/)
      : channelsParser(/^[CG][A-Z0-9]{2,20}$/),
    isMany
      ? 'channels like `T0123ABCD/C0123ABCD`, the Slack workspace’s id before the channel’s, comma-separated: many Slack workspaces are served'
      : 'ids of channels like `C0123ABCD`, comma-separated (a channel’s details show it at their end)',
  ),
});

const wantedSecret = (what: string): string =>
  `the ${what} of the app (${SHORTEST_SECRET} characters or more, not \`development\`)`;

const parseClientId = (value: string): string | undefined =>
  /^[\w.-]{3,100}$/.test(value) ? value : undefined;

const parseSecret = (value: string): string | undefined =>
  value.length >= SHORTEST_SECRET && value !== 'development' ? value : undefined;

const tokenParser =
  (prefix: string) =>
  (value: string): string | undefined =>
    value.startsWith(prefix) && value.length >= prefix.length + 10 ? value : undefined;

function parseApiUrl(value: string): string | undefined {
  if (!URL.canParse(value) || !/^https?:$/.test(new URL(value).protocol)) return undefined;
  return value.endsWith('/') ? value : `${value}/`;
}

const parseCommand = (value: string): string | undefined =>
  /^\/[\w-]{1,31}$/.test(value) ? value : undefined;

const channelsParser =
  (shape: RegExp) =>
  (value: string): string[] | undefined => {
    const ids = value.split(',').map((id) => id.trim());
    return ids.every((id) => shape.test(id)) ? ids : undefined;
  };
