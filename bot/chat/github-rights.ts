// Who may say what on GitHub: the person's permission on the repository, asked when the command runs, and how often.
import type { Command } from '../commands/scene.ts';
import { UserError } from '../errors.ts';
import type { GitHubApp, Octokit } from '../github/app.ts';
import type { GitHubConfig } from '../github/config.ts';
import { readPermission, type Permission } from '../github/permissions.ts';
import type { RepositorySettings, SettingsReader } from '../github/repository-settings.ts';
import { findRepository } from '../github/threads.ts';
import type { Asked, Standing } from './chat.ts';
import type { Event } from './github-events.ts';
import { unknownRepository } from './github-places.ts';
import * as store from './store.ts';
import type { Executor } from './store.ts';

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
      const permission = await readPermission(octokit, label, event.sender);
      // Who may not read it is not told that it is there.
      if (permission.level === 'none' && label.toLowerCase() !== event.repository.toLowerCase())
        throw unknownRepository(label);
      const needed = await neededFor(command, label, settings);
      if (!isEnough(permission, needed))
        throw new UserError('forbidden', describeLack(line.verb, label, permission, needed));
      const flag = Object.keys(line.flags).find((name) => command.flags[name]?.needsMaintain);
      if (flag && !isEnough(permission, 'maintain'))
        throw new UserError(
          'needs-maintainer',
          `\`--${flag}\` needs **maintain** or **admin** on \`${label}\`; you have **${permission.role || permission.level}**. Ask one who has it to say: \`/sam ${line.line}\`.`,
        );
      if (label.toLowerCase() !== event.repository.toLowerCase() && !event.isPrivate)
        await checkSecrecy(octokit, label);
      await checkPace(options, event);
      return { maintains: isEnough(permission, 'maintain') ? `${config.url}/${label}` : undefined };
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

type Needed = 'read' | RepositorySettings['who'];

/** What makes a workspace run, and so costs something. */
const STARTING: readonly string[] = ['up', 'start', 'restart', 'retry'];

async function neededFor(
  { name, needsWrite }: Command,
  label: string,
  settings: SettingsReader,
): Promise<Needed> {
  if (STARTING.includes(name)) return (await settings.read(label)).settings.who;
  return needsWrite ? 'write' : 'read';
}

/** On a public repository everybody reads. Custom roles that build on maintain have names of their own: they are write. */
function isEnough({ level, role }: Permission, needed: Needed): boolean {
  switch (needed) {
    case 'read':
      return level !== 'none';
    case 'write':
      return level === 'write' || level === 'admin';
    case 'maintain':
      return level === 'admin' || (level === 'write' && role === 'maintain');
    case 'admin':
      return level === 'admin';
    default:
      return needed satisfies never;
  }
}

const describeLack = (verb: string, label: string, { level, role }: Permission, needed: Needed): string =>
  `\`/sam ${verb}\` needs **${needed}** on \`${label}\`; you have **${level === 'none' ? 'nothing' : role || level}**. ${needed === 'admin' ? 'An administrator' : 'A maintainer'} can run it for you.`;

async function checkPace(
  { db, commandsPerHour }: { db: Executor; commandsPerHour: number },
  event: Extract<Event, { sender: unknown }>,
): Promise<void> {
  if (commandsPerHour === 0) return;
  const recent = await store.countRecent(db, 'github', event);
  if (recent.person < commandsPerHour && recent.repository < 2 * commandsPerHour) return;
  const whose = recent.person >= commandsPerHour ? 'you have' : 'this repository has';
  throw new UserError(
    'too-often',
    `In the last hour ${whose} said as much as I take in an hour. Wait a while, then say it again: \`/sam status\`.`,
  );
}
