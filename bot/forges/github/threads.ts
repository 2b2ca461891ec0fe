// Issues, pull requests, their comments and reactions, as few calls as Sam needs. Knows no command and no card.
import type { Octokit } from './app.ts';
import { call, callOr } from './calls.ts';

/** An issue or pull request. `repository`: `owner/name`. */
export interface ThreadAddress {
  repository: string;
  number: number;
}

export interface CommentAddress {
  repository: string;
  comment: number;
  /** On a line of a diff. */
  isReview: boolean;
}

export type Reaction = 'eyes' | 'rocket' | 'confused' | '-1';

export interface PullRequest {
  isOpen: boolean;
  branch: string;
  sha: string;
  /** The repository that holds the branch; undefined: a fork that was deleted. */
  from: string | undefined;
}

export const ownerAndName = (repository: string): { owner: string; repo: string } => {
  const [owner = '', repo = ''] = repository.split('/');
  return { owner, repo };
};

export async function findPullRequest(
  octokit: Octokit,
  { repository, number }: ThreadAddress,
): Promise<PullRequest | undefined> {
  const answer = await callOr(
    'read pull request',
    () => octokit.rest.pulls.get({ ...ownerAndName(repository), pull_number: number }),
    undefined,
  );
  if (!answer) return undefined;
  const { state, head } = answer.data;
  // A deleted fork is null there, whatever the types say.
  const from = head.repo as { full_name: string } | null;
  return { isOpen: state === 'open', branch: head.ref, sha: head.sha, from: from?.full_name };
}

/** Undefined: there is no such issue or pull request. */
export async function findIssue(
  octokit: Octokit,
  { repository, number }: ThreadAddress,
): Promise<
  { isOpen: boolean; closedAt: Date | undefined; isMerged: boolean; isPullRequest: boolean } | undefined
> {
  const answer = await callOr(
    'read issue',
    () => octokit.rest.issues.get({ ...ownerAndName(repository), issue_number: number }),
    undefined,
  );
  if (!answer) return undefined;
  const { state, pull_request: pull, closed_at: at } = answer.data;
  return {
    isOpen: state === 'open',
    closedAt: at ? new Date(at) : undefined,
    isMerged: !!pull?.merged_at,
    isPullRequest: pull !== undefined,
  };
}

export async function findRepository(
  octokit: Octokit,
  repository: string,
): Promise<{ name: string; branch: string; isPrivate: boolean } | undefined> {
  const answer = await callOr(
    'read repository',
    () => octokit.rest.repos.get(ownerAndName(repository)),
    undefined,
  );
  if (!answer) return undefined;
  const { full_name: name, default_branch: branch, private: isPrivate } = answer.data;
  return { name, branch, isPrivate };
}

export interface PostedComment {
  id: number;
  /** What GraphQL calls it. */
  node: string;
}

export async function postComment(
  octokit: Octokit,
  { repository, number }: ThreadAddress,
  body: string,
): Promise<PostedComment> {
  const { data } = await call('post comment', () =>
    octokit.rest.issues.createComment({ ...ownerAndName(repository), issue_number: number, body }),
  );
  return { id: data.id, node: data.node_id };
}

/** Undefined: somebody deleted it. */
export async function editComment(
  octokit: Octokit,
  repository: string,
  id: number,
  body: string,
): Promise<PostedComment | undefined> {
  const answer = await callOr(
    'edit comment',
    () => octokit.rest.issues.updateComment({ ...ownerAndName(repository), comment_id: id, body }),
    undefined,
  );
  return answer && { id: answer.data.id, node: answer.data.node_id };
}

/**
 * The App's own comment that begins with `marker`: for finding one whose number got lost. Looks at all pages; with `since`
 * only at what was written or changed after it.
 */
export async function findComment(
  octokit: Octokit,
  { repository, number }: ThreadAddress,
  marker: string,
  slug: string,
  since?: Date,
): Promise<PostedComment | undefined> {
  const pages = octokit.paginate.iterator(octokit.rest.issues.listComments, {
    ...ownerAndName(repository),
    issue_number: number,
    per_page: 100,
    ...(since && { since: since.toISOString() }),
  });
  return call('list comments', async () => {
    for await (const { data } of pages) {
      const found = data.find(
        (one) =>
          one.body?.startsWith(marker) &&
          (one.performed_via_github_app?.slug ?? one.user?.login.replace(/\[bot\]$/, '')) === slug,
      );
      if (found) return { id: found.id, node: found.node_id };
    }
    return undefined;
  });
}

export async function minimiseComment(octokit: Octokit, node: string): Promise<void> {
  await call('minimise comment', () =>
    octokit.graphql(
      'mutation ($node: ID!) { minimizeComment(input: {subjectId: $node, classifier: OUTDATED}) { clientMutationId } }',
      { node },
    ),
  );
}

/** The reaction's number; the same one again is the one that is there. Undefined: the comment is gone. */
export async function react(
  octokit: Octokit,
  { repository, comment, isReview }: CommentAddress,
  content: Reaction,
): Promise<number | undefined> {
  const asked = { ...ownerAndName(repository), comment_id: comment, content };
  const answer = await callOr(
    'react',
    () =>
      isReview
        ? octokit.rest.reactions.createForPullRequestReviewComment(asked)
        : octokit.rest.reactions.createForIssueComment(asked),
    undefined,
  );
  return answer?.data.id;
}

export async function removeLabel(
  octokit: Octokit,
  { repository, number }: ThreadAddress,
  name: string,
): Promise<void> {
  await callOr(
    'remove label',
    () => octokit.rest.issues.removeLabel({ ...ownerAndName(repository), issue_number: number, name }),
    undefined,
  );
}

/** Those of its labels that are wanted. */
export async function listLabels(
  octokit: Octokit,
  { repository, number }: ThreadAddress,
  isWanted: (name: string) => boolean,
): Promise<string[]> {
  const answer = await callOr(
    'list labels',
    () =>
      octokit.rest.issues.listLabelsOnIssue({
        ...ownerAndName(repository),
        issue_number: number,
        per_page: 100,
      }),
    undefined,
  );
  return (answer?.data ?? []).map(({ name }) => name).filter(isWanted);
}
