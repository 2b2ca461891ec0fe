// A node for tests of its users: an agent that is root, as on a machine of its own, and two workspaces on it. Without root
// these tests are left out, and say so.
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished, test } from 'vitest';
import { createUsers } from '../../agent/system/users.ts';
import type { DesiredWorkspace } from '../../agent/protocol.ts';
import { createNode, makeRepository } from '../testers/node.ts';
import { isLeftOut } from '../needs.ts';
import { serveGit } from '../agent/git/server.ts';
import { look } from '../agent/viewer.ts';

const isRoot = process.getuid?.() === 0;
export const asRoot = test.skipIf(isLeftOut('users of workspaces', !isRoot && 'they need root'));

/** An agent that is root, and two workspaces on it; with `password` of a repository that wants it. */
export async function startNode({ password }: { password?: string } = {}) {
  const context = await createNode({ settings: { users: 'per-workspace' } });
  // The folders of tests are closed; those of a node are not.
  chmodSync(context.folder, 0o711);
  makeRepository(join(context.folder, 'repositories/api.git'));
  context.bot.state.password = password;
  const server = await serveGit(
    join(context.folder, 'repositories'),
    password === undefined ? {} : { token: password },
  );
  context.start();
  const users = createUsers(context.dir);
  const goals = [0, 1].map((number) =>
    context.goal({ name: `api-${number}`, repository: server.url('api.git'), credentials: 'sam' }),
  );
  onTestFinished(async () => {
    await context.agents.at(-1)?.stop();
    for (const { id } of goals) await users.remove(id);
  });
  context.bot.want(...goals);
  for (const { id } of goals) await context.bot.report(id, ({ phase }) => phase === 'running');
  const open = async (goal: DesiredWorkspace) => {
    const viewer = await look(context, goal.id);
    await viewer.open();
    return viewer;
  };
  return {
    context,
    users,
    open,
    folder: (goal: DesiredWorkspace) => join(context.dir, 'workspaces', goal.id),
    one: goals[0]!,
    other: goals[1]!,
  };
}
