// What nodes are told of git where the repository is on a forge: who commits, and passwords on the owner's own right.
import type { Logger } from 'pino';
import type { Executor, Workspace } from '../database/types.ts';
import { UserError } from '../errors.ts';
import { findForge, type Forge, type Person } from '../forges/forge.ts';
import { checkGitRight } from '../forges/rights.ts';
import type { GitFacts } from './desired.ts';
import type { GitBroker } from './git-tokens.ts';
import { findIdentities, type Known } from '../access/store/people.ts';

export interface GitBrokerOptions {
  db: Executor;
  forges: readonly Forge[];
  log: Logger;
}

export function createGitBroker({ db, forges, log }: GitBrokerOptions): GitBroker {
  return {
    async facts(workspaces) {
      const facts = new Map<string, GitFacts>();
      for (const forge of forges) {
        const ours = workspaces.filter(({ repository }) => findForge([forge], repository));
        const people = await findIdentities(db, [...new Set(ours.map(({ owner }) => owner))], forge.name);
        for (const one of ours) facts.set(one.id, factsOf(forge, one, people.get(one.owner)));
      }
      return facts;
    },
    async token(workspace, operation) {
      const { forge, label = '' } = findForge(forges, workspace.repository) ?? {};
      const known = forge && (await findIdentities(db, [workspace.owner], forge.name)).get(workspace.owner);
      if (!forge || workspace.fork || !known) throw new UserError('no-credentials', {});
      await checkGitRight(forge, label, personOf(known), operation);
      const minted = await forge.mintToken(label, operation);
      log.info({ repository: label, operation, person: known.login }, 'git got a token');
      return minted;
    },
  };
}

function factsOf(forge: Forge, { fork }: Workspace, known: Known | undefined): GitFacts {
  // A fork's code runs there: it gets nothing, not even what the node has by itself.
  const credentials = fork ? 'none' : known && 'sam';
  return {
    ...(known && { identity: { name: known.name, ...forge.identityOf(personOf(known)) } }),
    ...(credentials && { credentials }),
  };
}

const personOf = ({ externalId, login }: Known): Person => ({ id: externalId, login });
