// Which installation of the App reaches a repository; kept for a while. Knows no tokens.
import type { ProbotOctokit } from 'probot';
import { call, callOr } from './calls.ts';

type Octokit = InstanceType<typeof ProbotOctokit>;

export interface Installations {
  /** Undefined: the App is not installed there, or is suspended. Throws ProviderError. */
  find: (repository: string) => Promise<number | undefined>;
  /** Its page on GitHub; undefined: not found yet. */
  page: (repository: string) => string | undefined;
  clear: () => void;
}

/** Another bot may hear of a change that we do not. */
const KNOWN_MS = 5 * 60_000;

export function createInstallations(asApp: () => Promise<Octokit>): Installations {
  const known = new Map<string, { id: number; page: string; until: number }>();
  return {
    async find(repository) {
      const last = known.get(repository);
      if (last && last.until > Date.now()) return last.id;
      const octokit = await asApp();
      const [owner = '', repo = ''] = repository.split('/');
      const answer = await callOr(
        'find installation',
        () => octokit.rest.apps.getRepoInstallation({ owner, repo }),
        undefined,
      );
      // A suspended one gives no tokens: as good as none.
      if (!answer || answer.data.suspended_at) return undefined;
      const { id, html_url: page } = answer.data;
      known.set(repository, { id, page, until: Date.now() + KNOWN_MS });
      return id;
    },
    page: (repository) => known.get(repository)?.page,
    clear: () => known.clear(),
  };
}

const MAX_INSTALLATIONS = 30;
const MAX_PAGES = 5;

/** `owner/name` of what the App reaches; of very many the first. */
export async function listReachable(
  asApp: () => Promise<Octokit>,
  open: (installation: number) => Promise<Octokit>,
): Promise<string[]> {
  const active = (await listActive(asApp)).slice(0, MAX_INSTALLATIONS);
  const lists = await Promise.all(active.map(async (id) => listOf(await open(id))));
  return lists.flat();
}

/** The installations that are not suspended; of very many the first. */
export async function listActive(asApp: () => Promise<Octokit>): Promise<number[]> {
  const app = await asApp();
  const { data } = await call('list installations', () => app.rest.apps.listInstallations({ per_page: 100 }));
  return data.filter((one) => !one.suspended_at).map(({ id }) => id);
}

async function listOf(octokit: Octokit): Promise<string[]> {
  const names: string[] = [];
  for (let page = 1; page <= MAX_PAGES; page++) {
    const { data } = await call('list repositories', () =>
      octokit.rest.apps.listReposAccessibleToInstallation({ per_page: 100, page }),
    );
    names.push(...data.repositories.map((one) => one.full_name));
    if (data.repositories.length < 100) break;
  }
  return names;
}
