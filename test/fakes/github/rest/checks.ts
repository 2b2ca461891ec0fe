// Check runs, with their buttons. Only the App itself may write them.
import { invalid, notFound, Refusal } from '../refusal.ts';
import { type Call, created, type Handlers, ok, paged, textIn } from './call.ts';
import type { CheckRun } from '../model.ts';
import { showCheck } from '../views/work.ts';

function getCheck({ world, repository, params }: Call): CheckRun {
  const id = Number(params['check_run_id']);
  const found = world.checks.find((one) => one.id === id && one.repository === repository);
  if (!found) throw notFound();
  return found;
}

function apply(call: Call, check: CheckRun): CheckRun {
  const { body, world } = call;
  if (body['status'] === 'completed' && !body['conclusion'])
    throw invalid('CheckRun', 'conclusion', 'missing_field');
  if (body['details_url'] !== undefined && !/^https?:\/\/\S+$/.test(textIn(body, 'details_url') ?? '')) {
    throw invalid('CheckRun', 'details_url', 'custom', 'details_url must use http or https scheme');
  }
  const conclusion = textIn(body, 'conclusion') ?? null;
  const status = conclusion ? 'completed' : (textIn(body, 'status') ?? check.status);
  Object.assign(check, {
    name: body['name'] ?? check.name,
    detailsUrl: body['details_url'] ?? check.detailsUrl,
    externalId: body['external_id'] ?? check.externalId,
    output: body['output'] ?? check.output,
    actions: body['actions'] ?? check.actions,
    status,
    conclusion: status === 'completed' ? (conclusion ?? check.conclusion) : null,
    completedAt: status === 'completed' ? world.now() : null,
  });
  return check;
}

async function createCheck(call: Call) {
  const { world, git, repository, body } = call;
  const headSha = String(body['head_sha']);
  const isSha = /^[0-9a-f]{40}$/.test(headSha);
  if (!isSha || !(await git.resolve(repository.id, headSha))) {
    throw new Refusal(422, `No commit found for SHA: ${headSha}`);
  }
  const check: CheckRun = {
    id: world.nextId(),
    repository,
    headSha,
    name: String(body['name']),
    detailsUrl: null,
    externalId: null,
    status: 'queued',
    conclusion: null,
    output: {},
    actions: [],
    startedAt: world.now(),
    completedAt: null,
  };
  apply(call, check);
  world.checks.push(check);
  return created(showCheck(world, check));
}

export const checkHandlers: Handlers = {
  'checks/create': createCheck,
  'checks/get': (call) => ok(showCheck(call.world, getCheck(call))),
  'checks/update': (call) => ok(showCheck(call.world, apply(call, getCheck(call)))),
  async 'checks/list-for-ref'(call) {
    const { world, git, repository, params, query } = call;
    const sha = await git.resolve(repository.id, params['ref'] ?? '');
    const all = world.checks
      .filter((one) => one.repository === repository && one.headSha === sha)
      .filter((one) => !query['check_name'] || one.name === query['check_name'])
      .filter(() => !query['app_id'] || world.app.id === Number(query['app_id']));
    const wrap = (page: unknown[]) => ({ total_count: all.length, check_runs: page });
    return paged(call, all, (one) => showCheck(world, one), wrap);
  },
};
