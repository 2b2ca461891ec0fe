// The App is installed, taken away, suspended, given other permissions: what a delivery says of it, and what follows.
// Nobody is told anything on repositories that the App cannot reach; their workspaces wait for it, and go when it stays away.
import type { Logger } from 'pino';
import { z } from 'zod';
import type { GitHubApp, Octokit } from '../../forges/github/app.ts';
import type { GitHubConfig } from '../../forges/github/config.ts';
import { readDescribedApp } from '../../forges/github/manifest.ts';
import { redrawCards } from '../store/cards.ts';
import type { Executor } from '../../database/types.ts';
import { messageOf } from '../../errors.ts';
import { call } from '../../forges/github/calls.ts';
import { leave, lookAtDepartures, type DepartureWatch, type Left } from '../../workspaces/departures.ts';
import { listRepositoriesBelow } from '../../workspaces/store/workspaces.ts';

const Mention = z.object({ full_name: z.string().regex(/^[\w.-]+\/[\w.-]+$/) });

/** `installation` and `installation_repositories`. */
export const InstallationBody = z.object({
  action: z.string(),
  installation: z.object({
    id: z.number(),
    account: z.object({ login: z.string() }).nullish(),
    html_url: z.string().optional(),
    permissions: z.record(z.string(), z.string()).optional(),
  }),
  sender: z.object({ id: z.number(), login: z.string(), type: z.string() }),
  repositories: z.array(Mention).optional(),
  repositories_added: z.array(Mention).optional(),
  repositories_removed: z.array(Mention).optional(),
});

export const InstallationEvent = z.object({
  kind: z.literal('installation'),
  /** Absent in what an older bot stored. */
  action: z.string().optional(),
  account: z.string().optional(),
  page: z.string().optional(),
  permissions: z.record(z.string(), z.string()).optional(),
  /** Those that are new to the App. */
  repositories: z.array(z.string()).optional(),
  /** Those that it does not reach any more, where it is not all of the account's. */
  removed: z.array(z.string()).optional(),
});
export type InstallationEvent = z.infer<typeof InstallationEvent>;

const MAX_KEPT = 100;

export function readInstallation(body: z.infer<typeof InstallationBody>): InstallationEvent {
  const { action, installation } = body;
  const added = action === 'created' ? body.repositories : body.repositories_added;
  return {
    kind: 'installation',
    action,
    ...(installation.account ? { account: installation.account.login } : {}),
    ...(installation.html_url ? { page: installation.html_url } : {}),
    ...(installation.permissions ? { permissions: installation.permissions } : {}),
    repositories: (added ?? []).slice(0, MAX_KEPT).map(({ full_name: name }) => name),
    ...(action === 'removed' && { removed: (body.repositories_removed ?? []).map((one) => one.full_name) }),
  };
}

/** What makes more of an account reachable than before. */
const OPENING = ['created', 'added', 'unsuspend', 'new_permissions_accepted'];
const CLOSING = ['deleted', 'suspend', 'removed'];

export interface InstallationOptions {
  db: Executor;
  app: GitHubApp;
  config: Pick<GitHubConfig, 'url'>;
  log: Logger;
}

export async function noticeInstallation(
  options: InstallationOptions,
  event: InstallationEvent,
): Promise<(tx: Executor) => Promise<null>> {
  const { app, config, log } = options;
  app.forget();
  const { action = '', account, repositories = [] } = event;
  if (account && CLOSING.includes(action))
    return async (tx) => {
      await leaveRepositories(tx, options, account, event.removed);
      return null;
    };
  if (!account || !OPENING.includes(action)) return () => Promise.resolve(null);
  const lacks = await findLacks(event);
  if (lacks.length > 0)
    log.warn({ account, lacks, accept: event.page }, 'an installation of the App lacks permissions');
  if (!lacks.includes('issues: write')) {
    const problems = await createLabels(app, repositories);
    if (problems.length > 0) log.warn({ account, problems }, 'labels that could not be made');
  }
  // By itself it would be seen within the hour.
  await lookAtDepartures({ ...departureWatch(options), below: `${config.url}/${account}/` }).catch(() => {});
  return async (tx) => {
    // What changed while nobody could be told.
    await redrawCards(tx, 'github', `${account}/`);
    return null;
  };
}

