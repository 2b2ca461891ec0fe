// slack.yml: what the Slack app may do and hears, as the file at the top says; with a bot's addresses it is what Slack takes.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

const FILE = join(import.meta.dirname, '../../../../slack.yml');

const Described = z.looseObject({
  features: z.looseObject({
    slash_commands: z.tuple([z.looseObject({ command: z.string() })]),
  }),
  oauth_config: z.looseObject({ scopes: z.object({ bot: z.array(z.string()) }) }),
  settings: z.looseObject({
    event_subscriptions: z.looseObject({ bot_events: z.array(z.string()) }),
    interactivity: z.looseObject({ is_enabled: z.boolean() }),
  }),
});
export type SlackManifest = z.infer<typeof Described>;

/** As the file has it: without addresses. */
export const readDescribed = async (): Promise<SlackManifest> =>
  Described.parse(parse(await readFile(FILE, 'utf8')));

/** What the app asks for when it is installed. */
export const readScopes = async (): Promise<string[]> => (await readDescribed()).oauth_config.scopes.bot;

/** For this bot. `overSocket`: Slack is dialled (Socket Mode), so it needs no address of ours but for installing. */
export async function readManifest({
  baseUrl,
  command,
  overSocket,
}: {
  baseUrl: string;
  command: string;
  overSocket: boolean;
}): Promise<SlackManifest> {
  const described = await readDescribed();
  const { features, settings, oauth_config: oauth } = described;
  const heard = overSocket ? {} : { url: `${baseUrl}/slack/events` };
  const asked = overSocket ? {} : { request_url: `${baseUrl}/slack/events` };
  return {
    ...described,
    features: { ...features, slash_commands: [{ ...features.slash_commands[0], command, ...heard }] },
    oauth_config: { redirect_urls: [`${baseUrl}/slack/oauth_redirect`], ...oauth },
    settings: {
      ...settings,
      event_subscriptions: { ...asked, ...settings.event_subscriptions },
      interactivity: {
        ...settings.interactivity,
        ...asked,
        ...(overSocket ? {} : { message_menu_options_url: `${baseUrl}/slack/events` }),
      },
      socket_mode_enabled: overSocket,
    },
  };
}
