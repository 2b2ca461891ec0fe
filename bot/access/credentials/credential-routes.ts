// `/api/credentials`: a signed-in person's own keys, put in, listed, deleted. Says no value back; knows no node and no vault.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import type { Executor } from '../../database/types.ts';
import { fail, isFromOrigin, readJson, sendJson, type Route } from '../../http/routes.ts';
import type { Credentials, ShownCredential, Unfit } from './credentials.ts';
import { isProvider, KINDS, PROVIDERS } from './kinds.ts';
import { readSettingsPerson } from './settings-sessions.ts';

const MAX_BODY_BYTES = 4096;

export interface CredentialOptions {
  db: Executor;
  /** The bot as browsers reach it, without a slash at the end. */
  baseUrl: string;
  /** Undefined: this bot has no key to seal with. */
  credentials: Credentials | undefined;
}

interface Asked {
  owner: string;
  credentials: Credentials;
}

type Answering = (asked: Asked, req: IncomingMessage, res: ServerResponse) => Promise<void>;

const PATH = '/api/credentials';

export function credentialRoutes(options: CredentialOptions): Route[] {
  const answer =
    (then: Answering): Route['handle'] =>
    (req, res) =>
      withOwner(options, req, res, then);
  return [
    { method: 'GET', path: PATH, handle: answer(list) },
    { method: 'POST', path: PATH, handle: answer(keep) },
    {
      method: 'DELETE',
      path: `${PATH}/:provider`,
      handle: (req, res, { provider = '' }) =>
        withOwner(options, req, res, (asked) => forget(asked, provider, res)),
    },
  ];
}

async function withOwner(
  { db, baseUrl, credentials }: CredentialOptions,
  req: IncomingMessage,
  res: ServerResponse,
  then: Answering,
): Promise<void> {
  const isReading = req.method === 'GET' || req.method === 'HEAD';
  if (!isReading && !isFromOrigin(req, new URL(baseUrl).origin))
    return fail(res, 403, 'wrong-origin', 'Only our own page may ask this.', { address: baseUrl });
  const person = await readSettingsPerson(db, baseUrl, req.headers.cookie);
  if (!person)
    return fail(res, 401, 'sign-in-required', 'Sign in first, or ask the chat for a link of your own.');
  if (!credentials) return fail(res, 503, 'no-vault', NO_VAULT);
  await then({ owner: person.user, credentials }, req, res);
}

export const NO_VAULT =
  'This Sam has nothing to seal a key with. Whoever runs it has to set ENCRYPTION_KEY (32 bytes, base64) and start it again.';

const list: Answering = async ({ owner, credentials }, _req, res) =>
  sendJson(res, 200, { items: (await credentials.list(owner)).map(describe), next: null });

const request = z.object({ provider: z.enum(PROVIDERS), value: z.string().max(2_000) });

const keep: Answering = async ({ owner, credentials }, req, res) => {
  if (!/^application\/json(;|$)/i.test(req.headers['content-type'] ?? ''))
    return fail(res, 415, 'wrong-content-type', 'Send application/json.');
  const asked = request.safeParse(await readJson(req, MAX_BODY_BYTES));
  if (!asked.success) {
    const fields = [...new Set(asked.error.issues.map(({ path }) => path.join('.') || 'provider'))];
    return fail(res, 400, 'bad-request', 'Send {"provider", "value"}.', { fields });
  }
  const kept = await credentials.keep(owner, asked.data.provider, asked.data.value);
  if ('code' in kept) return fail(res, 400, kept.code, wordUnfit(kept), { fields: ['value'] });
  sendJson(res, 201, describe(kept));
};

async function forget({ owner, credentials }: Asked, provider: string, res: ServerResponse): Promise<void> {
  const wasThere = isProvider(provider) && (await credentials.forget(owner, provider));
  if (!wasThere) return fail(res, 404, 'not-found', 'You have left nothing of that kind here.');
  res.writeHead(204, { 'cache-control': 'no-store' }).end();
}

/** Never the value. */
const describe = ({ provider, shown, madeAt, usedAt }: ShownCredential) => ({
  provider,
  lastFour: shown.slice(-4),
  ...(KINDS[provider].isSecret ? {} : { address: shown }),
  madeAt: madeAt.toISOString(),
  usedAt: usedAt?.toISOString() ?? null,
});

/** What was put in is not repeated: it may be a key. */
export function wordUnfit(unfit: Unfit): string {
  const { title, example } = KINDS[unfit.provider];
  if (unfit.code === 'wrong-field') {
    const { title: other, example: theirs } = KINDS[unfit.looksLike];
    return `That is another kind: ${other} (${theirs}), not ${title} (${example}). Nothing was kept; put it into its own field.`;
  }
  return `That does not look like ${title}: it would be ${example}. Nothing was kept.`;
}
