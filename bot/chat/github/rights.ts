// Who may say what on GitHub: the person's permission on the repository, asked when the command runs, and how often.
import { UserError } from '../../errors.ts';
import type { GitHubApp, Octokit } from '../../github/app.ts';
import type { GitHubConfig } from '../../github/config.ts';
import type { SettingsReader } from '../../github/repository-settings.ts';
import { findRepository } from '../../github/threads.ts';
import type { Asked, Standing } from '../chat.ts';
import type { Event } from './events.ts';
import { unknownRepository } from '../locate-github.ts';
import { checkRight } from '../repository-rights.ts';
import * as store from '../store.ts';
import type { Executor } from '../store.ts';

export interface Rights {
  /** Throws UserError `forbidden`, or `too-often`. */
  permit(asked: Asked, event: Event): Promise<Standing>;
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
    async permit({ command, line, repository }, event) {
      if (!('sender' in event)) return {};
      const label = repository?.url.slice(config.url.length + 1) ?? event.repository;
      const octokit = await app.on(label);
      if (!octokit) throw unknownRepository(label);
      const isKnown = label.toLowerCase() === event.repository.toLowerCase();
      const wanted = { label, person: event.sender, trigger: '/sam', command, line, isKnown };
      const { maintains } = await checkRight(octokit, settings, wanted);
      if (!isKnown && !event.isPrivate) await checkSecrecy(octokit, label);
      await checkPace(options, event);
      return { maintains: maintains ? `${config.url}/${label}` : undefined };
    },
  };
}

/** A card tells its readers of the repository that it is about. */
async function checkSecrecy(octokit: Octokit, label: string): Promise<void> {
  const repository = await findRepository(octokit, label);
  if (repository?.isPrivate !== false)
    throw new UserError(
      'private',
      'That repository is private, and this one is for everybody to read, so I show nothing of it here. Say it in a pull request or issue over there: `/sam up`.',
    );
}

async function checkPace(
  { db, commandsPerHour }: { db: Executor; commandsPerHour: number },
  event: Extract<Event, { sender: unknown }>,
): Promise<void> {
  if (commandsPerHour === 0) return;
  const recent = await store.countRecent(db, 'github', event);
  if (recent.person < commandsPerHour && recent.repository < 2 * commandsPerHour) return;
  const [most, whom] =
    recent.person >= commandsPerHour ? [commandsPerHour, 'person'] : [2 * commandsPerHour, 'repository'];
  throw new UserError(
    'too-often',
    `That was more than ${most} commands in an hour, the most that I take from one ${whom}. Say it again in a while; until then the card shows where things stand.`,
  );
}
