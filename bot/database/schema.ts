// All tables. The shape of Postgres is made from this file by `npm run migration`; it knows no behaviour.
// Columns about the outside world are a cache of what was last seen there, never the truth.
import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  customType,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
} from 'drizzle-orm/pg-core';
import type {
  CommandExit,
  Decision,
  Failure,
  Load,
  PlanEntry,
  TaskPolicy,
  TurnChanges,
  TurnHappening,
  TurnWorker,
  Work,
  WorkspaceReport,
  PageSettings,
} from '../../agent/protocol.ts';
import type {
  AnswerCodes,
  CostLimit,
  Notice,
  RefusalCodes,
  Said,
  SaidProposalFailure,
  SaidTurnFailure,
} from '../codes.ts';

const at = (name: string) => timestamp(name, { withTimezone: true, precision: 3 });
const bytes = customType<{ data: Buffer }>({ dataType: () => 'bytea' });

export type Desired = 'running' | 'stopped' | 'deleted';
export type WorkspacePhase =
  | 'queued'
  | 'provisioning'
  | 'preparing'
  | 'running'
  | 'stopping'
  | 'stopped'
  | 'deleting'
  | 'deleted'
  | 'failed';
export type NodePhase = 'creating' | 'booting' | 'ready' | 'unhealthy' | 'deleting' | 'deleted' | 'failed';
export type Size = 'small' | 'medium' | 'large';
/** As the table of fronts has it: rows may name one that is off. */
export type FrontName = string;

export interface Fork {
  /** `owner/name`; absent: it was deleted. */
  from?: string;
  /** Where the pull request is, as far as Sam has heard. */
  head: string;
  /** The head that a maintainer let in; another one has to be let in anew. */
  trusted: string;
}

/** Of a row that one worker at a time works on. */
const leased = {
  leaseToken: text('lease_token'),
  leaseUntil: at('lease_until'),
};

/** What each reconciled row has: the wish, where it stands, and the right to work on it. */
const reconciled = {
  desired: text('desired').$type<Desired>().notNull(),
  phaseSince: at('phase_since').notNull().defaultNow(),
  /** Moves with each change of what is wanted or heard; a pass may only rest if it saw the newest. */
  gen: integer('gen').notNull().default(1),
  attempts: integer('attempts').notNull().default(0),
  /** When the next pass is due; null: nothing to do until somebody says something. */
  nextAt: at('next_at').defaultNow(),
  lastError: jsonb('last_error').$type<Failure>(),
  ...leased,
  createdAt: at('created_at').notNull().defaultNow(),
};

export const users = pgTable('users', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  createdAt: at('created_at').notNull().defaultNow(),
});

/** What a person wants of the terminal's page, in every browser. */
export const pageSettings = pgTable('page_settings', {
  userId: text('user_id')
    .primaryKey()
    .references(() => users.id),
  settings: jsonb('settings').$type<PageSettings>().notNull(),
});

