// A whole bot beside a fake Slack and a fake GitHub: people type and press, and what each of them sees, without what differs
// from run to run.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { ProviderTable } from '../../bot/providers/provider.ts';
import { expect } from 'vitest';
import { parse } from 'yaml';
import { startGitHub, type GitHub, type GitHubOptions } from './github.ts';
import {
  readMessage,
  readView,
  startFakeSlack,
  type Channel,
  type FakeSlack,
  type Message,
  type Person,
} from '../fakes/slack/slack.ts';
import { createStable } from './stable.ts';
import { until } from '../until.ts';

export interface Slack extends Omit<GitHub, 'settle' | 'say'> {
  slack: FakeSlack;
  /** ada and bob are in #dev with the bot; eve too. bob may write to acme/api, ada owns it, eve may not. */
  people: Record<'ada' | 'bob' | 'eve', Person>;
  dev: Channel;
  settle(): Promise<void>;
  /** `/sam …` by bob in #dev, unless told otherwise; resolves with what that person saw of it when Sam has settled. */
  say(text: string, by?: Person, channel?: Channel): Promise<string[]>;
  press(label: string, on: Message, by?: Person): Promise<string[]>;
  /** The newest message of the channel that everybody sees. */
  card(channel?: Channel): Message;
  read: (message: Message) => string;
  /** The person's App Home. */
  home(person: Person): string;
  /** The form that was opened last for them. */
  form(person: Person): string;
  connect(person: Person, login: string): Promise<void>;
  /** The same bot for one test: a channel of its own, and a bob of its own, who reads as `bob`. */
  room(): Promise<Slack>;
}

export const SIGNING_SECRET = 'a-signing-secret-for-tests';
export const APP_TOKEN = 'xapp-1-an-app-token-for-tests';
const BOT_TOKEN = 'xoxb-a-bot-token-for-tests';

export interface SlackOptions extends Pick<GitHubOptions, 'place' | 'files'> {
  env?: NodeJS.ProcessEnv;
  withoutLinks?: boolean;
  /** No token: people install it. */
  isInstalled?: boolean;
  /** Where the bot's log goes. */
  log?: Logger;
  providers?: ProviderTable;
}

export async function startSlack({
  env = {},
  withoutLinks = false,
  isInstalled = false,
  log,
  providers,
  ...more
}: SlackOptions = {}): Promise<Slack> {
  const slack = await startFakeSlack({
    signingSecret: SIGNING_SECRET,
    botToken: BOT_TOKEN,
    appToken: APP_TOKEN,
    ...described(),
  });
  const github = await startGitHub({
    env: { SAM_DEADLINE_BASE: '10s', ...slackEnv(slack), ...(isInstalled && installEnv(slack)), ...env },
    ...(log && { log }),
    ...(providers && { providers }),
    ...more,
  });
  slack.target = `${github.sam.bot.url}/slack/events`;
  github.github.app.callbackUrls = [`${github.sam.bot.url}/login/github/callback`];
  const people = { ada: slack.addPerson('ada'), bob: slack.addPerson('bob'), eve: slack.addPerson('eve') };
  const dev = slack.addChannel('dev', Object.values(people));
  const settle = async (): Promise<void> => {
    await github.settle();
    await until(() => isSettled(github));
  };
  const seen = async (
    read: Slack['read'],
    by: Person,
    channel: Channel,
    act: () => Promise<unknown>,
  ): Promise<string[]> => {
    const rooms = () => [channel, slack.directOf(by)].filter((one, index, all) => all.indexOf(one) === index);
    const before = new Set(rooms().flatMap((room) => slack.seenBy(by, room)));
    await act();
    await settle();
    return rooms()
      .flatMap((room) => slack.seenBy(by, room))
      .filter((one) => !before.has(one))
      .map(read);
  };
  let rooms = 0;
  const withPeople = (people: Slack['people'], dev: Channel): Slack => {
    const stable = createStable(github.place.root);
    const show = (text: string) => hideIds(slack, stable(text)).replaceAll(/\bbob-[a-z]\b/g, 'bob');
    const read = (message: Message): string => show(readMessage(message));
    return {
      ...github,
      slack,
      people,
      dev,
      settle,
      read,
      home: (person) => show(readView(slack.view(person, 'home'))),
      form: (person) => show(readView(slack.view(person, 'modal'))),
      say: (text, by = people.bob, channel = dev) =>
        seen(read, by, channel, () => slack.slash(by, channel, text)),
      press: (label, on, by = people.bob) =>
        seen(read, by, slack.world.channels.get(on.channel)!, () => slack.press(by, on, label)),
      card: (channel = dev) => {
        const card = slack.world.messages.findLast(
          (one) => one.channel === channel.id && one.metadata?.['event_type'] === 'sam_workspace',
        );
        if (!card) throw new Error('there is no card');
        return card;
      },
      connect: (person, login) => connect(github, slack, person, login),
      async room() {
        const letter = String.fromCharCode(97 + rooms++);
        const login = `bob-${letter}`;
        github.github.addUser(login);
        github.github.addCollaborator('acme/api', login, 'write');
        const bob = slack.addPerson(login);
        if (!withoutLinks) await connect(github, slack, bob, login);
        const all = { ...people, bob };
        return withPeople(all, slack.addChannel(`dev-${letter}`, Object.values(all)));
      },
      async [Symbol.asyncDispose]() {
        await github[Symbol.asyncDispose]();
        await slack.stop();
      },
    };
  };
  const context = withPeople(people, dev);
  if (!withoutLinks)
    for (const name of ['ada', 'bob', 'eve'] as const) await context.connect(people[name], name);
  return context;
}

