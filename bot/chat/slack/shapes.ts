// The shapes of Slack's requests, as far as Sam reads them. Pure.
import { z } from 'zod';

export const Id = z.string().regex(/^[A-Z0-9]{1,40}$/);
export const Trigger = z.string().regex(/^[\w.-]{1,200}$/);

const Authorizations = z
  .array(
    z.object({
      user_id: Id.nullish(),
      team_id: Id.nullish(),
      enterprise_id: Id.nullish(),
      is_enterprise_install: z.boolean().nullish(),
    }),
  )
  .nullish();

/** Where an event's app is installed. */
export const Authorized = z.object({ team_id: Id, authorizations: Authorizations });

/** Who did something, and where. An app that is installed for a whole organisation may hear of no team. */
export const Whose = {
  team: z.object({ id: Id }).nullish(),
  enterprise: z.object({ id: Id }).nullish(),
  is_enterprise_install: z.boolean().nullish(),
  user: z.object({
    id: Id,
    username: z.string().optional(),
    name: z.string().optional(),
    team_id: Id.optional(),
  }),
};

/** A slash command. */
export const Command = z.object({
  command: z.string(),
  text: z.string().default(''),
  team_id: Id,
  enterprise_id: Id.optional(),
  is_enterprise_install: z.string().optional(),
  user_id: Id,
  user_name: z.string().optional(),
  channel_id: Id,
  channel_name: z.string().optional(),
  response_url: z.string(),
  trigger_id: Trigger,
});

/** Something that was said to the bot, or near it. */
export const Said = z.object({
  type: z.literal('event_callback'),
  team_id: Id,
  enterprise_id: Id.nullish(),
  event_id: z.string().regex(/^\w{1,100}$/),
  authorizations: Authorizations,
  event: z.object({
    type: z.enum(['app_mention', 'message']),
    subtype: z.string().optional(),
    bot_id: z.string().nullish(),
    channel_type: z.string().optional(),
    user: Id.optional(),
    user_team: Id.optional(),
    team: Id.optional(),
    text: z.string().optional(),
    ts: z.string(),
    thread_ts: z.string().optional(),
    channel: Id,
  }),
});

/** The app was taken away, or its tokens were. */
export const Gone = z.object({
  type: z.literal('event_callback'),
  team_id: Id,
  enterprise_id: Id.nullish(),
  event_time: z.number().int().positive(),
  is_enterprise_install: z.boolean().nullish(),
  authorizations: Authorizations,
  event: z.object({
    type: z.enum(['app_uninstalled', 'tokens_revoked']),
    /** People's own tokens are none of ours. */
    tokens: z.object({ bot: z.array(z.string()).nullish() }).nullish(),
  }),
});

/** A button, or a choice in a menu. */
export const Pressed = z.object({
  type: z.literal('block_actions'),
  ...Whose,
  /** A button in the App Home is in no channel. */
  channel: z.object({ id: Id, name: z.string().optional() }).nullish(),
  view: z.object({ id: z.string(), app_installed_team_id: Id.nullish() }).nullish(),
  container: z.object({
    message_ts: z.string().optional(),
    is_ephemeral: z.boolean().optional(),
    thread_ts: z.string().optional(),
  }),
  message: z.object({ thread_ts: z.string().optional() }).optional(),
  response_url: z.string().optional(),
  trigger_id: Trigger,
  actions: z
    .array(
      z.object({
        action_id: z.string(),
        block_id: z.string(),
        value: z.string().optional(),
        selected_option: z.object({ value: z.string() }).optional(),
      }),
    )
    .min(1),
});
