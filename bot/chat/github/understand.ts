// What a delivery of GitHub's says, as far as Sam cares: its body read, and the few facts that are kept of it. Pure.
import { z } from 'zod';
import type { Event, Here } from './events.ts';
import { readInstallation, InstallationBody } from './installations.ts';

export type Understood =
  | { event: Event }
  /** Signed and well-formed, and nothing to us: answered, not stored. */
  | { nothing: string }
  /** The body is not what its event's bodies are. */
  | { misfit: string };

/** `body`: the parsed JSON of a delivery whose signature was right. */
export function understand(name: string, body: unknown): Understood {
  if (!(name in SHAPES)) return { nothing: `no use for \`${name.slice(0, 60)}\`` };
  const event = name as EventName;
  const parsed = SHAPES[event].safeParse(body);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return { misfit: `This is no \`${event}\`: ${issue?.path.join('.')} is not what it should be.` };
  }
  const { sender, action } = parsed.data;
  // Whoever names themselves so: GitHub says what they are. Our own App is one of them.
  if (sender.type !== 'User' && !isFact(event, action)) return { nothing: 'people only' };
  const found = READERS[event](parsed.data as never);
  return found ? { event: found } : { nothing: `no use for \`${event}.${action.slice(0, 60)}\`` };
}

/**
 * What has happened, whoever did it: a merge queue closes, a bot pushes, an organization's rule renames. The rest are
 * wishes, and those are for people: a label that a bot takes off again is one, because it takes a right to write.
 */
const isFact = (event: EventName, action: string): boolean =>
  event.startsWith('installation') ||
  event === 'repository' ||
  action === 'synchronize' ||
  action === 'closed';

const READERS: { [Name in EventName]: (body: Shaped<Name>) => Event | undefined } = {
  issue_comment: (body) => {
    const { issue } = body;
    const thread = { number: issue.number, isPullRequest: issue.pull_request !== undefined };
    return readComment(body, thread, false);
  },
  pull_request_review_comment: (body) =>
    readComment(body, { number: body.pull_request.number, isPullRequest: true }, true),
  pull_request: (body) =>
    body.action === 'synchronize' ? readPush(body) : readThread(body, body.pull_request, true),
  issues: (body) => readThread(body, body.issue, body.issue.pull_request !== undefined),
  check_run: (body) =>
    body.action === 'requested_action' && body.requested_action && isWorkspace(body.check_run.external_id)
      ? {
          kind: 'button',
          ...hereOf(body),
          subject: body.check_run.external_id,
          identifier: body.requested_action.identifier,
        }
      : undefined,
  repository: readRepository,
  installation: readInstallation,
  installation_repositories: readInstallation,
};

/** We gave it when we made the check. */
const isWorkspace = (id: string | null): id is string => id !== null && /^ws-[a-z2-7]{12}$/.test(id);

const hereOf = ({ repository, sender }: z.infer<typeof Common>): z.infer<typeof Here> => ({
  repository: repository.full_name,
  isPrivate: repository.private,
  sender: { id: sender.id, login: sender.login },
});

function readComment(
  body: z.infer<typeof Common> & { comment: { id: number; body: string } & Partial<z.infer<typeof Spot>> },
  thread: { number: number; isPullRequest: boolean },
  isReview: boolean,
): Event | undefined {
  const said = { ...hereOf(body), ...thread, ...commentOf(body.comment) };
  const at = isReview ? spotOf(body.comment) : undefined;
  if (body.action === 'created') return { kind: 'comment', ...said, isReview, ...(at && { at }) };
  return body.action === 'edited' ? { kind: 'edited', ...said } : undefined;
}

/** As it was when somebody spoke of it, where the lines are not there any more. */
function spotOf(
  comment: Partial<z.infer<typeof Spot>>,
): { path: string; line?: number; commit: string } | undefined {
  const { path, line, original_line: before, commit_id: now, original_commit_id: then } = comment;
  const isGone = typeof line !== 'number' && typeof before === 'number';
  const commit = isGone ? then : now;
  if (typeof path !== 'string' || typeof commit !== 'string') return undefined;
  const number = line ?? before;
  return {
    path: path.replaceAll('\0', '').toWellFormed(),
    commit,
    ...(typeof number === 'number' && { line: number }),
  };
}

/** JSON may hold a NUL, Postgres' text may not. */
const commentOf = ({ id, body }: { id: number; body: string }): { comment: number; text: string } => ({
  comment: id,
  text: body.replaceAll('\0', '').toWellFormed(),
});

interface ThreadState {
  number: number;
  state: string;
  closed_at?: string | null | undefined;
  merged?: boolean | null | undefined;
  draft?: boolean | null | undefined;
}