export const slackEnv = (slack: FakeSlack): NodeJS.ProcessEnv => ({
  SLACK_SIGNING_SECRET: SIGNING_SECRET,
  SLACK_BOT_TOKEN: BOT_TOKEN,
  SLACK_API_URL: slack.apiUrl,
});

/** All that lets whoever has it do something: tokens, addresses for answers, rights to open forms, codes of links. */
export function secretsOf({ slack }: Slack): string[] {
  const { world, server } = slack;
  const triggers = server.seen.map(({ body }) => new URLSearchParams(body).get('trigger_id') ?? '');
  const shown = JSON.stringify(world.messages) + JSON.stringify(world.views);
  const codes = [...shown.matchAll(/(?:\/w\/ws-\w+#|\/connect#)([\w-]{20,})/g)].map(([, code = '']) => code);
  return [
    SIGNING_SECRET,
    BOT_TOKEN,
    APP_TOKEN,
    ...world.hooks.keys(),
    ...world.triggers.keys(),
    ...world.installs.keys(),
    ...[...triggers, ...codes].filter(Boolean),
  ];
}

const installEnv = ({ world }: FakeSlack): NodeJS.ProcessEnv => ({
  SLACK_BOT_TOKEN: '',
  SLACK_CLIENT_ID: world.clientId,
  SLACK_CLIENT_SECRET: world.clientSecret,
  SLACK_STATE_SECRET: 'a-state-secret-for-tests',
});

/** What slack.yml gives the app. */
function described(): { scopes: string[]; events: string[] } {
  const file = readFileSync(join(import.meta.dirname, '../../slack.yml'), 'utf8');
  const manifest = parse(file) as {
    oauth_config: { scopes: { bot: string[] } };
    settings: { event_subscriptions: { bot_events: string[] } };
  };
  return {
    scopes: manifest.oauth_config.scopes.bot,
    events: manifest.settings.event_subscriptions.bot_events,
  };
}

/** As the sign-in would, without the way through the browser. */
async function connect(
  { github, place }: GitHub,
  slack: FakeSlack,
  person: Person,
  login: string,
): Promise<void> {
  const { id } = github.account(login);
  const user = `us-${login.replace('-', '').padEnd(12, '2')}`;
  await place.sql`insert into users (id, name) values (${user}, ${login}) on conflict do nothing`;
  await place.sql`insert into identities (source, external_id, user_id, login)
    values ('github', ${id}, ${user}, ${login}), (${`slack:${person.team}`}, ${person.id}, ${user}, ${person.name})
    on conflict do nothing`;
  expect(slack.world.people.has(person.id)).toBe(true);
}

async function isSettled({ place: { sql } }: GitHub): Promise<boolean> {
  const [row] = await sql<{ left: number }[]>`
    select (select count(*) from deliveries where source = 'slack' and answer is not null and concluded_at is null)
         + (select count(*) from tidings where told_at is null) as left`;
  return Number(row?.left) === 0;
}

/** People and channels by name. */
function hideIds(slack: FakeSlack, text: string): string {
  const { people, channels } = slack.world;
  let shown = text
    .replaceAll(/<!date\^\d+\^\{[^|]*\|[^>]*>/g, 'TIME')
    .replaceAll(/`[0-9a-f]{7}`/g, '`commit`')
    .replaceAll(/ · (\d+s|\d+m \d\ds)$/gm, ' · SPAN');
  for (const { id, name } of people.values()) shown = shown.replaceAll(id, `U-${name}`);
  for (const { id, name } of channels.values()) shown = shown.replaceAll(id, `C-${name}`);
  return shown;
}
