// How accounts, the App, repositories, labels and installations are shown. Only what somebody reads; complete.ts adds the rest.
import {
  type Account,
  type Installation,
  type Json,
  type Label,
  type Repository,
  type Thread,
  type World,
  nameOf,
} from '../model.ts';

export const at = (date: Date) => date.toISOString().replace(/\.\d+Z/, 'Z');
export const atOrNull = (date: Date | null) => date && at(date);
export const nodeId = (prefix: string, id: number) => `${prefix}_kw${id.toString(36)}`;
const nodePrefixes = { User: 'U', Bot: 'BOT', Organization: 'O' };

export function showAccount(world: World, account: Account): Json {
  const { id, login, type } = account;
  const path = encodeURIComponent(login);
  const url = `${world.apiUrl}/users/${path}`;
  return {
    login,
    id,
    node_id: nodeId(nodePrefixes[type], id),
    avatar_url: `${world.url}/avatars/${id}`,
    gravatar_id: '',
    url,
    html_url: type === 'Bot' ? `${world.url}/apps/${world.app.slug}` : `${world.url}/${path}`,
    followers_url: `${url}/followers`,
    following_url: `${url}/following{/other_user}`,
    gists_url: `${url}/gists{/gist_id}`,
    starred_url: `${url}/starred{/owner}{/repo}`,
    subscriptions_url: `${url}/subscriptions`,
    organizations_url: `${url}/orgs`,
    repos_url: `${url}/repos`,
    events_url: `${url}/events{/privacy}`,
    received_events_url: `${url}/received_events`,
    type,
    user_view_type: 'public',
    site_admin: false,
  };
}

export function showApp(world: World): Json {
  const { app } = world;
  return {
    id: app.id,
    slug: app.slug,
    node_id: nodeId('A', app.id),
    client_id: app.clientId,
    name: app.name,
    description: null,
    external_url: 'https://example.com/sam',
    html_url: `${world.url}/apps/${app.slug}`,
    created_at: at(app.createdAt),
    updated_at: at(app.createdAt),
    permissions: app.permissions,
    events: app.events,
    installations_count: world.installations.length,
  };
}

export const repositoryUrl = (world: World, repository: Repository) =>
  `${world.apiUrl}/repos/${nameOf(repository)}`;
export const repositoryPage = (world: World, repository: Repository) => `${world.url}/${nameOf(repository)}`;

export function showRepository(world: World, repository: Repository): Json {
  const { id, name, owner, parent } = repository;
  const url = repositoryUrl(world, repository);
  const page = repositoryPage(world, repository);
  return {
    id,
    node_id: nodeId('R', id),
    name,
    full_name: nameOf(repository),
    private: repository.private,
    visibility: repository.private ? 'private' : 'public',
    owner: showAccount(world, owner),
    html_url: page,
    url,
    git_url: `${page}.git`.replace(/^https?/, 'git'),
    ssh_url: `git@${new URL(world.url).host}:${nameOf(repository)}.git`,
    clone_url: `${page}.git`,
    description: null,
    fork: parent !== undefined,
    archived: repository.archived,
    disabled: false,
    default_branch: repository.defaultBranch,
    has_issues: true,
    ...(parent && { parent: showRepository(world, parent), source: showRepository(world, parent) }),
  };
}

export function showLabel(world: World, repository: Repository, label: Label): Json {
  return {
    id: label.id,
    node_id: nodeId('LA', label.id),
    url: `${repositoryUrl(world, repository)}/labels/${encodeURIComponent(label.name)}`,
    name: label.name,
    color: label.color,
    description: label.description,
    default: false,
  };
}

export function showLabels(world: World, thread: Thread): Json[] {
  const { repository } = thread;
  return thread.labels
    .map((name) => repository.labels.find((label) => label.name === name))
    .filter((label) => label !== undefined)
    .map((label) => showLabel(world, repository, label));
}

export function showInstallation(world: World, installation: Installation): Json {
  const { id, account, suspendedAt, createdAt } = installation;
  return {
    id,
    account: showAccount(world, account),
    repository_selection: installation.repositories === 'all' ? 'all' : 'selected',
    access_tokens_url: `${world.apiUrl}/app/installations/${id}/access_tokens`,
    repositories_url: `${world.apiUrl}/installation/repositories`,
    html_url:
      account.type === 'Organization'
        ? `${world.url}/organizations/${account.login}/settings/installations/${id}`
        : `${world.url}/settings/installations/${id}`,
    app_id: world.app.id,
    app_slug: world.app.slug,
    client_id: world.app.clientId,
    target_id: account.id,
    target_type: account.type,
    permissions: installation.permissions,
    events: world.app.events,
    created_at: at(createdAt),
    updated_at: at(createdAt),
    single_file_name: null,
    suspended_at: atOrNull(suspendedAt),
    suspended_by: suspendedAt && showAccount(world, account),
  };
}
