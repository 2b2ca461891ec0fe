// The GitHub App as a client: one Probot, an octokit for each installation, and which installation reaches a repository. Receives
// nothing; the inbox does that.
import type { Logger } from 'pino';
import { Probot, ProbotOctokit } from 'probot';
import { call, callOr } from './calls.ts';
import type { GitHubConfig } from './config.ts';
import { createMissingPermissions, type MissingPermissions } from './missing-permissions.ts';

export type Octokit = InstanceType<typeof ProbotOctokit>;

export interface GitHubApp {
  /** The App's name in addresses and mentions. */
  slug(): Promise<string>;
  /** The page where somebody installs it. */
  installPage(): Promise<string>;
  /** A client that speaks for the App itself, not for an installation. */
  asApp(): Promise<Octokit>;
  /** A client that may do on this repository (`owner/name`) what the App may; undefined: it is not installed there. */
  on(repository: string): Promise<Octokit | undefined>;
  /** The same on whatever belongs to that organization. */
  ofOrganization(login: string): Promise<Octokit | undefined>;
  /** One that speaks for any installation, to ask for what is nobody's. Undefined: there is none. */
  any(): Promise<Octokit | undefined>;
  /** Learns ahead what the first command would have to wait for: its name, and tokens of a few installations. Throws ProviderError. */
  warm(): Promise<void>;
  /** `owner/name` of the repositories that it is installed on; of very many the first. Throws ProviderError. */
  reachable(): Promise<string[]>;
  /** A new token of the installation on that repository, no more than asked for. Kept nowhere. Throws ProviderError. */
  mint(repository: string, asked: TokenRequest): Promise<{ token: string; expiresAt: number }>;
  /** The page where the App's permissions on this repository are accepted; undefined: not asked for yet. */
  settingsUrl(repository: string): string | undefined;
  /** What lies between two writes for one installation: a second, as GitHub asks; 0 where nobody counts. */
  writePaceMs: number;
  /** What it was refused there for want of a permission. */
  missingPermissions: MissingPermissions;
  /** Installations change: ask again. */
  forget(): void;
}

export interface TokenRequest {
  repository_ids: number[];
  permissions: { contents: 'read' | 'write'; pull_requests?: 'write' };
}

/**
 * Each call is tried once: the row that wanted it remembers, and tries again. Paced as GitHub asks for, a write each
 * second; each installation by itself, because that is how GitHub counts. Who writes what next is decided before.
 */
const patientOctokit = (isPaced: boolean) =>
  // A function: Probot merges objects in a way that loses `enabled`.
  ProbotOctokit.defaults((options: Record<string, unknown>) => ({
    ...options,
    retry: { enabled: false },
    throttle: {
      ...(options['throttle'] as object | undefined),
      enabled: isPaced,
      // Else a comment would hold up what waits behind it for three seconds.
      triggersNotification: () => false,
      onRateLimit: () => false,
      onSecondaryRateLimit: () => false,
    },
  }));

/** Installations whose tokens are there before anybody asks. */
const MAX_WARM = 10;

/** At most. Shorter than the lease of a row: whoever waits for an answer must still hold it. */
const TIMEOUT_MS = 20_000;

const fetchWithin =
  (ms: number): typeof fetch =>
  (input, init) => {
    const signals = [AbortSignal.timeout(ms), ...(init?.signal ? [init.signal] : [])];
    return fetch(input, { ...init, signal: AbortSignal.any(signals) });
  };

/** One whose octokits are patient. */
function openProbot(
  { appId, privateKey, webhookSecrets, apiUrl }: GitHubConfig,
  log: Logger,
  { timeoutMs, isPaced }: { timeoutMs: number; isPaced: boolean },
): Probot {
  return new Probot({
    appId,
    privateKey,
    // It receives nothing. Without a secret it would take one that everybody knows.
    secret: webhookSecrets[0] ?? '',
    baseUrl: apiUrl,
    log: log.child({}, { level: 'warn', serializers: { err: describeShortly } }),
    Octokit: patientOctokit(isPaced),
    request: { fetch: fetchWithin(Math.min(TIMEOUT_MS, timeoutMs)) },
  });
}

export function createGitHubApp(
  config: GitHubConfig,
  log: Logger,
  { timeoutMs = TIMEOUT_MS, isPaced = true }: { timeoutMs?: number; isPaced?: boolean } = {},
): GitHubApp {
  const createProbot = (): Probot => openProbot(config, log, { timeoutMs, isPaced });
  let probot = createProbot();
  const missingPermissions = createMissingPermissions();
  const asApp = (): Promise<Octokit> => probot.auth();
  const installations = createInstallations(asApp);

  const { slug: readSlug, installPage } = createReader(asApp);

  return {
    slug: readSlug,
    installPage,
    asApp,
    async warm() {
      const [ids] = await Promise.all([listActive(asApp), readSlug()]);
      // Any question brings the token; a token alone would be asked for at github.com, whatever the address.
      const ask = async (id: number): Promise<unknown> =>
        (await probot.auth(id)).rest.apps.listReposAccessibleToInstallation({ per_page: 1 });
      await Promise.all(ids.slice(0, MAX_WARM).map((id) => call('list repositories', () => ask(id))));
    },
    async on(repository) {
      const installation = await installations.find(repository);
      return installation === undefined ? undefined : probot.auth(installation);
    },
    async ofOrganization(org) {
      const id = await findOrganization(asApp, org);
      return id === undefined ? undefined : probot.auth(id);
    },
    async any() {
      const [id] = await listActive(asApp);
      return id === undefined ? undefined : probot.auth(id);
    },
    reachable: () => listReachable(asApp, (id) => probot.auth(id)),
    async mint(repository, asked) {
      const id = await installations.find(repository);
      if (id === undefined) throw new Error(`github: mint token: no installation on ${repository}`);
      const octokit = await asApp();
      const { data } = await call('mint token', () =>
        octokit.rest.apps.createInstallationAccessToken({ installation_id: id, ...asked }),
      );
      return { token: data.token, expiresAt: Date.parse(data.expires_at) };
    },
    settingsUrl: installations.page,
    writePaceMs: isPaced ? 1_000 : 0,
    missingPermissions,
    forget() {
      // It keeps tokens for an hour, and a token keeps the permissions that it was made with.
      probot = createProbot();
      installations.clear();
      missingPermissions.forget();
    },
  };
}

/** What the App says of itself; asked once. */
function createReader(asApp: () => Promise<Octokit>): Pick<GitHubApp, 'slug' | 'installPage'> {
  let known: { slug: string; page: string } | undefined;
  const read = async (): Promise<{ slug: string; page: string }> => {
    if (known) return known;
    const { data } = await call('read app', async () => (await asApp()).rest.apps.getAuthenticated());
    const found = { slug: data?.slug ?? '', page: data?.html_url ?? '' };
    if (found.slug) known = found;
    return found;
  };
  return {
    slug: async () => (await read()).slug,
    installPage: async () => `${(await read()).page}/installations/new`,
  };
}

async function findOrganization(asApp: () => Promise<Octokit>, org: string): Promise<number | undefined> {
  const octokit = await asApp();
  const ask = () => octokit.rest.apps.getOrgInstallation({ org });
  const answer = await callOr('find installation', ask, undefined);
  return answer && !answer.data.suspended_at ? answer.data.id : undefined;
}

/** Octokit's errors carry the whole request. */
const describeShortly = (error: unknown): unknown =>
  error instanceof Error ? { type: error.name, message: error.message.slice(0, 300) } : String(error);

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
