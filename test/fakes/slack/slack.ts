// A fake Slack: one HTTP server on a free port with the Web API and response_urls; it remembers, and it is strict.
// It must not know Sam: whoever tests says what is there, and Sam reaches it by SLACK_API_URL alone.
import { setTimeout } from 'node:timers/promises';
import { startFake, type FakeAnswer, type FakeRequest, type FakeServer } from '../server.ts';
import { answerMethod, contentOf } from './methods.ts';
import { authorize } from './oauth.ts';
import {
  addMessage,
  createWorld,
  openIm,
  type Channel,
  type Json,
  type Message,
  type Person,
  type World,
} from './model.ts';
import { labelOf } from './payloads.ts';
import { createActs, type Acts } from './people.ts';
import { startSockets, type Sockets } from './socket.ts';

export type { Channel, Message, Person } from './model.ts';

export interface FakeSlack extends Acts {
  url: string;
  /** What SLACK_API_URL must be. */
  apiUrl: string;
  world: World;
  server: FakeServer;
  sockets: Sockets;
  /** Where the app takes what people do. */
  target: string;
  addPerson(name: string, team?: string): Person;
  addChannel(
    name: string,
    members: Person[],
    options?: { withBot?: boolean; isPrivate?: boolean; team?: string },
  ): Channel;
  /** What that person can read in the channel now, in order. */
  seenBy(user: Person, channel: Channel): Message[];
  /** The direct message between the person and the bot. */
  directOf(user: Person): Channel;
  /** The next `times` calls of that method are answered so. */
  refuse(method: string, error: string, times?: number): void;
  limit(method: string, retryAfterSeconds: number, times?: number): void;
  down(times: number, method?: string): void;
  /** Nothing fails any more. */
  mend(): void;
  /** Ends the server; throws with what an app must not do, if it did. */
  stop(): Promise<void>;
}

export interface FakeSlackOptions {
  signingSecret: string;
  botToken: string;
  appToken?: string;
  /** What the app was given and hears of, as its manifest says; everything if not said. */
  scopes?: string[];
  events?: string[];
}

export async function startFakeSlack({
  appToken = 'xapp-none',
  scopes,
  events,
  ...options
}: FakeSlackOptions): Promise<FakeSlack> {
  const world = createWorld({ ...options, appToken, scopes, events });
  const server = await startFake((request) => answer(world, request));
  const sockets = await startSockets();
  world.url = server.url;
  world.socketUrl = sockets.url;
  const slack: FakeSlack = {
    ...createActs(world, () => slack.target, sockets),
    url: server.url,
    apiUrl: `${server.url}/api/`,
    world,
    server,
    sockets,
    target: '',
    addPerson(name, team = world.team) {
      const person = { id: world.nextId('U'), name, team };
      world.people.set(person.id, person);
      return person;
    },
    addChannel(name, members, { withBot = true, isPrivate = false, team = world.team } = {}) {
      const ids = [...members.map(({ id }) => id), ...(withBot ? [world.botUser] : [])];
      const channel = {
        id: world.nextId('C'),
        name,
        team,
        members: new Set(ids),
        isPrivate,
        isArchived: false,
      };
      world.channels.set(channel.id, channel);
      return channel;
    },
    seenBy: (user, channel) =>
      world.messages.filter(
        (one) =>
          one.channel === channel.id &&
          channel.members.has(user.id) &&
          [undefined, user.id].includes(one.ephemeralTo),
      ),
    directOf: (user) => openIm(world, user.id),
    refuse: (method, error, times = 1) =>
      server.fail({ path: pathOf(method), times, fault: { status: 200, body: { ok: false, error } } }),
    limit: (method, seconds, times = 1) =>
      server.fail({
        path: pathOf(method),
        times,
        fault: {
          status: 429,
          body: { ok: false, error: 'ratelimited' },
          headers: { 'retry-after': String(seconds) },
        },
      }),
    down: (times, method) =>
      server.fail({
        path: method ? pathOf(method) : /^\/(api|hooks)\//,
        times,
        fault: { status: 500, body: 'Internal Server Error' },
      }),
    mend: () => server.unsprung().forEach((trap) => (trap.times = 0)),
    async stop() {
      await sockets.close();
      await server.close();
      if (world.complaints.length > 0) throw new Error(`Slack complains: ${world.complaints.join('; ')}`);
    },
  };
  return slack;
}

