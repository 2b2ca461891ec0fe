// What a node should do about a workspace, from its row. Pure; knows no connection.
import type { BotMessage, DesiredWorkspace } from '../../agent/protocol.ts';
import type { Workspace } from '../database/types.ts';
import { hasNoFiles } from '../workspaces/workspace.ts';

/** What a node has to know of a workspace's git beside its row. */
export type GitFacts = Pick<DesiredWorkspace, 'identity' | 'credentials'>;
/** The same, which credential of its owner Claude Code has, where its owner's dotfiles are, who else is let in, and who wants to hear of it. */
export type Facts = GitFacts & Pick<DesiredWorkspace, 'claude' | 'dotfiles' | 'shares' | 'tellsCommands'>;

/** Undefined: nothing to tell, so the node goes on as it was told last. */
export function desiredOf(row: Workspace, facts?: Facts): DesiredWorkspace | undefined {
  const goal = goalOf(row);
  return (
    goal && {
      id: row.id,
      name: row.name,
      ...goal,
      run: row.run,
      access: row.access,
      repository: cloneUrl(row.repository),
      ...(row.ref === null ? {} : { ref: row.ref }),
      ...(row.commit === null ? {} : { commit: row.commit }),
      ...(row.configuration === null ? {} : { configuration: row.configuration }),
      size: row.size,
      ...facts,
    }
  );
}

function goalOf(row: Workspace): Pick<DesiredWorkspace, 'desired' | 'force' | 'save'> | undefined {
  // Nobody waits for it any more (it was given up with `--force`, or while the node was silent): it may go as it is.
  if (row.phase === 'deleted') return { desired: 'deleted', force: true };
  // Its node has not been told of it yet.
  if (row.phase === 'queued' || row.phase === 'provisioning') return undefined;
  if (row.desired === 'deleted')
    return { desired: 'deleted', force: row.force, ...(maySave(row) ? { save: true } : {}) };
  // It has no file there, so nothing of it has to stay: it gives the machine back.
  if (row.phase === 'failed' && row.desired === 'running' && hasNoFiles(row))
    return { desired: 'deleted', force: false };
  if (row.desired === 'stopped' || row.phase === 'failed') return { desired: 'stopped', force: false };
  const isStarted = row.phase === 'preparing' || row.phase === 'running';
  // Wanted again, but the reconciler has not begun: until then it stays as it is.
  return isStarted ? { desired: 'running', force: false } : undefined;
}

/** Nobody asked for it, so it saves first, and only where no more people read it than could before. */
const maySave = ({ isAutomatic, isPrivate, fork, force }: Workspace): boolean =>
  isAutomatic && isPrivate === true && fork === null && !force;

const cloneUrl = (repository: string): string =>
  /^https?:/.test(repository) && !repository.endsWith('.git') ? `${repository}.git` : repository;

/** What one node was told, by workspace. */
export type Told = Map<string, { json: string; access: number }>;

/** The messages that bring a node up to date, and what it has been told then. `all`: it has forgotten everything. */
export function messagesFor(
  rows: Workspace[],
  before: Told,
  all: boolean,
  facts: ReadonlyMap<string, Facts> = new Map(),
): { messages: BotMessage[]; told: Told } {
  const known: Told = all ? new Map() : before;
  const told: Told = new Map();
  const changed: DesiredWorkspace[] = [];
  const revoked: BotMessage[] = [];
  for (const row of rows) {
    const last = known.get(row.id);
    const desired = desiredOf(row, facts.get(row.id));
    const json = desired ? JSON.stringify(desired) : (last?.json ?? '');
    if (desired && json !== last?.json) changed.push(desired);
    // After a reconnect the others hear it with what is desired of them.
    if (last ? last.access !== row.access : all && !desired)
      revoked.push({ type: 'revoke', workspace: row.id, access: row.access });
    told.set(row.id, { json, access: row.access });
  }
  const messages: BotMessage[] =
    all || changed.length > 0 ? [{ type: 'desired', all, workspaces: changed }] : [];
  return { messages: [...messages, ...revoked], told };
}

/** True if a look at these rows would say nothing to the node, and change nothing in what it was told. */
export function isUpToDate(
  rows: Workspace[],
  before: Told,
  facts: ReadonlyMap<string, Facts> | undefined,
): boolean {
  const { messages, told } = messagesFor(rows, before, false, facts);
  return messages.length === 0 && told.size === before.size && [...told.keys()].every((id) => before.has(id));
}
