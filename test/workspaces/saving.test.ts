// What happens to a workspace when its pull request goes: two bots over one database, agents that save, cannot, or are silent.
import { expect, test } from 'vitest';
import type { Notice } from '../../bot/codes.ts';
import { retireWorkspaces } from '../../bot/workspaces/cleanup.ts';
import { noteVisibility } from '../../bot/workspaces/store.ts';
import type { Workspace } from '../../bot/database/schema.ts';
import { createWorld, type World, type WorldOptions } from './world.ts';
import { noticeText } from '../words.ts';
import { wakeSilentNodes } from '../../bot/workspaces/store/nodes.ts';

const URL = 'https://github.com/acme/api';
const isDeleted = (row: { phase: string }): boolean => row.phase === 'deleted';
/** It stands still and waits for its day. */
const isPostponed = (row: Workspace): boolean =>
  row.deleteAt !== null && row.desired === 'stopped' && row.phase === 'stopped';

async function withWork(options: { isPrivate: boolean | null } & WorldOptions) {
  const world = await createWorld({ ...options, limits: { nodeWarmMs: 0 } });
  const owner = await world.addUser();
  world.start();
  const id = await world.up(owner);
  const { nodeId } = await world.see(id, (row) => row.phase === 'running');
  if (options.isPrivate !== null) await see(world, options.isPrivate);
  world.agents.dirty.add(id);
  return { world, owner, id, nodeId: nodeId! };
}

const see = ({ db }: World, isPrivate: boolean): Promise<void> =>
  db.transaction((tx) => noteVisibility(tx, URL, isPrivate));

const MERGED: Notice = { code: 'thread-closed', details: { isPullRequest: true, isMerged: true } };

const merge = ({ db }: World): Promise<number> =>
  db.transaction((tx) => retireWorkspaces(tx, { repository: URL }, MERGED));

const endTheDay = async ({ sql }: World, id: string): Promise<void> =>
  void (await sql`update workspaces set delete_at = now(), next_at = now(), gen = gen + 1 where id = ${id}`);

/** The notice, without what differs from run to run. */
const noticeOf = (row: Workspace): string => noticeText(row.notice).replaceAll(row.id, 'ws-1');

test('in a private repository it is saved and gone at once, and the card says how to get the work back', async () => {
  const { world, id, nodeId } = await withWork({ isPrivate: true });
  await using _ = world;
  await merge(world);
  const row = await world.see(id, isDeleted);
  expect(noticeOf(row)).toMatchInlineSnapshot(
    `"It stopped because the pull request was merged. Saved to \`refs/sam/ws-1\`: \`git fetch origin refs/sam/ws-1 && git checkout FETCH_HEAD\`."`,
  );
  expect(world.agents.said.get(id)?.slice(-4)).toEqual(['saving', 'saved', 'deleting', 'deleted']);
  // The node forgot it all; the row did not.
  expect(row.reported?.saved?.ref).toBe(`refs/sam/${id}`);
  await world.seeNode(nodeId, isDeleted);
});

test('new files are not saved: it stops, says what is saved and what is not, and goes a day later', async () => {
  const { world, id } = await withWork({ isPrivate: true });
  await using _ = world;
  world.agents.untracked.add(id);
  await merge(world);
  const kept = await world.see(id, isPostponed);
  expect(noticeOf(kept)).toMatchInlineSnapshot(
    `"It stopped because the pull request was merged. Saved to \`refs/sam/ws-1\`: \`git fetch origin refs/sam/ws-1 && git checkout FETCH_HEAD\`. Not deleted: 2 new files would be lost. It will be deleted all the same in a day, unless you start it: \`start api\`."`,
  );
  const { lastCallMs } = world.reconciler.timing;
  expect(kept.deleteAt!.getTime() - kept.phaseSince.getTime()).toBeGreaterThan(lastCallMs / 2);
  await endTheDay(world, id);
  expect(noticeOf(await world.see(id, isDeleted))).toMatchInlineSnapshot(
    `"It was kept for a day. Saved to \`refs/sam/ws-1\`: \`git fetch origin refs/sam/ws-1 && git checkout FETCH_HEAD\`. Lost: 2 new files."`,
  );
});

