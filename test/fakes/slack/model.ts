// What the fake Slack remembers: teams, people, channels, messages, tokens, response_urls. Knows no HTTP.
import { randomBytes } from 'node:crypto';

export interface Person {
  id: string;
  name: string;
  team: string;
}

export interface Channel {
  id: string;
  name: string;
  team: string;
  members: Set<string>;
  isPrivate: boolean;
  isArchived: boolean;
  /** A direct message with the bot: the other one. */
  imWith?: string;
}

export type Json = Record<string, unknown>;

export interface Message {
  channel: string;
  ts: string;
  /** The bot's user, or whoever said it. */
  user: string;
  text: string;
  blocks: Json[];
  metadata: Json | undefined;
  threadTs: string | undefined;
  /** Only that person sees it, and no one can find it again. */
  ephemeralTo: string | undefined;
  edits: number;
  reactions: string[];
  unfurls: boolean;
}

export interface Hook {
  channel: string;
  user: string;
  usesLeft: number;
  expiresAt: number;
  /** The message whose button was pressed. */
  message: Message | undefined;
}

/** Where the app is installed beside the first team. */
export interface Install {
  /** Whose channels its token reaches: several in an organisation. */
  teams: string[];
  isRevoked: boolean;
  /** Ends the token; ms since 1970. */
  expiresAt: number | undefined;
  refreshToken: string | undefined;
}

/** The person at Slack's page that asks whether the app may be installed. */
export interface Installer {
  team: { id: string; name: string };
  enterprise?: { id: string; name: string };
  isForAll?: boolean;
  says: 'yes' | 'no';
  /** Tokens rotate: how long one lives. */
  lifeSeconds?: number;
}

export interface World {
  team: string;
  /** By token. */
  installs: Map<string, Install>;
  installer: Installer;
  /** By code, unspent. */
  codes: Map<string, Installer>;
  clientId: string;
  clientSecret: string;
  /** What the app was given; undefined: everything. */
  scopes: string[] | undefined;
  /** What it hears of; undefined: everything. */
  events: string[] | undefined;
  botUser: string;
  botToken: string;
  appToken: string;
  signingSecret: string;
  isRevoked: boolean;
  people: Map<string, Person>;
  channels: Map<string, Channel>;
  messages: Message[];
  hooks: Map<string, Hook>;
  /** Homes and forms in the order in which they were shown; `user`: to whom. */
  views: Json[];
  /** Rights to open a form: three seconds, once. */
  triggers: Map<string, { user: string; at: number }>;
  /** What Slack would have refused, or an app must not do; `stop` throws if there is any. */
  complaints: string[];
  url: string;
  /** Where an app with an app-level token dials. */
  socketUrl: string;
  nextId(prefix: string): string;
  nextTs(): string;
}

export interface WorldOptions {
  signingSecret: string;
  botToken: string;
  appToken: string;
  scopes: string[] | undefined;
  events: string[] | undefined;
}

export function createWorld(options: WorldOptions): World {
  let count = 0;
  let tick = 0;
  const base = Math.floor(Date.now() / 1000);
  return {
    ...options,
    team: 'T0TEAM',
    installs: new Map(),
    installer: { team: { id: 'T0OTHER', name: 'Other' }, says: 'yes' },
    codes: new Map(),
    clientId: '123.456',
    clientSecret: 'a-client-secret-for-tests',
    botUser: 'U0BOT',
    isRevoked: false,
    people: new Map(),
    channels: new Map(),
    messages: [],
    hooks: new Map(),
    views: [],
    triggers: new Map(),
    complaints: [],
    url: '',
    socketUrl: '',
    nextId: (prefix) =>
      `${prefix}${String(++count).padStart(4, '0')}${randomBytes(2).toString('hex').toUpperCase()}`,
    nextTs: () => `${base}.${String(++tick).padStart(6, '0')}`,
  };
}

/** The direct message between the bot and that person. */
export function openIm(world: World, user: string): Channel {
  const known = [...world.channels.values()].find((one) => one.imWith === user);
  if (known) return known;
  const channel: Channel = {
    id: world.nextId('D'),
    name: 'directmessage',
    team: world.people.get(user)?.team ?? world.team,
    members: new Set([user, world.botUser]),
    isPrivate: true,
    isArchived: false,
    imWith: user,
  };
  world.channels.set(channel.id, channel);
  return channel;
}

/** An address that takes five answers within half an hour. */
export function issueHook(world: World, channel: string, user: string, message?: Message): string {
  const key = randomBytes(12).toString('hex');
  world.hooks.set(key, { channel, user, usesLeft: 5, expiresAt: Date.now() + 30 * 60_000, message });
  return `${world.url}/hooks/${key}`;
}

export function addMessage(
  world: World,
  said: Partial<Message> & Pick<Message, 'channel' | 'user'>,
): Message {
  const message: Message = {
    text: '',
    blocks: [],
    metadata: undefined,
    threadTs: undefined,
    ephemeralTo: undefined,
    edits: 0,
    reactions: [],
    unfurls: true,
    ts: world.nextTs(),
    ...said,
  };
  world.messages.push(message);
  return message;
}
