// A person's machines over HTTP: each change is a command, each answer the row as it is then. Writes nothing itself.
import type { z } from 'zod';
import { redact } from '../../../agent/redact.ts';
import type { FrontOptions } from '../front.ts';
import { readLastEvents, listEvents, type Noted } from '../../workspaces/store/events.ts';
import { listBoot, type LoggedLine } from '../../workspaces/store/logs.ts';
import { listNodes, type OwnNode } from '../../workspaces/store/nodes.ts';
import { readPrices, type PriceList } from '../../workspaces/store/settings.ts';
import { readEnded } from '../store/api.ts';
import { createStreams, type Streams } from '../streams.ts';
import { createSay, TRIGGER, wordFailure } from '../wording.ts';
import type { Asking } from './asking.ts';
import { NAME } from './conversation.ts';
import { pageOfAll } from './cursors.ts';
import { told, type Followed } from './following.ts';
import {
  refuse,
  refuseCaller,
  refuseStranger,
  type Call,
  type Caller,
  type Operation,
  type Reply,
} from './operation.ts';
import { describeEvent, describeLine } from './stories.ts';
import {
  Everybodys,
  limitOf,
  LogLineList,
  Machine,
  MachineRequest,
  MachineList,
  Nothing,
  WorkspaceEventList,
} from './schemas.ts';

type NodeOptions = Pick<FrontOptions, 'db'> & { asking: Asking };

const PATH = '/api/nodes';
const ONE = `${PATH}/:id`;
const LIST = 'nodes';
const LIST_ALL = 'listNodes';
const ID = /^nd-[a-z2-7]{12}$/;

export function createNodes(options: NodeOptions): { operations: Operation[]; streams: Streams[] } {
  const { db } = options;
  const [events, logs] = ['listeners to events of nodes', 'listeners to logs of nodes'].map((name) =>
    createStreams({ name, readVersions: (keys) => readLastEvents(db, keys) }),
  ) as [Streams, Streams];
  return {
    operations: [...changes(options), ...stories(options, events, logs)],
    streams: [events, logs],
  };
}

const SHARED = { for: 'person', refusals: [404] } as const;
const ROW = { status: 200, schema: Machine } as const;
const TAKEN = { answers: { ...ROW, status: 202 }, refusals: [404, 409] } as const;

const changes = (options: NodeOptions): Operation[] => {
  const find: NonNullable<Operation['find']> = (caller, { id = '' }) => findNode(options, caller, id);
  return [
    {
      ...SHARED,
      id: LIST_ALL,
      method: 'GET',
      path: PATH,
      summary: 'Your machines, newest first; all for those who run Sam.',
      query: Everybodys,
      answers: { status: 200, schema: MachineList },
      refusals: [],
      run: (call) => list(options, call as Call<z.infer<typeof Everybodys>>),
    },
    {
      ...SHARED,
      ...TAKEN,
      id: 'createNode',
      method: 'POST',
      path: PATH,
      summary:
        'Makes a machine ahead of the workspace that will want it, or tells of the one that waits already.',
      body: MachineRequest,
      refusals: [409],
      run: (call) => make(options, call),
    },
    {
      ...SHARED,
      id: 'getNode',
      method: 'GET',
      path: ONE,
      summary: 'How a machine stands, and what is on it.',
      answers: ROW,
      find,
      run: async ({ found }) => ({ status: 200, body: await describeOne(options, found as OwnNode) }),
    },
    {
      ...SHARED,
      ...TAKEN,
      id: 'deleteNode',
      method: 'DELETE',
      path: ONE,
      summary: 'Deletes a machine that no workspace is on; otherwise 409 names them.',
      find,
      run: (call) => say(options, call, 'rm'),
    },
    {
      ...SHARED,
      ...TAKEN,
      id: 'stopNode',
      method: 'POST',
      path: `${ONE}/stop`,
      summary: 'Stops every workspace on a machine; it stays for their files.',
      body: Nothing,
      find,
      run: (call) => say(options, call, 'stop'),
    },
  ];
};

const stories = (options: NodeOptions, events: Streams, logs: Streams): Operation[] => {
  const { db } = options;
  const find: NonNullable<Operation['find']> = (caller, { id = '' }) => findNode(options, caller, id);
  return [
    {
      ...SHARED,
      id: 'listNodeEvents',
      method: 'GET',
      path: `${ONE}/events`,
      summary: 'What happened to a machine, oldest first; as server-sent events it goes on.',
      answers: { status: 200, schema: WorkspaceEventList },
      find,
      ...told((call) => eventsOf(db, call.found as OwnNode), events),
    },
    {
      ...SHARED,
      id: 'listNodeLogs',
      method: 'GET',
      path: `${ONE}/logs`,
      summary: 'What a machine said of its boot, oldest first; as server-sent events it goes on.',
      answers: { status: 200, schema: LogLineList },
      find,
      ...told((call) => bootOf(db, call.found as OwnNode), logs),
    },
  ];
};

