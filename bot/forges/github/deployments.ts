// Deployments: how a pull request shows that there is an environment for it. One for each workspace and commit, any
// number of statuses. Knows no phase and no card.
import type { Octokit } from './app.ts';
import { call, callOr } from './calls.ts';
import { ownerAndName, type ThreadAddress } from './threads.ts';

/** What there is one deployment for. */
export interface DeploymentGoal {
  workspace: string;
  /** The head of the pull request: 40 hex digits. */
  sha: string;
}

export interface DeploymentStatus {
  state: 'queued' | 'in_progress' | 'success' | 'failure' | 'inactive';
  /** GitHub takes 140 characters. */
  description: string;
  /** Where it can be opened: only with `success`. */
  url?: string;
}

const ENVIRONMENT = 'sam';
const TASK = 'sam';

/** The one that a create may have left whose answer got lost, or an earlier one for the same goal. */
export async function findDeployment(
  octokit: Octokit,
  repository: string,
  { workspace, sha }: DeploymentGoal,
): Promise<number | undefined> {
  const { data } = await call('list deployments', () =>
    octokit.rest.repos.listDeployments({
      ...ownerAndName(repository),
      sha,
      environment: ENVIRONMENT,
      task: TASK,
      per_page: 100,
    }),
  );
  return data.find(({ payload }) => workspaceOf(payload) === workspace)?.id;
}

/** What we gave as an object may come back as its JSON. */
function workspaceOf(payload: unknown): unknown {
  const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
  try {
    return (JSON.parse(text) as { workspace?: unknown } | null)?.workspace;
  } catch {
    return undefined;
  }
}

/** Makes one, whatever is there already: look first. Without `required_contexts` GitHub would wait for other checks. */
export async function createDeployment(
  octokit: Octokit,
  { repository, number }: ThreadAddress,
  { workspace, sha }: DeploymentGoal,
): Promise<number> {
  const { data } = await call('create deployment', () =>
    octokit.rest.repos.createDeployment({
      ...ownerAndName(repository),
      ref: sha,
      task: TASK,
      environment: ENVIRONMENT,
      description: `Workspace for #${number}`,
      payload: { workspace, number },
      transient_environment: true,
      production_environment: false,
      auto_merge: false,
      required_contexts: [],
    }),
  );
  if (!('id' in data)) throw new Error(`create deployment: GitHub merged instead: ${data.message ?? ''}`);
  return data.id;
}

/** False: somebody deleted the deployment. Others of the environment keep their state. */
export async function setDeploymentStatus(
  octokit: Octokit,
  repository: string,
  deployment: number,
  { state, description, url }: DeploymentStatus,
): Promise<boolean> {
  const answer = await callOr(
    'set deployment status',
    () =>
      octokit.rest.repos.createDeploymentStatus({
        ...ownerAndName(repository),
        deployment_id: deployment,
        state,
        description: description.slice(0, 140),
        ...(url ? { environment_url: url } : {}),
        auto_inactive: false,
      }),
    undefined,
  );
  return answer !== undefined;
}

/** What it says now; undefined: nothing yet, or it is gone. */
export async function readDeploymentStatus(
  octokit: Octokit,
  repository: string,
  deployment: number,
): Promise<{ state: string; url: string } | undefined> {
  const answer = await callOr(
    'list deployment statuses',
    () =>
      octokit.rest.repos.listDeploymentStatuses({
        ...ownerAndName(repository),
        deployment_id: deployment,
        per_page: 1,
      }),
    undefined,
  );
  const [last] = answer?.data ?? [];
  return last && { state: last.state, url: last.environment_url ?? '' };
}