/** Who a person is elsewhere: `console`, `github`, `slack:<team>`; ids, never names or mail addresses. */
export const identities = pgTable(
  'identities',
  {
    source: text('source').notNull(),
    externalId: text('external_id').notNull(),
    userId: text('user_id')
      .notNull()
      .references(() => users.id),
    login: text('login').notNull(),
    createdAt: at('created_at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.source, table.externalId] }), index().on(table.userId)],
);

export const nodes = pgTable(
  'nodes',
  {
    id: text('id').primaryKey(),
    /** The server's name at the provider, chosen before the create. */
    name: text('name').notNull().unique(),
    owner: text('owner')
      .notNull()
      .references(() => users.id),
    provider: text('provider').notNull(),
    size: text('size').$type<Size>().notNull(),
    phase: text('phase').$type<NodePhase>().notNull(),
    ...reconciled,
    /** Committed before the create is sent: from then on a server may exist. */
    createSentAt: at('create_sent_at'),
    providerId: text('provider_id'),
    address: text('address'),
    /** Its name in the DNS, once it was seen there, and since when one of ours may be there. */
    host: text('host'),
    recordSentAt: at('point_sent_at'),
    /** What the machine said went wrong while it booted. */
    bootFailure: jsonb('boot_failure').$type<Failure>(),
    /** When the provider was last asked, and the server was there. */
    observedAt: at('observed_at'),
    readyAt: at('ready_at'),
    lastHeardAt: at('last_heard_at'),
    /** Since when no workspace wants it. */
    idleSince: at('idle_since'),
    /** Made for a workspace of a fork: no other one shares it, neither then nor later, when its code may be there still. */
    isIsolated: boolean('is_apart').notNull().default(false),
    agentVersion: text('agent_version'),
    /** The RFC 7638 thumbprint of the agent's key, once its bootstrap token was redeemed. */
    agentKey: text('agent_key'),
    terminalPort: integer('terminal_port'),
    load: jsonb('load').$type<Load>(),
  },
  (table) => [
    index('nodes_due')
      .on(table.nextAt)
      .where(sql`${table.nextAt} is not null`),
    index('nodes_owner')
      .on(table.owner)
      .where(sql`${table.phase} <> 'deleted'`),
  ],
);

export const workspaces = pgTable(
  'workspaces',
  {
    id: text('id').primaryKey(),
    /** repository | goal | owner: one `up`, one workspace, from whichever front. */
    key: text('key').notNull(),
    owner: text('owner')
      .notNull()
      .references(() => users.id),
    name: text('name').notNull(),
    /** `https://host/owner/name`, or a path. */
    repository: text('repository').notNull(),
    ref: text('ref'),
    /** Which of the repository's configurations for containers was asked for, by name; null: nobody said. */
    configuration: text('configuration'),
    /** As GitHub last said; null: nobody knows, which counts as public. */
    isPrivate: boolean('is_private'),
    /** The commit to check out: the head of its pull request at the moment of the command. */
    commit: text('commit'),
    /** Its pull request comes from elsewhere: it gets no credentials. */
    fork: jsonb('fork').$type<Fork>(),
    /** `owner/name#412`: the pull request or issue whose one card lists it. */
    topic: text('topic'),
    /** `slack|T1/C1`: the channel where it was asked for, whose limits count with those of its owner. */
    channel: text('channel'),
    size: text('size').$type<Size>().notNull(),
    phase: text('phase').$type<WorkspacePhase>().notNull(),
    step: text('step').$type<NonNullable<WorkspaceReport['step']>>(),
    ...reconciled,
    nodeId: text('node_id').references(() => nodes.id),
    /** Moves with each start, restart and retry; the agent begins again when it sees a higher one. */
    run: integer('run').notNull().default(1),
    /** Counts revocations: tickets and links with a lower one are worth nothing. */
    access: integer('access').notNull().default(1),
    /** The person said `--force`: delete whatever would be lost. */
    force: boolean('force').notNull().default(false),
    /** What was wanted before a delete that the agent may refuse. */
    desiredBefore: text('desired_before').$type<Desired>(),
    /** Nobody asked for the present wish: time did. */
    isAutomatic: boolean('is_automatic').notNull().default(false),
    /** What the agent last said. */
    reported: jsonb('reported').$type<WorkspaceReport>(),
    reportedAt: at('reported_at'),
    lastActivityAt: at('last_activity_at').notNull().defaultNow(),
    keptUntil: at('kept_until'),
    /** How long it may be idle, in ms, where its repository says so; it only shortens what the bot allows. */
    idleTimeMs: bigint('idle_time_ms', { mode: 'number' }),
    runningAt: at('running_at'),
    /** The expiry that people were warned of; another expiry deserves another warning. */
    warnedFor: at('warned_for'),
    /** When it goes even though work would be lost: a deletion nobody asked for says so a day before. */
    deleteAt: at('delete_at'),
    /** What the card says beside its state: why it stopped by itself, what would be lost. */
    notice: jsonb('notice').$type<Notice[]>(),
  },
  (table) => [
    uniqueIndex('workspaces_key')
      .on(table.key)
      .where(sql`${table.desired} <> 'deleted'`),
    uniqueIndex('workspaces_name')
      .on(table.owner, table.name)
      .where(sql`${table.desired} <> 'deleted'`),
    index('workspaces_due')
      .on(table.nextAt)
      .where(sql`${table.nextAt} is not null`),
    index('workspaces_node').on(table.nodeId),
    index('workspaces_owner')
      .on(table.owner)
      .where(sql`${table.phase} <> 'deleted'`),
    index('workspaces_topic')
      .on(table.topic)
      .where(sql`${table.topic} is not null`),
    index('workspaces_channel')
      .on(table.channel)
      .where(sql`${table.channel} is not null`),
  ],
);

/** What somebody else is let in to do: look on, or type as well. */
export type Access = 'view' | 'drive';

/** Who else is let into a workspace, and until when. */
export const shares = pgTable(
  'shares',
  {
    id: text('id').primaryKey(),
    /** Agents are told the highest that there is, and which are open: what they have not heard of is newer. */
    seq: bigint('seq', { mode: 'number' }).generatedAlwaysAsIdentity(),
    workspaceId: text('workspace_id')
      .notNull()
      .references(() => workspaces.id),
    person: text('person')
      .notNull()
      .references(() => users.id),
    may: text('may').$type<Access>().notNull(),
    /** The workspace's `access` when it was shared: whatever moves that ends this too. */
    access: integer('access').notNull(),
    until: at('until').notNull(),
    createdAt: at('created_at').notNull().defaultNow(),
    /** When its end was seen: cards and agents have been told. */
    endedAt: at('ended_at'),
  },
  (table) => [
    uniqueIndex('shares_person')
      .on(table.workspaceId, table.person)
      .where(sql`${table.endedAt} is null`),
    index('shares_workspace').on(table.workspaceId, table.seq),
    index('shares_open')
      .on(table.person)
      .where(sql`${table.endedAt} is null`),
  ],
);

export type CommandStatus = 'running' | 'done' | 'failed' | 'superseded';

export const commands = pgTable(
  'commands',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    workspaceId: text('workspace_id').references(() => workspaces.id),
    /** Counts a workspace's commands. */
    seq: integer('seq').notNull(),
    actor: text('actor')
      .notNull()
      .references(() => users.id),
    front: text('front').$type<FrontName>().notNull(),
    verb: text('verb').notNull(),
    line: text('line').notNull(),
    desired: text('desired').$type<Desired>(),
    status: text('status').$type<CommandStatus>().notNull(),
    gen: integer('gen').notNull(),
    /** The code of what it failed of. */
    error: text('error'),
    createdAt: at('created_at').notNull().defaultNow(),
    endedAt: at('ended_at'),
  },
  (table) => [uniqueIndex('commands_seq').on(table.workspaceId, table.seq)],
);

/** What a front shows for a request. It finds the words itself: chat/wording.ts. */
export type Answer = Said<AnswerCodes & RefusalCodes> & {
  ok: boolean;
  /** How the command is written, without a trigger: of a line that is none. */
  usage?: string;
  /** The workspace it is about. Its card goes where the request came from. */
  workspace?: string;
  /** Only for those who may read the repository. */
  isPrivate?: true;
  /** Further command lines of the same message, which did not run. */
  ignored?: readonly string[];
  /** User names of addresses, which were not used. */
  dropped?: readonly string[];
  /**
   * Show this person a private way into `workspace`; the front makes the one-time code as it shows it. `connect`: to the sign-in
   * that says who they are. `settings`: to their own page. `token`: the secret of the token that was made.
   */
  link?: 'now' | 'when-running' | 'connect' | 'settings' | 'token';
};

/** The inbox: every request under its delivery id, before anything is done about it. */
export const deliveries = pgTable(
  'deliveries',
  {
    source: text('source').$type<FrontName>().notNull(),
    deliveryId: text('delivery_id').notNull(),
    bodyHash: text('body_hash'),
    /** Requests of one thread run in order. */
    thread: text('thread').notNull(),
    event: text('event').notNull(),
    payload: jsonb('payload').$type<unknown>(),
    receivedAt: at('received_at').notNull().defaultNow(),
    seq: bigint('seq', { mode: 'number' }).generatedAlwaysAsIdentity(),
    attempts: integer('attempts').notNull().default(0),
    nextAt: at('next_at').notNull().defaultNow(),
    ...leased,
    endedAt: at('ended_at'),
    commandId: bigint('command_id', { mode: 'number' }),
    answer: jsonb('answer').$type<Answer>(),
    /** When the front has shown the answer. */
    answeredAt: at('answered_at'),
    /** The sign that the request was heard, where the front gives one: its number there. */
    ack: text('ack'),
    /** When that sign was followed by one of how it ended. */
    concludedAt: at('concluded_at'),
    /** What was said in answer, where that is a message of its own: its number there. */
    reply: text('reply'),
  },
  (table) => [
    primaryKey({ columns: [table.source, table.deliveryId] }),
    uniqueIndex('deliveries_body')
      .on(table.source, table.bodyHash)
      .where(sql`${table.bodyHash} is not null`),
    index('deliveries_open')
      .on(table.thread, table.seq)
      .where(sql`${table.endedAt} is null`),
    index('deliveries_unanswered')
      .on(table.source, table.seq)
      .where(sql`${table.endedAt} is not null and ${table.answeredAt} is null`),
    index('deliveries_unconcluded')
      .on(table.source, table.seq)
      .where(
        sql`${table.answeredAt} is not null and ${table.answer} is not null and ${table.concludedAt} is null`,
      ),
    index('deliveries_replies')
      .on(table.thread, table.seq)
      .where(sql`${table.reply} is not null`),
    index('deliveries_recent').on(table.source, table.receivedAt),
    index('deliveries_said').on(table.source, table.thread, table.receivedAt),
    uniqueIndex('deliveries_seq').on(table.seq),
  ],
);

/** What shows a workspace: a message; on pull requests also a deployment and a check. `answer`: what came of a turn, posted once. */
export type CardKind = 'card' | 'deployment' | 'check' | 'answer';

/** A card is desired state too: the newest body is sent, versions between collapse. */
export const cards = pgTable(
  'cards',
  {
    front: text('front').$type<FrontName>().notNull(),
    thread: text('thread').notNull(),
    /** The workspace; on GitHub the pull request or issue, whose one comment lists everyone's. */
    subject: text('subject').notNull(),
    kind: text('kind').$type<CardKind>().notNull().default('card'),
    seq: bigint('seq', { mode: 'number' }).generatedAlwaysAsIdentity(),
    externalId: text('external_id'),
    /** What `external_id` was made for, where that changes: a commit, or a workspace at one. */
    sentFor: text('sent_for'),
    wantVersion: integer('want_version').notNull().default(1),
    sentVersion: integer('sent_version').notNull().default(0),
    /** Of the body that was sent last: an equal one is not sent again. */
    sentHash: text('sent_hash'),
    attempts: integer('attempts').notNull().default(0),
    nextAt: at('next_at').notNull().defaultNow(),
    ...leased,
    /** When it was sent last, and until when its edits are used up: chats limit how often one may edit. */
    sentAt: at('sent_at'),
    pacedUntil: at('paced_until'),
    /** How often it was posted anew after somebody deleted it. */
    reposts: integer('reposts').notNull().default(0),
    lastError: text('last_error'),
    createdAt: at('created_at').notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.front, table.thread, table.subject, table.kind] }),
    uniqueIndex('cards_seq').on(table.seq),
    index('cards_subject').on(table.subject),
    index('cards_message').on(table.front, table.externalId),
    index('cards_due')
      .on(table.nextAt)
      .where(sql`${table.wantVersion} <> ${table.sentVersion}`),
  ],
);