test.each([[false], [null]])(
  'where the repository is public or nobody knows (%s) nothing is pushed: it stops, and goes a day later',
  async (isPrivate) => {
    const { world, owner, id } = await withWork({ isPrivate });
    await using _ = world;
    await merge(world);
    const kept = await world.see(id, isPostponed);
    expect(noticeOf(kept)).toBe(
      'It stopped because the pull request was merged. Not deleted: 2 changed files would be lost. It will be deleted all the same in a day, unless you start it: `start api`.',
    );
    expect(world.agents.said.get(id)).not.toContain('saving');
    await world.say(owner, 'start api');
    expect(await world.see(id, (row) => row.phase === 'running')).toMatchObject({ deleteAt: null });
    await merge(world);
    await world.see(id, isPostponed);
    await endTheDay(world, id);
    expect(noticeOf(await world.see(id, isDeleted))).toBe('It was kept for a day. Lost: 2 changed files.');
    expect(world.agents.said.get(id)).not.toContain('saving');
  },
);

test('a saving that takes too long is given up: it stops, and a day later it is tried once more', async () => {
  const { world, id } = await withWork({ isPrivate: true, bots: 1 });
  await using _ = world;
  // Long enough for a busy machine to say that it saves.
  Object.assign(world.reconciler.timing, { deletingMs: 2_000, savingMs: 100 });
  world.agents.hanging.add(id);
  await merge(world);
  const kept = await world.see(id, (row) => row.deleteAt !== null);
  expect(noticeOf(kept)).toContain('Not saved: it took too long.');
  await world.see(id, isPostponed);
  world.agents.hanging.delete(id);
  await endTheDay(world, id);
  const gone = await world.see(id, isDeleted);
  expect(noticeOf(gone)).toMatch(/^It was kept for a day\. Saved to `refs\/sam\/ws-1`/);
});

test('a node that says nothing cannot save: it counts as stopped, and when the day is over it is not waited for', async () => {
  const { world, id, nodeId } = await withWork({ isPrivate: true, silenceMs: 200 });
  await using _ = world;
  world.agents.silent.add((await world.node(nodeId)).name);
  await expect
    .poll(
      async () => {
        await wakeSilentNodes(world.db, 200);
        return (await world.node(nodeId)).phase;
      },
      { timeout: 20_000 },
    )
    .toBe('unhealthy');
  await merge(world);
  const kept = await world.see(id, (row) => row.deleteAt !== null);
  expect(kept.desired).toBe('stopped');
  expect(noticeOf(kept)).toMatchInlineSnapshot(
    `"It stopped because the pull request was merged. Not deleted: its machine did not answer, so nobody knows what would be lost. It will be deleted all the same in a day, unless you start it: \`start api\`."`,
  );
  await endTheDay(world, id);
  expect(noticeOf(await world.see(id, isDeleted))).toBe('It was kept for a day.');
});

test('a person who says rm is asked, not saved for; and rm --force waits for no saving', async () => {
  const { world, owner, id } = await withWork({ isPrivate: true });
  await using _ = world;
  await world.say(owner, 'rm api');
  const kept = await world.see(id, (row) => row.notice !== null);
  expect(kept).toMatchObject({ desired: 'running', deleteAt: null });
  expect(noticeOf(kept)).toContain('or say `rm api --force`');
  expect(world.agents.said.get(id)).not.toContain('saving');
  world.agents.hanging.add(id);
  await merge(world);
  await world.see(id, (row) => row.step === 'saving');
  await world.say(owner, `rm ${id} --force`);
  expect(await world.see(id, isDeleted)).toMatchObject({ notice: null });
});

test('a repository that becomes public while work is being saved ends the saving', async () => {
  const { world, id } = await withWork({ isPrivate: true });
  await using _ = world;
  world.agents.hanging.add(id);
  await merge(world);
  await world.see(id, (row) => row.step === 'saving');
  await see(world, false);
  const kept = await world.see(id, isPostponed);
  expect(noticeOf(kept)).toContain('2 changed files would be lost');
  expect(world.agents.said.get(id)).not.toContain('saved');
});
