// Check runs: a line among the checks of a commit, with a page of its own and up to three buttons. Knows no phase.
import type { Octokit } from './app.ts';
import { call, callOr } from './calls.ts';
import { ownerAndName } from './threads.ts';

export interface CheckButton {
  /** Label and identifier: 20 characters at most, description: 40. */
  label: string;
  identifier: string;
  description: string;
}

export interface Check {
  /** Absent: it is over, and neither good nor bad: a check that fails would hold up merges. */
  progress?: 'queued' | 'in_progress';
  title: string;
  /** Markdown. */
  summary: string;
  /** Comes back with a button's press. */
  externalId?: string;
  url?: string;
  buttons: CheckButton[];
}

const NAME = 'sam/workspace';

/** The App's own on that commit: one that is there already, or whose number got lost. */
export async function findCheck(
  octokit: Octokit,
  repository: string,
  sha: string,
  app: number,
): Promise<number | undefined> {
  const { data } = await call('list checks', () =>
    octokit.rest.checks.listForRef({
      ...ownerAndName(repository),
      ref: sha,
      check_name: NAME,
      app_id: app,
      filter: 'latest',
    }),
  );
  return data.check_runs.find((one) => one.app?.id === app)?.id;
}

/** Makes one, whatever is there already: look first. */
export async function createCheck(
  octokit: Octokit,
  repository: string,
  sha: string,
  check: Check,
): Promise<number> {
  const { data } = await call('create check', () =>
    octokit.rest.checks.create({
      ...ownerAndName(repository),
      name: NAME,
      head_sha: sha,
      ...(shapeOf(check) as { status: 'completed'; conclusion: 'neutral' }),
    }),
  );
  return data.id;
}

/** False: it is not there any more. */
export async function updateCheck(
  octokit: Octokit,
  repository: string,
  id: number,
  check: Check,
): Promise<boolean> {
  const answer = await callOr(
    'update check',
    () => octokit.rest.checks.update({ ...ownerAndName(repository), check_run_id: id, ...shapeOf(check) }),
    undefined,
  );
  return answer !== undefined;
}

const shapeOf = ({ progress, title, summary, externalId, url, buttons }: Check) => ({
  ...(progress ? { status: progress } : { status: 'completed' as const, conclusion: 'neutral' as const }),
  output: { title, summary },
  actions: buttons,
  ...(externalId ? { external_id: externalId } : {}),
  ...(url ? { details_url: url } : {}),
});
