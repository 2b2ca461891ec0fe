// The steps towards a workspace's end: look for work, save it where that is wanted, delete. No work goes unasked.
import type { Work } from '../protocol.ts';
import { toFailure } from '../failure.ts';
import { saveWork } from '../git/saving.ts';
import {
  endEverything,
  findWork,
  gitOf,
  openCredentials,
  runtimeOf,
  specOf,
  type Found,
  type Task,
  type Tools,
} from './tools.ts';
import type { Workspace } from './workspace.ts';

/** Goes on to `deleting`, or says which work stands in the way; it leaves everything as it is, unless it saves. */
export async function check(tools: Tools, { state, signal }: Task): Promise<void> {
  const before = state.now();
  await state.update({ step: 'check' });
  const found = await findWork(tools, before, signal);
  const isFree = found.work !== undefined && isNothing(found.work);
  if (before.desired.save && found.work && isSaveable(found.work))
    return save(tools, { state, signal }, found.work);
  if (isFree) await state.update({ phase: 'deleting', step: undefined, work: found.work });
  else await state.update({ step: before.step, ...refusal(found) });
}

const isSaveable = ({ changed, unpushed }: Work): boolean => changed + unpushed > 0;

/**
 * Stops it, so that nothing changes any more, and pushes what may be pushed. It says what that is and what is left, and
 * deletes nothing: that is for the bot to say once it has written down where the work is. Told again after a crash it
 * does all of it again.
 */
async function save(tools: Tools, { state, signal }: Task, seen: Work): Promise<void> {
  const { desired, base, tags } = state.now();
  await state.update({ phase: 'stopping', run: desired.run, step: 'saving', failure: undefined, work: seen });
  await endEverything(tools, state.now());
  const found = await findWork(tools, state.now(), signal);
  const stopped = { phase: 'stopped', step: undefined } as const;
  if (found.work === undefined) return state.update({ ...stopped, ...refusal(found) });
  if (isNothing(found.work)) return state.update({ phase: 'deleting', step: undefined, work: found.work });
  const { store } = tools;
  const scratch = await store.startSaving(state.now());
  await openCredentials(tools, state);
  const git = gitOf(tools, state.now(), signal);
  const { id, name } = desired;
  try {
    const checkout = store.checkout(state.now());
    const { saved, left } = await saveWork({ ...git, id, name, checkout, base, tags, scratch }, found.work);
    await state.update({ ...stopped, work: found.work, refused: left, saved });
  } catch (error) {
    signal.throwIfAborted();
    tools.log(id, 'saving', messageOf(error));
    await state.update({ ...stopped, ...refusal(found), failure: toFailure(error) });
  } finally {
    await tools.credentials.close(store.socket(id));
  }
}

const messageOf = (error: unknown): string =>
  error instanceof Error
    ? [error.message, error.cause instanceof Error ? error.cause.message : ''].join(' ').trim()
    : String(error);

export async function remove(tools: Tools, { state, signal }: Task): Promise<void> {
  const { desired } = state.now();
  await state.update({ phase: 'deleting', step: undefined, failure: undefined });
  await endEverything(tools, state.now());
  if (!desired.force) {
    // A user may have typed on between the look and the end of the sessions.
    const found = await findWork(tools, state.now(), signal);
    if (found.work === undefined || !isNothing(found.work)) {
      await state.update({ phase: 'stopped', ...refusal(found) });
      return;
    }
  }
  // A state file that is written late would bring the folder back.
  await state.retire();
  const spec = specOf(tools, state.now());
  await tools.store.remove(desired.id);
  await runtimeOf(tools, state.now()).remove(spec);
  await state.update({ phase: 'deleted' });
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
