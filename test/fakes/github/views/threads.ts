// How issues, pull requests, comments and reactions are shown. Only what somebody reads; complete.ts adds the rest.
import type { Account, Comment, Json, Reaction, Repository, Thread, World } from '../model.ts';
import {
  at,
  atOrNull,
  nodeId,
  repositoryPage,
  repositoryUrl,
  showAccount,
  showApp,
  showLabels,
  showRepository,
} from './views.ts';

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
    commit_id: comment.spot?.commit ?? thread.head?.sha,
    original_commit_id: comment.spot?.original?.commit ?? comment.spot?.commit ?? thread.head?.sha,
    path: comment.spot?.path ?? 'README.md',
    line: comment.spot?.line ?? null,
    original_line: comment.spot?.original?.line ?? comment.spot?.line ?? null,
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
