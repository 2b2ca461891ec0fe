// GitHub as a front: on with an App, off without one, and then with the pages that make one. Knows no cloud.
import { SETTINGS_PAGE } from '../../access/credentials/settings-sessions.ts';
import { createLinkSigner } from '../../access/links.ts';
import { TRIGGER } from '../wording.ts';
import type { Front, FrontOptions, FrontState } from '../front.ts';
import { createConversation, type GitHubOptions } from './conversation.ts';
import { writeSource } from './queue.ts';
import { createSetup } from './setup.ts';
import { webhookRoute } from './webhooks.ts';
import type { Logger } from 'pino';
import { messageOf } from '../../errors.ts';
import type { Forge } from '../../forges/forge.ts';
import type { GitHubApp } from '../../forges/github/app.ts';
import { redeliverMissed } from '../../forges/github/missed-deliveries.ts';
import { findIssue } from '../../forges/github/threads.ts';
import { retireWorkspaces } from '../../workspaces/cleanup.ts';
import { lookAtDepartures } from '../../workspaces/departures.ts';
import { noteHead } from '../forks.ts';
import { addressOf } from './cards.ts';
import { departureWatch } from './installations.ts';
import { whyClosed } from './notices.ts';
import type { Executor } from '../../database/types.ts';
import { keepNote, readNote } from '../store/subjects.ts';
import { listTopics } from '../../workspaces/store/workspaces.ts';

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
  parts: Omit<GitHubOptions, 'linkTo' | 'commandsPerHour' | 'settingsPage'>,
): GitHubOptions {
  const signer = createLinkSigner(encryptionKeys);
  return {
    ...parts,
    commandsPerHour: limits.commandsPerHour,
    settingsPage: `${baseUrl}${SETTINGS_PAGE}`,
    linkTo: ({ id }) => signer.sign(baseUrl, id),
  };
}

function turnOn({ db }: FrontOptions, parts: GitHubOptions): Rest {
  const { webhookSecrets: secrets, appId, url } = parts.config;
  const conversation = createConversation(parts);
  return {
    conversation,
    routes: [webhookRoute({ db, secrets })],
    sources: [writeSource({ ...parts, conversation })],
    sweeps: [
      { name: 'missed-deliveries', everyMs: HOUR_MS, atStart: true, run: () => findMissed(parts) },
      { name: 'closed-threads', everyMs: HOUR_MS, run: () => lookAtThreads(parts) },
      {
        name: 'github-departures',
        everyMs: HOUR_MS,
        run: () => lookAtDepartures(departureWatch({ ...parts, db })),
      },
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

interface Options {
  db: Executor;
  forge: Forge;
  app: GitHubApp;
  config: { url: string };
  log: Logger;
}

/** In one run: with two calls each that is a tenth of what GitHub allows an installation in an hour. */
const MAX_LOOKED_AT = 250;

/** Stops what closed unheard. One thread that cannot be read stops no other; throws then, after the last. */
export async function lookAtThreads(options: Options): Promise<void> {
  const { db, config, log } = options;
  const host = `${config.url}/`;
  const errors: string[] = [];
  for (const { topic, head } of await listTopics(db, { host, most: MAX_LOOKED_AT }))
    await lookAt(options, topic, head).catch((error: unknown) =>
      errors.push(`${topic}: ${messageOf(error)}`),
    );
  if (errors.length > 0) log.warn({ errors: errors.slice(0, 5) }, 'threads that could not be looked at');
  // Without their names: /readyz, which everybody may read, says why.
  if (errors.length > 0) throw new Error(`${errors.length} threads could not be looked at`);
}

/** Not there, or not for us to see: left alone, because nothing is proven by that. */
async function lookAt({ db, forge, app, log }: Options, topic: string, head: string | null): Promise<void> {
  const address = addressOf(topic);
  const octokit = await app.on(address.repository);
  const issue = octokit && (await findIssue(octokit, address));
  if (!octokit || !issue) return;
  if (issue.isOpen) {
    if (head !== null) await noteHead(db, forge, topic, head);
    return;
  }
  // What stopped then and is kept for a day has heard of it, and what somebody started afterwards is theirs.
  const place = { topic, ...(issue.closedAt && { since: issue.closedAt }) };
  const stopped = await db.transaction((tx) => retireWorkspaces(tx, place, whyClosed(issue)));
  if (stopped > 0) log.warn({ topic, stopped }, 'it was closed, and no delivery said so');
}

const MISSED = 'github-missed-deliveries';

export async function findMissed({ app, db, log }: Options): Promise<void> {
  const count = await redeliverMissed({
    app,
    recall: () => readNote(db, MISSED),
    remember: (notes) => keepNote(db, MISSED, notes),
  });
  if (count > 0) log.info({ count }, 'GitHub delivers again what did not reach us');
}
