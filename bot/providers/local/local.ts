// The provider that needs no cloud: a server is the agent as a process beside the bot, with a folder of its own.
// It outlives the bot, and is found again by its folder. Knows no rows, and nothing of what the agent does.
//
// One bot works in a data folder at a time; calls on one name take turns here. What two bots could still spoil is
// left to the leases of those who call.
import { randomUUID } from 'node:crypto';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { endProcesses, startAgent, statusOf, type LocalAgent } from './agent.ts';
import { bounded, createTurns, fault } from './calls.ts';
import {
  deleteEmpty,
  deleteFolder,
  deleteStaged,
  listFolders,
  publishFolder,
  readServer,
  retireFolder,
  stageFolder,
  writeServer,
  type Marks,
  type ServerRecord,
} from './folders.ts';
import { identify } from './processes.ts';
import {
  labelsFor,
  WITHOUT_ACCOUNT,
  type Labels,
  type Provider,
  type Server,
  type ServerOrder,
} from '../provider.ts';

export interface LocalOptions extends LocalAgent {
  /** Servers live in `nodes/` below it. */
  dataDir: string;
  timeoutMs: number;
  /** The bot's address now. An agent that was given another one calls in vain: it counts as off. */
  url?: string;
}

interface Local extends LocalOptions {
  nodesDir: string;
  inTurn: ReturnType<typeof createTurns>;
  /** Deletions that go on, by folder. */
  deletions: Map<string, Promise<void>>;
}

interface Seen {
  folder: string;
  record: ServerRecord;
  status: Server['status'];
}

export function createLocal(options: LocalOptions): Provider {
  const nodesDir = resolve(options.dataDir, 'nodes');
  const local: Local = { ...options, nodesDir, inTurn: createTurns(), deletions: new Map() };
  const call = <T>(operation: string, work: () => Promise<T>) => bounded(operation, options.timeoutMs, work);
  return {
    ...WITHOUT_ACCOUNT,
    name: 'local',
    create: (order) => call('create', () => local.inTurn(order.name, () => createServer(local, order))),
    find: (name) => call('find', () => findServer(local, name)),
    list: () => call('list', () => listServers(local)),
    start: (server) => call('start', () => local.inTurn(server.name, () => startServer(local, server))),
    remove: (server) => call('remove', () => local.inTurn(server.name, () => removeServer(local, server))),
  };
}

async function createServer(local: Local, order: ServerOrder): Promise<Server> {
  const { name, boot } = order;
  const folder = folderOf(local, 'create', name);
  await discardAbandoned(local, folder);
  const exists = fault('create', true, `a server named ${name} already exists.`);
  if (await look(local, 'create', name)) throw exists;
  const record = await recordFor(local, order);
  if (!(await publishFolder(await stageFolder(local.nodesDir, record), folder))) throw exists;
  try {
    await startAgent(local, folder, record, boot.bootstrapToken);
  } catch (error) {
    // What the failure leaves behind says less than the failure.
    await discard(local, folder, record).catch(() => undefined);
    throw error;
  }
  return toServer({ folder, record, status: 'running' });
}

async function recordFor(local: Local, order: ServerOrder): Promise<ServerRecord> {
  const creator = await identify(process.pid);
  if (!creator) throw new Error('this process does not find itself among the processes');
  const { name, size, node, boot } = order;
  const labels = { ...labelsFor(local.installation, order) };
  return {
    id: randomUUID(),
    name,
    size,
    createdAt: new Date(),
    labels,
    boot: { url: boot.url, node },
    creator,
  };
}

async function findServer(local: Local, name: string): Promise<Server | undefined> {
  const seen = await look(local, 'find', name);
  return seen && toServer(seen);
}

/** Also goes on with what died half-way: removals, and creates that never came to start an agent. */
async function listServers(local: Local): Promise<Server[]> {
  // Nothing of worth is in them; a disk that does not let them go is heard of elsewhere.
  await succeeds(deleteStaged(local.nodesDir, local.timeoutMs));
  const { named, retired } = await listFolders(local.nodesDir);
  const found: Seen[] = [];
  for (const folder of named) {
    const record = await readServer(folder);
    if (!record || !isOurs(local, record.labels)) continue;
    const seen = await look(local, 'list', record.name);
    if (seen) found.push(seen);
    // What cannot be tidied up is shown, so that somebody removes it and hears why it stays.
    else if (!(await succeeds(local.inTurn(record.name, () => discardAbandoned(local, folder)))))
      found.push({ folder, record, status: 'off' });
  }
  for (const folder of retired) {
    const record = await readServer(folder);
    if (!record) await deleteEmpty(folder);
    else if (isOurs(local, record.labels)) {
      found.push({ folder, record, status: 'removing' });
      // Nobody waits for it here; a `remove` joins it and hears how it ends.
      goOnDeleting(local, folder).catch(() => undefined);
    }
  }
  return found.map(toServer);
}

