// Who may say what on GitHub: the person's permission on the repository, asked when the command runs, and how often.
import { UserError } from '../errors.ts';
import type { GitHubApp, Octokit } from '../github/app.ts';
import type { GitHubConfig } from '../github/config.ts';
import { readPermission, type Permission } from '../github/permissions.ts';
import { findRepository } from '../github/threads.ts';
import type { Asked } from './chat.ts';
import type { Event } from './github-events.ts';
import { unknownRepository } from './github-places.ts';
import * as store from './store.ts';
import type { Executor } from './store.ts';

export interface Rights {
  /** Throws UserError `forbidden`, or `too-often`. */
  permit(asked: Asked, event: Event): Promise<void>;
}

export function createRights(options: {
  db: Executor;
  app: GitHubApp;
  config: Pick<GitHubConfig, 'url'>;
  commandsPerHour: number;
}): Rights {
  const { app, config } = options;
  return {
    async permit({ command, line, repository }, event) {
      if (!('sender' in event)) return;
      const label = repository?.url.slice(config.url.length + 1) ?? event.repository;
      const octokit = await app.on(label);
      if (!octokit) throw unknownRepository(label);
      const permission = await readPermission(octokit, label, event.sender);
      // Who may not read it is not told that it is there.
      if (permission.level === 'none' && label.toLowerCase() !== event.repository.toLowerCase())
        throw unknownRepository(label);
      if (!isEnough(permission, command.needsWrite === true))
        throw new UserError('forbidden', describeLack(line.verb, label, permission));
      const flag = Object.keys(line.flags).find((name) => command.flags[name]?.needsMaintain);
      if (flag && !isMaintainer(permission))
        throw new UserError(
          'needs-maintainer',
          `\`--${flag}\` needs **maintain** or **admin** on \`${label}\`; you have **${permission.role || permission.level}**. Ask one who has it to say: \`/sam ${line.line}\`.`,
        );
      if (label.toLowerCase() !== event.repository.toLowerCase() && !event.isPrivate)
        await checkSecrecy(octokit, label);
      await checkPace(options, event);
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

/** On a public repository everybody reads. */
const isEnough = ({ level }: Permission, needsWrite: boolean): boolean =>
  level === 'write' || level === 'admin' || (level === 'read' && !needsWrite);

/** Custom roles have names of their own, and are none. */
const isMaintainer = ({ level, role }: Permission): boolean =>
  level === 'admin' || role === 'maintain' || role === 'admin';

const describeLack = (verb: string, label: string, { level, role }: Permission): string =>
  `\`/sam ${verb}\` needs **write** on \`${label}\`; you have **${level === 'none' ? 'nothing' : role || level}**. A maintainer can run it for you.`;

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
