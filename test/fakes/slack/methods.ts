// Slack's Web API, as far as a bot needs it: tokens, arguments, rooms, limits. Answers like Slack: 200 and `ok: false`.
import type { FakeAnswer, FakeRequest } from '../server.ts';
import { findFaults, findViewFaults } from './blocks.ts';
import { issueToken } from './oauth.ts';
import { addMessage, openIm, type Channel, type Json, type Message, type World } from './model.ts';

/** Thrown by a method: Slack's error code. */
class Refused extends Error {}

type Args = Record<string, string | undefined>;

interface Method {
  /** What the app needs for it. */
  scope?: string;
  required: string[];
  optional: string[];
  run(world: World, args: Args): Json;
}

const SAY = [
  'text',
  'blocks',
  'metadata',
  'unfurl_links',
  'unfurl_media',
  'parse',
  'link_names',
  'mrkdwn',
  'attachments',
];

const READ = ['cursor', 'inclusive', 'latest', 'limit', 'oldest', 'include_all_metadata'];

const METHODS: Record<string, Method> = {
  'auth.test': {
    required: [],
    optional: [],
    run: (world) => ({
      url: world.url,
      team: 'team',
      user: 'sam',
      team_id: world.team,
      user_id: world.botUser,
      bot_id: 'B0BOT',
    }),
  },
  'auth.revoke': {
    required: [],
    optional: ['test'],
    run(world) {
      world.isRevoked = true;
      return { revoked: true };
    },
  },
  'chat.postMessage': {
    scope: 'chat:write',
    required: ['channel'],
    optional: [...SAY, 'thread_ts', 'reply_broadcast'],
    run(world, args) {
      const channel = findChannel(
        world,
        args['channel']?.startsWith('U') ? openIm(world, args['channel']).id : args['channel'],
      );
      mustBeIn(world, channel);
      const message = addMessage(world, {
        channel: channel.id,
        user: world.botUser,
        ...contentOf(world, args),
      });
      return { channel: channel.id, ts: message.ts, message: { text: message.text, ts: message.ts } };
    },
  },
  'chat.postEphemeral': {
    scope: 'chat:write',
    required: ['channel', 'user'],
    optional: [...SAY, 'thread_ts'],
    run(world, args) {
      const channel = findChannel(world, args['channel']);
      mustBeIn(world, channel);
      const user = args['user'] ?? '';
      if (!channel.members.has(user)) throw new Refused('user_not_in_channel');
      const message = addMessage(world, {
        channel: channel.id,
        user: world.botUser,
        ...contentOf(world, args),
        ephemeralTo: user,
      });
      return { message_ts: message.ts };
    },
  },
  'chat.update': {
    scope: 'chat:write',
    required: ['channel', 'ts'],
    optional: [...SAY],
    run(world, args) {
      const message = findOwn(world, args, 'cant_update_message');
      Object.assign(message, {
        ...contentOf(world, args),
        threadTs: message.threadTs,
        edits: message.edits + 1,
      });
      return { channel: message.channel, ts: message.ts, text: message.text };
    },
  },
  'chat.delete': {
    scope: 'chat:write',
    required: ['channel', 'ts'],
    optional: [],
    run(world, args) {
      world.messages.splice(world.messages.indexOf(findOwn(world, args, 'cant_delete_message')), 1);
      return { channel: args['channel'], ts: args['ts'] };
    },
  },
  'conversations.open': {
    scope: 'im:write',
    required: ['users'],
    optional: ['return_im'],
    run(world, args) {
      if (!world.people.has(args['users'] ?? '')) throw new Refused('user_not_found');
      return { channel: { id: openIm(world, args['users'] ?? '').id } };
    },
  },
  'conversations.history': {
    scope: 'im:history',
    required: ['channel'],
    optional: READ,
    run: (world, args) => readMessages(world, args, ({ threadTs }) => threadTs === undefined),
  },
  'conversations.replies': {
    scope: 'im:history',
    required: ['channel', 'ts'],
    optional: READ,
    run: (world, args) =>
      readMessages(world, args, ({ ts, threadTs }) => [ts, threadTs].includes(args['ts'] ?? '')),
  },
  'reactions.add': {
    scope: 'reactions:write',
    required: ['channel', 'name', 'timestamp'],
    optional: [],
    run(world, args) {
      const { reactions } = findMessage(world, args['channel'], args['timestamp']);
      if (reactions.includes(args['name'] ?? '')) throw new Refused('already_reacted');
      reactions.push(args['name'] ?? '');
      return {};
    },
  },
  'reactions.remove': {
    scope: 'reactions:write',
    required: ['name'],
    optional: ['channel', 'timestamp'],
    run(world, args) {
      const { reactions } = findMessage(world, args['channel'], args['timestamp']);
      if (!reactions.includes(args['name'] ?? '')) throw new Refused('no_reaction');
      reactions.splice(reactions.indexOf(args['name'] ?? ''), 1);
      return {};
    },
  },
  'views.open': {
    required: ['view', 'trigger_id'],
    optional: ['interactivity_pointer'],
    run(world, args) {
      const trigger = world.triggers.get(args['trigger_id'] ?? '');
      if (!trigger) throw new Refused('invalid_trigger_id');
      world.triggers.delete(args['trigger_id'] ?? '');
      if (Date.now() - trigger.at > 3_000) throw new Refused('expired_trigger_id');
      return keepView(world, args, trigger.user);
    },
  },
  'views.publish': {
    required: ['user_id', 'view'],
    optional: ['hash'],
    run: (world, args) => keepView(world, args, args['user_id'] ?? ''),
  },
  'views.update': {
    required: ['view'],
    optional: ['view_id', 'external_id', 'hash'],
    run: (world, args) => keepView(world, args, ''),
  },
  'users.info': {
    scope: 'users:read',
    required: ['user'],
    optional: ['include_locale'],
    run(world, args) {
      const person = world.people.get(args['user'] ?? '');
      if (!person) throw new Refused('user_not_found');
      return { user: { id: person.id, name: person.name, team_id: person.team, is_bot: false } };
    },
  },
};

