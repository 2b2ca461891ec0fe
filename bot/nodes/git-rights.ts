// What nodes are told of git where the repository is on GitHub: who commits, and passwords on the owner's own right.
import type { Logger } from 'pino';
import { findIdentities, type Known } from '../access/store.ts';
import type { Workspace } from '../database/types.ts';
import { UserError } from '../errors.ts';
import type { GitHubApp } from '../forges/github/app.ts';
import { mintGitToken } from '../forges/github/git-tokens.ts';
import type { Executor } from '../workspaces/store.ts';
import type { GitDesk, GitFacts } from './git-tokens.ts';

export interface GitDeskOptions {
  db: Executor;
  app: GitHubApp;
  /** `https://github.com`. */
  url: string;
  log: Logger;
}

export function createGitDesk({ db, app, url, log }: GitDeskOptions): GitDesk {
  const isOurs = ({ repository }: Workspace): boolean => repository.startsWith(`${url}/`);
  return {
    async facts(workspaces) {
      const ours = workspaces.filter(isOurs);
      const people = await findIdentities(db, [...new Set(ours.map(({ owner }) => owner))], 'github');
      return new Map(ours.map((one) => [one.id, factsOf(one, people.get(one.owner), url)]));
    },
    async token(workspace, operation) {
      const repository = workspace.repository.slice(url.length + 1);
      const person = (await findIdentities(db, [workspace.owner], 'github')).get(workspace.owner);
      if (!isOurs(workspace) || workspace.fork || !person) throw new UserError('no-credentials', {});
      const wanted = {
        repository,
        person: { id: Number(person.externalId), login: person.login },
        operation,
      };
      return mintGitToken(app, wanted, log);
    },
  };
}

function factsOf({ fork }: Workspace, person: Known | undefined, url: string): GitFacts {
  // A fork's code runs there: it gets nothing, not even what the node has by itself.
  const credentials = fork ? 'none' : person && 'sam';
  return {
    ...(person && { identity: { name: person.name, email: noreply(person, url) } }),
    ...(credentials && { credentials }),
  };
}

const noreply = ({ externalId, login }: Known, url: string): string =>
  `${externalId}+${login}@users.noreply.${new URL(url).hostname}`;
