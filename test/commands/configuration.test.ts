// `up --config`: which of a repository's containers a workspace runs in, and that another one takes a new beginning.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { onGitHub } from '../../bot/chat/github/render.ts';
import type { StartContext } from '../../bot/commands/context.ts';
import { up } from '../../bot/commands/up.ts';
import { desiredOf } from '../../bot/nodes/desired.ts';
import { findWorkspace } from '../../bot/workspaces/store/workspaces.ts';
import { openRows, type Rows } from '../access/rows.ts';
import { command, github } from './table.ts';
import { NO_LIMITS } from '../workspaces/rows.ts';

let rows: Rows;
beforeAll(async () => {
  rows = await openRows();
});
afterAll(() => rows.close());

test('another configuration starts a workspace anew in it; the same one leaves it as it is', async () => {
  const { owner, id } = await rows.addWorkspace({ name: 'box', phase: 'running', desired: 'running' });
  const say = (line: string) =>
    rows.db.transaction(async (tx) => {
      const context: StartContext = {
        tx,
        actor: { id: owner, name: 'ada' } as StartContext['actor'],
        front: 'github',
        traits: onGitHub,
        place: { thread: 'acme/api#1' },
        repository: undefined,
        heads: new Map(),
        now: new Date(),
        isAdmin: false,
        admins: [],
        deliveryId: 'd-1',
        policy: { allow: [], deny: [] },
        codingAgents: [],
        provider: 'local',
        limits: { ...NO_LIMITS, workspacesPerUser: 0, idleTimeoutMs: 0, askMinutes: 60, nodeWarmMs: 0 },
      };
      const { answer } = await up.run(command(line, github), context);
      const row = (await findWorkspace(tx, id))!;
      return { code: answer.code, row };
    });
  const chosen = await say('/sam up box --config web');
  expect(chosen).toMatchObject({ code: 'ok', row: { configuration: 'web', run: 2, phase: 'queued' } });
  expect(desiredOf({ ...chosen.row, phase: 'preparing' })).toMatchObject({ configuration: 'web', run: 2 });
  expect(await say('/sam up box --config web')).toMatchObject({ code: 'there-already', row: { run: 2 } });
  expect(await say('/sam up box')).toMatchObject({
    code: 'there-already',
    row: { configuration: 'web', run: 2 },
  });
});
