// Pull requests of the App's own: one for each branch that is offered, however often it is tried. Knows no workspace and no command.
import { ProviderError } from '../../errors.ts';
import type { OfferedChange, OpenedChange } from '../forge.ts';
import type { Octokit } from './app.ts';
import { call } from './calls.ts';
import { missingPermission } from './missing-permissions.ts';
import { findRepository, ownerAndName } from './threads.ts';

/** GitHub takes 256 and 65,536 characters. */
const MAX_TITLE = 256;
const MAX_BODY = 60_000;

export async function openPullRequest(
  octokit: Octokit,
  repository: string,
  { branch, base, title, body }: OfferedChange,
): Promise<OpenedChange> {
  try {
    const there = await findOpen(octokit, repository, branch);
    if (there) return there;
    const into = base ?? (await findRepository(octokit, repository))?.branch ?? 'main';
    const { data } = await call('open pull request', () =>
      octokit.rest.pulls.create({
        ...ownerAndName(repository),
        head: branch,
        base: into,
        title: title.slice(0, MAX_TITLE),
        body: body.slice(0, MAX_BODY),
      }),
    );
    return { number: data.number, url: data.html_url, base: data.base.ref };
  } catch (error) {
    const why = explain(error);
    if (!why) throw error;
    // Somebody else was faster.
    const there = why === 'there' ? await findOpen(octokit, repository, branch) : undefined;
    if (why !== 'there') return why;
    if (!there) throw error;
    return there;
  }
}

/** A branch of the same name in a fork is another one. */
async function findOpen(
  octokit: Octokit,
  repository: string,
  branch: string,
): Promise<{ number: number; url: string; base: string } | undefined> {
  const { owner, repo } = ownerAndName(repository);
  const { data } = await call('list pull requests', () =>
    octokit.rest.pulls.list({ owner, repo, state: 'open', head: `${owner}:${branch}`, per_page: 100 }),
  );
  const found = data.find(({ head, base }) => head.ref === branch && head.repo?.id === base.repo.id);
  return found && { number: found.number, url: found.html_url, base: found.base.ref };
}

/** What a person can mend; undefined: something else. */
function explain(error: unknown): Extract<OpenedChange, { refused: string }> | 'there' | undefined {
  const permission = missingPermission(error);
  if (permission !== undefined) return { refused: 'app-lacks', said: permission };
  if (!(error instanceof ProviderError) || error.cause !== 422) return undefined;
  const { message } = error;
  if (/pull request already exists/i.test(message)) return 'there';
  if (/No commits between/i.test(message)) return { refused: 'nothing-changed' };
  if (/"field":\s*"base"/.test(message)) return { refused: 'no-base' };
  return { refused: 'refused', said: message };
}
