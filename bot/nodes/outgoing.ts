// What agents are told: what the rows of their workspaces say, as far as they have not heard it. Writes nothing.
import { messageOf } from '../errors.ts';
import { enqueue, send, type Connection, type HubOptions, type State } from './connections.ts';
import { isUpToDate, messagesFor, type Facts } from './desired.ts';
import type { Workspace } from '../database/types.ts';
import { trustedBy } from '../access/machines/bootstrap.ts';
import { readLetIn } from '../access/store/shares.ts';
import { findCommandListeners } from '../push/push-store.ts';
import { turnsOn } from '../tasks/store/wanted.ts';
import { pushesOn } from '../tasks/store/proposals.ts';
import { pushesToTell, turnsToTell } from './turns.ts';
import { workspacesOn } from '../workspaces/store/nodes.ts';

/** Hints that come while a look waits share it; one that comes while a look runs gets another. */
export function look(state: State, connection: Connection): Promise<void> {
  if (!connection.hasSaidHello) return Promise.resolve();
  connection.nextLook ??= enqueue(state, connection, async () => {
    connection.nextLook = undefined;
    await tell(state, connection, false).catch((error: unknown) =>
      connection.log.error(
        { error: messageOf(error) },
        'the node could not be told; the next poll tries again',
      ),
    );
  });
  return connection.nextLook;
}

export async function tell({ options }: State, connection: Connection, all: boolean): Promise<void> {
  const rows = await workspacesOn(options.db, connection.node, [...connection.reported]);
  const facts = await findFacts(options, rows);
  const { messages, told } = messagesFor(rows, connection.told, all, facts);
  connection.told = told;
  const version = all ? await findVersion(options, connection) : undefined;
  const packages = all ? await options.packages?.() : undefined;
  const more = {
    ...(all && { settings: { ...trustedBy(options.keys), environments: options.environments } }),
    ...(all && options.models && { models: options.models }),
    ...(packages !== undefined && { packages }),
    ...(version !== undefined && { agent: { version } }),
  };
  for (const message of messages)
    send(connection, message.type === 'desired' ? { ...message, ...more } : message);
  await tellTurns(options, connection, all);
}

/** After the workspaces that they are worked on in. */
async function tellTurns(options: HubOptions, connection: Connection, all: boolean): Promise<void> {
  const { db } = options;
  const turns = turnsToTell(await turnsOn(db, [connection.node]), all ? new Map() : connection.toldTurns);
  const wanted = await pushesOn(db, [connection.node]);
  const facts =
    wanted.length > 0 ? await options.git?.facts(wanted.map(({ workspace }) => workspace)) : undefined;
  const authorOf = (workspace: string) => facts?.get(workspace)?.identity;
  const pushes = pushesToTell(wanted, all ? new Set() : connection.toldPushes, authorOf);
  connection.toldTurns = turns.told;
  connection.toldPushes = pushes.told;
  if (turns.news.length + pushes.news.length === 0) return;
  send(connection, {
    type: 'turns',
    turns: turns.news,
    ...(pushes.news.length > 0 && { pushes: pushes.news }),
  });
}

/** By workspace. */
async function findFacts(
  { db, git, findClaude, findDotfiles }: HubOptions,
  rows: Workspace[],
): Promise<ReadonlyMap<string, Facts>> {
  const facts = new Map<string, Facts>(await git?.facts(rows));
  const owners = [...new Set(rows.map(({ owner }) => owner))];
  const [claudes, dotfiles] = [await findClaude?.(owners), await findDotfiles?.(owners)];
  for (const { id, owner, fork } of rows) {
    // Whoever sent a fork's code gets nothing of what its owner has, and does nothing with it.
    if (fork) continue;
    const theirs = { claude: claudes?.get(owner), dotfiles: dotfiles?.get(owner) };
    if (theirs.claude) facts.set(id, { ...facts.get(id), claude: theirs.claude });
    if (theirs.dotfiles !== undefined) facts.set(id, { ...facts.get(id), dotfiles: theirs.dotfiles });
  }
  const told = await findCommandListeners(db, owners);
  for (const { id, owner } of rows)
    if (told.has(owner)) facts.set(id, { ...facts.get(id), tellsCommands: true });
  const ids = rows.map(({ id }) => id);
  for (const [id, shares] of await readLetIn(db, ids)) facts.set(id, { ...facts.get(id), shares });
  return facts;
}

/** What was built badly keeps no node from its work. */
async function findVersion({ agentVersion }: HubOptions, { log }: Connection): Promise<string | undefined> {
  try {
    return await agentVersion?.();
  } catch (error) {
    log.error({ error: messageOf(error) }, 'the version of the agent is not known');
    return undefined;
  }
}

/** One statement for all nodes. Whoever has something to hear is looked at again, in its turn. */
export async function lookAtAll(state: State): Promise<void> {
  try {
    const behind = await findBehind(state);
    await Promise.all(behind.map((connection) => look(state, connection)));
  } catch (error) {
    state.options.log.error(
      { error: messageOf(error) },
      'the nodes could not be looked at; the next poll tries again',
    );
  }
}

async function findBehind({ options, connections }: State): Promise<Connection[]> {
  const there = [...connections.values()].filter(({ hasSaidHello }) => hasSaidHello);
  if (there.length === 0) return [];
  const ids = there.map(({ node }) => node);
  const asked = there.flatMap(({ reported }) => [...reported]);
  const rows = await workspacesOn(options.db, ids, asked);
  const facts = await findFacts(options, rows);
  const byNode = Map.groupBy(rows, ({ nodeId }) => nodeId);
  const turns = Map.groupBy(await turnsOn(options.db, ids), ({ node }) => node);
  const pushes = Map.groupBy(await pushesOn(options.db, ids), ({ node }) => node);
  return there.filter(({ node, reported, told, toldTurns, toldPushes }) => {
    if (pushesToTell(pushes.get(node) ?? [], toldPushes, () => undefined).news.length > 0) return true;
    if (turnsToTell(turns.get(node) ?? [], toldTurns).news.length > 0) return true;
    // What one agent asks about may be a row of another's.
    const own = byNode.get(node)?.filter(({ id, phase }) => phase !== 'deleted' || reported.has(id));
    return !isUpToDate(own ?? [], told, facts);
  });
}
