// After a create that failed: when it may be sent again at once, and when it has to be quiet first.
import { expect, test } from 'vitest';
import { ProviderError } from '../../bot/errors.ts';
import { reconcileNode } from '../../bot/workspaces/reconcile-node.ts';
import { createWorld } from '../workspaces/world.ts';
import { insertNode } from '../../bot/workspaces/store/nodes.ts';
import { claimNode } from '../../bot/workspaces/store/passes.ts';

test('a create that certainly had no effect is as if it had not been sent; any other one is waited for', async () => {
  await using world = await createWorld({ bots: 1 });
  const { db, reconciler } = world;
  const owner = await world.addUser();
  const up = await world.up(owner);
  for (const hadNoEffect of [true, false]) {
    const id = hadNoEffect ? 'nd-surely' : 'nd-perhaps';
    await insertNode(db, {
      id,
      name: id,
      owner,
      provider: 'fake',
      size: 'small',
      phase: 'creating',
      desired: 'running',
    });
    await world.sql`update workspaces set node_id = ${id} where id = ${up}`;
    const held = (await claimNode(db))!;
    expect(held.row.id).toBe(id);
    const create = () => {
      const what = { provider: 'fake', operation: 'create', retryable: true, hadNoEffect };
      return Promise.reject(new ProviderError(what, 'no.'));
    };
    await reconcileNode({ ...reconciler, provider: { ...reconciler.provider, create } }, held);
    const { createSentAt, lastError } = await world.node(id);
    expect(createSentAt === null).toBe(hadNoEffect);
    expect(lastError?.details).toMatchObject({ said: expect.stringContaining('no.') as string });
    // A look that failed says nothing about the create before it.
    await world.sql`update nodes set next_at = now(), create_sent_at = now() where id = ${id}`;
    const find = create;
    await reconcileNode(
      { ...reconciler, provider: { ...reconciler.provider, find } },
      (await claimNode(db))!,
    );
    expect((await world.node(id)).createSentAt).not.toBeNull();
    await world.sql`update nodes set next_at = null`;
  }
});
