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

export interface World {
  team: string;
  botUser: string;
  botToken: string;
  appToken: string;
  signingSecret: string;
  isRevoked: boolean;
  people: Map<string, Person>;
  channels: Map<string, Channel>;
  messages: Message[];
  hooks: Map<string, Hook>;
  views: Json[];
  /** What Slack would have refused, or an app must not do; `stop` throws if there is any. */
  complaints: string[];
  url: string;
  /** Where an app with an app-level token dials. */
  socketUrl: string;
  nextId(prefix: string): string;
  nextTs(): string;
}

export function createWorld(options: { signingSecret: string; botToken: string; appToken: string }): World {
  let count = 0;
  let tick = 0;
  const base = Math.floor(Date.now() / 1000);
  return {
    ...options,
    team: 'T0TEAM',
    botUser: 'U0BOT',
    isRevoked: false,
    people: new Map(),
    channels: new Map(),
    messages: [],
    hooks: new Map(),
    views: [],
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
    team: world.team,
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