const BY_ID = { seqOf: ({ id }: { id: number }) => id, most: Number.MAX_SAFE_INTEGER };

const eventsOf = (db: NodeOptions['db'], { node: { id, name } }: OwnNode): Followed<Noted> => ({
  ...BY_ID,
  key: id,
  event: 'node',
  list: (which) => listEvents(db, id, which),
  itemOf: (row) => describeEvent(row, name),
});

const bootOf = (db: NodeOptions['db'], { node: { id } }: OwnNode): Followed<LoggedLine> => ({
  ...BY_ID,
  key: id,
  event: 'log',
  list: (which) => listBoot(db, id, which),
  itemOf: describeLine,
});

/** One's own, and for those who run Sam anybody's. Throws ApiError. */
async function findNode({ db }: NodeOptions, caller: Caller, id: string): Promise<OwnNode> {
  const [found] = ID.test(id) ? await listNodes(db, { id }) : [];
  if (!found) throw refuse(404, 'not-found');
  if (found.node.owner === caller.user || (await caller.isAdmin())) return found;
  throw await refuseStranger({ db }, caller, { action: 'open-node', target: found.node.name });
}

async function make({ db, asking }: NodeOptions, call: Call): Promise<Reply> {
  const { size } = call.body as z.infer<typeof MachineRequest>;
  const line = `node new${size === undefined ? '' : ` --size=${size}`}`;
  return asking.ask(call, { line, field: 'size' }, async (_workspace, request) => {
    // The answer names it: no workspace is on it.
    const answer = (await readEnded(db, NAME, [request])).get(request);
    const { name = '' } = (answer?.details ?? {}) as { name?: string };
    const found = (await listNodes(db, { owner: call.caller.user, gone: true })).find(
      ({ node }) => node.name === name,
    );
    if (!found) throw refuse(404, 'not-found');
    return { status: 202, body: await describeOne({ db, asking }, found) };
  });
}

/** What is said of it is its name; what is told afterwards is its row. */
const say = (options: NodeOptions, call: Call, verb: 'rm' | 'stop'): Promise<Reply> => {
  const { name, id } = (call.found as OwnNode).node;
  return options.asking.ask(call, { line: `node ${verb} ${name}`, field: 'id' }, async () => {
    const [found] = await listNodes(options.db, { id, gone: true });
    if (!found) throw refuse(404, 'not-found');
    return { status: 202, body: await describeOne(options, found) };
  });
};

async function list(
  { db }: NodeOptions,
  { caller, query }: Call<z.infer<typeof Everybodys>>,
): Promise<Reply> {
  const isAll = query.all === 'true';
  if (isAll && !(await caller.isAdmin()))
    throw await refuseCaller({ db }, caller, { id: LIST_ALL }, 'admins-only');
  const found = await listNodes(db, { ...(!isAll && { owner: caller.user }) });
  const all = found.map((one) => ({ ...one, id: one.node.id, createdAt: one.node.createdAt }));
  const asked = { cursor: query.cursor, limit: limitOf(query) };
  const { rows, next } = pageOfAll(isAll ? `${LIST} of all` : LIST, all, asked);
  const prices = await readPrices(db);
  return { status: 200, body: { items: rows.map((row) => describe(row, prices)), next } };
}

const describeOne = async ({ db }: NodeOptions, found: OwnNode): Promise<z.infer<typeof Machine>> =>
  describe(found, await readPrices(db));

function describe({ node, workspaces }: OwnNode, prices: PriceList | undefined): z.infer<typeof Machine> {
  const { id, name, owner, provider, size, phase, desired, lastError } = node;
  const price = prices?.provider === provider ? prices.sizes[size] : undefined;
  return {
    id,
    name,
    owner,
    provider,
    size,
    phase,
    desired,
    failure: lastError && {
      error: lastError.code ?? 'internal',
      message: redact(wordFailure(lastError, name, createSay(TRIGGER)).text),
    },
    workspaces,
    price: price && prices ? { amount: price.perHour.toFixed(4), currency: prices.currency } : null,
    agent: node.agentVersion,
    createdAt: node.createdAt.toISOString(),
    readyAt: node.readyAt?.toISOString() ?? null,
    lastHeardAt: node.lastHeardAt?.toISOString() ?? null,
    idleSince: node.idleSince?.toISOString() ?? null,
  };
}
