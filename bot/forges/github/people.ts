// People by the names that they go by on GitHub: a login, or a team with all who are in it. Asked of an installation, since the App by
// itself may ask for neither.
import type { Person } from '../forge.ts';
import type { GitHubApp, Octokit } from './app.ts';
import { callOr } from './calls.ts';

const TEAM = /^@([^/]+)\/([^/]+)$/;
const PAGE = 100;
const MAX_PAGES = 10;

/** Undefined: there is nobody of that name, or the App may not see them. Throws ProviderError. */
export async function findPeople(
  app: Pick<GitHubApp, 'any' | 'ofOrganization'>,
  name: string,
): Promise<Person[] | undefined> {
  const [, organization, team] = TEAM.exec(name) ?? [];
  if (organization === undefined || team === undefined) return findOne(await app.any(), name);
  const octokit = await app.ofOrganization(organization);
  return octokit && listTeam(octokit, organization, team);
}

async function findOne(octokit: Octokit | undefined, username: string): Promise<Person[] | undefined> {
  const found =
    octokit && (await callOr('find person', () => octokit.rest.users.getByUsername({ username }), undefined));
  return found && [{ id: String(found.data.id), login: found.data.login }];
}

async function listTeam(octokit: Octokit, org: string, team_slug: string): Promise<Person[] | undefined> {
  const people: Person[] = [];
  for (let page = 1; page <= MAX_PAGES; page++) {
    const asked = { org, team_slug, per_page: PAGE, page };
    const found = await callOr('list team', () => octokit.rest.teams.listMembersInOrg(asked), undefined);
    if (!found) return undefined;
    people.push(...found.data.map(({ id, login }) => ({ id: String(id), login })));
    if (found.data.length < PAGE) break;
  }
  return people;
}
