// A person's workspaces over HTTP: each change is a command, each answer the row as it is then. Writes nothing itself.
import type { z } from 'zod';
import { mayOpen } from '../../access/rights.ts';
import { findPlace } from '../../access/store/places.ts';
import type { Workspace as Row } from '../../database/types.ts';
import { isEnough } from '../../forges/rights.ts';
import { findWorkspace } from '../../workspaces/store/workspaces.ts';
import type { FrontOptions } from '../front.ts';
import { listPage } from '../store/api.ts';
import { createSay, TRIGGER, wordFailure } from '../wording.ts';
import type { Asking, Spoken } from './asking.ts';
import { permissionOn } from './conversation.ts';
import { pageOf, readCursor } from './cursors.ts';
import { refuse, type Call, type Caller, type Operation, type Reply } from './operation.ts';
import {
  Extension,
  limitOf,
  Nothing,
  Page,
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
/** A path may hold anything, Postgres' text may not. */
const ID = /^ws-[a-z2-7]{12}$/;

export const workspaceOperations = (options: WorkspaceOptions): Operation[] => [
  ...listOperations(options),
  ...oneOperations(options),
  ...verbOperations(options),
];

const SHARED = { for: 'person', answers: { status: 202, schema: Workspace } } as const;

type Needed = 'read' | 'maintain' | 'own';

const finder =
  (options: WorkspaceOptions, needed: Needed) =>
  (caller: Caller, params: Call['params']): Promise<void> =>
    findVisible(options, caller, params['id'] ?? '', needed);

const listOperations = (options: WorkspaceOptions): Operation[] => [
  {
    ...SHARED,
    id: 'listWorkspaces',
    method: 'GET',
    path: PATH,
    summary: 'Your workspaces, newest first.',
    query: Page,
    answers: { status: 200, schema: WorkspaceList },
    refusals: [],
    run: (call) => list(options, call as Call<z.infer<typeof Page>>),
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

const oneOperations = (options: WorkspaceOptions): Operation[] => [
  {
    ...SHARED,
    id: 'getWorkspace',
    method: 'GET',
    path: ONE,
    summary: 'How a workspace stands.',
    answers: { status: 200, schema: Workspace },
    refusals: [404],
    find: finder(options, 'read'),
    run: async ({ params }) => ({ status: 200, body: await read(options, params['id'] ?? '') }),
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
    find: finder(options, 'own'),
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
    find: finder(options, 'maintain'),
    run: (call) => {
      const isForced = (call.query as z.infer<typeof Removal>).force === 'true';
      return sayOf(options, call, 'rm', { more: isForced ? '--force' : '' });
    },
  },
];

const verbOperations = (options: WorkspaceOptions): Operation[] =>
  VERBS.map(([verb, summary]) => ({
    ...SHARED,
    id: `${verb}Workspace`,
    method: 'POST',
    path: `${ONE}/${verb}`,
    summary,
    body: verb === 'extend' ? Extension : Nothing,
    refusals: [404, 409, 422],
    find: finder(options, verb === 'stop' ? 'maintain' : 'own'),
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
  { db, forges }: WorkspaceOptions,
  { user }: Caller,
  id: string,
  needed: Needed,
): Promise<void> {
  const place = ID.test(id) ? await findPlace(db, id) : undefined;
  if (place && mayOpen(user, place.workspace)) return;
  const isForOthers = place !== undefined && needed !== 'own';
  const permission = isForOthers
    ? await permissionOn({ db, forges }, user, place.workspace.repository)
    : undefined;
  if (needed === 'own' || !isEnough(permission, needed)) throw refuse(404, 'not-found');
}

async function list(
  options: WorkspaceOptions,
  { caller, query }: Call<z.infer<typeof Page>>,
): Promise<Reply> {
  const after = readCursor(LIST, query.cursor);
  const limit = limitOf(query);
  const found = await listPage(options.db, caller.user, { limit: limit + 1, after });
  const { rows, next } = pageOf(LIST, found, limit);
  return { status: 200, body: { items: rows.map((row) => describe(options, row)), next } };
}

const flag = (name: string, value: string | undefined): string =>
  value === undefined ? '' : `--${name}=${value}`;

function upOf(asked: z.infer<typeof WorkspaceRequest>): Spoken {
  const { repository, ref, name, size, expiry } = asked;
  const flags = [flag('ref', ref), flag('name', name), flag('size', size), flag('expiry', expiry)];
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
    failure: phase === 'failed' ? failureOf(lastError, name) : null,
    createdAt: row.createdAt.toISOString(),
    lastActivityAt: row.lastActivityAt.toISOString(),
    keptUntil: row.keptUntil?.toISOString() ?? null,
    expiresAt: (desired === 'running' ? knowledge.expiryOf(row)?.toISOString() : undefined) ?? null,
    url: `${config.baseUrl}/w/${id}`,
  };
}

const failureOf = (failure: Row['lastError'], name: string): { error: string; message: string } => ({
  error: failure?.code ?? 'internal',
  message: wordFailure(failure, name, createSay(TRIGGER)).text,
});
