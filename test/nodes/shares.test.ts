// What agents are told of those whom a workspace is shared with.
import { expect, test } from 'vitest';
import { clock, connect, hello, node, rows, running, workspace } from './hub-context.ts';

test('who else is let in is told with the workspace, and again when it is over, by a poll too', async () => {
  const share = await rows.share(workspace, await rows.addUser('bob'));
  const agent = await connect(node.id);
  agent.say(hello(running()));
  const shares = { upTo: share.seq, open: [share.seq] };
  expect(await agent.hear()).toMatchObject({ workspaces: [{ id: workspace.id, shares }] });
  await rows.sql`update shares set until = now() where id = ${share.id}`;
  await clock.get(5_000)!();
  expect(await agent.hear()).toMatchObject({
    all: false,
    workspaces: [{ shares: { ...shares, open: [] } }],
  });
});