/** Answers a call to `/api/<method>`. */
export function answerMethod(world: World, request: FakeRequest): FakeAnswer {
  const name = request.path.slice('/api/'.length);
  const args = readArgs(request);
  try {
    return { status: 200, body: { ok: true, ...call(world, name, request, args) } };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { status: 200, body: { ok: false, error: error.message } };
  }
}

function call(world: World, name: string, request: FakeRequest, args: Args): Json {
  const token = /^Bearer (.+)$/.exec(String(request.headers['authorization'] ?? ''))?.[1] ?? args['token'];
  if (name === 'apps.connections.open') {
    if (token !== world.appToken) throw new Refused('invalid_auth');
    return { url: world.socketUrl };
  }
  if (name === 'oauth.v2.access') {
    const issued = issueToken(world, args);
    if (typeof issued === 'string') throw new Refused(issued);
    return issued;
  }
  const method = METHODS[name];
  if (!method) throw new Refused('unknown_method');
  if (!token) throw new Refused('not_authed');
  const teams = teamsOf(world, token);
  if (method.scope && world.scopes && !world.scopes.includes(method.scope))
    throw complain(world, name, `the manifest has no ${method.scope}`, 'missing_scope');
  const missing = method.required.find((key) => !args[key]);
  if (missing) throw complain(world, name, `${missing} is missing`, 'invalid_arguments');
  const strange = Object.keys(args).find(
    (key) => key !== 'token' && ![...method.required, ...method.optional].includes(key),
  );
  if (strange) throw complain(world, name, `${strange} is no argument`, 'invalid_arguments');
  const place = world.channels.get(args['channel'] ?? '');
  if (place && !teams.includes(place.team)) throw new Refused('channel_not_found');
  return method.run(world, args);
}

/** Whose channels the token reaches. */
function teamsOf(world: World, token: string): string[] {
  if (token === world.botToken) {
    if (world.isRevoked) throw new Refused('token_revoked');
    return [world.team];
  }
  const install = world.installs.get(token);
  if (!install) throw new Refused('invalid_auth');
  if (install.isRevoked) throw new Refused('token_revoked');
  if (install.expiresAt !== undefined && install.expiresAt < Date.now()) throw new Refused('token_expired');
  return install.teams;
}

function complain(world: World, where: string, what: string, code: string): Refused {
  world.complaints.push(`${where}: ${what}`);
  return new Refused(code);
}

