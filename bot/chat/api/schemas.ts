// What programs send and get: one schema for each, which checks requests and makes the description. Knows no row's meaning.
import { z } from 'zod';
import { isPrompt, MAX_PROMPT_BYTES } from '../../commands/parser/parse.ts';

/** Named as the description names them. */
export const schemas = z.registry<{ id: string }>();

function named<Schema extends z.ZodType>(id: string, schema: Schema): Schema {
  schemas.add(schema, { id });
  return schema;
}

const time = z.iso.datetime();
const span = z.string().regex(/^\d{1,6}[mhdw]$/);
const scope = z.enum(['read', 'write', 'admin']);
/** `read` alone, with `write`, or all three. */
const scopes = z.array(scope).min(1).max(3);

export const ErrorBody = named(
  'Error',
  z.strictObject({ error: z.string(), message: z.string(), fields: z.array(z.string()).optional() }),
);

export const Me = named(
  'Me',
  z.strictObject({
    id: z.string(),
    name: z.string(),
    identities: z.array(z.strictObject({ source: z.string(), login: z.string() })),
    scopes,
    token: z.strictObject({ id: z.string(), name: z.string(), expiresAt: time }).nullable(),
  }),
);

/** What a row has, by the names of its columns. */
const rows = z.array(z.looseObject({}));
export const PersonExport = named(
  'PersonExport',
  z.strictObject({
    exportedAt: time,
    person: z.strictObject({ id: z.string(), name: z.string(), createdAt: time }),
    identities: rows,
    workspaces: rows,
    machines: rows,
    commands: rows,
    tasks: rows,
    pullRequests: rows,
    shares: rows,
    ports: rows,
    tokens: rows,
    keys: rows,
    browsers: rows,
    pageSettings: rows,
    devices: rows,
    limits: rows,
    audit: rows,
  }),
);

export const Workspace = named(
  'Workspace',
  z.strictObject({
    id: z.string(),
    name: z.string(),
    /** The person's id. */
    owner: z.string(),
    repository: z.string(),
    ref: z.string().nullable(),
    commit: z.string().nullable(),
    size: z.enum(['small', 'medium', 'large']),
    phase: z.enum([
      'queued',
      'provisioning',
      'preparing',
      'running',
      'stopping',
      'stopped',
      'deleting',
      'deleted',
      'failed',
    ]),
    desired: z.enum(['running', 'stopped', 'deleted']),
    /** Null unless it failed, or what was asked last came to nothing. */
    failure: z.strictObject({ error: z.string(), message: z.string() }).nullable(),
    createdAt: time,
    lastActivityAt: time,
    keptUntil: time.nullable(),
    /** When it stops by itself. */
    expiresAt: time.nullable(),
    /** The page of its terminal. */
    url: z.url(),
  }),
);

export const Machine = named(
  'Node',
  z.strictObject({
    id: z.string(),
    name: z.string(),
    /** The person's id. */
    owner: z.string(),
    provider: z.string(),
    size: z.enum(['small', 'medium', 'large']),
    phase: z.enum(['creating', 'booting', 'ready', 'unhealthy', 'deleting', 'deleted', 'failed']),
    desired: z.enum(['running', 'stopped', 'deleted']),
    /** Null while nothing is wrong with it. */
    failure: z.strictObject({ error: z.string(), message: z.string() }).nullable(),
    /** Names of those on it that are not deleted. */
    workspaces: z.array(z.string()),
    /** Net, an hour; null: it costs nothing, or nobody knows. */
    price: z.strictObject({ amount: z.string(), currency: z.string() }).nullable(),
    agent: z.string().nullable(),
    createdAt: time,
    readyAt: time.nullable(),
    lastHeardAt: time.nullable(),
    /** Since when no workspace is on it: after a while it goes. */
    idleSince: time.nullable(),
  }),
);

export const Token = named(
  'Token',
  z.strictObject({
    id: z.string(),
    name: z.string(),
    scopes,
    createdAt: time,
    expiresAt: time,
    usedAt: time.nullable(),
  }),
);

export const NewToken = named('NewToken', Token.extend({ token: z.string() }));

const listOf = <Item extends z.ZodType>(id: string, item: Item) =>
  named(id, z.strictObject({ items: z.array(item), next: z.string().nullable() }));

