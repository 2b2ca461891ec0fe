// Who may say what on GitHub: the person's permission on the repository, asked when the command runs, and how often.
import { UserError } from '../../errors.ts';
import type { GitHubApp, Octokit } from '../../forges/github/app.ts';
import type { GitHubConfig } from '../../forges/github/config.ts';
import type { SettingsReader } from '../../forges/github/repository-settings.ts';
import { findRepository } from '../../forges/github/threads.ts';
import type { PendingCommand, Permission } from '../front.ts';
import type { Event } from './events.ts';
import { unknownRepository } from '../../forges/github/locate.ts';
import { checkRight } from '../../forges/rights.ts';
import * as store from '../store.ts';
import type { Executor } from '../store.ts';

export interface Rights {
  /** Throws UserError `forbidden`, or `too-often`. */
  permit(asked: PendingCommand, event: Event): Promise<Permission>;
}

export function createRights(options: {
  db: Executor;
  app: GitHubApp;
  config: Pick<GitHubConfig, 'url'>;
  settings: SettingsReader;
  commandsPerHour: number;
}): Rights {
  const { app, config, settings } = options;
  return {
    async permit(asked, event) {
      if (!('sender' in event)) return {};
      const { command, line } = asked;
      const about = (await findMeant(options, asked)) ?? event.repository;
      // Stopping what is one's own takes no right on it.
      const label = asked.repository || command.needsWrite ? about : event.repository;
      const octokit = await app.on(label);
      if (!octokit) throw unknownRepository(label);
      const isKnown = isSame(label, event.repository);
      const wanted = { label, person: event.sender, command, line, isKnown };
      const { maintains } = await checkRight(octokit, settings, wanted);
      if (!event.isPrivate && !isSame(about, event.repository) && !command.ends)
        await checkSecrecy(await app.on(about), about, asked);
      await checkPace(options, event);
      return { maintains: maintains ? `${config.url}/${label}` : undefined };
    },
  };
}

const isSame = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();

/** `owner/name` of the repository that the words mean: named, or that of a workspace which is. */
async function findMeant(
  { db, config }: { db: Executor; config: Pick<GitHubConfig, 'url'> },
  { repository, line: { target }, incoming }: PendingCommand,
): Promise<string | undefined> {
  const named =
    target?.kind === 'name' ? await store.findRepositoryOf(db, incoming.actor.id, target.name) : undefined;
  const url = repository?.url ?? named;
  return url?.startsWith(`${config.url}/`) ? url.slice(config.url.length + 1) : undefined;
}

/** A card tells its readers of the repository that it is about. */
async function checkSecrecy(
  octokit: Octokit | undefined,
  label: string,
  { repository: named, line }: PendingCommand,
): Promise<void> {
  const repository = octokit && (await findRepository(octokit, label));
  if (repository?.isPrivate !== false) throw new UserError('private', { line: named ? 'up' : line.line });
}

async function checkPace(
  { db, commandsPerHour }: { db: Executor; commandsPerHour: number },
  event: Extract<Event, { sender: unknown }>,
): Promise<void> {
  if (commandsPerHour === 0) return;
  const recent = await store.countRecent(db, 'github', event);
  if (recent.person < commandsPerHour && recent.repository < 2 * commandsPerHour) return;
  const [most, whom] =
    recent.person >= commandsPerHour
      ? [commandsPerHour, 'person' as const]
      : [2 * commandsPerHour, 'repository' as const];
  throw new UserError('too-often', { most, whom });
}