/** Where a vendor counts what is written: who writes for an account now, and from when on the next may. */
export const turns = pgTable(
  'turns',
  {
    front: text('front').$type<FrontName>().notNull(),
    account: text('account').notNull(),
    nextAt: at('next_at').notNull().defaultNow(),
    ...leased,
  },
  (table) => [primaryKey({ columns: [table.front, table.account] })],
);

/** A piece of work given to a coding agent, in one thread and one workspace. */
export const tasks = pgTable(
  'tasks',
  {
    id: text('id').primaryKey(),
    workspaceId: text('workspace_id')
      .notNull()
      .references(() => workspaces.id),
    front: text('front').$type<FrontName>().notNull(),
    thread: text('thread').notNull(),
    agent: text('agent').$type<TurnWorker>().notNull(),
    /** The last event of it that is stored. */
    seq: integer('seq').notNull().default(0),
    /** What its coding agent said last of the money so far; it begins anew with a new conversation. */
    costMicros: bigint('cost_micros', { mode: 'number' }).notNull().default(0),
    /** It went in circles, or cost what one may: what is asked next begins another one. */
    isStuck: boolean('is_stuck').notNull().default(false),
    createdAt: at('created_at').notNull().defaultNow(),
  },
  (table) => [index('tasks_workspace').on(table.workspaceId), index('tasks_thread').on(table.thread)],
);