async function startServer(local: Local, server: Server): Promise<void> {
  refuseOthers(local, 'start', server.labels);
  const seen = await look(local, 'start', server.name);
  if (!seen || seen.record.id !== server.id || seen.status === 'removing')
    throw fault('start', true, `there is no server ${server.name} any more.`);
  if (seen.status !== 'off') return;
  const record = { ...seen.record, boot: { ...seen.record.boot, url: local.url ?? seen.record.boot.url } };
  if (record.boot.url !== seen.record.boot.url) {
    await endProcesses(local, seen.folder, record);
    await writeServer(seen.folder, record);
  }
  // No bootstrap token: the agent keeps the key that it redeemed the first one with.
  await startAgent(local, seen.folder, record);
}

/** First the processes, then the name, then the files: nothing is left that could write into a deleted folder. */
async function removeServer(local: Local, server: Server): Promise<void> {
  refuseOthers(local, 'remove', server.labels);
  const folder = folderOf(local, 'remove', server.name);
  const record = await readServer(folder);
  if (record?.id === server.id) {
    refuseOthers(local, 'remove', record.labels);
    await endProcesses(local, folder, record);
    await retireFolder(folder, record);
  } else if (!record) await endProcesses(local, folder, { name: server.name, labels: server.labels });
  const { retired } = await listFolders(local.nodesDir, server.name);
  const deletions = retired
    .filter((path) => path.endsWith(`.${server.id}`))
    .map((path) => goOnDeleting(local, path));
  // A large tree takes longer than a call may: `find` says when it is gone.
  await Promise.race([Promise.all(deletions), delay(local.timeoutMs / 4, undefined, { ref: false })]);
}

/** Of our servers the one with this name. Throws if the name is another installation's: neither ours nor free. */
async function look(local: Local, operation: string, name: string): Promise<Seen | undefined> {
  const folder = folderOf(local, operation, name);
  const record = await readServer(folder);
  if (record) {
    refuseOthers(local, operation, record.labels);
    const status = await statusOf(local, folder, record);
    const isMoved = local.url !== undefined && record.boot.url !== local.url;
    if (status) return { folder, record, status: isMoved ? 'off' : status };
  }
  for (const retired of (await listFolders(local.nodesDir, name)).retired) {
    const leaving = await readServer(retired);
    if (leaving && isOurs(local, leaving.labels))
      return { folder: retired, record: leaving, status: 'removing' };
  }
  return undefined;
}

/** A create whose bot ended before it had started an agent: nobody goes on with it, and nothing was ever in it. */
async function discardAbandoned(local: Local, folder: string): Promise<void> {
  const record = await readServer(folder);
  if (!record || !isOurs(local, record.labels) || (await statusOf(local, folder, record))) return;
  await discard(local, folder, record);
}

async function discard(local: Local, folder: string, record: ServerRecord): Promise<void> {
  await endProcesses(local, folder, record);
  await deleteFolder(await retireFolder(folder, record));
}

function goOnDeleting({ deletions }: Local, folder: string): Promise<void> {
  const running = deletions.get(folder) ?? deleteFolder(folder).finally(() => deletions.delete(folder));
  deletions.set(folder, running);
  return running;
}

function folderOf({ nodesDir }: Local, operation: string, name: string): string {
  // It becomes a path.
  if (!/^[a-z0-9][a-z0-9-]*$/.test(name)) throw fault(operation, false, 'this is no name for a server.');
  return join(nodesDir, name);
}

function refuseOthers(local: Local, operation: string, labels: Marks): void {
  if (isOurs(local, labels)) return;
  throw fault(operation, false, 'this server belongs to somebody else: its labels are not ours.');
}

function isOurs({ installation }: Local, labels: Marks): labels is Labels {
  const isComplete = Boolean(labels['sam-node'] && labels['sam-owner']);
  return labels['managed-by'] === 'sam' && labels['sam-installation'] === installation && isComplete;
}

const succeeds = (work: Promise<void>): Promise<boolean> =>
  work.then(
    () => true,
    () => false,
  );

function toServer({ record: { id, name, createdAt, labels }, status }: Seen): Server {
  return { id, name, status, createdAt, labels: labels as Labels };
}
