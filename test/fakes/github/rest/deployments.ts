// Deployments and their statuses.
import { invalid, notFound, Refusal } from '../refusal.ts';
import { type Call, created, type Handlers, noContent, ok, paged, textIn } from './call.ts';
import type { Deployment, DeploymentStatus } from '../model.ts';
import { showDeployment, showDeploymentStatus } from '../views/work.ts';

function getDeployment({ world, repository, params }: Call): Deployment {
  const id = Number(params['deployment_id']);
  const found = world.deployments.find((one) => one.id === id && one.repository === repository);
  if (!found) throw notFound();
  return found;
}

async function createDeployment(call: Call) {
  const { world, git, repository, body } = call;
  const ref = String(body['ref']);
  const sha = await git.resolve(repository.id, ref);
  if (!sha) throw new Refusal(422, `No ref found for: ${ref}`);
  const checks = world.checks.filter((one) => one.repository === repository && one.headSha === sha);
  const isGreen = checks.every((one) => ['success', 'neutral', 'skipped'].includes(one.conclusion ?? ''));
  if (!isGreen && body['required_contexts'] === undefined) {
    throw new Refusal(409, 'Conflict: Commit status checks failed for main.');
  }
  const environment = textIn(body, 'environment') ?? 'production';
  const deployment: Deployment = {
    id: world.nextId(),
    repository,
    sha,
    ref,
    task: textIn(body, 'task') ?? 'deploy',
    environment,
    description: textIn(body, 'description') ?? null,
    payload: body['payload'] ?? {},
    transient: body['transient_environment'] === true,
    production: (body['production_environment'] as boolean | undefined) ?? environment === 'production',
    statuses: [],
    createdAt: world.now(),
  };
  world.deployments.push(deployment);
  return created(showDeployment(world, deployment));
}

function addStatus(call: Call, deployment: Deployment, state: string): DeploymentStatus {
  const { world, body } = call;
  const text = (name: string) => textIn(body, name) ?? '';
  const status = {
    id: world.nextId(),
    state,
    description: text('description'),
    environmentUrl: text('environment_url'),
    logUrl: text('log_url') || text('target_url'),
    createdAt: world.now(),
  };
  deployment.statuses.push(status);
  return status;
}

function checkStatus({ body }: Call): void {
  if ((textIn(body, 'description') ?? '').length > 140) {
    throw invalid(
      'DeploymentStatus',
      'description',
      'custom',
      'description is too long (maximum is 140 characters)',
    );
  }
  for (const name of ['environment_url', 'log_url', 'target_url']) {
    const given = textIn(body, name);
    if (given && !/^https?:\/\/\S+$/.test(given)) {
      throw invalid('DeploymentStatus', name, 'custom', `${name} must use http(s) scheme`);
    }
  }
}

/** A success makes its older, non-transient siblings inactive, unless it is asked not to. */
function retireSiblings(call: Call, newest: Deployment): void {
  const siblings = call.world.deployments.filter(
    (one) =>
      one !== newest &&
      one.repository === newest.repository &&
      one.environment === newest.environment &&
      !one.transient,
  );
  for (const one of siblings.filter(({ production }) => !production)) {
    const status = {
      id: call.world.nextId(),
      state: 'inactive',
      description: '',
      environmentUrl: '',
      logUrl: '',
    };
    one.statuses.push({ ...status, createdAt: call.world.now() });
  }
}

export const deploymentHandlers: Handlers = {
  'repos/create-deployment': createDeployment,
  'repos/get-deployment': (call) => ok(showDeployment(call.world, getDeployment(call))),
  'repos/list-deployments'(call) {
    const { world, repository, query } = call;
    const all = world.deployments
      .filter((one) => one.repository === repository)
      .filter((one) => !query['sha'] || query['sha'] === 'none' || one.sha === query['sha'])
      .filter((one) => !query['ref'] || query['ref'] === 'none' || one.ref === query['ref'])
      .filter((one) => !query['task'] || query['task'] === 'none' || one.task === query['task'])
      .filter((one) => !query['environment'] || one.environment === query['environment']);
    return paged(call, all.toReversed(), (one) => showDeployment(world, one));
  },
  'repos/delete-deployment'(call) {
    const { world, repository } = call;
    const deployment = getDeployment(call);
    const isActive = deployment.statuses.at(-1)?.state !== 'inactive';
    const isOnly = world.deployments.filter((one) => one.repository === repository).length === 1;
    if (isActive && !isOnly) {
      throw new Refusal(
        422,
        'We cannot delete an active deployment unless it is the only deployment in a given repository.',
      );
    }
    world.deployments = world.deployments.filter((one) => one !== deployment);
    return noContent();
  },
  'repos/list-deployment-statuses'(call) {
    const deployment = getDeployment(call);
    const newestFirst = deployment.statuses.toReversed();
    return paged(call, newestFirst, (one) => showDeploymentStatus(call.world, deployment, one));
  },
  'repos/create-deployment-status'(call) {
    const deployment = getDeployment(call);
    checkStatus(call);
    const state = String(call.body['state']);
    const status = addStatus(call, deployment, state);
    deployment.environment = textIn(call.body, 'environment') ?? deployment.environment;
    if (state === 'success' && call.body['auto_inactive'] !== false) retireSiblings(call, deployment);
    return created(showDeploymentStatus(call.world, deployment, status));
  },
};
