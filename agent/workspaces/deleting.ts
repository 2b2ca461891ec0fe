// The steps towards a workspace's end: look for work, save it where that is wanted, delete. No work goes unasked.
import type { Work } from '../protocol.ts';
import { toFailure } from '../failure.ts';
import { saveWork } from '../git/saving.ts';
import { endEverything, gitOf, openCredentials, type Task, type Tools } from './tools.ts';
import { findWork, type Found } from './work.ts';
import type { Workspace } from './workspace.ts';

/** Goes on to `deleting`, or says which work stands in the way; it leaves everything as it is, unless it saves. */
export async function check(tools: Tools, { record, signal }: Task): Promise<void> {
  const before = record.now();
  await record.update({ step: 'check' });
  const found = await findWork(tools, before, signal);
  const isFree = found.work !== undefined && isNothing(found.work);
  if (before.goal.save && found.work && isSaveable(found.work))
    return save(tools, { record, signal }, found.work);
  if (isFree) await record.update({ phase: 'deleting', step: undefined, work: found.work });
  else await record.update({ step: before.step, ...refusal(found) });
}

const isSaveable = ({ changed, unpushed }: Work): boolean => changed + unpushed > 0;

/**
 * Stops it, so that nothing changes any more, and pushes what may be pushed. It says what that is and what is left, and
 * deletes nothing: that is for the bot to say once it has written down where the work is. Told again after a crash it
 * does all of it again.
 */
async function save(tools: Tools, { record, signal }: Task, seen: Work): Promise<void> {
  const { goal, base, tags } = record.now();
  await record.update({ phase: 'stopping', run: goal.run, step: 'saving', failure: undefined, work: seen });
  await endEverything(tools, record.now());
  const found = await findWork(tools, record.now(), signal);
  const stopped = { phase: 'stopped', step: undefined } as const;
  if (found.work === undefined) return record.update({ ...stopped, ...refusal(found) });
  if (isNothing(found.work)) return record.update({ phase: 'deleting', step: undefined, work: found.work });
  const { store } = tools;
  const scratch = await store.startSaving(record.now());
  await openCredentials(tools, record);
  const git = gitOf(tools, record.now(), signal);
  const { id, name } = goal;
  try {
    const checkout = store.checkout(record.now());
    const { saved, left } = await saveWork({ ...git, id, name, checkout, base, tags, scratch }, found.work);
    await record.update({ ...stopped, work: found.work, refused: left, saved });
  } catch (error) {
    signal.throwIfAborted();
    tools.log(id, 'saving', messageOf(error));
    await record.update({ ...stopped, ...refusal(found), failure: toFailure(error) });
  }
}

const messageOf = (error: unknown): string =>
  error instanceof Error
    ? [error.message, error.cause instanceof Error ? error.cause.message : ''].join(' ').trim()
    : String(error);

export async function remove(tools: Tools, { record, signal }: Task): Promise<void> {
  const { goal } = record.now();
  await record.update({ phase: 'deleting', step: undefined, failure: undefined });
  await endEverything(tools, record.now());
  if (!goal.force) {
    // Somebody may have typed on between the look and the end of the sessions.
    const found = await findWork(tools, record.now(), signal);
    if (found.work === undefined || !isNothing(found.work)) {
      await record.update({ phase: 'stopped', ...refusal(found) });
      return;
    }
  }
  // A state file that is written late would bring the folder back.
  await record.retire();
  await tools.credentials.close(tools.store.socket(goal.id));
  await tools.users.end(goal.id);
  await tools.store.remove(goal.id);
  await tools.users.remove(goal.id);
  await record.update({ phase: 'deleted' });
}

function refusal({ work }: Found): Partial<Workspace> {
  if (work !== undefined) return { refused: work, work };
  return {
    refused: { changed: 0, untracked: 0, unpushed: 0 },
    saved: undefined,
    failure: { class: 'internal', code: 'unknown-work', details: {} },
  };
}

function isNothing({ changed, untracked, unpushed }: Work): boolean {
  return changed + untracked + unpushed === 0;
}
