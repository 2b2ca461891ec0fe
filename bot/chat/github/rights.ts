// Who may say what on GitHub: the person's permission on the repository, asked when the command runs, and how often.
import { UserError } from '../../errors.ts';
import { addressOf, labelOf, type Forge, type Person } from '../../forges/forge.ts';
import type { PendingCommand, Permission } from '../front.ts';
import type { Event } from './events.ts';
import { checkRight, mayAsk } from '../../forges/rights.ts';
import { countRecent } from '../store/recent-messages.ts';
import { findRepositoryOf } from '../store/subjects.ts';
import type { Executor } from '../../database/types.ts';

export interface Rights {
  /** Throws UserError `forbidden`, or `too-often`. */
  permit(asked: PendingCommand, event: Event): Promise<Permission>;
}

export function createRights(options: { db: Executor; forge: Forge; commandsPerHour: number }): Rights {
  const { forge } = options;
  return {
    async permit(asked, event) {
      if (!('sender' in event)) return {};
      const { command, line } = asked;
      const about = (await findMeant(options, asked)) ?? event.repository;
      // Stopping what is one's own takes no right on it.
      const label = asked.repository || command.needsWrite ? about : event.repository;
      const isKnown = isSame(label, event.repository);
      const wanted = { label, person: personOf(event.sender), command, line, isKnown };
      const { maintains } = await checkRight(forge, wanted);
      if (!event.isPrivate && !isSame(about, event.repository) && !command.ends)
        await checkSecrecy(forge, about, asked);
      await checkPace(options, event);
      const address = addressOf(forge, label);
      const asks = command.isForAskers && (await mayAsk(forge, label, wanted.person)) ? address : undefined;
      return { maintains: maintains ? address : undefined, reads: address, asks };
    },
  };
}

/** As the forge knows them. */
export const personOf = ({ id, login }: { id: number; login: string }): Person => ({ id: String(id), login });

const isSame = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();

/** `owner/name` of the repository that the words mean: named, or that of a workspace which is. */
async function findMeant(
  { db, forge }: { db: Executor; forge: Forge },
  { repository, line: { target }, incoming }: PendingCommand,
): Promise<string | undefined> {
  const named =
    target?.kind === 'name' ? await findRepositoryOf(db, incoming.actor.id, target.name) : undefined;
  const url = repository?.url ?? named;
  return url === undefined ? undefined : labelOf(forge, url);
}

/** A card tells its readers of the repository that it is about. */
async function checkSecrecy(
  forge: Forge,
  label: string,
  { repository: named, line }: PendingCommand,
): Promise<void> {
  const repository = await forge.findRepository(label);
  if (repository?.isPrivate !== false) throw new UserError('private', { line: named ? 'up' : line.line });
}

async function checkPace(
  { db, commandsPerHour }: { db: Executor; commandsPerHour: number },
  event: Extract<Event, { sender: unknown }>,
): Promise<void> {
  if (commandsPerHour === 0) return;
  const recent = await countRecent(db, 'github', event);
  if (recent.person < commandsPerHour && recent.repository < 2 * commandsPerHour) return;
  const [most, whom] =
    recent.person >= commandsPerHour
      ? [commandsPerHour, 'person' as const]
      : [2 * commandsPerHour, 'repository' as const];
  throw new UserError('too-often', { most, whom });
}