const pathOf = (method: string): RegExp => new RegExp(`^/api/${method.replaceAll('.', String.raw`\.`)}$`);

async function answer(world: World, request: FakeRequest): Promise<FakeAnswer> {
  // Tokens take their time, and whoever does not wait for the other one asks twice.
  if (request.path === '/api/oauth.v2.access') await setTimeout(150);
  if (request.path === '/oauth/v2/authorize') return authorize(world, request);
  if (request.method !== 'POST') return { status: 404, body: 'Not Found' };
  if (request.path.startsWith('/hooks/')) return answerHook(world, request);
  return answerMethod(world, request);
}

/** A response_url: five uses, half an hour. */
function answerHook(world: World, { path, body }: FakeRequest): FakeAnswer {
  const hook = world.hooks.get(path.slice('/hooks/'.length));
  if (!hook || hook.usesLeft === 0) return { status: 404, body: { ok: false, error: 'used_url' } };
  if (hook.expiresAt < Date.now()) return { status: 404, body: { ok: false, error: 'expired_url' } };
  hook.usesLeft -= 1;
  const said = JSON.parse(body) as Json;
  const text = said['text'] as string | undefined;
  if (said['delete_original'] === true) {
    if (hook.message) world.messages.splice(world.messages.indexOf(hook.message), 1);
    return { status: 200, body: 'ok' };
  }
  const content = contentOf(world, {
    ...(text === undefined ? {} : { text }),
    ...(said['blocks'] ? { blocks: JSON.stringify(said['blocks']) } : {}),
    unfurl_links: JSON.stringify(said['unfurl_links'] ?? true),
    unfurl_media: JSON.stringify(said['unfurl_media'] ?? true),
  });
  // After a slash command there is no original that could be replaced.
  if (said['replace_original'] === true && hook.message) Object.assign(hook.message, content);
  else
    addMessage(world, {
      channel: hook.channel,
      user: world.botUser,
      ...content,
      ephemeralTo: said['response_type'] === 'in_channel' ? undefined : hook.user,
    });
  return { status: 200, body: 'ok' };
}

/** A Home or a form as a person reads it: words, buttons, fields. */
export const readView = (view: Json | undefined): string =>
  ((view?.['blocks'] as Json[] | undefined) ?? []).map(readBlock).filter(Boolean).join('\n');

/** A message as a person reads it: its words, then its buttons in brackets. */
export function readMessage(message: Message): string {
  if (message.blocks.length === 0) return message.text;
  return message.blocks.map(readBlock).filter(Boolean).join('\n');
}

function readBlock(block: Json): string {
  if (block['type'] === 'divider') return '---';
  if (block['type'] === 'input') {
    const { initial_value: typed, initial_option: chosen } = block['element'] as Json;
    return `${textOf(block['label'])}: ${chosen ? labelOf(chosen as Json) : ((typed as string | undefined) ?? '')}`;
  }
  const own = [block['text'], ...((block['fields'] as unknown[] | undefined) ?? [])]
    .map(textOf)
    .filter(Boolean);
  const elements = ((block['elements'] as Json[] | undefined) ?? []).map((element) => {
    if (element['type'] === 'button') return `[${labelOf(element)}]`;
    if (element['type'] === 'overflow')
      return `[⋯ ${(element['options'] as Json[]).map(labelOf).join(' | ')}]`;
    return textOf(element);
  });
  return [...own, elements.join(' ')].filter(Boolean).join('\n');
}

const textOf = (text: unknown): string => {
  const words = (text as Json | undefined)?.['text'];
  return typeof words === 'string' ? words : '';
};