export type TurnState = 'queued' | 'running' | 'asking' | 'done' | 'failed' | 'cancelled';

/** What a coding agent may not do unasked. `number`: counts the questions of the turn, for people. */
export interface TurnQuestion {
  number: number;
  request: string;
  tool: string;
  title: string;
  /** ISO 8601: then it is a no. */
  until: string;
}

export interface TurnDecision {
  number: number;
  request: string;
  decision: Decision;
  /** The name of who said so. */
  by: string;
}

/** What a card shows of a turn while it is worked on. */
export interface TurnProgress {
  plan?: PlanEntry[];
  /** The tools at work, the newest last. */
  tools?: { call: string; title: string }[];
  /** Questions without an answer that arrived. */
  questions?: TurnQuestion[];
  /** How many there were in the turn. */
  asked?: number;
  /** Of a command line: how it ended. */
  exit?: CommandExit;
  cost?: { amount: string; currency: string };
}

/** In millionths; absent: no maximum. `month`: of the person, with all that they asked in it. */
export interface Budget {
  turn?: number;
  task?: number;
  month?: number;
}

/** One prompt of a task and its answer. */
export const taskTurns = pgTable(
  'task_turns',
  {
    taskId: text('task_id')
      .notNull()
      .references(() => tasks.id),
    /** From 1. */
    turn: integer('turn').notNull(),
    workspaceId: text('workspace_id')
      .notNull()
      .references(() => workspaces.id),
    seq: bigint('seq', { mode: 'number' }).generatedAlwaysAsIdentity(),
    /** Who asked, and by which request: it asks once. */
    actor: text('actor')
      .notNull()
      .references(() => users.id),
    source: text('source').$type<FrontName>().notNull(),
    deliveryId: text('delivery_id').notNull(),
    prompt: text('prompt').notNull(),
    policy: jsonb('policy').$type<TaskPolicy>().notNull(),
    minutes: integer('minutes').notNull(),
    /** What it changes is to be offered as a change of the repository. */
    proposes: boolean('proposes').notNull().default(false),
    /** What it may cost, and has cost so far; millionths of the currency in which coding agents count. */
    budget: jsonb('budget').$type<Budget>().notNull().default({}),
    spentMicros: bigint('spent_micros', { mode: 'number' }).notNull().default(0),
    /** It cost more, and is ended for that. */
    overspent: jsonb('overspent').$type<CostLimit>(),
    desired: text('desired').$type<'done' | 'cancelled'>().notNull().default('done'),
    state: text('state').$type<TurnState>().notNull().default('queued'),
    /** Since when it is in that state, or could be begun. */
    since: at('since').notNull().defaultNow(),
    progress: jsonb('progress').$type<TurnProgress>().notNull().default({}),
    decisions: jsonb('decisions').$type<TurnDecision[]>().notNull().default([]),
    answer: text('answer'),
    failure: jsonb('failure').$type<SaidTurnFailure>(),
    changes: jsonb('changes').$type<TurnChanges>(),
    startedAt: at('started_at'),
    endedAt: at('ended_at'),
    /** Its agent has said that it is over: nothing more has to be told. */
    isClosed: boolean('is_closed').notNull().default(false),
    attempts: integer('attempts').notNull().default(0),
    /** When somebody has to look at it; null: it is over. */
    nextAt: at('next_at').defaultNow(),
    ...leased,
    createdAt: at('created_at').notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.taskId, table.turn] }),
    uniqueIndex('task_turns_seq').on(table.seq),
    uniqueIndex('task_turns_delivery').on(table.source, table.deliveryId),
    index('task_turns_open')
      .on(table.workspaceId, table.seq)
      .where(sql`${table.endedAt} is null`),
    index('task_turns_due')
      .on(table.nextAt)
      .where(sql`${table.nextAt} is not null`),
    index('task_turns_actor').on(table.actor, table.createdAt),
    index('task_turns_asked').on(table.createdAt),
  ],
);

