// What Slack's requests say, as far as Sam cares: the few facts that are kept of each. Pure.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { Command, Pressed, Said } from './slack-shapes.ts';
import type { NewDelivery } from './store.ts';

const Here = z.object({
  /** The workspace that the app is installed in: whose token answers. */
  team: z.string(),
  /** The organisation of an Enterprise Grid. */
  enterprise: z.string().optional(),
  /** Where the person is at home: ids of people mean something only there. */
  home: z.string(),
  user: z.string(),
  name: z.string().optional(),
  channel: z.string(),
  isDirect: z.boolean(),
  /** The thread within the channel, by the time of its first message. */
  threadTs: z.string().optional(),
  responseUrl: z.string().optional(),
});

/** What is stored of a request: enough to act on it, and no more of what is not ours. */
export const Event = z.discriminatedUnion('kind', [
  Here.extend({ kind: z.literal('command'), text: z.string() }),
  /** Said to the bot, in a channel or to it alone. `bot`: how its own user is called there. */
  Here.extend({
    kind: z.literal('message'),
    text: z.string(),
    ts: z.string(),
    bot: z.string().optional(),
  }),
  /** `line`: what the button says. `press`: the same for presses of one person on one button. */
  Here.extend({
    kind: z.literal('button'),
    line: z.string(),
    press: z.string(),
    block: z.string(),
    messageTs: z.string(),
    isEphemeral: z.boolean(),
  }),
]);
export type Event = z.infer<typeof Event>;

export type Understood =
  | { delivery: NewDelivery; event: Event }
  /** Signed and well-formed, and nothing to us. */
  | { nothing: string };

/** `body`: of a request whose signature was right. `command`: the name of ours. */
export function understand(body: unknown, command: string): Understood {
  const slash = Command.safeParse(body).data;
  if (slash) return readCommand(slash, command);
  const said = Said.safeParse(body).data;
  if (said) return readSaid(said);
  const pressed = Pressed.safeParse(body).data;
  return pressed ? readPress(pressed) : { nothing: 'no use for that' };
}

function readCommand(slash: z.infer<typeof Command>, ours: string): Understood {
  if (slash.command.toLowerCase() !== ours.toLowerCase()) return { nothing: 'another command' };
  const event: Event = {
    kind: 'command',
    ...placeOf(slash.team_id, slash.enterprise_id, undefined),
    user: slash.user_id,
    ...(slash.user_name ? { name: clean(slash.user_name) } : {}),
    channel: slash.channel_id,
    isDirect: slash.channel_id.startsWith('D'),
    responseUrl: slash.response_url,
    text: clean(slash.text),
  };
  return { event, delivery: deliveryOf(event, slash.trigger_id) };
}

function readSaid({ event: said, ...body }: z.infer<typeof Said>): Understood {
  if (said.bot_id || said.subtype || !said.user || said.text === undefined) return { nothing: 'people only' };
  const isDirect = said.channel_type === 'im' || said.channel.startsWith('D');
  if (said.type === 'message' && !isDirect) return { nothing: 'not said to us' };
  const bot = body.authorizations?.[0]?.user_id;
  const event: Event = {
    kind: 'message',
    ...placeOf(body.team_id, body.enterprise_id ?? undefined, said.user_team ?? said.team),
    user: said.user,
    channel: said.channel,
    isDirect,
    ...(said.thread_ts ? { threadTs: said.thread_ts } : {}),
    text: clean(said.text),
    ts: said.ts,
    ...(bot ? { bot } : {}),
  };
  // One message can come as two events.
  const bodyHash = hash(body.team_id, said.channel, said.ts);
  return { event, delivery: { ...deliveryOf(event, body.event_id), bodyHash } };
}

function readPress(body: z.infer<typeof Pressed>): Understood {
  const [action] = body.actions;
  const line = action?.selected_option?.value ?? action?.value;
  // Links are pressed too, and need no more than an acknowledgement.
  if (!action || !line) return { nothing: 'a link' };
  const { container, user, channel } = body;
  const threadTs = container.thread_ts ?? body.message?.thread_ts;
  const event: Event = {
    kind: 'button',
    ...placeOf(body.team.id, body.enterprise?.id, user.team_id),
    user: user.id,
    ...(user.username ? { name: clean(user.username) } : {}),
    channel: channel.id,
    isDirect: channel.id.startsWith('D'),
    ...(threadTs ? { threadTs } : {}),
    ...(body.response_url ? { responseUrl: body.response_url } : {}),
    line: clean(line),
    press: hash(channel.id, container.message_ts, action.block_id, action.action_id, line, user.id),
    block: clean(action.block_id),
    messageTs: container.message_ts,
    isEphemeral: container.is_ephemeral === true,
  };
  return { event, delivery: deliveryOf(event, body.trigger_id) };
}

/** In an organisation people have one id everywhere; a guest from another company brings their own team. */
function placeOf(
  team: string,
  enterprise: string | undefined,
  theirs: string | undefined,
): Pick<Event, 'team' | 'enterprise' | 'home'> {
  const isGuest = theirs !== undefined && theirs !== team && theirs !== enterprise && !enterprise;
  return { team, ...(enterprise ? { enterprise } : {}), home: isGuest ? theirs : (enterprise ?? team) };
}

const deliveryOf = (event: Event, id: string): NewDelivery => ({
  source: 'slack',
  deliveryId: `${event.team}:${id}`,
  event: event.kind,
  payload: event,
  thread: personOf(event),
});

/** A person's requests run in order, wherever they say them. */
const personOf = ({ home, user }: Event): string => `${home}/${user}`;

/** `slack:<team>`: where the ids of its people mean something. */
export const sourceOf = ({ home }: Pick<Event, 'home'>): string => `slack:${home}`;

/** Where cards go: a channel, or a thread in it. */
export const threadOf = ({ team, channel, threadTs }: Pick<Event, 'team' | 'channel' | 'threadTs'>): string =>
  [team, channel, ...(threadTs ? [threadTs] : [])].join('/');

export function parseThread(thread: string): { team: string; channel: string; threadTs?: string } {
  const [team = '', channel = '', threadTs] = thread.split('/');
  return { team, channel, ...(threadTs ? { threadTs } : {}) };
}

const hash = (...parts: string[]): string => createHash('sha256').update(parts.join('\n')).digest('hex');

/** JSON may hold a NUL, Postgres' text may not. */
const clean = (text: string): string => text.replaceAll('\0', '').toWellFormed();
