// Operations that the cut of GitHub's description lacks: review comments, teams. By hand, after docs.github.com/rest.
import type { Json } from './model.ts';

const integer = { type: 'integer' };
const text = { type: 'string' };
const reference = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const inPath = (name: string, schema: Json) => ({ name, in: 'path', required: true, schema });
const repository = [inPath('owner', text), inPath('repo', text)];
const paging = ['per_page', 'page'].map((name) => ({ name, in: 'query', schema: integer }));
const json = (schema: Json) => ({ description: '', content: { 'application/json': { schema } } });
const asks = (properties: Json, required: string[]) => ({
  required: true,
  content: { 'application/json': { schema: { type: 'object', properties, required } } },
});
const contents = ['+1', '-1', 'laugh', 'confused', 'heart', 'hooray', 'rocket', 'eyes'];

const reviewComment = {
  type: 'object',
  required: [
    'url',
    'id',
    'node_id',
    'pull_request_review_id',
    'diff_hunk',
    'path',
    'commit_id',
    'original_commit_id',
    'user',
    'body',
    'created_at',
    'updated_at',
    'html_url',
    'pull_request_url',
    'author_association',
    '_links',
  ],
  properties: {
    url: { type: 'string', format: 'uri' },
    id: integer,
    node_id: text,
    pull_request_review_id: { ...integer, nullable: true },
    diff_hunk: text,
    path: text,
    commit_id: text,
    original_commit_id: text,
    in_reply_to_id: integer,
    line: { ...integer, nullable: true },
    original_line: { ...integer, nullable: true },
    user: reference('nullable-simple-user'),
    body: text,
    created_at: { type: 'string', format: 'date-time' },
    updated_at: { type: 'string', format: 'date-time' },
    html_url: { type: 'string', format: 'uri' },
    pull_request_url: { type: 'string', format: 'uri' },
    author_association: reference('author-association'),
    _links: { type: 'object' },
  },
};

const one = reference('pull-request-review-comment');
const onComment = [...repository, inPath('comment_id', integer)];
const onPull = [...repository, inPath('pull_number', integer)];

export const moreSchemas = { 'pull-request-review-comment': reviewComment };

export const morePaths = {
  '/orgs/{org}/teams/{team_slug}/members': {
    get: {
      operationId: 'teams/list-members-in-org',
      parameters: [inPath('org', text), inPath('team_slug', text), ...paging],
      responses: { 200: json({ type: 'array', items: reference('simple-user') }) },
    },
  },
  '/repos/{owner}/{repo}/pulls/comments/{comment_id}': {
    get: { operationId: 'pulls/get-review-comment', parameters: onComment, responses: { 200: json(one) } },
    patch: {
      operationId: 'pulls/update-review-comment',
      parameters: onComment,
      requestBody: asks({ body: text }, ['body']),
      responses: { 200: json(one) },
    },
  },
  '/repos/{owner}/{repo}/pulls/{pull_number}/comments': {
    get: {
      operationId: 'pulls/list-review-comments',
      parameters: [...onPull, ...paging],
      responses: { 200: json({ type: 'array', items: one }) },
    },
  },
  '/repos/{owner}/{repo}/pulls/{pull_number}/comments/{comment_id}/replies': {
    post: {
      operationId: 'pulls/create-reply-for-review-comment',
      parameters: [...onPull, inPath('comment_id', integer)],
      requestBody: asks({ body: text }, ['body']),
      responses: { 201: json(one) },
    },
  },
  '/repos/{owner}/{repo}/pulls/comments/{comment_id}/reactions': {
    get: {
      operationId: 'reactions/list-for-pull-request-review-comment',
      parameters: [...onComment, ...paging, { name: 'content', in: 'query', schema: { enum: contents } }],
      responses: { 200: json({ type: 'array', items: reference('reaction') }) },
    },
    post: {
      operationId: 'reactions/create-for-pull-request-review-comment',
      parameters: onComment,
      requestBody: asks({ content: { type: 'string', enum: contents } }, ['content']),
      responses: { 200: json(reference('reaction')), 201: json(reference('reaction')) },
    },
  },
  '/repos/{owner}/{repo}/pulls/comments/{comment_id}/reactions/{reaction_id}': {
    delete: {
      operationId: 'reactions/delete-for-pull-request-comment',
      parameters: [...onComment, inPath('reaction_id', integer)],
      responses: { 204: { description: '' } },
    },
  },
};
