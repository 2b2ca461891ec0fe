// Webhook payloads: GitHub's own examples with our state laid over them. Sends nothing.
import examples from '@octokit/webhooks-examples' with { type: 'json' };
import { type Account, type Json, type Repository, type World, installationFor, nameOf } from '../model.ts';
import { nodeId, showAccount, showRepository } from './views.ts';

interface Example extends Json {
  action?: string;
  repository?: { full_name: string; owner: { login: string } };
}

function pickExample(event: string, action: string): Example {
  const known = (examples as unknown as { name: string; examples: Example[] }[]).find(
    (one) => one.name === event,
  );
  if (!known) throw new Error(`no example of ${event}`);
  const all = known.examples;
  const found = all.find((one) => one.action === action) ?? all[0];
  return structuredClone(found) as Example;
}

/** The names in every URL of an example become ours. */
function rename(example: Example, world: World, repository: Repository | undefined): Example {
  let text = JSON.stringify(example);
  if (repository && example.repository) {
    text = text.replaceAll(example.repository.full_name, nameOf(repository));
    text = text.replaceAll(example.repository.owner.login, repository.owner.login);
  }
  text = text.replaceAll('https://api.github.com', world.apiUrl).replaceAll('https://github.com', world.url);
  return JSON.parse(text) as Example;
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What the state says wins; what it does not know stays as in the example. */
function lay(over: unknown, under: unknown): unknown {
  if (!isObject(over) || !isObject(under)) return over;
  const merged: Json = { ...under };
  // Permissions are what is listed, and no others.
  for (const [name, value] of Object.entries(over))
    merged[name] = name === 'permissions' ? value : lay(value, under[name]);
  return merged;
}

/** `parts`: the keys of the payload beside action, repository, sender, organization and installation. */
export function makePayload(
  world: World,
  event: string,
  action: string,
  { repository, sender, parts = {} }: { repository?: Repository; sender: Account; parts?: Json },
): Json {
  const example = rename(pickExample(event, action), world, repository);
  const laid = Object.entries(parts).map(([name, value]) => [name, lay(value, example[name])]);
  const payload: Json = { action, ...Object.fromEntries(laid), sender: showAccount(world, sender) };
  if (!repository) return payload;
  payload['repository'] = lay(showRepository(world, repository), example['repository']);
  if (repository.owner.type === 'Organization')
    payload['organization'] = showAccount(world, repository.owner);
  const installation = installationFor(world, repository);
  if (installation) {
    payload['installation'] = { id: installation.id, node_id: nodeId('MDIz', installation.id) };
  }
  return payload;
}
