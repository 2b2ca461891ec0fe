// A person's workspaces over HTTP: each change is a command, each answer the row as it is then. Writes nothing itself.
import type { z } from 'zod';
import { redact } from '../../../agent/redact.ts';
import { createBucket } from '../../access/repository-guard.ts';
import { isOwner } from '../../access/rights.ts';
import type { Workspace as Row } from '../../database/types.ts';
import { isEnough } from '../../forges/rights.ts';
import { findWorkspace } from '../../workspaces/store/workspaces.ts';
import type { FrontOptions } from '../front.ts';
import type { Streams } from '../streams.ts';
import { portOperations } from './ports.ts';
import { ownShares, shareOperations } from './shares.ts';
import { createStories } from './stories.ts';
import { listPage } from '../store/api.ts';
import { createSay, TRIGGER, wordFailure, wordNotices } from '../wording.ts';
import type { Asking, Spoken } from './asking.ts';
import { permissionOn } from './conversation.ts';
import { pageOf, readCursor } from './cursors.ts';
import {
  refuse,
  refuseCaller,
  refuseStranger,
  type Call,
  type Caller,
  type Operation,
  type Reply,
} from './operation.ts';
import {
  Everybodys,
  Extension,
  limitOf,
  Nothing,
  Removal,
  Renaming,
  Workspace,
  WorkspaceList,
  WorkspaceRequest,
} from './schemas.ts';

export type WorkspaceOptions = Pick<FrontOptions, 'db' | 'forges' | 'config' | 'knowledge'> & {
  asking: Asking;
};

const PATH = '/api/workspaces';
const ONE = `${PATH}/:id`;
const LIST = 'workspaces';
const LIST_ALL = 'listWorkspaces';
/** A path may hold anything, Postgres' text may not. */
export const ID = /^ws-[a-z2-7]{12}$/;

export function createWorkspaces(options: WorkspaceOptions): {
  operations: Operation[];
  streams: Streams[];
} {
  const finder = createFinder(options);
  const { operations, streams } = createStories(options.db, finder('own'));
  const own = [
    ...listOperations(options),
    ...oneOperations(options, finder),
    ...verbOperations(options, finder),
    ...shareOperations(options, finder('own')),
    ownShares(options),
    ...portOperations(options, finder('own')),
  ];
  return { operations: [...own, ...operations], streams };
}

const SHARED = { for: 'person', answers: { status: 202, schema: Workspace } } as const;

type Needed = 'read' | 'maintain' | 'own';

type Finder = (needed: Needed) => NonNullable<Operation['find']>;

/** Whose forge is asked for what others have there is asked so often for each of them, and no more. */
function createFinder(options: WorkspaceOptions): Finder {
  const mayAsk = createBucket();
  return (needed) => (caller, params) =>
    findVisible({ ...options, mayAsk }, caller, params['id'] ?? '', needed);
}

const listOperations = (options: WorkspaceOptions): Operation[] => [
  {
    ...SHARED,
    id: LIST_ALL,
    method: 'GET',
    path: PATH,
    summary: 'Your workspaces, newest first; all for those who run Sam.',
    query: Everybodys,
    answers: { status: 200, schema: WorkspaceList },
    refusals: [],
    run: (call) => list(options, call as Call<z.infer<typeof Everybodys>>),
  },
  {
    ...SHARED,
    id: 'createWorkspace',
    method: 'POST',
    path: PATH,
    summary: 'Makes a workspace for a repository, or starts the one that is there.',
    body: WorkspaceRequest,
    refusals: [404, 409, 422],
    run: (call) => say(options, call, upOf(call.body as z.infer<typeof WorkspaceRequest>)),
  },
];

const oneOperations = (options: WorkspaceOptions, finder: Finder): Operation[] => [
  {
    ...SHARED,
    id: 'getWorkspace',
    method: 'GET',
    path: ONE,
    summary: 'How a workspace stands.',
    answers: { status: 200, schema: Workspace },
    refusals: [404],
    find: finder('read'),
    run: ({ found }) => Promise.resolve({ status: 200, body: describe(options, found as Row) }),
  },
  {
    ...SHARED,
    id: 'renameWorkspace',
    method: 'PATCH',
    path: ONE,
    summary: 'Gives a workspace another name.',
    body: Renaming,
    answers: { status: 200, schema: Workspace },
    refusals: [404, 409],
    find: finder('own'),
    run: (call) =>
      sayOf(options, call, 'rename', { more: (call.body as z.infer<typeof Renaming>).name, status: 200 }),
  },
  {
    ...SHARED,
    id: 'deleteWorkspace',
    method: 'DELETE',
    path: ONE,
    summary: 'Deletes a workspace; unsaved work is named first, and needs force.',
    query: Removal,
    refusals: [404, 409],
    find: finder('maintain'),
    run: (call) => {
      const isForced = (call.query as z.infer<typeof Removal>).force === 'true';
      return sayOf(options, call, 'rm', { more: isForced ? '--force' : '' });
    },
  },
];

