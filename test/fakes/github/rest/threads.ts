// Issues, pull requests, their comments and reactions.
import { forbidden, invalid, notFound } from '../refusal.ts';
import { actor, type Call, created, getThread, type Handlers, noContent, ok, paged } from './call.ts';
import type { Comment, Reaction, ReactionContent, Thread } from '../model.ts';
import { showComment, showIssue, showPull, showReaction } from '../views/threads.ts';
import { at } from '../views/views.ts';

/** GitHub's limit, in characters. */
const longestComment = 65_536;

export function getComment({ world, repository, params }: Call, kind: Comment['kind']): Comment {
  const id = Number(params['comment_id']);
  const comment = world.comments.find((one) => one.id === id && one.kind === kind && !one.deleted);
  if (comment?.thread.repository !== repository) throw notFound();
  return comment;
}

function bodyOf(call: Call): string {
  const body = String(call.body['body']);
  if (body.trim() === '') throw invalid('IssueComment', 'body', 'custom', "body can't be blank");
  if (body.length <= longestComment) return body;
  const message = `body is too long (maximum is ${longestComment} characters)`;
  throw invalid('IssueComment', 'body', 'custom', message);
}

function addComment(call: Call, thread: Thread, kind: Comment['kind'], inReplyTo?: number): Comment {
  const { world, caller } = call;
  const now = world.now();
  const byApp = caller.kind === 'installation';
  const comment: Comment = {
    id: world.nextId(),
    kind,
    thread,
    author: actor(call),
    body: bodyOf(call),
    byApp,
    minimized: null,
    deleted: false,
    createdAt: now,
    updatedAt: now,
    ...(inReplyTo && { inReplyTo }),
  };
  world.comments.push(comment);
  thread.updatedAt = now;
  return comment;
}

function editComment(call: Call, kind: Comment['kind']) {
  const comment = getComment(call, kind);
  comment.body = bodyOf(call);
  comment.updatedAt = call.world.now();
  return ok(showComment(call.world, comment));
}

function listReactions(call: Call, on: Comment | Thread) {
  const { content } = call.query;
  const all = call.world.reactions.filter((one) => one.on === on && (!content || one.content === content));
  return paged(call, all, (one) => showReaction(call.world, one));
}

/** The same reaction of the same account again is the one that is there. */
function react(call: Call, on: Comment | Thread) {
  const { world } = call;
  const content = call.body['content'] as ReactionContent;
  const author = actor(call);
  const known = world.reactions.find(
    (one) => one.on === on && one.author === author && one.content === content,
  );
  if (known) return ok(showReaction(world, known));
  const reaction: Reaction = { id: world.nextId(), on, author, content, createdAt: world.now() };
  world.reactions.push(reaction);
  return created(showReaction(world, reaction));
}

function unreact(call: Call, on: Comment | Thread) {
  const { world, params } = call;
  const id = Number(params['reaction_id']);
  const index = world.reactions.findIndex((one) => one.id === id && one.on === on);
  if (index < 0 || world.reactions[index]?.author !== actor(call)) throw notFound();
  world.reactions.splice(index, 1);
  return noContent();
}

function listThreads(call: Call, kind: 'any' | 'pull', show: (thread: Thread) => unknown) {
  const { world, repository, query } = call;
  const wanted = query['state'] ?? 'open';
  const labels = query['labels']?.split(',').filter(Boolean) ?? [];
  const found = world.threads
    .filter((one) => one.repository === repository && (kind === 'any' || one.kind === kind))
    .filter((one) => wanted === 'all' || one.state === wanted)
    .filter((one) => labels.every((label) => one.labels.includes(label)))
    .filter(
      (one) => !query['head'] || `${one.head?.repository.owner.login}:${one.head?.ref}` === query['head'],
    )
    .filter((one) => !query['base'] || one.base?.ref === query['base'])
    .toSorted((a, b) => b.number - a.number);
  return paged(call, found, show);
}

