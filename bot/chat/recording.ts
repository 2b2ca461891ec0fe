// What the audit has of a command: who said it where, what it was about, what allowed it and what came of it. Of a prompt nothing.
import { record } from '../access/store/audit.ts';
import { formatCommand } from '../commands/parser/format.ts';
import type { ParsedCommand } from '../commands/parser/parsed.ts';
import type { Command } from '../commands/context.ts';
import type { Answer, Delivery, Executor } from '../database/types.ts';
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
  const owner = answer.ok && workspace ? (await findWorkspace(tx, workspace))?.owner : undefined;
  await record(tx, {
    actor: actor.id,
    front: delivery.source,
    place: place.channel ?? place.topic,
    action: command.name,
    target: wordsOf(line),
    workspace,
    right: answer.ok
      ? rightOf({ command, isAbout: owner !== undefined, isOwn: owner === actor.id, workspace }, held)
      : 'none',
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

/** `isAbout`: a workspace that is there. */
interface About {
  command: Pick<Command, 'needsWrite'>;
  isAbout: boolean;
  isOwn: boolean;
  workspace?: string | undefined;
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

/** The first that was enough. Pure. */
export function rightOf(
  { command, isAbout, isOwn, workspace }: About,
  { permission, isAdmin, shared }: Held,
): string {
  if (isOwn) return 'owner';
  if (isAbout && shared !== undefined && shared === workspace) return 'share';
  if (isAbout && permission.maintains) return 'maintain';
  if (isAdmin) return 'admin';
  if (isAbout && permission.asks) return 'ask';
  if (isAbout && permission.reads) return 'read';
  return command.needsWrite ? 'write' : 'self';
}
