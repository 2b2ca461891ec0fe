// The labels that people put on pull requests and issues, made where the App is installed. Nothing depends on them: one that
// is missing springs up when somebody types it.
import { messageOf } from '../../errors.ts';
import type { GitHubApp, Octokit } from './app.ts';
import { call } from './calls.ts';

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
