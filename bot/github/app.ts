// The GitHub App as a client: one Probot, an octokit for each installation. Receives nothing; the inbox does that.
import type { Logger } from 'pino';
import { Probot, ProbotOctokit } from 'probot';
import { call, callOr } from './calls.ts';
import type { GitHubConfig } from './config.ts';

export type Octokit = InstanceType<typeof ProbotOctokit>;

export interface GitHubApp {
  /** The App's name in addresses and mentions. */
  slug(): Promise<string>;
  /** A client that may do on this repository (`owner/name`) what the App may; undefined: it is not installed there. */
  on(repository: string): Promise<Octokit | undefined>;
  /** A new token of the installation on that repository, no more than asked for. Kept nowhere. Throws ProviderError. */
  mint(repository: string, asked: TokenRequest): Promise<{ token: string; expiresAt: number }>;
  /** Installations change: ask again. */
  forget(): void;
}

export interface TokenRequest {
  repository_ids: number[];
  permissions: { contents: 'read' | 'write'; pull_requests?: 'write' };
}

/** Another bot may hear of a change that we do not. */
const KNOWN_MS = 5 * 60_000;

/** Each call is tried once: the row that wanted it remembers, and tries again. */
const PatientOctokit = ProbotOctokit.defaults((options: Record<string, unknown>) => ({
  ...options,
  retry: { enabled: false },
  throttle: {
    ...(options['throttle'] as object | undefined),
    onRateLimit: () => false,
    onSecondaryRateLimit: () => false,
  },
}));

export function createGitHubApp(
  { appId, privateKey, webhookSecrets, apiUrl }: GitHubConfig,
  log: Logger,
): GitHubApp {
  const probot = new Probot({
    appId,
    privateKey,
    // It receives nothing. Without a secret it would take one that everybody knows.
    secret: webhookSecrets[0] ?? '',
    baseUrl: apiUrl,
    log: log.child({}, { level: 'warn', serializers: { err: describeShortly } }),
    Octokit: PatientOctokit,
  });
  let slug: string | undefined;
  const installations = new Map<string, { id: number; until: number }>();
  const asApp = (): Promise<Octokit> => probot.auth();

  async function findInstallation(repository: string): Promise<number | undefined> {
    const known = installations.get(repository);
    if (known && known.until > Date.now()) return known.id;
    const octokit = await asApp();
    const [owner = '', repo = ''] = repository.split('/');
    const answer = await callOr(
      'find installation',
      () => octokit.rest.apps.getRepoInstallation({ owner, repo }),
      undefined,
    );
    if (answer) installations.set(repository, { id: answer.data.id, until: Date.now() + KNOWN_MS });
    return answer?.data.id;
  }

  return {
    async slug() {
      slug ??= (await call('read app', async () => (await asApp()).rest.apps.getAuthenticated())).data?.slug;
      return slug ?? '';
    },
    async on(repository) {
      const installation = await findInstallation(repository);
      return installation === undefined ? undefined : probot.auth(installation);
    },
    async mint(repository, asked) {
      const id = await findInstallation(repository);
      if (id === undefined) throw new Error(`github: mint token: no installation on ${repository}`);
      const octokit = await asApp();
      const { data } = await call('mint token', () =>
        octokit.rest.apps.createInstallationAccessToken({ installation_id: id, ...asked }),
      );
      return { token: data.token, expiresAt: Date.parse(data.expires_at) };
    },
    forget: () => installations.clear(),
  };
}

/** Octokit's errors carry the whole request. */
const describeShortly = (error: unknown): unknown =>
  error instanceof Error ? { type: error.name, message: error.message.slice(0, 300) } : String(error);
