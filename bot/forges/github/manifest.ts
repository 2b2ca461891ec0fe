// Making a GitHub App from app.yml: the manifest that a person's browser takes to GitHub, and the code that comes back.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { messageOf } from '../../errors.ts';
import type { SavedApp } from './saved-app.ts';

const FILE = join(import.meta.dirname, '../../../app.yml');
const MAX_NAME_LENGTH = 34;
const TIMEOUT_MS = 15_000;

const Described = z.object({
  name: z.string(),
  description: z.string(),
  public: z.boolean(),
  default_permissions: z.record(z.string(), z.enum(['read', 'write'])),
  default_events: z.array(z.string()),
});

/** As GitHub's page takes it; https://docs.github.com/apps/sharing-github-apps/registering-a-github-app-from-a-manifest */
export type Manifest = z.infer<typeof Described> & {
  url: string;
  redirect_url: string;
  callback_urls: string[];
  hook_attributes: { url: string; active: boolean };
};

/** What app.yml says, for everyone who asks what the App should have. */
export const readDescribedApp = async (): Promise<z.infer<typeof Described>> =>
  Described.parse(parse(await readFile(FILE, 'utf8')));

/** With this bot's addresses. Names are unique on a GitHub, so it bears the host's; a person may change it there. */
export async function readManifest(baseUrl: string, donePath: string): Promise<Manifest> {
  const described = await readDescribedApp();
  const name = `${described.name} ${new URL(baseUrl).hostname.replaceAll('.', '-')}`.slice(
    0,
    MAX_NAME_LENGTH,
  );
  return {
    ...described,
    name,
    url: baseUrl,
    redirect_url: `${baseUrl}${donePath}`,
    callback_urls: [`${baseUrl}/login/github/callback`],
    hook_attributes: { url: `${baseUrl}/api/github/webhooks`, active: true },
  };
}

const Converted = z.object({
  id: z.number(),
  slug: z.string(),
  html_url: z.url(),
  pem: z.string(),
  webhook_secret: z.string(),
  client_id: z.string(),
  client_secret: z.string(),
});

export interface NewApp {
  slug: string;
  /** Where people install it. */
  installUrl: string;
  credentials: SavedApp;
}

/** Why there is no App: GitHub refused the code for good (used, or older than an hour), or did not answer. Holds no code. */
export class ConversionError extends Error {
  override readonly name = 'ConversionError';
  readonly isFinal: boolean;
  constructor(isFinal: boolean, message: string) {
    super(message);
    this.isFinal = isFinal;
  }
}

/** Spends the code. Throws ConversionError. */
export async function convertCode(apiUrl: string, code: string): Promise<NewApp> {
  const answer = await askGitHub(`${apiUrl}/app-manifests/${encodeURIComponent(code)}/conversions`);
  const parsed = Converted.safeParse(answer);
  if (!parsed.success) throw new ConversionError(true, 'GitHub answered with something that is no App');
  const app = parsed.data;
  return {
    slug: app.slug,
    installUrl: `${app.html_url}/installations/new`,
    credentials: {
      APP_ID: String(app.id),
      PRIVATE_KEY: app.pem,
      WEBHOOK_SECRET: app.webhook_secret,
      GITHUB_CLIENT_ID: app.client_id,
      GITHUB_CLIENT_SECRET: app.client_secret,
    },
  };
}

async function askGitHub(url: string): Promise<unknown> {
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { accept: 'application/vnd.github+json', 'user-agent': 'sam' },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!answer.ok) throw new ConversionError(answer.status < 500, `GitHub answered ${answer.status}`);
    return await answer.json();
  } catch (error) {
    if (error instanceof ConversionError) throw error;
    throw new ConversionError(false, `GitHub did not answer: ${messageOf(error)}`);
  }
}
