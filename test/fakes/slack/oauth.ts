// Installing an app at the fake Slack: the page that a browser is led to, codes, tokens that may rotate.
import { randomBytes } from 'node:crypto';
import type { FakeAnswer, FakeRequest } from '../server.ts';
import type { Install, Installer, Json, World } from './model.ts';

const secret = (): string => randomBytes(12).toString('hex');

/** Whoever is there says yes or no at once, and is led back. */
export function authorize(world: World, { query }: FakeRequest): FakeAnswer {
  const { client_id: client, redirect_uri: back = '', state = '', scope = '' } = query;
  if (client !== world.clientId) return { status: 400, body: 'invalid_client_id' };
  const unasked = world.scopes?.find((one) => !scope.split(',').includes(one));
  if (unasked) world.complaints.push(`authorize: ${unasked} is in the manifest and not asked for`);
  const code = secret();
  const isGiven = world.installer.says === 'yes';
  if (isGiven) world.codes.set(code, { ...world.installer });
  const answer = isGiven ? { code, state } : { error: 'access_denied', state };
  const location = `${back}?${new URLSearchParams(answer).toString()}`;
  return { status: 302, body: '', headers: { location } };
}

/** `oauth.v2.access`; a string: Slack's error code. */
export function issueToken(world: World, args: Record<string, string | undefined>): Json | string {
  if (args['client_id'] !== world.clientId || args['client_secret'] !== world.clientSecret)
    return 'bad_client_secret';
  if (args['grant_type'] === 'refresh_token') return renew(world, args['refresh_token'] ?? '');
  const installer = world.codes.get(args['code'] ?? '');
  if (!installer) return 'invalid_code';
  world.codes.delete(args['code'] ?? '');
  return grant(world, installer);
}

function grant(world: World, { team, enterprise, isForAll = false, lifeSeconds }: Installer): Json {
  const { token, install } = keep(
    world,
    [team.id, ...(enterprise && isForAll ? [enterprise.id] : [])],
    lifeSeconds,
  );
  return {
    app_id: 'A0APP',
    token_type: 'bot',
    access_token: token,
    bot_user_id: world.botUser,
    is_enterprise_install: isForAll,
    team: isForAll ? null : team,
    enterprise: enterprise ?? null,
    authed_user: { id: 'U0INSTALLER' },
    ...rotation(install, lifeSeconds),
  };
}

/** A refresh token works once; the access token before it lives to its end. */
function renew(world: World, refreshToken: string): Json | string {
  const old = [...world.installs.values()].find((one) => one.refreshToken === refreshToken);
  if (!old || old.isRevoked) return 'invalid_refresh_token';
  old.refreshToken = undefined;
  const lifeSeconds = 12 * 60 * 60;
  const { token, install } = keep(world, old.teams, lifeSeconds);
  return { access_token: token, ...rotation(install, lifeSeconds) };
}

function keep(
  world: World,
  teams: string[],
  lifeSeconds: number | undefined,
): { token: string; install: Install } {
  const token = `xoxb-${secret()}`;
  const install: Install = {
    teams,
    isRevoked: false,
    expiresAt: lifeSeconds === undefined ? undefined : Date.now() + lifeSeconds * 1000,
    refreshToken: lifeSeconds === undefined ? undefined : `xoxe-${secret()}`,
  };
  world.installs.set(token, install);
  return { token, install };
}

const rotation = ({ refreshToken }: Install, lifeSeconds: number | undefined): Json =>
  lifeSeconds === undefined ? {} : { refresh_token: refreshToken, expires_in: lifeSeconds };
