// The shapes of the bodies that GitHub delivers, as far as Sam cares. Pure.
import { z } from 'zod';
import { InstallationBody } from './installations.ts';

const Repository = z.object({
  id: z.number(),
  full_name: z.string().regex(/^[\w.-]+\/[\w.-]+$/),
  private: z.boolean(),
});
const Sender = z.object({ id: z.number(), login: z.string(), type: z.string() });
export const Common = z.object({
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

/** By the header's name; the header is not signed, so the body must fit it: what belongs to another event is refused. */
export const SHAPES = {
  issue_comment: Common.extend({
    issue: Issue,
    comment: z.object({ id: z.number(), body: z.string() }),
    pull_request: z.undefined().optional(),
  }),
  pull_request_review_comment: Common.extend({
    pull_request: PullRequest,
    comment: z.object({ id: z.number(), body: z.string() }),
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
export type EventName = keyof typeof SHAPES;

export type Shaped<Name extends EventName> = z.infer<(typeof SHAPES)[Name]>;

const Account = z.object({ login: z.string() });
/** Of `repository`, where it was renamed or went to another owner. */
export const Changes = z.object({
  repository: z.object({ name: z.object({ from: z.string() }) }).optional(),
  owner: z
    .object({ from: z.object({ user: Account.optional(), organization: Account.optional() }) })
    .optional(),
});