const money = z.strictObject({ amount: z.string(), currency: z.string() });
const fault = z.strictObject({ error: z.string(), message: z.string() });
const taskState = z.enum(['queued', 'running', 'asking', 'done', 'failed', 'cancelled']);

/** One prompt of a coding agent's session, and what came of it. */
export const AgentPrompt = named(
  'AgentPrompt',
  z.strictObject({
    /** From 1 in its session. */
    number: z.int(),
    /** The name of who asked. */
    by: z.string(),
    /** Empty once it was forgotten. */
    prompt: z.string(),
    state: taskState,
    /** What it may not do unasked, and nobody has answered yet. */
    questions: z.array(
      z.strictObject({ number: z.int(), tool: z.string(), title: z.string(), until: z.string() }),
    ),
    plan: z.array(
      z.strictObject({ content: z.string(), status: z.enum(['pending', 'in_progress', 'completed']) }),
    ),
    answer: z.string().nullable(),
    failure: fault.nullable(),
    changes: z
      .strictObject({
        branch: z.string().nullable(),
        files: z.array(z.strictObject({ path: z.string(), added: z.int(), removed: z.int() })),
        /** Of all; `files` has 100 at most. */
        count: z.int(),
      })
      .nullable(),
    /** Of its session so far. */
    cost: money.nullable(),
    createdAt: time,
    startedAt: time.nullable(),
    endedAt: time.nullable(),
  }),
);

const session = {
  id: z.string(),
  workspace: z.string(),
  agent: z.string(),
  /** Of its newest prompt. */
  state: taskState,
  createdAt: time,
};
export const AgentSessionSummary = named('AgentSessionSummary', z.strictObject(session));
/** `prompts`: the newest 50, oldest first. */
export const AgentSession = named(
  'AgentSession',
  z.strictObject({ ...session, prompts: z.array(AgentPrompt) }),
);

/** What happened; other kinds than those that are known today may come. */
export const AgentEvent = named(
  'AgentEvent',
  z.strictObject({
    id: z.string(),
    /** The number of the prompt that it belongs to. */
    prompt: z.int(),
    at: time,
    event: z.looseObject({ kind: z.string() }),
  }),
);

export const MachineList = listOf('NodeList', Machine);
export const AgentSessionList = listOf('AgentSessionList', AgentSessionSummary);
export const AgentEventList = listOf('AgentEventList', AgentEvent);
export const WorkspaceList = listOf('WorkspaceList', Workspace);
export const TokenList = listOf('TokenList', Token);

export const WorkspaceEvent = named(
  'WorkspaceEvent',
  z.strictObject({
    id: z.string(),
    at: time,
    /** `phase`, `given-up`, or the command that somebody said. */
    kind: z.string(),
    phase: z.string().optional(),
    step: z.string().optional(),
    failure: z.strictObject({ error: z.string(), message: z.string() }).optional(),
    /** The person's id, and what they said. */
    by: z.string().optional(),
    line: z.string().optional(),
  }),
);
export const WorkspaceEventList = listOf('WorkspaceEventList', WorkspaceEvent);

export const LogLineList = listOf(
  'LogLineList',
  named('LogLine', z.strictObject({ id: z.string(), at: time, step: z.string(), text: z.string() })),
);

export const AuditEntry = named(
  'AuditEntry',
  z.strictObject({
    id: z.string(),
    at: time,
    /** The person's id. */
    by: z.string(),
    name: z.string().nullable(),
    /** Where it was said, or `browser`: a page of ours. */
    front: z.string(),
    place: z.string().nullable(),
    /** A command's verb, or what was done without one. */
    action: z.string(),
    target: z.string(),
    workspace: z.string().nullable(),
    /** What allowed it; `none`: it was refused. */
    right: z.string(),
    /** `ok`, or the code of the refusal. */
    result: z.string(),
  }),
);
export const AuditList = listOf('AuditList', AuditEntry);

/** What both Sam and the person see on a forge. */
export const InstallationList = listOf(
  'InstallationList',
  named('Installation', z.strictObject({ account: z.string(), repositories: z.int() })),
);
export const RepositoryList = listOf(
  'RepositoryList',
  named('Repository', z.strictObject({ repository: z.string(), url: z.url() })),
);
export const InstallUrl = named('InstallUrl', z.strictObject({ url: z.url() }));

