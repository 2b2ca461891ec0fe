// What the API and the webhooks show of the state. Only what somebody reads; complete.ts adds the rest.
import {
  type Account,
  type CheckRun,
  type Comment,
  type Deployment,
  type DeploymentStatus,
  type Installation,
  type Json,
  type Label,
  nameOf,
  type Reaction,
  type Repository,
  type Thread,
  type World,
} from './model.ts';

export const at = (date: Date) => date.toISOString().replace(/\.\d+Z/, 'Z');
const atOrNull = (date: Date | null) => date && at(date);
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

function association(repository: Repository, account: Account): string {
  if (repository.owner === account) return 'OWNER';
  if (repository.collaborators.has(account.id)) return 'COLLABORATOR';
  return 'NONE';
}

function showCommon(world: World, thread: Thread): Json {
  const { repository, author } = thread;
  return {
    id: thread.id,
    number: thread.number,
    state: thread.state,
    locked: thread.locked,
    title: thread.title,
    body: thread.body,
    user: showAccount(world, author),
    labels: showLabels(world, thread),
    author_association: association(repository, author),
    created_at: at(thread.createdAt),
    updated_at: at(thread.updatedAt),
    closed_at: atOrNull(thread.closedAt),
    comments_url: `${repositoryUrl(world, repository)}/issues/${thread.number}/comments`,
    assignee: null,
    assignees: [],
    milestone: null,
  };
}

const commentsOn = (world: World, thread: Thread, kind: Comment['kind']) =>
  world.comments.filter((one) => one.thread === thread && one.kind === kind && !one.deleted).length;

export const pagePath = (thread: Thread) => `${thread.kind === 'pull' ? 'pull' : 'issues'}/${thread.number}`;

/** An issue, or a pull request seen as one. */
export function showIssue(world: World, thread: Thread): Json {
  const { repository, number } = thread;
  const url = `${repositoryUrl(world, repository)}/issues/${number}`;
  const page = `${repositoryPage(world, repository)}/${pagePath(thread)}`;
  const pull = {
    url: `${repositoryUrl(world, repository)}/pulls/${number}`,
    html_url: page,
    diff_url: `${page}.diff`,
    patch_url: `${page}.patch`,
    merged_at: thread.merged ? atOrNull(thread.closedAt) : null,
  };
  return {
    ...showCommon(world, thread),
    node_id: nodeId(thread.kind === 'pull' ? 'PR' : 'I', thread.id),
    url,
    html_url: page,
    repository_url: repositoryUrl(world, repository),
    labels_url: `${url}/labels{/name}`,
    events_url: `${url}/events`,
    comments: commentsOn(world, thread, 'issue'),
    ...(thread.kind === 'pull' && { draft: thread.draft, pull_request: pull }),
  };
}

function showEnd(world: World, repository: Repository, ref: string, sha: string): Json {
  return {
    label: `${repository.owner.login}:${ref}`,
    ref,
    sha,
    user: showAccount(world, repository.owner),
    repo: repository.deleted ? null : showRepository(world, repository),
  };
}

export function showPull(world: World, thread: Thread): Json {
  const { repository, number, head, base } = thread;
  if (!head || !base) throw new Error(`#${number} is no pull request`);
  const api = repositoryUrl(world, repository);
  const url = `${api}/pulls/${number}`;
  const page = `${repositoryPage(world, repository)}/pull/${number}`;
  const href = (link: string) => ({ href: link });
  return {
    ...showCommon(world, thread),
    node_id: nodeId('PR', thread.id),
    url,
    html_url: page,
    diff_url: `${page}.diff`,
    patch_url: `${page}.patch`,
    issue_url: `${api}/issues/${number}`,
    commits_url: `${url}/commits`,
    review_comments_url: `${url}/comments`,
    review_comment_url: `${api}/pulls/comments{/number}`,
    statuses_url: `${api}/statuses/${head.sha}`,
    draft: thread.draft,
    head: showEnd(world, head.repository, head.ref, head.sha),
    base: showEnd(world, repository, base.ref, base.sha),
    merged: thread.merged,
    merged_at: thread.merged ? atOrNull(thread.closedAt) : null,
    merged_by: null,
    merge_commit_sha: thread.mergeCommit,
    mergeable: thread.state === 'open' ? true : null,
    mergeable_state: 'clean',
    maintainer_can_modify: false,
    auto_merge: null,
    comments: commentsOn(world, thread, 'issue'),
    review_comments: commentsOn(world, thread, 'review'),
    requested_reviewers: [],
    requested_teams: [],
    _links: {
      self: href(url),
      html: href(page),
      issue: href(`${api}/issues/${number}`),
      comments: href(`${api}/issues/${number}/comments`),
      review_comments: href(`${url}/comments`),
      review_comment: href(`${api}/pulls/comments{/number}`),
      commits: href(`${url}/commits`),
      statuses: href(`${api}/statuses/${head.sha}`),
    },
  };
}

export const commentNodeId = (comment: Comment) =>
  nodeId(comment.kind === 'issue' ? 'IC' : 'PRRC', comment.id);

