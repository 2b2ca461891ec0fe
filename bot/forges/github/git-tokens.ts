// Passwords for git: an installation's token for one repository, minted when git asks, worth what the person may do right
// then. Keeps none and logs none. Knows no workspace and no node.
import type { Logger } from 'pino';
import { ProviderError, UserError } from '../../errors.ts';
import type { GitHubApp, Octokit } from './app.ts';
import { call } from './calls.ts';
import { readPermission, type Person } from './permissions.ts';

/** In memory on its way to git, and nowhere else. */
export interface MintedToken {
  username: string;
  password: string;
  /** ms since 1970. */
  expiresAt: number;
}

export interface Wanted {
  /** `owner/name`. */
  repository: string;
  /** Whose right counts. */
  person: Person;
  operation: 'fetch' | 'push';
}

const LEAST = {
  fetch: { contents: 'read' },
  push: { contents: 'write', pull_requests: 'write' },
} as const;

/** Throws UserError (`no-app`, `no-access`, `no-push`, `no-permission`) for the person at the terminal. */
export async function mintGitToken(app: GitHubApp, wanted: Wanted, log: Logger): Promise<MintedToken> {
  const { repository, person, operation } = wanted;
  const octokit = await app.on(repository);
  if (!octokit) throw new UserError('no-app', { repository });
  await checkRight(octokit, wanted);
  const minted = await mint(app, octokit, wanted);
  log.info({ repository, operation, person: person.login }, 'git got a token');
  return minted;
}

async function checkRight(octokit: Octokit, { repository, person, operation }: Wanted): Promise<void> {
  const { level, role } = await readPermission(octokit, repository, person);
  if (level === 'none') throw new UserError('no-access', { login: person.login, repository });
  if (operation === 'push' && level === 'read')
    throw new UserError('no-push', { login: person.login, repository, role });
}

async function mint(app: GitHubApp, octokit: Octokit, wanted: Wanted): Promise<MintedToken> {
  const { repository, operation } = wanted;
  const [owner = '', repo = ''] = repository.split('/');
  const { data: found } = await call('read repository', () => octokit.rest.repos.get({ owner, repo }));
  const asked = { repository_ids: [found.id], permissions: LEAST[operation] };
  try {
    const { token, expiresAt } = await app.mint(repository, asked);
    return { username: 'x-access-token', password: token, expiresAt };
  } catch (error) {
    if (!(error instanceof ProviderError) || error.cause !== 422) throw error;
    const missing = Object.entries(LEAST[operation])
      .map(([name, level]) => `${name}: ${level}`)
      .join(', ');
    throw new UserError('no-permission', { repository, missing }, { cause: error });
  }
}
