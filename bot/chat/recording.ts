// What the audit has of a command: who said it where, what it was about, what allowed it and what came of it. Of a prompt nothing.
import { record } from '../access/store/audit.ts';
import { formatCommand } from '../commands/parser/format.ts';
import type { ParsedCommand } from '../commands/parser/parsed.ts';
import type { Command } from '../commands/context.ts';
import type { Answer, Delivery, Executor, Workspace } from '../database/types.ts';
import { findWorkspace } from '../workspaces/store/workspaces.ts';
import type { IncomingCommand, Permission } from './front.ts';

/** A command that is about to run, or was refused. */
export interface Said {
  delivery: Delivery;
  incoming: IncomingCommand;
  command: Command;
  line: ParsedCommand;
}

/** In the transaction that ends its request. */
export async function recordSaid(
  tx: Executor,
  { delivery, incoming: { actor, place }, command, line }: Said,
  answer: Answer,
  held: Held,
): Promise<void> {
  const workspace = answer.workspace ?? place.workspace;
  const about = answer.ok && workspace ? await findWorkspace(tx, workspace) : undefined;
  await record(tx, {
    actor: actor.id,
    front: delivery.source,
    place: place.channel ?? place.topic,
    action: command.name,
    target: wordsOf(line),
    workspace,
    right: answer.ok ? rightOf({ command, actor: actor.id, about }, held) : 'none',
    result: answer.ok ? 'ok' : answer.code,
  });
}

/** What they had to say it with. */
interface Held {
  permission: Permission;
  isAdmin: boolean;
  /** The workspace of somebody else's that was shared with them for it. */
  shared?: string | undefined;
}

interface Done {
  command: Pick<Command, 'needsWrite'>;
  actor: string;
  /** A workspace that is there. */
  about: Pick<Workspace, 'id' | 'owner' | 'repository'> | undefined;
}

/** All but the verb, as it would be typed; without the prompt. */
function wordsOf(line: ParsedCommand): string {
  const { verb, target, value, words, flags, person, question, port } = line;
  const said = {
    kind: line.kind,
    verb,
    words,
    flags,
    ...(target && { target }),
    ...(value !== undefined && { value }),
    ...(person !== undefined && { person }),
    ...(question !== undefined && { question }),
    ...(port !== undefined && { port }),
  };
  return formatCommand(said, '').slice(verb.length).trim();
}

/** The first that was enough. Rights are those on its repository, and no other one. Pure. */
function rightOf(
  { command, actor, about }: Done,
  { permission: { maintains, asks, reads }, isAdmin, shared }: Held,
): string {
  const isOn = (address: string | undefined): boolean =>
    about !== undefined && address?.toLowerCase() === about.repository.toLowerCase();
  if (about?.owner === actor) return 'owner';
  if (about && shared === about.id) return 'share';
  if (isOn(maintains)) return 'maintain';
  if (isAdmin) return 'admin';
  if (isOn(asks)) return 'ask';
  if (isOn(reads)) return 'read';
  return command.needsWrite ? 'write' : 'self';
}
