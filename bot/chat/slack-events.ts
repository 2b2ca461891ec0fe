// What Slack's requests say, as far as Sam cares: the few facts that are kept of each. Pure.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import {
  findNamed,
  HomeOpened,
  readFilled,
  Shortcut,
  Submitted,
  Typing,
  type Field,
  type FormWish,
} from './slack-form-events.ts';
import type { Resident } from './slack-home-store.ts';
import { Authorized, Command, Gone, Pressed, Said } from './slack-shapes.ts';
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
    /** Empty in the App Home. */
    messageTs: z.string(),
    isEphemeral: z.boolean(),
  }),
  /** A form that was filled in; the line is what it says. */
  Here.extend({ kind: z.literal('form'), line: z.string(), form: z.enum(['new', 'rename', 'rm']) }),
]);
export type Event = z.infer<typeof Event>;

export type Understood =
  | {
      delivery: NewDelivery;
      event: Event;
      /** What a form was filled in with, to be looked through before it is stored. */
      fields?: Field[];
      /** It asks for a form; if none can be opened it is answered in words. */
      form?: FormWish;
    }
  | { form: FormWish }
  /** Somebody opened the App Home. */
  | { home: Resident }
  /** Somebody searches for a repository. */
  | { typing: string; user: string; at: string }
  /** The app was taken away from that workspace of Slack's. */
  | { gone: string; at: Date }
  /** Signed and well-formed, and nothing to us. */
  | { nothing: string };

/** `body`: of a request whose signature was right. `command`: the name of ours. */
export function understand(body: unknown, command: string): Understood {
  const slash = Command.safeParse(body).data;
  if (slash) return readCommand(slash, command);
  const said = Said.safeParse(body).data;
  if (said) return readSaid(said);
  const gone = Gone.safeParse(body).data;
  if (gone) return readGone(gone);
  const pressed = Pressed.safeParse(body).data;
  return pressed ? readPress(pressed) : (readView(body) ?? { nothing: 'no use for that' });
}

