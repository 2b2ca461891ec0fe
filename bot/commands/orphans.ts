// What is in doubt at the provider and in the DNS: shown, deleted or adopted by whoever runs Sam. Calls nobody: the sweep
// sees, and does.
import { UserError } from '../errors.ts';
import * as store from '../workspaces/store.ts';
import { shown } from './say.ts';
import type { Scene } from './context.ts';

const MOST = 30;

/** Who runs Sam sits at its console; nobody else sees what other installations have. */
export function refuseOthers({ front, say }: Scene): void {
  if (front === 'console') return;
  throw new UserError(
    'not-allowed',
    `That is for whoever runs Sam, at its console. Your own machines: ${say('nodes')}.`,
  );
}

export async function describeOrphans({ tx, say }: Scene): Promise<string> {
  const [sweep] = (await store.readSweeps(tx)).filter(({ name }) => name === 'orphans');
  if (!sweep?.lastSuccessAt)
    return sweep?.lastError
      ? `Nobody could look yet: ${sweep.lastError}`
      : 'Nobody has looked yet, or there is nothing outside to look at.';
  const all = await store.listOrphans(tx);
  const looked = `Looked at ${sweep.lastSuccessAt.toISOString().slice(0, 16).replace('T', ' ')} UTC.`;
  if (all.length === 0) return `Nothing is in doubt. ${looked}`;
  const more = all.length > MOST ? [`…and ${all.length - MOST} more`] : [];
  return [
    ...all.slice(0, MOST).map(lineOf),
    ...more,
    `Sam leaves these alone, unless it says otherwise. ${looked} To delete one for good: ${say('node rm NAME --orphan')}. ` +
      `One that is a machine of this installation: ${say('node adopt NAME')}.`,
  ].join('\n');
}

function lineOf({ id, name, why, address, createdAt, wish, lastError }: store.Orphan): string {
  const state = wish ? ` (${wish === 'adopt' ? 'is being adopted' : 'is being deleted'})` : '';
  const failed = lastError ? ` (not done: ${lastError})` : '';
  return `${name} · ${id} · ${address ?? 'no address'} · since ${createdAt.toISOString().slice(0, 10)} · ${why}${state}${failed}`;
}

export async function wishFor(wish: store.Wish, word: string, scene: Scene): Promise<string> {
  const { tx, actor, say } = scene;
  const [orphan, ...others] = await store.findOrphans(tx, word);
  if (!orphan)
    throw new UserError(
      'no-node',
      `Nothing in doubt is called ${shown(word)}. All: ${say('nodes --orphans')}.`,
    );
  if (others.length > 0)
    throw new UserError(
      'ambiguous',
      `There is more than one ${shown(word)}. Say which by its id: ${[orphan, ...others].map(({ id }) => `\`${id}\``).join(', ')}.`,
    );
  if (wish === 'adopt') await refuseAdoption(orphan, scene);
  await store.wishOrphan(tx, orphan.id, wish, actor.id);
  const done = wish === 'adopt' ? 'becomes ours' : 'goes';
  return `\`${orphan.name}\` (${orphan.id}) ${done} within a minute. Whether it did: ${say('nodes --orphans')}.`;
}

/** Only what a node stands for can be of use: an agent answers to the installation that it was made by. */
async function refuseAdoption({ kind, name }: store.Orphan, { tx, say }: Scene): Promise<void> {
  const [node] = kind === 'server' ? await store.findNodesByName(tx, [name]) : [];
  if (node) return;
  throw new UserError(
    'not-adoptable',
    `${shown(name)} is no machine that this installation knows, so nothing could use it. To delete it: ${say(`node rm ${name} --orphan`)}.`,
  );
}