export function showComment(world: World, comment: Comment): Json {
  const { id, thread, author, kind } = comment;
  const api = repositoryUrl(world, thread.repository);
  const page = `${repositoryPage(world, thread.repository)}/${pagePath(thread)}`;
  const common = {
    id,
    node_id: commentNodeId(comment),
    body: comment.body,
    user: showAccount(world, author),
    author_association: association(thread.repository, author),
    created_at: at(comment.createdAt),
    updated_at: at(comment.updatedAt),
  };
  if (kind === 'issue') {
    return {
      ...common,
      url: `${api}/issues/comments/${id}`,
      html_url: `${page}#issuecomment-${id}`,
      issue_url: `${api}/issues/${thread.number}`,
      performed_via_github_app: comment.byApp ? showApp(world) : null,
    };
  }
  return {
    ...common,
    url: `${api}/pulls/comments/${id}`,
    html_url: `${page}#discussion_r${id}`,
    pull_request_url: `${api}/pulls/${thread.number}`,
    commit_id: thread.head?.sha,
    original_commit_id: thread.head?.sha,
    path: 'README.md',
    diff_hunk: '@@ -1 +1 @@',
    _links: {},
    ...(comment.inReplyTo && { in_reply_to_id: comment.inReplyTo }),
  };
}

export function showReaction(world: World, reaction: Reaction): Json {
  const { id, author, content, createdAt } = reaction;
  return {
    id,
    node_id: nodeId('REA', id),
    user: showAccount(world, author),
    content,
    created_at: at(createdAt),
  };
}

export function showDeployment(world: World, deployment: Deployment): Json {
  const { id, repository } = deployment;
  const url = `${repositoryUrl(world, repository)}/deployments/${id}`;
  return {
    id,
    node_id: nodeId('DE', id),
    url,
    sha: deployment.sha,
    ref: deployment.ref,
    task: deployment.task,
    payload: deployment.payload,
    environment: deployment.environment,
    original_environment: deployment.environment,
    description: deployment.description,
    creator: showAccount(world, world.bot),
    created_at: at(deployment.createdAt),
    updated_at: at(deployment.statuses.at(-1)?.createdAt ?? deployment.createdAt),
    statuses_url: `${url}/statuses`,
    repository_url: repositoryUrl(world, repository),
    transient_environment: deployment.transient,
    production_environment: deployment.production,
    performed_via_github_app: showApp(world),
  };
}

export function showDeploymentStatus(world: World, deployment: Deployment, status: DeploymentStatus): Json {
  const { id, repository, environment } = deployment;
  const url = `${repositoryUrl(world, repository)}/deployments/${id}`;
  return {
    id: status.id,
    node_id: nodeId('DES', status.id),
    url: `${url}/statuses/${status.id}`,
    state: status.state,
    creator: showAccount(world, world.bot),
    description: status.description,
    environment,
    environment_url: status.environmentUrl,
    log_url: status.logUrl,
    target_url: status.logUrl,
    created_at: at(status.createdAt),
    updated_at: at(status.createdAt),
    deployment_url: url,
    repository_url: repositoryUrl(world, repository),
  };
}

export function showCheck(world: World, check: CheckRun): Json {
  const { id, repository } = check;
  const url = `${repositoryUrl(world, repository)}/check-runs/${id}`;
  const pulls = world.threads.filter(
    (one) =>
      one.repository === repository && one.head?.sha === check.headSha && one.head.repository === repository,
  );
  return {
    id,
    node_id: nodeId('CR', id),
    name: check.name,
    head_sha: check.headSha,
    external_id: check.externalId,
    url,
    html_url: `${repositoryPage(world, repository)}/runs/${id}`,
    details_url: check.detailsUrl,
    status: check.status,
    conclusion: check.conclusion,
    started_at: atOrNull(check.startedAt),
    completed_at: atOrNull(check.completedAt),
    output: {
      title: null,
      summary: null,
      text: null,
      ...check.output,
      annotations_count: 0,
      annotations_url: `${url}/annotations`,
    },
    check_suite: {
      id: check.id,
      head_branch: pulls[0]?.head?.ref ?? null,
      head_sha: check.headSha,
      status: check.status,
      conclusion: check.conclusion,
      url: `${repositoryUrl(world, repository)}/check-suites/${check.id}`,
      app: showApp(world),
      pull_requests: pulls.map((pull) => showPullShortly(world, pull)),
    },
    app: showApp(world),
    pull_requests: pulls.map((pull) => showPullShortly(world, pull)),
  };
}

function showPullShortly(world: World, thread: Thread): Json {
  const short = (repository: Repository) => ({
    id: repository.id,
    url: repositoryUrl(world, repository),
    name: repository.name,
  });
  return {
    id: thread.id,
    number: thread.number,
    url: `${repositoryUrl(world, thread.repository)}/pulls/${thread.number}`,
    head: {
      ref: thread.head?.ref,
      sha: thread.head?.sha,
      repo: thread.head && short(thread.head.repository),
    },
    base: { ref: thread.base?.ref, sha: thread.base?.sha, repo: short(thread.repository) },
  };
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
