// Where this bot is spoken with: the fronts that its configuration turns on, and what they need of the other parts. The SDK of
// a front that is off is not loaded: it would cost each start a quarter of a second.
import type { Logger } from 'pino';
import { createLink, createLinkSigner } from './access/links.ts';
import { createVault } from './access/vault.ts';
import { answerSource } from './chat/answers.ts';
import { cardSource, type CardKnowledge } from './chat/cards.ts';
import type { FrontEnd } from './chat/front.ts';
import { createConsole, type Console } from './chat/console/console.ts';
import { lookAtForks } from './chat/forks.ts';
import type { Forge } from './forges/forge.ts';
import type { GitHub } from './forges/github/github.ts';
import { createGitHub, type GitHubFront } from './chat/github/github.ts';
import { deliverySource, type Inbox } from './chat/inbox.ts';
import type { Screen } from './chat/console/screen.ts';
import type { SlackFront } from './chat/slack/slack.ts';
import { commands } from './commands/index.ts';
import { hourly } from './billing/prices.ts';
import type { Config } from './config.ts';
import type { Database } from './database/connect.ts';
import { messageOf } from './errors.ts';
import type { Front, Workspace } from './database/types.ts';
import type { Route } from './http/routes.ts';
import { createSetup } from './chat/github/setup.ts';
import type { Source } from './jobs/loop.ts';
import * as store from './workspaces/store.ts';
import type { Sweep } from './jobs/sweeper.ts';
import { timingFrom } from './workspaces/timing.ts';
import { expiryOf } from './workspaces/workspace.ts';

export interface FrontOptions {
  config: Config;
  db: Database['db'];
  /** Those that sign links. */
  encryptionKeys: Buffer[];
  /** Where repositories, and what people may do on them, are asked for. */
  forges: readonly Forge[];
  /** For its front. Undefined: GitHub is not set up. */
  github: GitHub | undefined;
  screen: Screen;
  login: string;
  cwd: string;
  log: Logger;
}

export interface Fronts {
  console: Console;
  /** Where a bot without a GitHub App makes one. */
  setupUrl: string | undefined;
  routes: Route[];
  /** What the loop of the chats takes. */
  sources: Source[];
  sweeps: Sweep[];
  /** Goes and listens where nobody calls us. */
  start(): void;
  stop(): Promise<void>;
}

/** The App, which GitHub's front and the forge share. */
export async function openGitHub({ github, baseMs }: Config, log: Logger): Promise<GitHub | undefined> {
  if (!github) return undefined;
  const { openGitHub: open } = await import('./forges/github/github.ts');
  const { callTimeoutMs: timeoutMs, settingsKeptMs: keptMs } = timingFrom(baseMs);
  // A test that shortens all times is about none of GitHub's.
  return open(github, { timeoutMs, keptMs, isPaced: baseMs >= timingFrom().callTimeoutMs, log });
}

export async function openFronts(options: FrontOptions): Promise<Fronts> {
  const { config, log } = options;
  const person = makeConsole(options);
  const github = makeGitHub(options);
  const slack = await makeSlack(options);
  const setup = config.setup && createSetup({ ...config, ...config.setup, log });
  const fronts = new Map<Front, FrontEnd>([
    ['console', person],
    ...(github ? [['github', github] as const] : []),
    ...(slack ? [['slack', slack] as const] : []),
  ]);
  return {
    console: person,
    setupUrl: setup?.url,
    routes: [...(github?.routes ?? []), ...(slack?.routes ?? []), ...(setup?.routes ?? [])],
    sources: [
      ...chatSources(options, fronts),
      ...(github ? [github.conclusions] : []),
      ...(slack?.sources ?? []),
    ],
    sweeps: github?.sweeps ?? [],
    start() {
      slack?.start();
      for (const forge of options.forges)
        forge.warm().catch((error: unknown) => {
          log.info(
            { error: messageOf(error) },
            `${forge.title} could not be asked ahead; the first command asks it`,
          );
        });
    },
    async stop() {
      await slack?.stop();
      await person.close();
    },
  };
}

/** Makes a person's private way into a workspace. */
const linkMaker =
  ({ db, config }: FrontOptions) =>
  async (workspace: string, user: string): Promise<string> => {
    const row = await store.findWorkspace(db, workspace);
    return createLink(db, config.baseUrl, { workspace, user, access: row?.access ?? 0 });
  };

function makeConsole(options: FrontOptions): Console {
  const { db, screen, cwd, login, forges } = options;
  return createConsole({ db, screen, cwd, login, commands, forges, createLink: linkMaker(options) });
}

const whatAllNeed = ({ db, config, log }: FrontOptions) => ({
  db,
  log,
  commands,
  commandsPerHour: config.limits.commandsPerHour,
  paceMs: timingFrom(config.baseMs).cardPaceMs,
});

function makeGitHub(options: FrontOptions): GitHubFront | undefined {
  const { config, github } = options;
  if (!config.github || !github) return undefined;
  const signer = createLinkSigner(options.encryptionKeys);
  return createGitHub({
    ...whatAllNeed(options),
    ...github,
    config: config.github,
    linkTo: ({ id, access }) => signer.sign(config.baseUrl, { workspace: id, access }),
  });
}

async function makeSlack(options: FrontOptions): Promise<SlackFront | undefined> {
  const { config, forges } = options;
  if (!config.slack) return undefined;
  const { createSlack } = await import('./chat/slack/slack.ts');
  return createSlack({
    ...whatAllNeed(options),
    config: config.slack,
    baseUrl: config.baseUrl,
    ...(config.slack.install && { vault: createVault(options.encryptionKeys) }),
    forges,
    createLink: linkMaker(options),
    knowledge: knowledgeOf(options),
  });
}

function chatSources({ config, db, forges, log }: FrontOptions, fronts: Map<Front, FrontEnd>): Source[] {
  const { limits } = config;
  const beforeStart = (actor: string): Promise<void> => lookAtForks({ db, forges }, actor);
  const inbox: Inbox = { db, fronts, commands, limits, beforeStart, log };
  const cards = { db, fronts, log, ...knowledgeOf({ config, db }) };
  return [deliverySource(inbox), answerSource(inbox), cardSource(cards)];
}

const knowledgeOf = ({
  config: { limits, baseMs },
  db,
}: Pick<FrontOptions, 'config' | 'db'>): CardKnowledge => ({
  warningMs: timingFrom(baseMs).warningMs,
  expiryOf: (workspace: Workspace) => expiryOf(workspace, limits.idleTimeoutMs),
  readPrices: () => hourly(db),
});
