// GitHub's side of a sign-in: where the person goes, and who came back. Keeps no token; knows no browser and no row.
import * as oidc from 'openid-client';
import { z } from 'zod';

const TIMEOUT_SECONDS = 10;

export interface GitHubSignIn {
  /** `https://github.com`, or that of a GitHub Enterprise. */
  origin: string;
  /** `https://api.github.com`, or `<origin>/api/v3`. */
  api: string;
  clientId: string;
  clientSecret: string;
}

export interface GitHubPerson {
  /** The number that stays when they rename themselves. */
  id: string;
  login: string;
}

export interface GitHubDoor {
  /** The page on GitHub that asks the person; it comes back to the callback with `state`. */
  addressFor(attempt: { state: string; verifier: string }): Promise<string>;
  /** Asks GitHub who the code is, by a token that nobody sees afterwards. Throws a SignInError. */
  identify(code: string, attempt: { state: string; verifier: string }): Promise<GitHubPerson>;
}

/** GitHub did not say who it is. `reason` is GitHub's own word or the kind of failure; it holds no secret. */
export class SignInError extends Error {
  override readonly name = 'SignInError';
  /** Whether GitHub answered, and said no: another code may do, waiting will not. */
  readonly isRefusal: boolean;
  readonly reason: string;
  constructor(isRefusal: boolean, reason: string) {
    super(`sign-in: GitHub: ${reason}`);
    this.isRefusal = isRefusal;
    this.reason = reason;
  }
}

/** `callback`: our own address, as the App on GitHub lists it. */
export function createGitHubDoor(github: GitHubSignIn, callback: string): GitHubDoor {
  const client = createClient(github);
  return {
    async addressFor({ state, verifier }) {
      const challenge = await oidc.calculatePKCECodeChallenge(verifier);
      const parameters = { code_challenge: challenge, code_challenge_method: 'S256' };
      return oidc.buildAuthorizationUrl(client, { redirect_uri: callback, state, ...parameters }).href;
    },
    async identify(code, attempt) {
      const token = await redeem(client, callback, code, attempt);
      return readPerson(github.api, token);
    },
  };
}

function createClient({ origin, clientId, clientSecret }: GitHubSignIn): oidc.Configuration {
  const endpoint = `${origin}/login/oauth`;
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
  if (origin.startsWith('http:')) oidc.allowInsecureRequests(client);
  return client;
}

async function redeem(
  client: oidc.Configuration,
  callback: string,
  code: string,
  { state, verifier }: { state: string; verifier: string },
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

async function readPerson(api: string, token: string): Promise<GitHubPerson> {
  const headers = {
    accept: 'application/vnd.github+json',
    authorization: `Bearer ${token}`,
    'user-agent': 'sam',
  };
  try {
    const signal = AbortSignal.timeout(TIMEOUT_SECONDS * 1000);
    const response = await fetch(`${api}/user`, { headers, signal, redirect: 'error' });
    if (!response.ok) throw new SignInError(false, `GET /user: ${response.status}`);
    const { id, login } = person.parse(await response.json());
    return { id: String(id), login };
  } catch (error) {
    throw error instanceof SignInError ? error : new SignInError(false, `GET /user: ${kindOf(error)}`);
  }
}

/** GitHub says no with 200 and `error`; the library misses the token in it, and keeps the body two causes deep. */
const body = z.object({ error: z.string().regex(/^\w{1,60}$/) });
const refused = z.object({ cause: z.object({ cause: z.object({ body }) }) });

function explain(error: unknown): SignInError {
  const refusal = refused.safeParse(error);
  if (refusal.success) return new SignInError(true, refusal.data.cause.cause.body.error);
  // The message and the cause may hold what GitHub answered, a token too: the kind is enough.
  return new SignInError(false, kindOf(error));
}

function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === 'string' ? code : error.name;
}