function readCommand(slash: z.infer<typeof Command>, ours: string): Understood {
  if (slash.command.toLowerCase() !== ours.toLowerCase()) return { nothing: 'another command' };
  const event: Event = {
    kind: 'command',
    ...placeOf({
      team: slash.team_id,
      enterprise: slash.enterprise_id,
      isForAll: slash.is_enterprise_install === 'true',
    }),
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
    ...placeOf({
      ...installedAt(body),
      enterprise: body.enterprise_id,
      theirs: said.user_team ?? said.team,
    }),
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
  const { container, user } = body;
  // What is pressed in the App Home is answered in the direct message.
  const channel = body.channel?.id ?? user.id;
  const messageTs = container.message_ts ?? '';
  const threadTs = container.thread_ts ?? body.message?.thread_ts;
  const event: Event = {
    kind: 'button',
    ...placeOf({
      team: body.team.id,
      enterprise: body.enterprise?.id,
      isForAll: body.is_enterprise_install === true,
      theirs: user.team_id,
    }),
    user: user.id,
    ...(user.username ? { name: clean(user.username) } : {}),
    channel,
    isDirect: body.channel ? channel.startsWith('D') : true,
    ...(threadTs ? { threadTs } : {}),
    ...(body.response_url ? { responseUrl: body.response_url } : {}),
    line: clean(line),
    press: hash(body.view?.id ?? channel, messageTs, action.block_id, action.action_id, line, user.id),
    block: clean(action.block_id),
    messageTs,
    isEphemeral: container.is_ephemeral === true,
  };
  const form = wishOf(event, body.trigger_id);
  return { event, delivery: deliveryOf(event, body.trigger_id), ...(form ? { form } : {}) };
}

/** `?new`, `?rename ws-…`, `?rm ws-…`: buttons that open a form. */
function wishOf(event: Extract<Event, { kind: 'button' }>, trigger: string): FormWish | undefined {
  const [, about, id] = /^\?(new|rename|rm)(?: (\S+))?$/.exec(event.line) ?? [];
  if (!about) return undefined;
  const { team, home, user, name, channel, threadTs } = event;
  return { about: about as FormWish['about'], trigger, team, home, user, name, channel, threadTs, id };
}

// --- forms and the App Home ---------------------------------------------------------------------------------------

function readView(body: unknown): Understood | undefined {
  const shortcut = Shortcut.safeParse(body).data;
  if (shortcut) return readShortcut(shortcut);
  const submitted = Submitted.safeParse(body).data;
  if (submitted) return readSubmitted(submitted);
  const typing = Typing.safeParse(body).data;
  if (typing) return { typing: typing.value, user: typing.user.id, at: whereOf(typing).home };
  const opened = HomeOpened.safeParse(body).data;
  if (opened?.event.tab !== 'home') return undefined;
  const { event } = opened;
  const { team, home } = placeOf({
    ...installedAt(Authorized.parse(body)),
    enterprise: opened.enterprise_id,
  });
  return { home: { team, home, person: event.user } };
}

function whereOf({
  team,
  enterprise,
  is_enterprise_install,
  user,
}: Pick<z.infer<typeof Submitted>, 'team' | 'enterprise' | 'is_enterprise_install' | 'user'>): Pick<
  Event,
  'team' | 'enterprise' | 'home'
> {
  return placeOf({
    team: team?.id ?? user.team_id ?? enterprise?.id ?? '',
    enterprise: enterprise?.id,
    isForAll: is_enterprise_install === true,
    theirs: user.team_id,
  });
}

/** The card goes below the message. */
function readShortcut(body: z.infer<typeof Shortcut>): Understood {
  const { user, channel, message, trigger_id: trigger } = body;
  const { team, home } = whereOf(body);
  const named = findNamed((message.text ?? '').slice(0, 4_000));
  const threadTs = message.thread_ts ?? message.ts;
  const about = 'new';
  return {
    form: {
      about,
      trigger,
      team,
      home,
      user: user.id,
      name: user.username,
      channel: channel.id,
      threadTs,
      named,
    },
  };
}

/** A view is submitted once: what comes again is the same. */
function readSubmitted(body: z.infer<typeof Submitted>): Understood {
  const filled = readFilled(body);
  if (!filled) return { nothing: 'not our form' };
  const { channel, threadTs, fields } = filled;
  const { user, view } = body;
  const name = user.username ?? user.name;
  const event: Event = {
    kind: 'form',
    ...whereOf(body),
    user: user.id,
    ...(name ? { name: clean(name) } : {}),
    channel: channel || user.id,
    isDirect: !/^[CG]/.test(channel),
    ...(threadTs ? { threadTs } : {}),
    form: view.callback_id,
    line: clean((fields.at(-1) ?? fields[0]).line),
  };
  return { event, fields, delivery: deliveryOf(event, `view:${view.id}`) };
}

/** In a channel that companies share an event may be of the other one: the authorization says where the app is. */
function installedAt({
  team_id: team,
  authorizations,
}: Pick<z.infer<typeof Said>, 'team_id' | 'authorizations'>): {
  team: string;
  isForAll: boolean;
} {
  const [first] = authorizations ?? [];
  return { team: first?.team_id ?? team, isForAll: first?.is_enterprise_install === true };
}

function readGone({
  event,
  event_time,
  enterprise_id,
  is_enterprise_install,
  ...body
}: z.infer<typeof Gone>): Understood {
  if (event.type === 'tokens_revoked' && !event.tokens?.bot?.length)
    return { nothing: 'a person’s own token' };
  const { team, isForAll } = installedAt(body);
  const isOrganisation = enterprise_id && (isForAll || is_enterprise_install);
  return { gone: isOrganisation ? enterprise_id : team, at: new Date(event_time * 1000) };
}

interface Whence {
  team: string;
  enterprise?: string | null | undefined;
  /** Installed for the whole organisation: one token, and one name for all of its workspaces. */
  isForAll?: boolean;
  theirs?: string | undefined;
}

/** In an organisation people have one id everywhere; a guest from another company brings their own team. */
function placeOf({
  team,
  enterprise,
  isForAll,
  theirs,
}: Whence): Pick<Event, 'team' | 'enterprise' | 'home'> {
  const isGuest = theirs !== undefined && theirs !== team && theirs !== enterprise && !enterprise;
  return {
    team: isForAll && enterprise ? enterprise : team,
    ...(enterprise ? { enterprise } : {}),
    home: isGuest ? theirs : (enterprise ?? team),
  };
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