const verbOperations = (options: WorkspaceOptions, finder: Finder): Operation[] =>
  VERBS.map(([verb, summary]) => ({
    ...SHARED,
    id: `${verb}Workspace`,
    method: 'POST',
    path: `${ONE}/${verb}`,
    summary,
    body: verb === 'extend' ? Extension : Nothing,
    refusals: [404, 409, 422],
    find: finder(verb === 'stop' ? 'maintain' : 'own'),
    run: (call) =>
      sayOf(options, call, verb, { more: (call.body as z.infer<typeof Extension>).expiry ?? '' }),
  }));

const VERBS = [
  ['stop', 'Stops a workspace; its files stay.'],
  ['start', 'Starts a stopped workspace with the files it had.'],
  ['restart', 'Begins a workspace anew, with the files it has.'],
  ['retry', 'Tries again to make a workspace that failed.'],
  ['extend', 'Keeps a workspace from stopping by itself, for a while.'],
] as const;

/** Unknown, deleted and not theirs are one and the same. Throws ApiError. */
async function findVisible(
  { db, forges, mayAsk }: WorkspaceOptions & { mayAsk: (user: string) => boolean },
  caller: Caller,
  id: string,
  needed: Needed,
): Promise<Row> {
  const { user } = caller;
  const row = ID.test(id) ? await findWorkspace(db, id) : undefined;
  if (!row || row.phase === 'deleted') throw refuse(404, 'not-found');
  if (isOwner(user, row)) return row;
  const refused = () => refuseStranger({ db }, caller, { action: 'open-workspace', workspace: id });
  if (needed === 'own') throw await refused();
  if (await caller.isAdmin()) return row;
  if (!mayAsk(user)) throw refuse(429, 'too-often');
  const permission = await permissionOn({ db, forges }, user, row.repository);
  if (!isEnough(permission, needed)) throw await refused();
  return row;
}

async function list(
  options: WorkspaceOptions,
  { caller, query }: Call<z.infer<typeof Everybodys>>,
): Promise<Reply> {
  const isAll = query.all === 'true';
  if (isAll && !(await caller.isAdmin()))
    throw await refuseCaller(options, caller, { id: LIST_ALL }, 'admins-only');
  const key = isAll ? `${LIST} of all` : LIST;
  const after = readCursor(key, query.cursor);
  const limit = limitOf(query);
  const owner = isAll ? undefined : caller.user;
  const found = await listPage(options.db, owner, { limit: limit + 1, after });
  const { rows, next } = pageOf(key, found, limit);
  return { status: 200, body: { items: rows.map((row) => describe(options, row)), next } };
}

const flag = (name: string, value: string | undefined): string =>
  value === undefined ? '' : `--${name}=${value}`;

function upOf(asked: z.infer<typeof WorkspaceRequest>): Spoken {
  const { repository, ref, config, name, size, expiry } = asked;
  const flags = Object.entries({ ref, config, name, size, expiry }).map(([key, value]) => flag(key, value));
  const words = [...flags, asked.new ? '--new' : '', '--', repository].filter(Boolean);
  return { line: `up ${words.join(' ')}`, field: 'repository' };
}

const say = (options: WorkspaceOptions, call: Call, spoken: Spoken, status = 202): Promise<Reply> =>
  options.asking.ask(call, spoken, async (id) => ({ status, body: await read(options, id) }));

function sayOf(
  options: WorkspaceOptions,
  call: Call,
  verb: string,
  { more, status }: { more: string; status?: number },
): Promise<Reply> {
  const workspace = call.params['id'] ?? '';
  return say(
    options,
    call,
    { line: `${verb} ${workspace} ${more}`.trim(), workspace, field: verb === 'extend' ? 'expiry' : 'name' },
    status,
  );
}

async function read(options: WorkspaceOptions, id: string): Promise<z.infer<typeof Workspace>> {
  const row = await findWorkspace(options.db, id);
  if (!row) throw refuse(404, 'not-found');
  return describe(options, row);
}

function describe({ config, knowledge }: WorkspaceOptions, row: Row): z.infer<typeof Workspace> {
  const { id, name, owner, repository, ref, commit, size, phase, desired, lastError } = row;
  return {
    id,
    name,
    owner,
    repository,
    ref,
    commit: row.reported?.commit ?? commit,
    size,
    phase,
    desired,
    failure: phase === 'failed' ? failureOf(lastError, name) : lossOf(row),
    createdAt: row.createdAt.toISOString(),
    lastActivityAt: row.lastActivityAt.toISOString(),
    keptUntil: row.keptUntil?.toISOString() ?? null,
    expiresAt: (desired === 'running' ? knowledge.expiryOf(row)?.toISOString() : undefined) ?? null,
    url: `${config.baseUrl}/w/${id}`,
  };
}

const failureOf = (failure: Row['lastError'], name: string): { error: string; message: string } => ({
  error: failure?.code ?? 'internal',
  message: redact(wordFailure(failure, name, createSay(TRIGGER)).text),
});

/** A deletion that was taken, and came to nothing when the node had looked. */
function lossOf({ desired, notice }: Row): { error: string; message: string } | null {
  if (desired === 'deleted' || !notice?.some(({ code }) => code === 'would-lose')) return null;
  return { error: 'would-lose', message: redact(wordNotices(notice, createSay(TRIGGER))) };
}
