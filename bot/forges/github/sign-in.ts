// GitHub's side of a sign-in: where the person goes, and who came back. Keeps no token; knows no browser and no row.
import * as oidc from 'openid-client';
import { z } from 'zod';
import { SignInError, type Person, type SignIn, type SignInAttempt } from '../forge.ts';
import type { GitHubConfig } from './config.ts';

const TIMEOUT_SECONDS = 10;

type Client = Pick<GitHubConfig, 'url' | 'apiUrl' | 'clientId' | 'clientSecret'>;

export function createSignIn(github: Client): SignIn {
  const client = createClient(github);
  return {
    async begin({ state, verifier, callback }) {
      const challenge = await oidc.calculatePKCECodeChallenge(verifier);
      const parameters = { code_challenge: challenge, code_challenge_method: 'S256' };
      return oidc.buildAuthorizationUrl(client, { redirect_uri: callback, state, ...parameters }).href;
    },
    async complete(code, attempt) {
      const token = await redeem(client, code, attempt);
      return readPerson(github.apiUrl, token);
    },
  };
}

function createClient({ url, clientId, clientSecret }: Client): oidc.Configuration {
  const endpoint = `${url}/login/oauth`;
  const client = new oidc.Configuration(
    {
      issuer: endpoint,
      authorization_endpoint: `${endpoint}/authorize`,
      token_endpoint: `${endpoint}/access_token`,
    },
    clientId,
    undefined,
    oidc.ClientSecretPost(clientSecret),
  );
  client.timeout = TIMEOUT_SECONDS;
  if (url.startsWith('http:')) oidc.allowInsecureRequests(client);
  return client;
}

async function redeem(
  client: oidc.Configuration,
  code: string,
  { state, verifier, callback }: SignInAttempt,
): Promise<string> {
  // Of what came back only these two count: an installation adds parameters of its own.
  const answer = new URL(callback);
  answer.search = new URLSearchParams({ code, state }).toString();
  try {
    const checks = { pkceCodeVerifier: verifier, expectedState: state };
    return (await oidc.authorizationCodeGrant(client, answer, checks)).access_token;
  } catch (error) {
    throw explain(error);
  }
}

const person = z.object({ id: z.number().int().positive(), login: z.string().min(1).max(100) });

async function readPerson(api: string, token: string): Promise<Person> {
  const headers = {
    accept: 'application/vnd.github+json',
    authorization: `Bearer ${token}`,
    'user-agent': 'sam',
  };
  try {
    const signal = AbortSignal.timeout(TIMEOUT_SECONDS * 1000);
    const response = await fetch(`${api}/user`, { headers, signal, redirect: 'error' });
    if (!response.ok) throw failure(false, `GET /user: ${response.status}`);
    const { id, login } = person.parse(await response.json());
    return { id: String(id), login };
  } catch (error) {
    throw error instanceof SignInError ? error : failure(false, `GET /user: ${kindOf(error)}`);
  }
}

/** GitHub says no with 200 and `error`; the library misses the token in it, and keeps the body two causes deep. */
const body = z.object({ error: z.string().regex(/^\w{1,60}$/) });
const refused = z.object({ cause: z.object({ cause: z.object({ body }) }) });

function explain(error: unknown): SignInError {
  const refusal = refused.safeParse(error);
  if (refusal.success) return failure(true, refusal.data.cause.cause.body.error);
  // The message and the cause may hold what GitHub answered, a token too: the kind is enough.
  return failure(false, kindOf(error));
}

const failure = (isRefusal: boolean, reason: string): SignInError =>
  new SignInError('GitHub', isRefusal, reason);

function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === 'string' ? code : error.name;
}
