// What Sam and a person both see on a forge, over HTTP: whose repositories Sam was let into, which of them are theirs, and where
// somebody lets it into more. Asks the forge; keeps what it said for a short while.
import type { z } from 'zod';
import type { Logger } from 'pino';
import { createBucket } from '../../access/repository-guard.ts';
import { findIdentities } from '../../access/store/people.ts';
import type { Executor } from '../../database/types.ts';
import { addressOf, type Forge, type Person } from '../../forges/forge.ts';
import { createRepositories, searchRepositories, type Repositories } from '../repositories.ts';
import { refuse, type Caller, type Operation, type Reply } from './operation.ts';
import { InstallationList, InstallUrl, RepositoryList, Search } from './schemas.ts';

interface ForgeOptions {
  db: Executor;
  forges: readonly Forge[];
  log: Logger;
}

/** Of many accounts the first. */
const MAX_ACCOUNTS = 100;
/** An account is theirs to see if one of so many of its repositories is. */
const MAX_LOOKED_AT = 20;
const TIMEOUT_MS = 10_000;

export function forgeOperations({ db, forges, log }: ForgeOptions): Operation[] {
  const mayAsk = createBucket();
  return forges.flatMap((forge) => operationsOf({ db, forge, mayAsk }, createRepositories(forge, log)));
}

interface Asked {
  db: Executor;
  forge: Forge;
  /** Each look asks the forge many questions: whoever looks on and on is told to wait. */
  mayAsk: (user: string) => boolean;
}

function operationsOf(asked: Asked, repositories: Repositories): Operation[] {
  const { forge } = asked;
  const path = `/api/${forge.name}`;
  const named = forge.title.replaceAll(/\W/g, '');
  const shared = { for: 'person', method: 'GET', refusals: [] } as const;
  return [
    {
      ...shared,
      id: `list${named}Installations`,
      path: `${path}/installations`,
      summary: `The accounts at ${forge.title} that let Sam in, and that you can see.`,
      answers: { status: 200, schema: InstallationList },
      run: async ({ caller }) => installations(repositories, await personOf(asked, caller)),
    },
    {
      ...shared,
      id: `get${named}InstallUrl`,
      path: `${path}/install-url`,
      summary: `The page at ${forge.title} where somebody lets Sam into repositories of theirs.`,
      answers: { status: 200, schema: InstallUrl },
      run: async () => ({ status: 200, body: { url: await forge.installUrl() } }),
    },
    {
      ...shared,
      id: `search${named}Repositories`,
      path: `${path}/repositories`,
      summary: `Repositories at ${forge.title} that Sam and you can see, by a part of their name; 20 at most.`,
      query: Search,
      answers: { status: 200, schema: RepositoryList },
      async run({ caller, query }) {
        const { q = '' } = query as z.infer<typeof Search>;
        const person = await personOf(asked, caller);
        const wanted = { timeoutMs: TIMEOUT_MS, needed: 'read' } as const;
        const found = await searchRepositories(repositories, person, q, wanted);
        const items = found.map((repository) => ({ repository, url: addressOf(forge, repository) }));
        return { status: 200, body: { items, next: null } };
      },
    },
  ];
}

/** Throws ApiError: nobody knows who they are there, or they have it asked too often. */
async function personOf({ db, forge: { name }, mayAsk }: Asked, { user }: Caller): Promise<Person> {
  const known = (await findIdentities(db, [user], name)).get(user);
  if (!known) throw refuse(403, 'no-account');
  if (!mayAsk(user)) throw refuse(429, 'too-often');
  return { id: known.externalId, login: known.login };
}

async function installations(repositories: Repositories, person: Person): Promise<Reply> {
  const accounts = Map.groupBy(await repositories.list(), (label) => label.split('/')[0] ?? label);
  const seen = await Promise.all(
    [...accounts].slice(0, MAX_ACCOUNTS).map(async ([account, labels]) => {
      const looks = labels.slice(0, MAX_LOOKED_AT).map((label) => repositories.may(label, person, 'read'));
      const isTheirs = await Promise.all(looks.map((look) => look.catch(() => false)));
      return { account, repositories: isTheirs.filter(Boolean).length };
    }),
  );
  const items = seen.filter((one) => one.repositories > 0);
  return { status: 200, body: { items, next: null } };
}
