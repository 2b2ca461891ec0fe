// People beside the owner, before a command runs: whom it lets in, and whether whoever speaks was let in; asked of the forge at that
// moment, and in doubt a no. Writes nothing.
import { findIdentities } from '../access/store/people.ts';
import type { Command, CommandContext, Guest } from '../commands/context.ts';
import type { ParsedCommand } from '../commands/parser/parsed.ts';
import { findSharedTarget, findTarget } from '../commands/target.ts';
import type { Delivery, Workspace } from '../database/types.ts';
import { UserError } from '../errors.ts';
import { findForge, type Forge } from '../forges/forge.ts';
import { isEnough, mayAsk } from '../forges/rights.ts';
import type { Conversation } from './front.ts';

type Asked = { forges: readonly Forge[]; line: ParsedCommand; context: CommandContext };

/** Undefined: nobody is named, or no workspace is meant, which the command says. Throws UserError, ProviderError. */
export async function findGuest(
  conversation: Conversation,
  delivery: Delivery,
  { forges, line, context }: Asked,
): Promise<Guest | undefined> {
  const { person: typed } = line;
  const workspace = typed === undefined ? undefined : await findTarget(line, context).catch(unlessRefused);
  if (typed === undefined || !workspace) return undefined;
  const place = findForge(forges, workspace.repository);
  if (!place) throw new UserError('share-nowhere', { name: workspace.name });
  const { forge, label } = place;
  const { id, login } = await conversation.findPerson(typed, place, delivery);
  if (!isEnough(await forge.readPermission(label, { id, login }), 'read'))
    throw new UserError('person-forbidden', { person: login, label });
  return { source: forge.name, externalId: id, login };
}

/** The workspace of somebody else's that the words mean and whose repository the actor may read. Undefined: none. */
export async function findSharedWorkspace(
  { forGuests }: Command,
  { forges, line, context }: Asked,
): Promise<Workspace | undefined> {
  // Where a repository is named or meant it is about one's own there.
  if (!forGuests || context.repository || (line.target && line.target.kind !== 'name')) return undefined;
  const shared = await findSharedTarget(line, context).catch(unlessRefused);
  if (!shared) return undefined;
  const { workspace } = shared;
  const place = findForge(forges, workspace.repository);
  const account =
    place && (await findIdentities(context.tx, [context.actor.id], place.forge.name)).get(context.actor.id);
  const person = account && { id: account.externalId, login: account.login };
  const isIn = person && isEnough(await place.forge.readPermission(place.label, person), 'read');
  if (!isIn) return undefined;
  if (forGuests.asks && !(await mayAsk(place.forge, place.label, person))) {
    const { label } = place;
    throw new UserError('forbidden', { verb: line.verb, label, needed: 'write', has: 'read' });
  }
  return workspace;
}

function unlessRefused(error: unknown): undefined {
  if (!(error instanceof UserError)) throw error;
}
