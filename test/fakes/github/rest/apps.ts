// The App itself: installations, their tokens, its webhook and deliveries, the tokens of its users.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { issueInstallationToken } from '../callers.ts';
import { forbidden, notFound, Refusal } from '../refusal.ts';
import { type Call, created, type Handlers, noContent, ok, paged, textIn } from './call.ts';
import {
  type Installation,
  type Level,
  type Repository,
  covers,
  findAccount,
  findRepository,
  installationFor,
  nameOf,
} from '../model.ts';
import { at, showApp, showInstallation, showRepository } from '../views/views.ts';

function getInstallation({ world, params }: Call): Installation {
  const id = Number(params['installation_id']);
  const found = world.installations.find((one) => one.id === id);
  if (!found) throw notFound();
  return found;
}

function installationOf({ world }: Call, login: string | undefined, type: 'User' | 'Organization') {
  const account = findAccount(world, login ?? '');
  const found = world.installations.find((one) => one.account === account && account?.type === type);
  if (!found) throw notFound();
  return ok(showInstallation(world, found));
}

const rank = { read: 1, write: 2 };

/** A token is never worth more than its installation, and sees only what that covers. */
function createToken(call: Call) {
  const { world, body } = call;
  const installation = getInstallation(call);
  if (installation.suspendedAt) throw forbidden('This installation has been suspended');
  const asked = (body['permissions'] ?? installation.permissions) as Record<string, Level>;
  const isTooMuch = ([name, level]: [string, Level]) =>
    rank[installation.permissions[name] ?? 'read'] < rank[level];
  const isUnknown = ([name]: [string, Level]) => installation.permissions[name] === undefined;
  if (Object.entries(asked).some((one) => isTooMuch(one) || isUnknown(one))) {
    throw new Refusal(422, 'The permissions requested are not granted to this installation.');
  }
  const repositories = askedRepositories(call, installation);
  const permissions: Record<string, Level> = { metadata: 'read', ...asked };
  const ids = repositories && new Set(repositories.map((one) => one.id));
  const { token, expiresAt } = issueInstallationToken(world, installation, permissions, ids);
  const isSelected = repositories !== undefined || installation.repositories !== 'all';
  return created({
    token,
    expires_at: at(expiresAt),
    permissions,
    repository_selection: isSelected ? 'selected' : 'all',
    ...(repositories && { repositories: repositories.map((one) => showRepository(world, one)) }),
  });
}

function askedRepositories({ world, body }: Call, installation: Installation): Repository[] | undefined {
  const ids = body['repository_ids'] as number[] | undefined;
  const names = body['repositories'] as string[] | undefined;
  if (!ids && !names) return undefined;
  const owner = installation.account.login;
  const found = [
    ...(ids ?? []).map((id) => world.repositories.find((one) => one.id === id && !one.deleted)),
    ...(names ?? []).map((name) => findRepository(world, `${owner}/${name}`)),
  ];
  return found.map((one) => {
    if (one && covers(installation, one)) return one;
    throw new Refusal(
      422,
      'There is at least one repository that does not exist or is not accessible to the parent installation.',
    );
  });
}

function showConfig({ world }: Call) {
  const { webhookUrl } = world.app;
  return { url: webhookUrl ?? '', content_type: 'json', insecure_ssl: '0', secret: '********' };
}

function listDeliveries({ hooks, query, url }: Call) {
  const size = Math.min(100, Number(query['per_page'] ?? 30));
  const isGood = (code: number) => code >= 200 && code < 400;
  const all = hooks.deliveries
    .filter((one) => !query['status'] || isGood(one.statusCode) === (query['status'] === 'success'))
    .filter((one) => !query['cursor'] || one.id <= Number(query['cursor'].replace(/^v1_/, '')))
    .toSorted((a, b) => b.id - a.id);
  const next = all[size];
  const further = new URL(url);
  if (next) further.searchParams.set('cursor', `v1_${next.id}`);
  const headers = next ? { link: `<${further.href}>; rel="next"` } : {};
  return { status: 200, body: all.slice(0, size).map((one) => hooks.show(one)), headers };
}

function getDelivery({ hooks, params }: Call) {
  const found = hooks.deliveries.find((one) => one.id === Number(params['delivery_id']));
  if (!found) throw notFound();
  return found;
}