function readThread(
  body: z.infer<typeof Common> & { label?: { name: string } | undefined },
  { number, state, closed_at: at, merged, draft }: ThreadState,
  isPullRequest: boolean,
): Event | undefined {
  const thread = { ...hereOf(body), number, isPullRequest };
  const { action, label } = body;
  if (action === 'closed') return { kind: 'closed', ...thread, isMerged: merged === true, at };
  const isShown = action === 'ready_for_review' || (action === 'opened' && !draft);
  if (isPullRequest && isShown) return { kind: 'opened', ...thread };
  if ((action !== 'labeled' && action !== 'unlabeled') || !label || !LABEL.test(label.name)) return undefined;
  const isAdded = action === 'labeled';
  return { kind: 'label', ...thread, isAdded, label: label.name.toLowerCase(), isOpen: state === 'open' };
}

/** Whoever pushes to a branch of the repository itself may write to it. */
function readPush(body: Shaped<'pull_request'>): Event | undefined {
  const { number, head } = body.pull_request;
  if (!head) return undefined;
  return { kind: 'pushed', ...hereOf(body), number, isPullRequest: true, head: head.sha };
}

function readRepository(body: Shaped<'repository'>): Event | undefined {
  const { action, repository, changes } = body;
  if (action === 'deleted') return { kind: 'gone', ...hereOf(body) };
  if (action === 'publicized' || action === 'privatized') return { kind: 'visibility', ...hereOf(body) };
  const [owner = '', name = ''] = repository.full_name.split('/');
  const before = Changes.safeParse(changes).data;
  const former = before?.owner?.from.user?.login ?? before?.owner?.from.organization?.login;
  if (action === 'renamed' && before?.repository)
    return { kind: 'moved', ...hereOf(body), from: `${owner}/${before.repository.name.from}` };
  if (action === 'transferred' && former)
    return { kind: 'moved', ...hereOf(body), from: `${former}/${name}` };
  return undefined;
}

/** Which labels are ours the repository's settings say, and those are not known yet: these may be. */
const LABEL = /^[\w-][\w .-]{0,39}(:(small|medium|large))?$/i;

const Repository = z.object({
  id: z.number(),
  full_name: z.string().regex(/^[\w.-]+\/[\w.-]+$/),
  private: z.boolean(),
});
const Sender = z.object({ id: z.number(), login: z.string(), type: z.string() });
const Common = z.object({
  action: z.string(),
  repository: Repository,
  sender: Sender,
  installation: z.object({ id: z.number() }),
});
const Label = z.object({ name: z.string() });
const Issue = z.object({
  number: z.number(),
  state: z.string(),
  closed_at: z.string().nullish(),
  pull_request: z.object({}).optional(),
});
const PullRequest = z.object({
  number: z.number(),
  state: z.string(),
  closed_at: z.string().nullish(),
  merged: z.boolean().nullish(),
  head: z.object({ sha: z.string(), repo: z.object({ full_name: z.string() }).nullish() }).optional(),
  draft: z.boolean().nullish(),
});

/** What a review comment is about; of what is none of these nothing is known. */
const Spot = z.object({
  path: z.string().max(4_096).optional().catch(undefined),
  line: z.number().int().positive().nullish().catch(undefined),
  original_line: z.number().int().positive().nullish().catch(undefined),
  commit_id: z.hex().length(40).optional().catch(undefined),
  original_commit_id: z.hex().length(40).optional().catch(undefined),
});

/** By the header's name; the header is not signed, so the body must fit it: what belongs to another event is refused. */
const SHAPES = {
  issue_comment: Common.extend({
    issue: Issue,
    comment: z.object({ id: z.number(), body: z.string() }),
    pull_request: z.undefined().optional(),
  }),
  pull_request_review_comment: Common.extend({
    pull_request: PullRequest,
    comment: Spot.extend({ id: z.number(), body: z.string() }),
  }),
  pull_request: Common.extend({
    pull_request: PullRequest,
    number: z.number(),
    label: Label.optional(),
    comment: z.undefined().optional(),
    review: z.undefined().optional(),
  }),
  issues: Common.extend({ issue: Issue, label: Label.optional(), comment: z.undefined().optional() }),
  check_run: Common.extend({
    check_run: z.object({ external_id: z.string().nullable() }),
    requested_action: z.object({ identifier: z.string() }).optional(),
  }),
  repository: Common.extend({
    changes: z.object({}).loose().optional(),
    issue: z.undefined().optional(),
    pull_request: z.undefined().optional(),
  }),
  installation: InstallationBody.extend({ repository_selection: z.undefined().optional() }),
  installation_repositories: InstallationBody.extend({ repository_selection: z.string() }),
};
type EventName = keyof typeof SHAPES;

type Shaped<Name extends EventName> = z.infer<(typeof SHAPES)[Name]>;

const Account = z.object({ login: z.string() });
/** Of `repository`, where it was renamed or went to another owner. */
const Changes = z.object({
  repository: z.object({ name: z.object({ from: z.string() }) }).optional(),
  owner: z
    .object({ from: z.object({ user: Account.optional(), organization: Account.optional() }) })
    .optional(),
});
