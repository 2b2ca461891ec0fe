// Slack as a front: on with an app's settings, off without. Loads Bolt only if it is on: each start would wait for it.
import { connectRoutes } from '../../access/people/linking.ts';
import { createVault } from '../../access/vault.ts';
import type { Front, FrontOptions } from '../front.ts';
import { DEFAULT_COMMAND, type SlackConfig } from './config.ts';
import type { SlackOptions } from './conversation.ts';
import { FRONT } from './request.ts';
import * as slackStore from './store.ts';

export async function createSlack(options: FrontOptions): Promise<Front> {
  const { slack } = options.config;
  return {
    name: FRONT,
    trigger: slack?.command ?? DEFAULT_COMMAND,
    prompt: undefined,
    ...(slack ? await turnOn(options, slack) : OFF),
  };
}

type Rest = Omit<Front, 'name' | 'trigger' | 'prompt'>;

const STATE = { title: 'Slack', isForOthers: true, setUpUrl: undefined };

const OFF: Rest = {
  conversation: undefined,
  routes: [],
  sources: [],
  sweeps: [],
  start() {},
  stop: () => Promise.resolve(),
  describe: () => ({ ...STATE, isOn: false, details: '' }),
};

async function turnOn(options: FrontOptions, slack: SlackConfig): Promise<Rest> {
  const { db, forges, encryptionKeys } = options;
  const { baseUrl, limits } = options.config;
  const parts: SlackOptions = {
    ...options,
    config: slack,
    baseUrl,
    commandsPerHour: limits.commandsPerHour,
    ...(slack.install && { vault: createVault(encryptionKeys) }),
  };
  const { openSlack } = await import('./conversation.ts');
  const opened = await openSlack(parts);
  return {
    ...opened,
    routes: [
      ...opened.routes,
      ...connectRoutes({
        db,
        baseUrl,
        forges,
        command: slack.command,
        chat: 'Slack',
        resume: (tx, { delivery }) => slackStore.repeatDelivery(tx, delivery),
      }),
    ],
    describe: () => ({
      ...STATE,
      isOn: true,
      details: `\`${slack.command}\`${slack.appToken ? ', Socket Mode' : ''}`,
    }),
  };
}
