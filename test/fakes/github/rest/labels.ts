// Labels of a repository, and on its issues and pull requests.
import { invalid, notFound, Refusal } from '../refusal.ts';
import {
  actor,
  type Call,
  created,
  ensureLabel,
  findLabel,
  getThread,
  type Handlers,
  noContent,
  ok,
  paged,
  textIn,
} from './call.ts';
import type { Label, Thread } from '../model.ts';
import { showLabel, showLabels } from '../views/views.ts';

function getLabel({ repository, params }: Call): Label {
  const label = findLabel(repository, params['name'] ?? '');
  if (!label) throw notFound();
  return label;
}

function check({ body }: Call, name: string): void {
  const { color, description } = body as { color?: string; description?: string };
  if (name.trim() === '' || name.length > 50) throw invalid('Label', 'name', 'invalid');
  if (color !== undefined && !/^[0-9a-f]{6}$/i.test(color)) throw invalid('Label', 'color', 'invalid');
  if ((description?.length ?? 0) > 100) throw invalid('Label', 'description', 'too_long');
}

function namesIn({ body }: Call): string[] {
  const labels = (body['labels'] ?? []) as (string | { name: string })[];
  return labels.map((one) => (typeof one === 'string' ? one : one.name));
}

function put(call: Call, thread: Thread, names: string[]): void {
  for (const name of names) {
    const label = ensureLabel(call.world, call.repository, name);
    if (thread.labels.includes(label.name)) continue;
    thread.labels.push(label.name);
    call.hooks.echo(() => call.hooks.aboutLabel('labeled', thread, label.name, actor(call)));
  }
}

function take(call: Call, thread: Thread, name: string): void {
  thread.labels = thread.labels.filter((one) => one !== name);
  call.hooks.echo(() => call.hooks.aboutLabel('unlabeled', thread, name, actor(call)));
}

export const labelHandlers: Handlers = {
  'issues/list-labels-for-repo': (call) =>
    paged(call, call.repository.labels, (label) => showLabel(call.world, call.repository, label)),
  'issues/get-label': (call) => ok(showLabel(call.world, call.repository, getLabel(call))),
  'issues/create-label'(call) {
    const { world, repository, body } = call;
    const name = String(body['name']);
    check(call, name);
    if (findLabel(repository, name)) throw invalid('Label', 'name', 'already_exists');
    const color = textIn(body, 'color') ?? 'ededed';
    const description = textIn(body, 'description') ?? null;
    const label: Label = { id: world.nextId(), name, color, description };
    repository.labels.push(label);
    return created(showLabel(world, repository, label));
  },
  'issues/update-label'(call) {
    const label = getLabel(call);
    const { new_name: name = label.name, color = label.color, description = label.description } = call.body;
    check(call, String(name));
    const old = label.name;
    Object.assign(label, { name, color, description });
    for (const thread of call.world.threads.filter((one) => one.repository === call.repository)) {
      thread.labels = thread.labels.map((one) => (one === old ? label.name : one));
    }
    return ok(showLabel(call.world, call.repository, label));
  },
  'issues/delete-label'(call) {
    const label = getLabel(call);
    call.repository.labels = call.repository.labels.filter((one) => one !== label);
    for (const thread of call.world.threads.filter((one) => one.repository === call.repository)) {
      thread.labels = thread.labels.filter((one) => one !== label.name);
    }
    return noContent();
  },
  'issues/list-labels-on-issue': (call) => paged(call, showLabels(call.world, getThread(call)), (one) => one),
  'issues/add-labels'(call) {
    const thread = getThread(call);
    put(call, thread, namesIn(call));
    return ok(showLabels(call.world, thread));
  },
  'issues/set-labels'(call) {
    const thread = getThread(call);
    const names = namesIn(call);
    for (const name of thread.labels.filter((one) => !names.includes(one))) take(call, thread, name);
    put(call, thread, names);
    return ok(showLabels(call.world, thread));
  },
  'issues/remove-label'(call) {
    const thread = getThread(call);
    const label = findLabel(call.repository, call.params['name'] ?? '');
    if (!label || !thread.labels.includes(label.name)) throw new Refusal(404, 'Label does not exist');
    take(call, thread, label.name);
    return ok(showLabels(call.world, thread));
  },
  'issues/remove-all-labels'(call) {
    const thread = getThread(call);
    for (const name of thread.labels) take(call, thread, name);
    return noContent();
  },
};
