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
import { attach } from '../agent/viewer.ts';

const isRoot = process.getuid?.() === 0;
export const asRoot = test.skipIf(isLeftOut('users of workspaces', !isRoot && 'they need root'));

/** An agent that is root, and two workspaces on it; with `password` of a repository that wants it. */
export async function startNode({ password }: { password?: string } = {}) {
  const scene = await createNode({ settings: { users: 'per-workspace' } });
  // The folders of tests are closed; those of a node are not.
  chmodSync(scene.folder, 0o711);
  makeRepository(join(scene.folder, 'repositories/api.git'));
  scene.bot.state.password = password;
  const server = await serveGit(
    join(scene.folder, 'repositories'),
    password === undefined ? {} : { token: password },
  );
  scene.start();
  const users = createUsers(scene.dir);
  const goals = [0, 1].map((number) =>
    scene.goal({ name: `api-${number}`, repository: server.url('api.git'), credentials: 'sam' }),
  );
  onTestFinished(async () => {
    await scene.agents.at(-1)?.stop();
    for (const { id } of goals) await users.remove(id);
  });
  scene.bot.want(...goals);
  for (const { id } of goals) await scene.bot.report(id, ({ phase }) => phase === 'running');
  const open = async (goal: DesiredWorkspace) => {
    const port = scene.bot.state.hellos.at(-1)!.terminalPort!;
    const viewer = await attach(port, await scene.bot.ticket(goal.id));
    await viewer.open();
    return viewer;
  };
  return {
    scene,
    users,
    open,
    folder: (goal: DesiredWorkspace) => join(scene.dir, 'workspaces', goal.id),
    one: goals[0]!,
    other: goals[1]!,
  };
}
