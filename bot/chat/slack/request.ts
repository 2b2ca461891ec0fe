// What is kept of a request of Slack's: who said what where, and whose token answers. Pure.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Field, FormRequest } from './forms/events.ts';
import type { Resident } from './home/store.ts';
import type { Said, Whose } from './shapes.ts';
import { createVoice, type Voice } from '../wording.ts';
import type { FrontTraits } from '../../commands/command.ts';
import type { NewDelivery } from '../store/deliveries.ts';

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
      form?: FormRequest;
    }
  /** Somebody opened the App Home. */
  | { home: Resident }
  /** Somebody searches for a repository. */
  | { typing: string; user: string; at: string }
  /** The app was taken away from that workspace of Slack's. */
  | { gone: string; at: Date }
  /** Signed and well-formed, and nothing to us. */
  | { nothing: string };

/** In a channel that companies share an event may be of the other one: the authorization says where the app is. */
export function installedAt({
  team_id: team,
  authorizations,
}: Pick<z.infer<typeof Said>, 'team_id' | 'authorizations'>): {
  team: string;
  isForAll: boolean;
} {
  const [first] = authorizations ?? [];
  return { team: first?.team_id ?? team, isForAll: first?.is_enterprise_install === true };
}

interface Whence {
  team: string;
  enterprise?: string | null | undefined;
  /** Installed for the whole organisation: one token, and one name for all of its workspaces. */
  isForAll?: boolean;
  theirs?: string | undefined;
}

/** In an organisation people have one id everywhere; a guest from another company brings their own team. */
export function placeOf({
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

type Whereabouts = z.infer<z.ZodObject<typeof Whose>>;

/** Of a press, a form, an entry of a menu. `installed`: where the app of that view is, in channels that companies share. */
export function whereOf(
  { team, enterprise, is_enterprise_install, user }: Whereabouts,
  installed?: string | null,
): Pick<Event, 'team' | 'enterprise' | 'home'> {
  return placeOf({
    team: installed ?? team?.id ?? user.team_id ?? enterprise?.id ?? '',
    enterprise: enterprise?.id,
    isForAll: is_enterprise_install === true,
    theirs: user.team_id,
  });
}

/** `id`: no secret of Slack's; what lets its holder do something comes hashed. */
export const deliveryOf = (event: Event, id: string): NewDelivery => ({
  source: FRONT,
  deliveryId: `${event.team}:${id}`,
  event: event.kind,
  payload: event,
  thread: personOf(event),
});

/** A person's requests run in order, wherever they say them. */
const personOf = ({ home, user }: Event): string => `${home}/${user}`;

/** `slack:<team>`: where the ids of its people mean something. */
export const sourceOf = ({ home }: Pick<Event, 'home'>): string => `${FRONT}:${home}`;

/** Where cards go: a channel, or a thread in it. */
export const threadOf = ({ team, channel, threadTs }: Pick<Event, 'team' | 'channel' | 'threadTs'>): string =>
  [team, channel, ...(threadTs ? [threadTs] : [])].join('/');

export function parseThread(thread: string): { team: string; channel: string; threadTs?: string } {
  const [team = '', channel = '', threadTs] = thread.split('/');
  return { team, channel, ...(threadTs ? { threadTs } : {}) };
}

export const hash = (...parts: string[]): string =>
  createHash('sha256').update(parts.join('\n')).digest('hex');

/** What rows call this front. */
export const FRONT = 'slack';

export const inSlack: FrontTraits = {
  title: 'Slack',
  isPublic: false,
  isOperator: false,
  hasChannels: true,
  hasLinkedAccounts: true,
  hasReviews: false,
  about: 'channel',
};

/** How the bot is called where slash commands do not work. */
export const NAME = '@sam';

/** In threads there are no slash commands. `command`: what they begin with elsewhere. */
export const voiceFor = (command: string, event: Event): Voice =>
  createVoice(event.kind === 'message' && event.threadTs !== undefined ? NAME : command);

/** JSON may hold a NUL, Postgres' text may not. */
export const clean = (text: string): string => text.replaceAll('\0', '').toWellFormed();