function readArgs({ body, headers }: FakeRequest): Args {
  if (!String(headers['content-type'] ?? '').startsWith('application/x-www-form-urlencoded')) return {};
  return Object.fromEntries(new URLSearchParams(body));
}

function findChannel(world: World, id: string | undefined): Channel {
  const channel = world.channels.get(id ?? '');
  // A private channel that the bot is not in is not there.
  if (!channel || (channel.isPrivate && !channel.members.has(world.botUser)))
    throw new Refused('channel_not_found');
  return channel;
}

/** A page at a time, whose end is where the next one begins. Each kind of room is read with a right of its own. */
function readMessages(world: World, args: Args, isThere: (message: Message) => boolean): Json {
  const channel = findChannel(world, args['channel']);
  const right = channel.imWith ? 'im:history' : channel.isPrivate ? 'groups:history' : 'channels:history';
  // Not everybody gives it: no mistake.
  if (world.scopes && !world.scopes.includes(right)) throw new Refused('missing_scope');
  const from = Number(args['cursor'] ?? 0);
  const all = world.messages.filter(
    (one) =>
      one.channel === channel.id &&
      !one.ephemeralTo &&
      isThere(one) &&
      Number(one.ts) >= Number(args['oldest'] ?? 0),
  );
  const end = from + Number(args['limit'] ?? 100);
  const messages = all.slice(from, end).map(({ ts, user, text, metadata }) => ({
    type: 'message',
    ts,
    user,
    text,
    ...(args['include_all_metadata'] === 'true' && { metadata }),
  }));
  return { messages, response_metadata: { next_cursor: end < all.length ? String(end) : '' } };
}

function mustBeIn(world: World, channel: Channel): void {
  if (channel.isArchived) throw new Refused('is_archived');
  if (!channel.members.has(world.botUser)) throw new Refused('not_in_channel');
}

function findMessage(world: World, channel: string | undefined, ts: string | undefined): Message {
  findChannel(world, channel);
  const found = world.messages.find((one) => one.channel === channel && one.ts === ts && !one.ephemeralTo);
  if (!found) throw new Refused('message_not_found');
  return found;
}

function findOwn(world: World, args: Args, code: string): Message {
  if (findChannel(world, args['channel']).isArchived) throw new Refused('is_archived');
  const message = findMessage(world, args['channel'], args['ts']);
  if (message.user !== world.botUser) throw new Refused(code);
  return message;
}

/** What a message says; refuses what Slack refuses, and complains where a bot is careless. */
export function contentOf(world: World, args: Args): Partial<Message> {
  const blocks = args['blocks'] === undefined ? [] : (JSON.parse(args['blocks']) as Json[]);
  const text = args['text'] ?? '';
  const faults = findFaults(blocks);
  if (faults.length > 0) throw complain(world, 'blocks', faults.join('; '), 'invalid_blocks');
  if (text === '') throw complain(world, 'message', 'there is no text for notifications', 'no_text');
  if (text.length > 40_000) throw new Refused('msg_too_long');
  if (text.length > 4000)
    world.complaints.push(`a text of ${text.length} characters: Slack asks for 4000 at most`);
  const metadata = args['metadata'] === undefined ? undefined : (JSON.parse(args['metadata']) as Json);
  if (
    metadata &&
    (typeof metadata['event_type'] !== 'string' || typeof metadata['event_payload'] !== 'object')
  )
    throw complain(world, 'metadata', 'it has event_type and event_payload', 'invalid_metadata_format');
  return {
    text,
    blocks,
    metadata,
    threadTs: args['thread_ts'],
    unfurls: args['unfurl_links'] !== 'false' || args['unfurl_media'] !== 'false',
  };
}

function keepView(world: World, args: Args, user: string): Json {
  if (args['user_id'] && !world.people.has(user)) throw new Refused('user_not_found');
  const view = JSON.parse(args['view'] ?? '{}') as Json;
  const faults = findViewFaults(view);
  if (faults.length > 0) throw complain(world, 'view', faults.join('; '), 'invalid_arguments');
  const kept = { id: world.nextId('V'), ...view };
  world.views.push({ ...kept, user });
  return { view: kept };
}

/** What Slack wants for each method; '': nothing. */
export const SCOPES: Record<string, string> = {
  ...Object.fromEntries(Object.entries(METHODS).map(([name, { scope = '' }]) => [name, scope])),
  'oauth.v2.access': '',
};
