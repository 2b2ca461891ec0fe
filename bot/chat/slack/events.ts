// What Slack's requests say, as far as Sam cares: the few facts that are kept of each. Pure.
import type { z } from 'zod';
import type { FormRequest } from './forms/events.ts';
import {
  clean,
  deliveryOf,
  hash,
  installedAt,
  placeOf,
  whereOf,
  type Event,
  type Understood,
} from './request.ts';
import { Command, Gone, Pressed, Said } from './shapes.ts';
import { readView } from './forms/view-events.ts';

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
  return { event, delivery: deliveryOf(event, hash(slash.trigger_id)) };
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
    ...whereOf(body, body.view?.app_installed_team_id),
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
  const form = formOf(event, body.trigger_id);
  return { event, delivery: deliveryOf(event, hash(body.trigger_id)), ...(form ? { form } : {}) };
}

/** `?new`, `?rename ws-…`, `?rm ws-…`: buttons that open a form. */
function formOf(event: Extract<Event, { kind: 'button' }>, trigger: string): FormRequest | undefined {
  const [, about, id] = /^\?(new|rename|rm)(?: (\S+))?$/.exec(event.line) ?? [];
  if (!about) return undefined;
  const { team, home, user, name, channel, threadTs } = event;
  return { about: about as FormRequest['about'], trigger, team, home, user, name, channel, threadTs, id };
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