export type ProposalState = 'pushing' | 'opening' | 'done' | 'failed';

/** A wish that the work of a workspace be pushed to a branch of its own, and offered as a change of the repository. */
export const proposals = pgTable(
  'proposals',
  {
    id: text('id').primaryKey(),
    workspaceId: text('workspace_id')
      .notNull()
      .references(() => workspaces.id),
    seq: bigint('seq', { mode: 'number' }).generatedAlwaysAsIdentity(),
    /** Who asked, where, and by which request or turn: it is answered once, there. */
    actor: text('actor')
      .notNull()
      .references(() => users.id),
    front: text('front').$type<FrontName>().notNull(),
    thread: text('thread').notNull(),
    cause: text('cause').notNull(),
    branch: text('branch').notNull(),
    /** The branch that it is to be merged into; null: the repository's default. */
    base: text('base'),
    /** Null: as its newest commit says. */
    title: text('title'),
    /** Who worked on it beside the person. */
    agent: text('agent').$type<TurnWorker>(),
    state: text('state').$type<ProposalState>().notNull().default('pushing'),
    since: at('since').notNull().defaultNow(),
    commit: text('commit'),
    url: text('url'),
    number: integer('number'),
    failure: jsonb('failure').$type<SaidProposalFailure>(),
    endedAt: at('ended_at'),
    attempts: integer('attempts').notNull().default(0),
    lastError: text('last_error'),
    /** When somebody has to look at it; null: it is over. */
    nextAt: at('next_at').defaultNow(),
    ...leased,
    createdAt: at('created_at').notNull().defaultNow(),
  },
  (table) => [
    uniqueIndex('proposals_seq').on(table.seq),
    uniqueIndex('proposals_cause').on(table.front, table.cause),
    index('proposals_workspace').on(table.workspaceId, table.seq),
    index('proposals_branch').on(table.branch),
    index('proposals_due')
      .on(table.nextAt)
      .where(sql`${table.nextAt} is not null`),
  ],
);