/** `named`: of the account those alone. */
async function leaveRepositories(
  tx: Executor,
  options: Pick<InstallationOptions, 'config'>,
  account: string,
  named?: string[],
): Promise<void> {
  const gone = named && new Set(named.map((name) => name.toLowerCase()));
  for (const url of await listRepositoriesBelow(tx, `${options.config.url}/${account}`))
    if (!gone || gone.has(labelOf(options, url).toLowerCase())) await leave(tx, leftAt(options, url));
}

const labelOf = ({ config }: Pick<InstallationOptions, 'config'>, url: string): string =>
  url.slice(config.url.length + 1);

const leftAt = (options: Pick<InstallationOptions, 'config'>, url: string): Left => ({
  front: 'github',
  place: url,
  where: `${labelOf(options, url)} at GitHub`,
  at: { repository: url },
});

export const departureWatch = (options: InstallationOptions): DepartureWatch => ({
  db: options.db,
  front: 'github',
  describe: (url) => leftAt(options, url),
  isBack: async (url) => (await options.app.on(labelOf(options, url))) !== undefined,
  log: options.log,
});

/** What app.yml asks for and nobody has accepted. */
async function findLacks({ permissions }: InstallationEvent): Promise<string[]> {
  if (!permissions) return [];
  const { default_permissions: wanted } = await readDescribedApp();
  return Object.entries(wanted)
    .filter(([name, level]) => permissions[name] !== level && permissions[name] !== 'write')
    .map(([name, level]) => `${name}: ${level}`);
}

const COLOR = '1f6f5c';
const LABELS = [
  { name: 'sam', description: 'A cloud workspace for this, until the label goes' },
  { name: 'sam:small', description: 'The same, on a small machine' },
  { name: 'sam:medium', description: 'The same, on a medium machine' },
  { name: 'sam:large', description: 'The same, on a large machine' },
];
/** Of one installation: GitHub counts what is written, and somebody may install the App on thousands. */
const MAX_REPOSITORIES = 10;
/** A request of the inbox is held for half a minute. */
const TIMEOUT_MS = 15_000;

/** May be repeated. Gives what went wrong, for the log; whatever that is, it is left at that. */
export async function createLabels(
  app: Pick<GitHubApp, 'on'>,
  repositories: string[],
  now: () => number = Date.now,
): Promise<string[]> {
  const giveUpAt = now() + TIMEOUT_MS;
  const problems: string[] = [];
  for (const repository of repositories.slice(0, MAX_REPOSITORIES)) {
    if (now() > giveUpAt) break;
    await createMissing(app, repository, giveUpAt, now).catch((error: unknown) =>
      problems.push(`${repository}: ${messageOf(error)}`),
    );
  }
  return problems;
}

async function createMissing(
  app: Pick<GitHubApp, 'on'>,
  repository: string,
  giveUpAt: number,
  now: () => number,
): Promise<void> {
  const octokit = await app.on(repository);
  if (!octokit) return;
  const [owner = '', repo = ''] = repository.split('/');
  const known = await listNames(octokit, owner, repo);
  for (const label of LABELS.filter(({ name }) => !known.has(name))) {
    if (now() > giveUpAt) return;
    await call('create label', () =>
      octokit.rest.issues.createLabel({ owner, repo, color: COLOR, ...label }),
    );
  }
}

/** Of a repository with more than a hundred, those that are not seen are refused as being there. */
async function listNames(octokit: Octokit, owner: string, repo: string): Promise<Set<string>> {
  const { data } = await call('list labels', () =>
    octokit.rest.issues.listLabelsForRepo({ owner, repo, per_page: 100 }),
  );
  return new Set(data.map(({ name }) => name.toLowerCase()));
}