function listComments(call: Call, kind: Comment['kind']) {
  const { world, query } = call;
  const thread = getThread(call);
  const all = world.comments.filter((one) => one.thread === thread && one.kind === kind && !one.deleted);
  const young = all.filter((one) => !query['since'] || at(one.updatedAt) >= query['since']);
  return paged(call, young, (one) => showComment(world, one));
}

export const threadHandlers: Handlers = {
  'issues/list-for-repo': (call) => listThreads(call, 'any', (one) => showIssue(call.world, one)),
  'issues/get': (call) => ok(showIssue(call.world, getThread(call))),
  'pulls/list': (call) => listThreads(call, 'pull', (one) => showPull(call.world, one)),
  async 'pulls/get'(call) {
    const thread = getThread(call);
    const { git, repository } = call;
    const files = thread.head && thread.base ? await changedFiles(call, thread) : [];
    const sha = thread.head?.sha ?? '';
    const isMergeable = thread.state === 'open' && (await git.resolve(repository.id, sha)) !== undefined;
    return ok({
      ...showPull(call.world, thread),
      changed_files: files.length,
      commits: 1,
      ...(isMergeable && { mergeable: true }),
    });
  },
  async 'pulls/list-files'(call) {
    const names: Record<string, string> = { A: 'added', D: 'removed', M: 'modified' };
    const files = await changedFiles(call, getThread(call));
    return paged(call, files, ({ status, path }) => ({ filename: path, status: names[status] ?? 'changed' }));
  },
  'issues/list-comments': (call) => listComments(call, 'issue'),
  'issues/get-comment': (call) => ok(showComment(call.world, getComment(call, 'issue'))),
  'issues/create-comment'(call) {
    const thread = getThread(call);
    if (thread.locked && call.caller.kind !== 'installation') {
      throw forbidden('Unable to create comment because issue is locked.');
    }
    const comment = addComment(call, thread, 'issue');
    call.hooks.echo(() => call.hooks.aboutComment('created', comment, actor(call)));
    const shown = showComment(call.world, comment);
    return { status: 201, body: shown, headers: { location: String(shown['url']) } };
  },
  'issues/update-comment': (call) => editComment(call, 'issue'),
  'issues/delete-comment'(call) {
    getComment(call, 'issue').deleted = true;
    return noContent();
  },
  'pulls/list-review-comments': (call) => listComments(call, 'review'),
  'pulls/get-review-comment': (call) => ok(showComment(call.world, getComment(call, 'review'))),
  'pulls/update-review-comment': (call) => editComment(call, 'review'),
  'pulls/create-reply-for-review-comment'(call) {
    const to = getComment(call, 'review');
    const comment = addComment(call, getThread(call), 'review', to.inReplyTo ?? to.id);
    call.hooks.echo(() => call.hooks.aboutComment('created', comment, actor(call)));
    return created(showComment(call.world, comment));
  },
  'reactions/list-for-issue-comment': (call) => listReactions(call, getComment(call, 'issue')),
  'reactions/create-for-issue-comment': (call) => react(call, getComment(call, 'issue')),
  'reactions/delete-for-issue-comment': (call) => unreact(call, getComment(call, 'issue')),
  'reactions/list-for-issue': (call) => listReactions(call, getThread(call)),
  'reactions/create-for-issue': (call) => react(call, getThread(call)),
  'reactions/delete-for-issue': (call) => unreact(call, getThread(call)),
  'reactions/list-for-pull-request-review-comment': (call) => listReactions(call, getComment(call, 'review')),
  'reactions/create-for-pull-request-review-comment': (call) => react(call, getComment(call, 'review')),
  'reactions/delete-for-pull-request-comment': (call) => unreact(call, getComment(call, 'review')),
};

function changedFiles({ git, repository }: Call, { base, head }: Thread) {
  return git.changed(repository.id, base?.sha ?? '', head?.sha ?? '');
}