/** What happened in tasks, as agents told it. */
export const taskEvents = pgTable(
  'task_events',
  {
    taskId: text('task_id')
      .notNull()
      .references(() => tasks.id),
    seq: integer('seq').notNull(),
    turn: integer('turn').notNull(),
    /** By the node's clock. */
    at: at('at').notNull(),
    event: jsonb('event').$type<TurnHappening>().notNull(),
    storedAt: at('stored_at').notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.taskId, table.seq] }),
    index('task_events_old').on(table.storedAt),
  ],
);

/** Append-only: the time line, and the audit. */
export const events = pgTable(
  'events',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    at: at('at').notNull().defaultNow(),
    entity: text('entity').notNull(),
    gen: integer('gen').notNull(),
    type: text('type').notNull(),
    data: jsonb('data').$type<Record<string, unknown>>().notNull().default({}),
  },
  (table) => [index('events_entity').on(table.entity, table.id)],
);

export const logs = pgTable(
  'logs',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    workspaceId: text('workspace_id').notNull(),
    at: at('at').notNull(),
    step: text('step').notNull(),
    text: text('text').notNull(),
  },
  (table) => [index('logs_workspace').on(table.workspaceId, table.id)],
);

/** `settings`: a code that leads to somebody's own page; `settings-session`: the browser that it let in there. */
export type TokenPurpose =
  | 'link'
  | 'bootstrap'
  | 'sign-in'
  | 'connect'
  | 'slack-install'
  | 'settings'
  | 'settings-session';

/** One-time rights. Only a hash is stored; one statement spends them. */
export const tokens = pgTable('tokens', {
  hash: text('hash').primaryKey(),
  purpose: text('purpose').$type<TokenPurpose>().notNull(),
  /** A workspace, a node, or the path where a sign-in leads. */
  subject: text('subject').notNull(),
  userId: text('user_id').references(() => users.id),
  /** A link's code ends when its workspace's `access` moves. */
  access: integer('access'),
  createdAt: at('created_at').notNull().defaultNow(),
  expiresAt: at('expires_at').notNull(),
  usedAt: at('used_at'),
});

/** A browser's session. `workspaces` null: a full sign-in; else only those whose codes it spent. */
export const browserSessions = pgTable(
  'browser_sessions',
  {
    hash: text('hash').primaryKey(),
    userId: text('user_id')
      .notNull()
      .references(() => users.id),
    workspaces: jsonb('workspaces').$type<{ id: string; access: number }[]>(),
    createdAt: at('created_at').notNull().defaultNow(),
    expiresAt: at('expires_at').notNull(),
  },
  (table) => [index('browser_sessions_user').on(table.userId)],
);

/** A port of a workspace that somebody said something of. Of any other its owner alone sees what listens there. */
export const ports = pgTable(
  'ports',
  {
    workspaceId: text('workspace_id')
      .notNull()
      .references(() => workspaces.id),
    port: integer('port').notNull(),
    /** Who may read the repository sees it too, while the workspace's `access` is still this one; null: its owner alone. */
    sharedAccess: integer('shared_access'),
    /** Nobody sees it until its owner says so. */
    isClosed: boolean('is_closed').notNull().default(false),
    saidAt: at('said_at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.workspaceId, table.port] })],
);

/**
 * A browser's way into one port: first a code that its own page gave it, then a cookie of the port's own host. It ends with the
 * session that it came from, and whoever ends it is heard: a trigger tells.
 */
export const portSessions = pgTable(
  'port_sessions',
  {
    /** Of the code; once that is spent, of the cookie. */
    hash: text('hash').primaryKey(),
    session: text('session')
      .notNull()
      .references(() => browserSessions.hash, { onDelete: 'cascade' }),
    workspaceId: text('workspace_id')
      .notNull()
      .references(() => workspaces.id),
    port: integer('port').notNull(),
    /** While it is a code: of what only the browser that asked for it has. */
    state: text('state'),
    createdAt: at('created_at').notNull().defaultNow(),
    expiresAt: at('expires_at').notNull(),
  },
  (table) => [
    index('port_sessions_session').on(table.session),
    index('port_sessions_workspace').on(table.workspaceId),
    index('port_sessions_expires').on(table.expiresAt),
  ],
);

/** A browser that its person wants told of something while nobody looks at it. It ends with the session that it came from. */
export const pushSubscriptions = pgTable('push_subscriptions', {
  session: text('session')
    .primaryKey()
    .references(() => browserSessions.hash, { onDelete: 'cascade' }),
  /** Where its push service takes messages for it; whoever has another session in that browser has another row. */
  endpoint: text('endpoint').notNull().unique(),
  /** The browser's own keys, base64url: what is sent only it can read. */
  p256dh: text('p256dh').notNull(),
  auth: text('auth').notNull(),
  /** Of what: that a coding agent asks, that a command which took long has ended. */
  questions: boolean('questions').notNull(),
  commands: boolean('commands').notNull(),
  /** The workspace whose page is in sight there, until it says so again; nobody is told of what they see. */
  looksAt: text('looks_at'),
  looksUntil: at('looks_until'),
  createdAt: at('created_at').notNull().defaultNow(),
});

/** What a browser may be told of; the words are made when it is sent. */
export type PushEvent =
  /** `until`: ISO 8601; then it is a no. */
  | { kind: 'question'; task: string; turn: number; request: string; until: string }
  /** How long it took in ms; `code` is absent where nobody said. */
  | { kind: 'command'; ms: number; code?: number };

/** What a browser is told, once. */
export const pushes = pgTable(
  'pushes',
  {
    session: text('session')
      .notNull()
      .references(() => pushSubscriptions.session, { onDelete: 'cascade' }),
    /** `question:tk-…/1/<request>`, `run:tk-…/1`, `command:<id>`: an event is one row, however often it is heard of. */
    about: text('about').notNull(),
    workspaceId: text('workspace_id')
      .notNull()
      .references(() => workspaces.id),
    event: jsonb('event').$type<PushEvent>().notNull(),
    attempts: integer('attempts').notNull().default(0),
    /** Null: it was sent, or is of no use any more. */
    nextAt: at('next_at').defaultNow(),
    ...leased,
    createdAt: at('created_at').notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.session, table.about] }),
    index('pushes_due')
      .on(table.nextAt)
      .where(sql`${table.nextAt} is not null`),
    index('pushes_old').on(table.createdAt),
  ],
);

