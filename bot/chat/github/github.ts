// GitHub as a front: on with an App, off without one, and then with the pages that make one. Knows no cloud.
import { createLinkSigner } from '../../access/links.ts';
import { TRIGGER } from '../../forges/github/config.ts';
import type { Front, FrontOptions, FrontState } from '../front.ts';
import { createConversation, type GitHubOptions } from './conversation.ts';
import { conclusionSource } from './reactions.ts';
import { createSetup } from './setup.ts';
import { findMissed, lookAtThreads } from './sweeps.ts';
import { webhookRoute } from './webhooks.ts';

const HOUR_MS = 60 * 60_000;

export function createGitHub(options: FrontOptions): Front {
  const { config, github } = options;
  const conversing = config.github && github && { ...options, ...github, config: config.github };
  return {
    name: 'github',
    trigger: TRIGGER,
    prompt: undefined,
    start() {},
    stop: () => Promise.resolve(),
    ...(conversing ? turnOn(options, withLinks(options, conversing)) : turnOff(options)),
  };
}

type Rest = Pick<Front, 'conversation' | 'routes' | 'sources' | 'sweeps' | 'describe'>;

/** What everybody reads holds a signed address of the terminal: whoever follows it must sign in. */
function withLinks(
  { config: { baseUrl, limits }, encryptionKeys }: FrontOptions,
  parts: Omit<GitHubOptions, 'linkTo' | 'commandsPerHour'>,
): GitHubOptions {
  const signer = createLinkSigner(encryptionKeys);
  return {
    ...parts,
    commandsPerHour: limits.commandsPerHour,
    linkTo: ({ id, access }) => signer.sign(baseUrl, { workspace: id, access }),
  };
}

function turnOn({ db }: FrontOptions, parts: GitHubOptions): Rest {
  const { webhookSecrets: secrets, appId, url } = parts.config;
  return {
    conversation: createConversation(parts),
    routes: [webhookRoute({ db, secrets })],
    sources: [conclusionSource(parts)],
    sweeps: [
      { name: 'missed-deliveries', everyMs: HOUR_MS, atStart: true, run: () => findMissed(parts) },
      { name: 'closed-threads', everyMs: HOUR_MS, run: () => lookAtThreads(parts) },
    ],
    describe: () => describe(`App ${appId} at ${new URL(url).host}`, undefined),
  };
}

function turnOff({ config, log }: FrontOptions): Rest {
  const setup = config.setup && createSetup({ ...config, ...config.setup, log });
  return {
    conversation: undefined,
    routes: setup?.routes ?? [],
    sources: [],
    sweeps: [],
    describe: () => describe('', setup?.url),
  };
}

const describe = (details: string, setUpUrl: string | undefined): FrontState => ({
  title: 'GitHub',
  isOn: details !== '',
  details,
  isForOthers: true,
  setUpUrl,
});