/** What the manifest flow gives: a new App, whose keys only this answer tells. */
function convertManifest(call: Call) {
  const { world, params } = call;
  const manifest = call.hooks.manifests.take(params['code'] ?? '');
  if (!manifest) throw notFound();
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });
  const secret = () => randomBytes(20).toString('hex');
  const hook = manifest['hook_attributes'] as { url?: string } | undefined;
  Object.assign(world.app, {
    id: world.nextId(),
    name: manifest['name'] ?? world.app.name,
    slug: (textIn(manifest, 'name') ?? world.app.name).toLowerCase().replace(/[^a-z0-9]+/g, '-'),
    publicKey,
    clientId: `Iv23${secret().slice(0, 16)}`,
    clientSecret: secret(),
    webhookSecret: secret(),
    webhookUrl: hook?.url,
    callbackUrls: manifest['callback_urls'] ?? [],
    permissions: manifest['default_permissions'] ?? world.app.permissions,
    events: manifest['default_events'] ?? world.app.events,
    createdAt: world.now(),
  });
  world.bot.login = `${world.app.slug}[bot]`;
  const { clientId, clientSecret, webhookSecret } = world.app;
  world.secrets.push(clientSecret, webhookSecret, privateKey);
  const keys = {
    client_id: clientId,
    client_secret: clientSecret,
    webhook_secret: webhookSecret,
    pem: privateKey,
  };
  return created({ ...showApp(world), ...keys });
}

function getUserToken({ world, body, params }: Call) {
  if (params['client_id'] !== world.app.clientId) throw notFound();
  const token = world.tokens.get(String(body['access_token']));
  return token?.kind === 'user' ? token : undefined;
}

export const appHandlers: Handlers = {
  'apps/get-authenticated': ({ world }) => ok(showApp(world)),
  'apps/create-from-manifest': convertManifest,
  'apps/get-webhook-config-for-app': (call) => ok(showConfig(call)),
  'apps/update-webhook-config-for-app'(call) {
    const { app } = call.world;
    app.webhookUrl = textIn(call.body, 'url') ?? app.webhookUrl;
    app.webhookSecret = textIn(call.body, 'secret') ?? app.webhookSecret;
    call.world.secrets.push(app.webhookSecret);
    return ok(showConfig(call));
  },
  'apps/list-webhook-deliveries': listDeliveries,
  'apps/get-webhook-delivery'(call) {
    const delivery = getDelivery(call);
    return ok({
      ...call.hooks.show(delivery),
      url: delivery.to ?? '',
      request: { headers: delivery.headers, payload: delivery.payload },
      response: { headers: {}, payload: delivery.answer?.body ?? null },
    });
  },
  'apps/redeliver-webhook-delivery'(call) {
    const delivery = getDelivery(call);
    // To where the App's webhook is now.
    call.hooks.track(call.hooks.redeliver(delivery, call.world.app.webhookUrl));
    return { status: 202, body: {} };
  },
  'apps/list-installations': (call) =>
    paged(call, call.world.installations, (one) => showInstallation(call.world, one)),
  'apps/get-installation': (call) => ok(showInstallation(call.world, getInstallation(call))),
  'apps/create-installation-access-token': createToken,
  'apps/get-org-installation': (call) => installationOf(call, call.params['org'], 'Organization'),
  'apps/get-user-installation': (call) => installationOf(call, call.params['username'], 'User'),
  'apps/get-repo-installation'(call) {
    const found = installationFor(call.world, call.repository);
    if (!found) throw notFound();
    return ok(showInstallation(call.world, found));
  },
  'apps/list-repos-accessible-to-installation'(call) {
    const { world, caller } = call;
    if (caller.kind !== 'installation') throw notFound();
    const all = world.repositories
      .filter((one) => !one.deleted && covers(caller.installation, one))
      .filter((one) => caller.repositoryIds?.has(one.id) ?? true)
      .toSorted((a, b) => nameOf(a).localeCompare(nameOf(b)));
    const wrap = (page: unknown[]) => ({ total_count: all.length, repositories: page });
    return paged(call, all, (one) => showRepository(world, one), wrap);
  },
  'apps/revoke-installation-access-token'({ world, caller }) {
    if (caller.kind === 'installation') world.tokens.delete(caller.token);
    return noContent();
  },
  'apps/check-token'(call) {
    const { world } = call;
    const token = getUserToken(call);
    if (!token || token.expiresAt <= world.now()) throw notFound();
    const { clientId: client_id, name, callbackUrls } = world.app;
    const app = { client_id, name, url: callbackUrls[0] ?? world.url };
    return ok({ app, token: token.token, scopes: [], expires_at: at(token.expiresAt) });
  },
  'apps/delete-token'(call) {
    const token = getUserToken(call);
    if (!token) throw new Refusal(422, 'Validation Failed');
    call.world.tokens.delete(token.token);
    return noContent();
  },
  'apps/delete-authorization'(call) {
    const token = getUserToken(call);
    if (!token) throw new Refusal(422, 'Validation Failed');
    for (const [key, one] of call.world.tokens) {
      if (one.kind === 'user' && one.account === token.account) call.world.tokens.delete(key);
    }
    return noContent();
  },
  'rate-limit/get'({ world }) {
    const reset = Math.floor(world.now().getTime() / 1000) + 3600;
    const core = { limit: 5000, remaining: 4999, reset, used: 1 };
    return ok({ resources: { core, search: core }, rate: core });
  },
};