/** `write` may read as well, and `admin` both, and what only those who run Sam may. */
export type TokenScope = 'read' | 'write' | 'admin';

/** Personal tokens, with which programs speak for a person. */
export const personalTokens = pgTable(
  'personal_tokens',
  {
    id: text('id').primaryKey(),
    owner: text('owner')
      .notNull()
      .references(() => users.id),
    name: text('name').notNull(),
    scope: text('scope').$type<TokenScope>().notNull(),
    /** Null: its secret was shown to nobody yet. */
    hash: text('hash').unique(),
    createdAt: at('created_at').notNull().defaultNow(),
    expiresAt: at('expires_at').notNull(),
    usedAt: at('used_at'),
  },
  (table) => [uniqueIndex('personal_tokens_name').on(table.owner, table.name)],
);

/** What programs asked for under a key of theirs, and what they were answered: the same again for the same. */
export const apiRequests = pgTable(
  'api_requests',
  {
    owner: text('owner')
      .notNull()
      .references(() => users.id),
    key: text('key').notNull(),
    /** Of all that was asked. */
    fingerprint: text('fingerprint').notNull(),
    deliveryId: text('delivery_id'),
    /** Null: not answered yet. */
    status: integer('status'),
    body: text('body'),
    createdAt: at('created_at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.owner, table.key] }), index().on(table.createdAt)],
);

/** Secrets of people and installations, sealed by access/vault.ts. */
export const credentials = pgTable(
  'credentials',
  {
    id: text('id').primaryKey(),
    kind: text('kind').notNull(),
    owner: text('owner').notNull(),
    keyId: text('key_id').notNull(),
    ciphertext: bytes('ciphertext').notNull(),
    createdAt: at('created_at').notNull().defaultNow(),
    /** What of a person's may be shown: its last four characters, or an address that is no secret. */
    shown: text('shown'),
    /** When a node last asked for it. */
    usedAt: at('used_at'),
  },
  (table) => [index('credentials_owner').on(table.owner)],
);

/**
 * Who did what: appended to, and never changed. Triggers of the migration see to it: no row is updated, none is deleted before its
 * `keep_until`, and both of its times are the database's own, `keep_until` by the setting `audit-keep-ms`.
 */
export const audit = pgTable(
  'audit',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    at: at('at').notNull().defaultNow(),
    /** A person's id, also of one who is gone. */
    actor: text('actor').notNull(),
    /** A front, or `browser`: a page of ours. */
    front: text('front').notNull(),
    /** The thread or channel. */
    place: text('place'),
    /** A command's verb, or one of the acts of access/audit.ts. */
    action: text('action').notNull(),
    /** What it was about, in a command's own words; no prompt. */
    target: text('target').notNull(),
    workspaceId: text('workspace_id'),
    /** What allowed it, or was missing. */
    right: text('by_right').notNull(),
    /** `ok`, or the code of the refusal. */
    result: text('result').notNull(),
    keepUntil: at('keep_until').notNull().defaultNow(),
  },
  (table) => [
    index('audit_actor').on(table.actor, table.id),
    index('audit_workspace').on(table.workspaceId, table.id),
    index('audit_over').on(table.keepUntil),
  ],
);

/** What a person, a repository or a channel may have at most, where that is not what the configuration says. */
export const limits = pgTable(
  'limits',
  {
    holder: text('holder').$type<'person' | 'repository' | 'channel'>().notNull(),
    /** A user's id; `acme/api`, lower case; `slack|T1/C1`. */
    subject: text('subject').notNull(),
    kind: text('kind').$type<'workspaces' | 'machines' | 'size' | 'hours' | 'tasks'>().notNull(),
    /** Of a size its rank, from 1. Null: no maximum. */
    most: integer('most'),
    setBy: text('set_by')
      .notNull()
      .references(() => users.id),
    createdAt: at('created_at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.holder, table.subject, table.kind] })],
);

/** When each sweep last went through, and what stopped it since. */
export const sweeps = pgTable('sweeps', {
  name: text('name').primaryKey(),
  lastRunAt: at('last_run_at'),
  lastSuccessAt: at('last_success_at'),
  lastError: text('last_error'),
  durationMs: doublePrecision('duration_ms'),
  leaseUntil: at('lease_until'),
});

/** Facts about this installation, such as its id. */
export const settings = pgTable('settings', {
  name: text('name').primaryKey(),
  value: text('value').notNull(),
});

/** What lies beside what is ours at the provider and in the DNS, as the sweep saw it last, and what a person wants of it. */
export const orphans = pgTable('orphans', {
  /** `server-123`, `record-0a1b`: the vendor's own behind the first hyphen. */
  id: text('id').primaryKey(),
  kind: text('kind').$type<'server' | 'record'>().notNull(),
  name: text('name').notNull(),
  /** Why it is in doubt, for people. */
  why: text('why').notNull(),
  address: text('address'),
  createdAt: at('created_at').notNull(),
  wish: text('wish').$type<'delete' | 'adopt'>(),
  wishedBy: text('wished_by').references(() => users.id),
  /** Why it was not done. */
  lastError: text('last_error'),
});

/** The repository that a channel's people mean when they name none. */
export const channels = pgTable(
  'channels',
  {
    front: text('front').$type<FrontName>().notNull(),
    /** `T1/C1`. */
    channel: text('channel').notNull(),
    /** `owner/name`. */
    repository: text('repository').notNull(),
    ref: text('ref'),
    setBy: text('set_by')
      .notNull()
      .references(() => users.id),
    createdAt: at('created_at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.front, table.channel] })],
);

/** What owners are told in private, once: that their workspace is about to stop, that somebody else acted on it. */
export const notifications = pgTable(
  'tidings',
  {
    workspaceId: text('workspace_id')
      .notNull()
      .references(() => workspaces.id),
    /** `expiry:<moment>`, `command:<id>`; for somebody else than the owner `share:<id>`. */
    about: text('about').notNull(),
    ...leased,
    toldAt: at('told_at'),
    createdAt: at('created_at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.workspaceId, table.about] })],
);

/** Whose App Home in Slack was opened lately, and what it showed last. */
export const slackHomes = pgTable(
  'slack_homes',
  {
    /** Whose token publishes it. */
    team: text('team').notNull(),
    person: text('person').notNull(),
    /** Where the person's id means something: `slack:<home>` of `identities`. */
    home: text('home').notNull(),
    openedAt: at('opened_at').notNull().defaultNow(),
    /** Of what it showed last; null: nothing yet. */
    sentState: text('sent_state'),
    nextAt: at('next_at').notNull().defaultNow(),
    ...leased,
  },
  (table) => [primaryKey({ columns: [table.team, table.person] }), index().on(table.openedAt)],
);

export type User = typeof users.$inferSelect;
export type Node = typeof nodes.$inferSelect;
export type Workspace = typeof workspaces.$inferSelect;
export type Share = typeof shares.$inferSelect;
export type Delivery = typeof deliveries.$inferSelect;
export type Card = typeof cards.$inferSelect;
export type Task = typeof tasks.$inferSelect;
export type Turn = typeof taskTurns.$inferSelect;
export type Proposal = typeof proposals.$inferSelect;
export type Token = typeof tokens.$inferSelect;
export type PersonalToken = typeof personalTokens.$inferSelect;
export type BrowserSession = typeof browserSessions.$inferSelect;
export type Port = typeof ports.$inferSelect;
export type PushSubscription = typeof pushSubscriptions.$inferSelect;
export type Push = typeof pushes.$inferSelect;
export type { Work };
