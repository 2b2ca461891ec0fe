// How deployments, their statuses and check runs are shown. Only what somebody reads; complete.ts adds the rest.
import type { CheckRun, Deployment, DeploymentStatus, Json, Repository, Thread, World } from '../model.ts';
import { at, atOrNull, nodeId, repositoryPage, repositoryUrl, showAccount, showApp } from './views.ts';

export function showDeployment(world: World, deployment: Deployment): Json {
  const { id, repository } = deployment;
  const url = `${repositoryUrl(world, repository)}/deployments/${id}`;
  return {
    id,
    node_id: nodeId('DE', id),
    url,
    sha: deployment.sha,
    ref: deployment.ref,
    task: deployment.task,
    payload: deployment.payload,
    environment: deployment.environment,
    original_environment: deployment.environment,
    description: deployment.description,
    creator: showAccount(world, world.bot),
    created_at: at(deployment.createdAt),
    updated_at: at(deployment.statuses.at(-1)?.createdAt ?? deployment.createdAt),
    statuses_url: `${url}/statuses`,
    repository_url: repositoryUrl(world, repository),
    transient_environment: deployment.transient,
    production_environment: deployment.production,
    performed_via_github_app: showApp(world),
  };
}

export function showDeploymentStatus(world: World, deployment: Deployment, status: DeploymentStatus): Json {
  const { id, repository, environment } = deployment;
  const url = `${repositoryUrl(world, repository)}/deployments/${id}`;
  return {
    id: status.id,
    node_id: nodeId('DES', status.id),
    url: `${url}/statuses/${status.id}`,
    state: status.state,
    creator: showAccount(world, world.bot),
    description: status.description,
    environment,
    environment_url: status.environmentUrl,
    log_url: status.logUrl,
    target_url: status.logUrl,
    created_at: at(status.createdAt),
    updated_at: at(status.createdAt),
    deployment_url: url,
    repository_url: repositoryUrl(world, repository),
  };
}

export function showCheck(world: World, check: CheckRun): Json {
  const { id, repository } = check;
  const url = `${repositoryUrl(world, repository)}/check-runs/${id}`;
  const pulls = world.threads.filter(
    (one) =>
      one.repository === repository && one.head?.sha === check.headSha && one.head.repository === repository,
  );
  return {
    id,
    node_id: nodeId('CR', id),
    name: check.name,
    head_sha: check.headSha,
    external_id: check.externalId,
    url,
    html_url: `${repositoryPage(world, repository)}/runs/${id}`,
    details_url: check.detailsUrl,
    status: check.status,
    conclusion: check.conclusion,
    started_at: atOrNull(check.startedAt),
    completed_at: atOrNull(check.completedAt),
    output: {
      title: null,
      summary: null,
      text: null,
      ...check.output,
      annotations_count: 0,
      annotations_url: `${url}/annotations`,
    },
    check_suite: {
      id: check.id,
      head_branch: pulls[0]?.head?.ref ?? null,
      head_sha: check.headSha,
      status: check.status,
      conclusion: check.conclusion,
      url: `${repositoryUrl(world, repository)}/check-suites/${check.id}`,
      app: showApp(world),
      pull_requests: pulls.map((pull) => showPullShortly(world, pull)),
    },
    app: showApp(world),
    pull_requests: pulls.map((pull) => showPullShortly(world, pull)),
  };
}

function showPullShortly(world: World, thread: Thread): Json {
  const short = (repository: Repository) => ({
    id: repository.id,
    url: repositoryUrl(world, repository),
    name: repository.name,
  });
  return {
    id: thread.id,
    number: thread.number,
    url: `${repositoryUrl(world, thread.repository)}/pulls/${thread.number}`,
    head: {
      ref: thread.head?.ref,
      sha: thread.head?.sha,
      repo: thread.head && short(thread.head.repository),
    },
    base: { ref: thread.base?.ref, sha: thread.base?.sha, repo: short(thread.repository) },
  };
}