export const Share = named(
  'Share',
  z.strictObject({
    id: z.string(),
    /** What the person is called. */
    person: z.string(),
    /** To look on, or to type as well. */
    access: z.enum(['view', 'drive']),
    createdAt: time,
    until: time,
    /** The page of the terminal, for them; it wants a sign-in. */
    url: z.url(),
  }),
);
export const ShareList = listOf('ShareList', Share);

/** Of all that a person shares, and of all that is shared with them. */
export const OwnShare = named(
  'OwnShare',
  z.strictObject({
    id: z.string(),
    /** `given`: what is mine is shared; `received`: it is shared with me. */
    direction: z.enum(['given', 'received']),
    workspace: Workspace.pick({ id: true, name: true, repository: true, phase: true }),
    /** What they are called. */
    owner: z.string(),
    person: z.string(),
    access: Share.shape.access,
    createdAt: time,
    until: time,
    url: z.url(),
  }),
);
export const OwnShareList = listOf('OwnShareList', OwnShare);

export const Port = named(
  'Port',
  z.strictObject({
    port: z.int(),
    /** Where it is opened, by whoever may. */
    url: z.url(),
    /** The owner's alone, or also of those who may read the repository, or nobody's. */
    access: z.enum(['private', 'shared', 'closed']),
    /** As its node said last. */
    listens: z.boolean(),
  }),
);
export const PortList = listOf('PortList', Port);

export const Description = named('Description', z.looseObject({ openapi: z.string() }));

// --- requests -----------------------------------------------------------------------------------------------------

const MOST = 100;
/** Of an address: all of it is text. */
export const Page = z.strictObject({
  limit: z
    .string()
    .regex(/^([1-9]\d?|100)$/)
    .optional(),
  cursor: z.string().max(500).optional(),
});
/** `all`: everybody's, for those who run Sam. */
export const Everybodys = Page.extend({ all: z.enum(['true', 'false']).optional() });
export const Search = z.strictObject({ q: z.string().max(200).optional() });
/** `who`: a person's id, or what they are called. */
export const AuditQuery = Page.extend({
  // Postgres takes not every text that an address can hold.
  who: z
    .string()
    .regex(/^\P{Cc}{1,100}$/u)
    .optional(),
  workspace: z
    .string()
    .regex(/^ws-[a-z2-7]{12}$/)
    .optional(),
  since: time.regex(/^2/).optional(),
});
export const limitOf = ({ limit }: z.infer<typeof Page>): number => Number(limit ?? MOST / 2);

/** `confirm`: what the person is called, as they read it. */
export const Confirmation = z.strictObject({ confirm: z.string().max(200).optional() });
export const Removal = z.strictObject({ force: z.enum(['true', 'false']).optional() });

/** No space, no quote, no backslash: it is a word of a command. */
const word = z
  .string()
  .min(1)
  .max(300)
  .regex(/^[^\s"'`\\]+$/);

export const WorkspaceRequest = named(
  'WorkspaceRequest',
  z.strictObject({
    repository: word,
    ref: word.optional(),
    /** Which of its container configurations. */
    config: word.optional(),
    name: word.optional(),
    size: z.enum(['small', 'medium', 'large']).optional(),
    expiry: span.optional(),
    new: z.boolean().optional(),
  }),
);
export const MachineRequest = named(
  'NodeRequest',
  z.strictObject({ size: z.enum(['small', 'medium', 'large']).optional() }),
);
export const Renaming = named('Renaming', z.strictObject({ name: word }));
export const Extension = named('Extension', z.strictObject({ expiry: span.optional() }));
export const Prompt = named(
  'Prompt',
  z.strictObject({
    prompt: z.string().max(MAX_PROMPT_BYTES).regex(/\S/).refine(isPrompt),
  }),
);
/** `person`: a login on the repository's forge. */
export const ShareRequest = named(
  'ShareRequest',
  z.strictObject({ person: word, access: z.enum(['view', 'drive']).optional(), for: span.optional() }),
);
/** `access`: as it is, if it is not said; what was closed opens. */
export const PortRequest = named(
  'PortRequest',
  z.strictObject({ port: z.int().min(1).max(65_535), access: z.enum(['private', 'shared']).optional() }),
);
export const Nothing = named('Nothing', z.strictObject({}));
export const TokenRequest = named(
  'TokenRequest',
  z.strictObject({ name: word, scopes: scopes.optional(), expiry: span.optional() }),
);
