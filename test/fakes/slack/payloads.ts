// What Slack sends when somebody does something, as JSON. Sends nothing.
import { randomBytes } from 'node:crypto';
import { issueHook, type Channel, type Json, type Message, type Person, type World } from './model.ts';

/** A fresh right to open a form. */
export function issueTrigger(world: World, user: Person): string {
  const trigger = `${Date.now()}.${randomBytes(4).readUInt32BE()}.${randomBytes(16).toString('hex')}`;
  world.triggers.set(trigger, { user: user.id, at: Date.now() });
  return trigger;
}

/** A slash command, as the fields of a form. */
export const commandOf = (
  world: World,
  user: Person,
  channel: Channel,
  { command, text, ...more }: Json & { command: string; text: string },
): Record<string, string> => ({
  token: 'legacy',
  team_id: channel.team,
  team_domain: 'team',
  channel_id: channel.id,
  channel_name: channel.name,
  user_id: user.id,
  user_name: user.name,
  command,
  text,
  api_app_id: 'A0APP',
  is_enterprise_install: 'false',
  response_url: issueHook(world, channel.id, user.id),
  trigger_id: issueTrigger(world, user),
  ...(more as Record<string, string>),
});

export function envelopeOf(world: World, event: Json): Json {
  const team = world.channels.get(String(event['channel']))?.team ?? world.team;
  return {
    token: 'legacy',
    team_id: team,
    api_app_id: 'A0APP',
    event,
    type: 'event_callback',
    event_id: `Ev${randomBytes(6).toString('hex').toUpperCase()}`,
    event_time: Math.floor(Date.now() / 1000),
    authorizations: [{ team_id: team, user_id: world.botUser, is_bot: true, is_enterprise_install: false }],
  };
}

export const whoIs = (user: Person): Json => ({
  user: { id: user.id, username: user.name, name: user.name, team_id: user.team },
  team: { id: user.team, domain: 'team' },
  enterprise: null,
  is_enterprise_install: false,
  api_app_id: 'A0APP',
});

export const shortcutOf = (world: World, user: Person, message: Message): Json => ({
  type: 'message_action',
  callback_id: 'start_workspace',
  ...whoIs(user),
  channel: channelOf(world, message),
  message: {
    type: 'message',
    user: message.user,
    ts: message.ts,
    text: message.text,
    ...threadOf(message),
  },
  message_ts: message.ts,
  trigger_id: issueTrigger(world, user),
  response_url: issueHook(world, message.channel, user.id, message),
});

const channelOf = (world: World, { channel }: Message): Json => ({
  id: channel,
  name: world.channels.get(channel)?.name,
});

const threadOf = ({ threadTs }: Message): Json => (threadTs ? { thread_ts: threadTs } : {});

export function pressOf(world: World, user: Person, message: Message, label: string): Json {
  const { action, block } = findAction(message, label);
  return {
    type: 'block_actions',
    ...whoIs(user),
    team: { id: world.channels.get(message.channel)?.team, domain: 'team' },
    channel: channelOf(world, message),
    container: {
      type: 'message',
      message_ts: message.ts,
      channel_id: message.channel,
      is_ephemeral: message.ephemeralTo !== undefined,
      ...threadOf(message),
    },
    ...(message.ephemeralTo
      ? {}
      : {
          message: {
            ts: message.ts,
            text: message.text,
            blocks: message.blocks,
            ...threadOf(message),
          },
        }),
    trigger_id: issueTrigger(world, user),
    response_url: issueHook(world, message.channel, user.id, message),
    actions: [{ ...action, block_id: block['block_id'], action_ts: world.nextTs() }],
  };
}

/** What was filled in, as Slack sends it: a select's value is an option. */
export function stateOf(view: Json, values: Record<string, string>): Json {
  const inputs = ((view['blocks'] as Json[] | undefined) ?? []).filter((block) => block['type'] === 'input');
  return Object.fromEntries(
    inputs.map((block) => {
      const {
        type,
        action_id: id,
        initial_value: initial,
        initial_option: chosen,
      } = block['element'] as Json;
      const given = values[String(block['block_id'])];
      const option =
        given === undefined ? (chosen ?? null) : { text: { type: 'plain_text', text: given }, value: given };
      const value =
        type === 'plain_text_input' ? { value: given ?? initial ?? null } : { selected_option: option };
      return [block['block_id'], { [String(id)]: { type, ...value } }];
    }),
  );
}

export const formOf = (payload: Json): string =>
  new URLSearchParams({ payload: JSON.stringify(payload) }).toString();

export const eventOf = (message: Message, user: Person): Json => ({
  user: user.id,
  text: message.text,
  ts: message.ts,
  channel: message.channel,
  event_ts: message.ts,
  team: user.team,
  user_team: user.team,
  ...threadOf(message),
});

export function findAction(
  message: Pick<Message, 'text' | 'blocks'>,
  label: string,
): { action: Json; block: Json } {
  for (const block of message.blocks) {
    const elements = [
      ...((block['elements'] as Json[] | undefined) ?? []),
      ...(block['accessory'] ? [block['accessory'] as Json] : []),
    ];
    for (const element of elements) {
      const { type, action_id, value } = element;
      if (type === 'button' && labelOf(element) === label)
        return { block, action: { type, action_id, value, text: element['text'] } };
      const option = ((element['options'] as Json[] | undefined) ?? []).find((one) => labelOf(one) === label);
      if (option) return { block, action: { type, action_id, selected_option: option } };
    }
  }
  throw new Error(`there is no ${label} on: ${message.text}`);
}

export const labelOf = (element: Json): string =>
  (element['text'] as { text?: string } | undefined)?.text ?? '';

export function readJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return {};
  }
}
